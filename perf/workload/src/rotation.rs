//! The generations of one log, kept as the kubelet keeps them.
//!
//! At a rotation the kubelet removes generations over the limit, compresses those that are left, renames the log, and
//! has the container runtime make a new one.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::civil::Civil;
use crate::spec::Rotation;

/// What there is of a log beside the log itself.
#[derive(Debug)]
pub(crate) struct Generations {
    /// From the oldest to the newest.
    rotated: VecDeque<PathBuf>,
    /// The time in the newest one's name.
    last_second: u64,
}

impl Generations {
    pub(crate) fn new() -> Self {
        Self { rotated: VecDeque::new(), last_second: 0 }
    }

    /// Makes room, compresses, and renames `log` to a name that ends in the time, or in the second after the last
    /// rotation's, so that no generation replaces another.
    pub(crate) fn rename(&mut self, log: &Path, rotation: &Rotation, now_ns: u64) -> io::Result<()> {
        while self.rotated.len() > (rotation.keep as usize).saturating_sub(1) {
            self.remove_oldest()?;
        }
        if rotation.gzip {
            for generation in self.rotated.iter_mut().filter(|path| path.extension().is_none_or(|last| last != "gz")) {
                *generation = compress(generation)?;
            }
        }
        self.last_second = (now_ns / 1_000_000_000).max(self.last_second + 1);
        let suffix = Civil::from_ns(self.last_second * 1_000_000_000).rotation_suffix();
        let renamed = log.with_added_extension(suffix);
        fs::rename(log, &renamed)?;
        self.rotated.push_back(renamed);
        Ok(())
    }

    /// Removes what may not stay now that the new log is there.
    pub(crate) fn trim(&mut self, rotation: &Rotation) -> io::Result<()> {
        while self.rotated.len() > rotation.keep as usize {
            self.remove_oldest()?;
        }
        Ok(())
    }

    fn remove_oldest(&mut self) -> io::Result<()> {
        match self.rotated.pop_front() {
            Some(path) => fs::remove_file(path),
            None => Ok(()),
        }
    }
}

/// Compresses a file beside itself, under a temporary name first, then removes it; returns the new one's path.
fn compress(path: &Path) -> io::Result<PathBuf> {
    let unfinished = path.with_added_extension("tmp");
    let compressed = path.with_added_extension("gz");
    let mut encoder = GzEncoder::new(File::create(&unfinished)?, Compression::default());
    io::copy(&mut File::open(path)?, &mut encoder)?;
    encoder.finish()?;
    fs::rename(&unfinished, &compressed)?;
    fs::remove_file(path)?;
    Ok(compressed)
}
