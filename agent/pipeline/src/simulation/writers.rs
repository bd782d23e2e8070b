//! Programs that write logs, and what they wrote.

use std::path::PathBuf;

use super::world::World;

/// How a log's lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Lines without a time; all of them equal where `identical` is set.
    Plain { identical: bool },
    /// CRI lines, some of them in parts.
    Cri,
}

/// A program that writes one log.
pub(crate) struct Writer {
    pub(crate) path: PathBuf,
    pub(crate) format: Format,
    /// Finished lines' contents with the stream they are of (`stdout`, `stderr` or nothing), in the order they were
    /// finished.
    pub(crate) truth: Vec<(&'static str, String)>,
    /// The file it has open.
    inode: Option<u64>,
    /// It was renamed away and has to be opened anew.
    renamed: bool,
    rotations: u64,
    /// Bytes of a line that are not written yet.
    unwritten: Vec<u8>,
    /// The line will be finished with these bytes.
    finishes: Option<(&'static str, String)>,
    /// Parts of records that were begun.
    open: [String; 2],
    number: usize,
}

impl Writer {
    pub(crate) fn new(number: usize, format: Format) -> Self {
        Self {
            path: PathBuf::from(format!("/logs/{number}.log")),
            format,
            truth: Vec::new(),
            inode: None,
            renamed: false,
            rotations: 0,
            unwritten: Vec::new(),
            finishes: None,
            open: Default::default(),
            number,
        }
    }

    /// Does something: writes some bytes, finishes a line, rotates.
    pub(crate) fn step(&mut self, world: &mut World, long_lines: bool) {
        let Some(inode) = self.inode else {
            world.create(&self.path);
            self.inode = Some(world.files.names[&self.path]);
            return;
        };
        if self.renamed && world.random.once_in(3) {
            world.create(&self.path);
            self.inode = Some(world.files.names[&self.path]);
            self.renamed = false;
            return;
        }
        if !self.renamed && world.random.once_in(60) {
            let to = PathBuf::from(format!("{}.{}", self.path.display(), 20_261_124 + self.rotations));
            self.rotations += 1;
            // A line that stays unfinished in a renamed file counts as finished after a while.
            self.write(world, inode, usize::MAX);
            world.rename(&self.path, &to);
            self.renamed = true;
            return;
        }
        if self.unwritten.is_empty() {
            self.begin_line(world, long_lines);
        }
        let whole = self.renamed || world.random.below(4) > 0;
        let bytes = if whole { usize::MAX } else { 1 + world.random.below(40) as usize };
        self.write(world, inode, bytes);
    }

    /// Ends a line that was begun and a record that is open.
    pub(crate) fn finish(&mut self, world: &mut World) {
        while self.inode.is_none() || self.renamed {
            self.step(world, false);
        }
        let inode = self.inode.expect("it was just opened");
        self.write(world, inode, usize::MAX);
        for (at, stream) in ["stdout", "stderr"].into_iter().enumerate() {
            if !self.open[at].is_empty() {
                self.end_record(world, at, stream, "the end".to_owned());
                self.write(world, inode, usize::MAX);
            }
        }
    }

    fn begin_line(&mut self, world: &mut World, long_lines: bool) {
        let length = if long_lines && world.random.once_in(20) { 20_000 } else { 80 };
        let length = world.random.below(length) as usize;
        let fill = ["x", "é", " "][world.random.below(3) as usize].repeat(length / 2);
        let text = match self.format {
            Format::Plain { identical: true } => "the same again".to_owned(),
            _ => format!("w{} n{} {fill}", self.number, self.truth.len()),
        };
        match self.format {
            Format::Plain { .. } => {
                self.unwritten = format!("{text}\n").into_bytes();
                self.finishes = Some(("", text));
            }
            Format::Cri => {
                let at = world.random.below(2) as usize;
                let stream = ["stdout", "stderr"][at];
                match world.random.below(6) {
                    0 => {
                        self.open[at].push_str(&text);
                        self.unwritten = format!("{} {stream} P {text}\n", time(world)).into_bytes();
                    }
                    1 => {
                        let text = format!("not cri: {text}");
                        self.unwritten = format!("{text}\n").into_bytes();
                        self.finishes = Some(("", text));
                    }
                    _ => self.end_record(world, at, stream, text),
                }
            }
        }
    }

    fn end_record(&mut self, world: &World, at: usize, stream: &'static str, text: String) {
        self.unwritten = format!("{} {stream} F {text}\n", time(world)).into_bytes();
        let whole = std::mem::take(&mut self.open[at]) + &text;
        self.finishes = Some((stream, whole));
    }

    fn write(&mut self, world: &mut World, inode: u64, bytes: usize) {
        if self.unwritten.is_empty() {
            return;
        }
        let bytes = bytes.min(self.unwritten.len());
        let rest = self.unwritten.split_off(bytes);
        let now = std::mem::replace(&mut self.unwritten, rest);
        world.append(inode, &now);
        if self.unwritten.is_empty() {
            self.truth.extend(self.finishes.take());
        }
    }
}

/// The time as a runtime writes it. It is as exact as the simulation's clock, so lines may share it.
fn time(world: &World) -> String {
    let nanos = world.wall_ns().rem_euclid(1_000_000_000);
    let second = world.wall_ns().div_euclid(1_000_000_000) - 1_700_000_000 + 20;
    format!("2023-11-14T{:02}:{:02}:{:02}.{nanos:09}Z", 22 + second / 3600, 13 + second / 60 % 60, second % 60)
}
