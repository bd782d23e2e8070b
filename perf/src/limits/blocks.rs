//! Reads a file in blocks of whole lines, at aligned offsets into aligned memory.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

/// One read. Alignment is worth four times this machine's copy speed to a buffer that is 16 bytes off.
const BLOCK_BYTES: usize = 256 << 10;
const PAGE_BYTES: usize = 4 << 10;
/// The longest line end that is carried from one block to the next.
const CARRY_BYTES: usize = 64 << 10;

/// A buffer whose blocks begin at a page. The unfinished line of a block is moved to just before the next one, so that
/// lines are always in one piece and reads always aligned.
#[derive(Debug)]
pub(super) struct Blocks {
    buffer: Vec<u8>,
    /// Where blocks begin.
    start: usize,
}

impl Blocks {
    pub(super) fn new() -> Self {
        let buffer = vec![0; CARRY_BYTES + PAGE_BYTES + BLOCK_BYTES];
        let misaligned = (buffer.as_ptr().addr() + CARRY_BYTES) % PAGE_BYTES;
        Self { start: CARRY_BYTES + (PAGE_BYTES - misaligned) % PAGE_BYTES, buffer }
    }

    /// Reads a file to its end and hands on each block's whole lines, with their newlines. Returns the file's bytes. A
    /// last line without a newline is left out.
    pub(super) fn read(&mut self, file: &File, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<u64> {
        let (mut offset, mut carried) = (0, 0);
        loop {
            let read = file.read_at(&mut self.buffer[self.start..self.start + BLOCK_BYTES], offset)?;
            if read == 0 {
                return Ok(offset);
            }
            offset += read as u64;
            let filled = &self.buffer[self.start - carried..self.start + read];
            let whole = memchr::memrchr(b'\n', filled).map_or(0, |newline| newline + 1);
            take(&filled[..whole])?;
            carried = filled.len() - whole;
            if carried > CARRY_BYTES {
                return Err(io::Error::other(format!("a line is longer than {CARRY_BYTES} bytes")));
            }
            self.buffer.copy_within(self.start + read - carried..self.start + read, self.start - carried);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write as _;

    use super::{BLOCK_BYTES, Blocks, CARRY_BYTES, PAGE_BYTES};

    fn read(content: &[u8]) -> std::io::Result<(Vec<u8>, u64)> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        let mut blocks = Blocks::new();
        let mut joined = Vec::new();
        let bytes = blocks.read(&file, |lines| {
            assert!(lines.is_empty() || lines.ends_with(b"\n"));
            joined.extend_from_slice(lines);
            Ok(())
        })?;
        Ok((joined, bytes))
    }

    #[test]
    fn lines_across_blocks_stay_whole() {
        let content: Vec<u8> =
            (0..20_000).flat_map(|line| format!("{line:>line$}\n", line = line % 97).into_bytes()).collect();
        assert!(content.len() > 3 * BLOCK_BYTES);
        assert_eq!(read(&content).unwrap(), (content.clone(), content.len() as u64));
        let unfinished = [content.as_slice(), b"no end"].concat();
        assert_eq!(read(&unfinished).unwrap(), (content, unfinished.len() as u64));
    }

    #[test]
    fn a_line_that_is_too_long_is_an_error() {
        read(&vec![b'x'; BLOCK_BYTES]).unwrap_err();
        let mut lines = vec![b'x'; BLOCK_BYTES + CARRY_BYTES];
        lines[BLOCK_BYTES - CARRY_BYTES - 1] = b'\n';
        lines.push(b'\n');
        assert_eq!(read(&lines).unwrap().0, lines);
    }

    #[test]
    fn blocks_begin_at_a_page() {
        for _ in 0..8 {
            let blocks = Blocks::new();
            assert_eq!((blocks.buffer.as_ptr().addr() + blocks.start) % PAGE_BYTES, 0);
            assert!(blocks.start >= CARRY_BYTES && blocks.start + BLOCK_BYTES <= blocks.buffer.len());
        }
        assert!(File::open("/nonexistent").is_err());
    }
}
