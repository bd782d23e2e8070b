//! The positions journal as a file: opened and read at the start, appended to, written anew when it has grown.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirEntryExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;

use super::format::HEADER;
use super::restored::Restored;

/// The journal's name in the storage path.
const NAME: &str = "positions.journal";

/// Held as long as a process uses the storage path.
const LOCK_NAME: &str = "positions.lock";

/// A journal is not written anew before it has so many bytes more than twice what it had then.
const GROWTH_BYTES: u64 = 1 << 20;

/// The open journal.
pub(crate) struct Storage {
    path: PathBuf,
    file: File,
    /// Whole records end here; what a failed write left behind it is cut off.
    bytes: u64,
    /// Size from which on the journal is written anew.
    compact_at: u64,
    /// Something was written since the last [`Self::sync`].
    unsynced: bool,
    _lock: File,
}

impl Storage {
    /// Opens the journal in a folder, which is created where it is missing, and reads it. A journal that a power cut tore
    /// is read up to there; one that is not ours is an error.
    pub(crate) fn open(folder: &Path) -> Result<(Self, Restored), (PathBuf, io::Error)> {
        let in_folder = |error| (folder.to_owned(), error);
        fs::create_dir_all(folder).map_err(in_folder)?;
        let lock_path = folder.join(LOCK_NAME);
        let lock = lock(&lock_path).map_err(|error| (lock_path, error))?;
        let path = folder.join(NAME);
        let in_file = |error| (folder.join(NAME), error);
        let mut restored = read(&path).map_err(in_file)?;
        forget_vanished(&mut restored);
        let (file, bytes) = write_anew(&path, &restored).map_err(in_file)?;
        let storage = Self { path, file, bytes, compact_at: 2 * bytes + GROWTH_BYTES, unsynced: false, _lock: lock };
        Ok((storage, restored))
    }

    /// Appends whole records. They are in the journal if the process is killed after this; a power cut may take those
    /// since the last [`Self::sync`].
    pub(crate) fn append(&mut self, records: &[u8]) -> io::Result<()> {
        if let Err(error) = self.file.write_all(records) {
            // A record that is cut short would end the journal for every later one.
            self.file.set_len(self.bytes)?;
            return Err(error);
        }
        self.bytes += records.len() as u64;
        self.unsynced = true;
        Ok(())
    }

    /// Something was written since the last sync.
    pub(crate) fn is_unsynced(&self) -> bool {
        self.unsynced
    }

    /// Has the disk keep what was written.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()?;
        self.unsynced = false;
        Ok(())
    }

    /// Writes the journal anew if it has grown enough: what later records replaced is left out.
    pub(crate) fn compact_if_grown(&mut self) -> io::Result<()> {
        if self.bytes < self.compact_at {
            return Ok(());
        }
        let restored = read(&self.path)?;
        // Whatever comes of this, it is not tried again before the journal has grown by as much again.
        self.compact_at = 2 * self.bytes;
        (self.file, self.bytes) = write_anew(&self.path, &restored)?;
        self.compact_at = 2 * self.bytes + GROWTH_BYTES;
        self.unsynced = false;
        Ok(())
    }
}

/// Takes the lock of a storage path.
fn lock(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => {
            Err(io::Error::new(io::ErrorKind::ResourceBusy, "another process uses this storage path"))
        }
        Err(error) => Err(error.into()),
    }
}

fn read(path: &Path) -> io::Result<Restored> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Restored::default()),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    match bytes.strip_prefix(&HEADER) {
        Some(records) => Ok(Restored::read(records)),
        None => {
            Err(io::Error::new(io::ErrorKind::InvalidData, "it is not a positions journal of a version that is known"))
        }
    }
}

/// Writes a journal that says the same in as few records as can be, in place of the one there is. It is whole on the
/// disk before it takes the name.
fn write_anew(path: &Path, restored: &Restored) -> io::Result<(File, u64)> {
    let unfinished = path.with_added_extension("tmp");
    let mut records = HEADER.to_vec();
    restored.write(&mut records);
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&unfinished)?;
    file.write_all(&records)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok((reopen(path)?, records.len() as u64))
}

/// Opens the journal so that writes go to its end, wherever that is.
fn reopen(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).open(path)
}

/// Forgets files that no folder holds any more. Folders are listed once each; what cannot be listed is kept.
fn forget_vanished(restored: &mut Restored) {
    let mut inodes: HashMap<PathBuf, Option<HashSet<u64>>> = HashMap::new();
    restored.retain(|file| {
        // A symbolic link leads to another folder; where it leads is known only as long as it does.
        let path = fs::canonicalize(&file.path).unwrap_or_else(|_| file.path.clone());
        let Some(folder) = path.parent() else { return true };
        let listed = inodes.entry(folder.to_owned()).or_insert_with(|| list(folder));
        listed.as_ref().is_none_or(|inodes| inodes.contains(&file.identity.inode))
    });
}

/// The inodes in a folder: none if it is gone, `None` if it cannot be listed.
fn list(folder: &Path) -> Option<HashSet<u64>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| entry.map(|entry| entry.ino())).collect::<io::Result<_>>().ok(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Some(HashSet::new()),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;
    use crate::identity::{Fingerprint, Identity};
    use crate::positions::format::{FileId, write_file, write_position};

    fn records(number: u64, path: &Path, position: u64) -> Vec<u8> {
        let inode = fs::metadata(path).map_or(1, |metadata| metadata.ino());
        let identity = Identity { inode, device: 1, birth_ns: 5, fingerprint: Fingerprint::of(b"") };
        let mut out = Vec::new();
        write_file(&mut out, FileId(number), &identity, "c", path);
        write_position(&mut out, FileId(number), 1, position, std::iter::empty());
        out
    }

    fn positions(restored: &Restored) -> Vec<u64> {
        restored.files().map(|file| file.position()).collect()
    }

    #[test]
    fn what_was_appended_is_found_again_and_vanished_files_are_not() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let storage_path = folder.path().join("a").join("b");
        let log = folder.path().join("log");
        fs::write(&log, "x").unwrap();
        {
            let (mut storage, restored) = Storage::open(&storage_path).map_err(|(_, error)| error).unwrap();
            assert!(positions(&restored).is_empty());
            storage.append(&records(1, &log, 10)).unwrap();
            storage.append(&records(2, &folder.path().join("gone"), 20)).unwrap();
            assert!(storage.is_unsynced());
            storage.sync().unwrap();
            let (_, busy) = Storage::open(&storage_path).err().expect("two processes cannot use one storage path");
            assert_eq!(busy.kind(), io::ErrorKind::ResourceBusy);
        }
        let (_, restored) = Storage::open(&storage_path).map_err(|(_, error)| error).unwrap();
        assert_eq!(positions(&restored), [10]);
    }

    #[test]
    fn a_grown_journal_is_written_anew() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let log = folder.path().join("log");
        fs::write(&log, "x").unwrap();
        let (mut storage, _) = Storage::open(folder.path()).map_err(|(_, error)| error).unwrap();
        let mut position = 0;
        while storage.bytes < GROWTH_BYTES + 1_000 {
            position += 1;
            storage.append(&records(1, &log, position)).unwrap();
        }
        storage.compact_if_grown().unwrap();
        assert!(storage.bytes < 1_000);
        storage.append(&records(1, &log, position + 1)).unwrap();
        drop(storage);
        let (_, restored) = Storage::open(folder.path()).map_err(|(_, error)| error).unwrap();
        assert_eq!(positions(&restored), [position + 1]);
    }

    #[test]
    fn a_foreign_file_is_not_overwritten() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join(NAME), "something else").unwrap();
        let (path, error) = Storage::open(folder.path()).err().expect("it is not a journal");
        assert_eq!(path, folder.path().join(NAME));
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert_eq!(fs::read(folder.path().join(NAME)).unwrap(), b"something else");
    }
}
