//! Files that the agent follows, held open beside it, so that the kernel can be asked for their sizes.
//!
//! This is the demo's own view: nothing in it comes from what the agent counts but the paths.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

/// All files that are held.
#[derive(Default)]
pub(super) struct HeldFiles(BTreeMap<PathBuf, HeldFile>);

/// A log: the file at a path, and those that were there before it.
#[derive(Default)]
struct HeldFile {
    /// From the oldest to the newest.
    generations: Vec<Generation>,
    is_rewritten: bool,
}

struct Generation {
    file: File,
    device: u64,
    inode: u64,
    bytes: u64,
}

/// What the kernel tells of a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Extent {
    /// Bytes of all generations.
    pub(super) bytes: u64,
    /// Bytes of all generations but the newest.
    pub(super) bytes_before_newest: u64,
    /// Bytes after the newest generation's last newline.
    pub(super) unfinished_bytes: u64,
    /// A generation became shorter, so what was in it is not known.
    pub(super) is_rewritten: bool,
}

impl HeldFiles {
    /// Takes hold of what is at `path` now. Does nothing where there is no file, or none that can be read.
    pub(super) fn hold(&mut self, path: &Path) {
        let Ok(metadata) = fs::metadata(path) else { return };
        let held = self.0.entry(path.to_owned()).or_default();
        let newest = held.generations.last();
        let is_known = newest.is_some_and(|newest| (newest.device, newest.inode) == (metadata.dev(), metadata.ino()));
        if is_known || !metadata.is_file() {
            return;
        }
        if let Ok(file) = File::open(path) {
            held.generations.push(Generation { file, device: metadata.dev(), inode: metadata.ino(), bytes: 0 });
        }
    }

    /// Asks the kernel about a log; `None` where none could be held.
    pub(super) fn extent(&mut self, path: &Path) -> Option<Extent> {
        let held = self.0.get_mut(path)?;
        for generation in &mut held.generations {
            let bytes = generation.file.metadata().ok()?.len();
            held.is_rewritten |= bytes < generation.bytes;
            generation.bytes = bytes;
        }
        let (newest, before) = held.generations.split_last()?;
        let bytes_before_newest = before.iter().map(|generation| generation.bytes).sum();
        Some(Extent {
            bytes: bytes_before_newest + newest.bytes,
            bytes_before_newest,
            unfinished_bytes: unfinished_bytes(&newest.file, newest.bytes).ok()?,
            is_rewritten: held.is_rewritten,
        })
    }
}

/// Returns how many of the first `bytes` of a file stand after their last newline.
fn unfinished_bytes(file: &File, bytes: u64) -> io::Result<u64> {
    let mut buffer = vec![0; BLOCK_BYTES];
    let mut end = bytes;
    while end > 0 {
        let start = end.saturating_sub(BLOCK_BYTES as u64);
        let length = usize::try_from(end - start).expect("it is at most a block");
        let block = &mut buffer[..length];
        file.read_exact_at(block, start)?;
        if let Some(newline) = block.iter().rposition(|byte| *byte == b'\n') {
            return Ok(bytes - start - newline as u64 - 1);
        }
        end = start;
    }
    Ok(bytes)
}

/// As much is read at once.
const BLOCK_BYTES: usize = 4 << 10;

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn rotated_generations_are_held_and_counted() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("a.log");
        let mut held = HeldFiles::default();
        assert_eq!(held.extent(&log), None);
        held.hold(&log);
        assert_eq!(held.extent(&log), None, "there is no file yet");

        let mut first = File::create(&log).unwrap();
        first.write_all(b"one\ntwo").unwrap();
        held.hold(&log);
        let extent = Extent { bytes: 7, bytes_before_newest: 0, unfinished_bytes: 3, is_rewritten: false };
        assert_eq!(held.extent(&log), Some(extent));

        fs::remove_file(&log).unwrap();
        first.write_all(b"!\n").unwrap();
        fs::write(&log, "three\n").unwrap();
        held.hold(&log);
        held.hold(&log);
        let extent = Extent { bytes: 15, bytes_before_newest: 9, unfinished_bytes: 0, is_rewritten: false };
        assert_eq!(held.extent(&log), Some(extent));

        File::options().write(true).open(&log).unwrap().set_len(2).unwrap();
        assert!(held.extent(&log).unwrap().is_rewritten);
    }

    #[test]
    fn an_unfinished_line_may_be_long() {
        for (begun, line) in [(0, 0), (0, 1), (1, 0), (10, 5), (4_096, 4_096), (4_095, 10_000), (0, 10_000)] {
            let folder = tempfile::tempdir().unwrap();
            let log = folder.path().join("a.log");
            let newline = if begun > 0 { "\n" } else { "" };
            fs::write(&log, format!("{}{newline}{}", "x".repeat(begun), "y".repeat(line))).unwrap();
            let file = File::open(&log).unwrap();
            let bytes = file.metadata().unwrap().len();
            assert_eq!(unfinished_bytes(&file, bytes).unwrap(), line as u64, "{begun} {line}");
        }
    }
}
