//! Signals from inotify: one watch for each folder, never one for a file.
//!
//! A thread that waits for inotify's descriptor wakes with every single write. So it waits for an epoll instance around
//! it, which tells once that there are signals, and again only after they were taken.
//!
//! Source of the format: inotify(7).

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::event::{Timespec, epoll};
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

/// Tell of something to read, and no more until asked again.
const ONCE: epoll::EventFlags = epoll::EventFlags::IN.union(epoll::EventFlags::ONESHOT);

/// Room for events of one read.
const BUFFER_BYTES: usize = 16 << 10;

/// The watched folders of one shard.
pub(crate) struct Inotify {
    fd: OwnedFd,
    /// Tells once that there are signals, until it is armed again.
    epoll: OwnedFd,
    /// How often each watch was asked for: two paths may lead to one folder.
    users: HashMap<WatchId, usize>,
    buffer: Vec<MaybeUninit<u8>>,
}

impl Inotify {
    /// Creates one that watches nothing.
    pub(crate) fn new() -> io::Result<Self> {
        let fd = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &fd, epoll::EventData::new_u64(0), ONCE)?;
        Ok(Self { fd, epoll, users: HashMap::new(), buffer: vec![MaybeUninit::uninit(); BUFFER_BYTES] })
    }

    /// Gives a descriptor that becomes readable when there are signals, until [`Self::disarm`]; to be used inside of a
    /// runtime.
    #[expect(unsafe_code, reason = "tokio wants a promise that a descriptor stays open")]
    pub(crate) fn readiness(&self) -> io::Result<AsyncFd<OwnedFd>> {
        let fd = self.epoll.try_clone()?;
        // SAFETY: the registration owns the descriptor, and nobody else can close or replace it.
        let readiness = unsafe { AsyncFd::register_with_interest(fd, tokio::io::Interest::READABLE) };
        Ok(readiness?)
    }

    /// Has further signals wake nobody before these are taken.
    pub(crate) fn disarm(&self) {
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        let mut events = [MaybeUninit::uninit()];
        // Where this fails the thread wakes more often than it must, and that is all.
        let _failed = epoll::wait(&self.epoll, &mut events, Some(&now));
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

    /// Hands over all signals there are. Those that come later are told of again.
    pub(crate) fn drain(&mut self, take: impl FnMut(Signal<'_>)) -> io::Result<()> {
        let drained = self.drain_events(take);
        // Whatever came of it, or nothing would ever tell of signals again.
        self.arm()?;
        drained
    }

    fn arm(&self) -> io::Result<()> {
        Ok(epoll::modify(&self.epoll, &self.fd, epoll::EventData::new_u64(0), ONCE)?)
    }

    fn drain_events(&mut self, mut take: impl FnMut(Signal<'_>)) -> io::Result<()> {
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

    use rustix::event::{PollFd, PollFlags, poll};

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
    fn signals_are_told_of_once_until_they_are_taken() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut inotify = Inotify::new().expect("inotify is to be had");
        inotify.watch(folder.path()).unwrap();
        let is_told = |inotify: &Inotify| {
            let mut polled = [PollFd::new(&inotify.epoll, PollFlags::IN)];
            poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap() > 0
        };
        assert!(!is_told(&inotify));
        for name in ["a", "b"] {
            fs::write(folder.path().join(name), "").unwrap();
            assert!(is_told(&inotify));
            inotify.disarm();
            fs::write(folder.path().join("c"), "").unwrap();
            assert!(!is_told(&inotify));
            assert!(!drained(&mut inotify).is_empty());
            assert!(!is_told(&inotify));
        }
        // What comes between the last look and the arming is not missed.
        fs::write(folder.path().join("d"), "").unwrap();
        inotify.disarm();
        inotify.drain_events(|_| ()).unwrap();
        fs::write(folder.path().join("e"), "").unwrap();
        assert!(!is_told(&inotify));
        inotify.arm().unwrap();
        assert!(is_told(&inotify));
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
