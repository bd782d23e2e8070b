//! Signals from inotify: one watch for each folder, never one for a file.
//!
//! Source of the format: inotify(7).

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;
use tokio::io::unix::AsyncFd;

use crate::environment::{Signal, WatchId};

/// What a folder is watched for. Changes of attributes are not: they never mean that a log grew or went.
const EVENTS: WatchFlags = WatchFlags::MODIFY
    .union(WatchFlags::CREATE)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MOVE)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::ONLYDIR);

/// Room for events of one read.
const BUFFER_BYTES: usize = 16 << 10;

/// The watched folders of one shard.
pub(crate) struct Inotify {
    fd: OwnedFd,
    /// How often each watch was asked for: two paths may lead to one folder.
    users: HashMap<WatchId, usize>,
    buffer: Vec<MaybeUninit<u8>>,
}

impl Inotify {
    /// Creates one that watches nothing.
    pub(crate) fn new() -> io::Result<Self> {
        let fd = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        Ok(Self { fd, users: HashMap::new(), buffer: vec![MaybeUninit::uninit(); BUFFER_BYTES] })
    }

    /// Gives a descriptor that is readable when there are signals; to be used inside of a runtime.
    #[expect(unsafe_code, reason = "tokio wants a promise that a descriptor stays open")]
    pub(crate) fn readiness(&self) -> io::Result<AsyncFd<OwnedFd>> {
        let fd = self.fd.try_clone()?;
        // SAFETY: the registration owns the descriptor, and nobody else can close or replace it.
        let readiness = unsafe { AsyncFd::register_with_interest(fd, tokio::io::Interest::READABLE) };
        Ok(readiness?)
    }

    /// Watches a folder.
    pub(crate) fn watch(&mut self, folder: &Path) -> io::Result<WatchId> {
        let watch = watch_id(inotify::add_watch(self.fd.as_fd(), folder, EVENTS)?);
        *self.users.entry(watch).or_default() += 1;
        Ok(watch)
    }

    /// Ends a watch.
    pub(crate) fn unwatch(&mut self, watch: WatchId) {
        let Some(users) = self.users.get_mut(&watch) else { return };
        *users -= 1;
        if *users == 0 {
            self.users.remove(&watch);
            // The folder may be gone, and the watch with it.
            let _gone = inotify::remove_watch(self.fd.as_fd(), watch.0.cast_signed());
        }
    }

    /// Hands over all signals there are.
    pub(crate) fn drain(&mut self, mut take: impl FnMut(Signal<'_>)) -> io::Result<()> {
        let mut reader = inotify::Reader::new(self.fd.as_fd(), &mut self.buffer);
        loop {
            let event = match reader.next() {
                Ok(event) => event,
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            let (events, watch) = (event.events(), watch_id(event.wd()));
            if events.contains(ReadFlags::QUEUE_OVERFLOW) {
                take(Signal::Overflow);
            } else if events.intersects(ReadFlags::IGNORED | ReadFlags::MOVE_SELF | ReadFlags::DELETE_SELF) {
                // A folder that was moved away is another one now; a watch on it would tell of the wrong names.
                if self.users.remove(&watch).is_some() {
                    let _gone = inotify::remove_watch(self.fd.as_fd(), watch.0.cast_signed());
                    take(Signal::FolderGone { watch });
                }
            } else if let Some(name) = event.file_name() {
                let name = OsStr::from_bytes(name.to_bytes());
                take(if events.contains(ReadFlags::MODIFY) {
                    Signal::Written { watch, name }
                } else {
                    Signal::Renamed { watch, name }
                });
            }
        }
    }
}

fn watch_id(descriptor: i32) -> WatchId {
    WatchId(descriptor.cast_unsigned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn drained(inotify: &mut Inotify) -> Vec<String> {
        let mut signals = Vec::new();
        inotify
            .drain(|signal| {
                signals.push(match signal {
                    Signal::Written { name, .. } => format!("written {}", name.display()),
                    Signal::Renamed { name, .. } => format!("renamed {}", name.display()),
                    Signal::FolderGone { .. } => "gone".to_owned(),
                    Signal::Overflow => "overflow".to_owned(),
                });
            })
            .expect("inotify can be read");
        signals
    }

    #[test]
    fn tells_of_writes_renames_and_folders_that_go() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let logs = folder.path().join("logs");
        fs::create_dir(&logs).unwrap();
        let mut inotify = Inotify::new().expect("inotify is to be had");
        let watch = inotify.watch(&logs).unwrap();
        assert_eq!(inotify.watch(&logs.join(".")).unwrap(), watch, "one folder has one watch");
        fs::write(logs.join("a"), "x").unwrap();
        fs::rename(logs.join("a"), logs.join("b")).unwrap();
        fs::remove_file(logs.join("b")).unwrap();
        assert_eq!(drained(&mut inotify), ["renamed a", "written a", "renamed a", "renamed b", "renamed b"]);
        fs::remove_dir(&logs).unwrap();
        assert_eq!(drained(&mut inotify), ["gone"]);
        inotify.unwatch(watch);
        assert!(inotify.watch(&logs).is_err());
        assert_eq!(drained(&mut inotify), [""; 0]);
    }

    #[test]
    fn a_watch_ends_with_its_last_user() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut inotify = Inotify::new().expect("inotify is to be had");
        let watch = inotify.watch(folder.path()).unwrap();
        inotify.watch(folder.path()).unwrap();
        inotify.unwatch(watch);
        fs::write(folder.path().join("a"), "").unwrap();
        assert_eq!(drained(&mut inotify), ["renamed a"]);
        inotify.unwatch(watch);
        fs::write(folder.path().join("b"), "").unwrap();
        assert_eq!(drained(&mut inotify), [""; 0]);
    }
}
