//! A layer of an image: a tar archive of its files, the same bytes whenever it is made.

use anyhow::{Context as _, Result};
use tar::{Builder, EntryType, Header};

/// A layer that is being put together. Everything in it belongs to root and was changed in 1970.
pub(super) struct Layer {
    archive: Builder<Vec<u8>>,
}

impl Layer {
    /// Returns an empty layer.
    pub(super) fn new() -> Self {
        Self { archive: Builder::new(Vec::new()) }
    }

    /// Adds a folder; `path` ends with a slash.
    pub(super) fn folder(&mut self, path: &str) -> Result<()> {
        let mut header = header(EntryType::Directory, 0);
        self.archive.append_data(&mut header, path, &[][..]).with_context(|| format!("adding {path}"))
    }

    /// Adds a file that can be run.
    pub(super) fn program(&mut self, path: &str, content: &[u8]) -> Result<()> {
        let mut header = header(EntryType::Regular, content.len() as u64);
        self.archive.append_data(&mut header, path, content).with_context(|| format!("adding {path}"))
    }

    /// Adds a symbolic link.
    pub(super) fn link(&mut self, path: &str, to: &str) -> Result<()> {
        let mut header = header(EntryType::Symlink, 0);
        self.archive.append_link(&mut header, path, to).with_context(|| format!("adding {path}"))
    }

    /// Returns the archive.
    pub(super) fn close(self) -> Result<Vec<u8>> {
        self.archive.into_inner().context("closing a layer")
    }
}

/// Returns the header of something that is `bytes` long; its path and checksum are still missing.
pub(super) fn header(kind: EntryType, bytes: u64) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_size(bytes);
    header.set_mode(0o755);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}
