//! Tells whether anything can have come or gone where a pattern was looked for.
//!
//! A walk notes every folder it lists, before it lists it, and gets an inotify watch for it; so what comes while it lists
//! is an event. Events are not read one by one: any of them means that the next walk is worth its time. Where a watch is
//! refused, or events do not tell all, every period is.

use std::collections::HashSet;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::fs::statfs;
use rustix::io::Errno;

/// What makes a walk worth its time. Writing to a file is not among it.
const EVENTS: WatchFlags = WatchFlags::CREATE
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MOVE)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::ONLYDIR);

/// File systems that others change without an event here: NFS, SMB (three numbers), 9P, Ceph, and FUSE, where it depends.
/// Source: statfs(2), and `linux/magic.h`.
const REMOTE: [i64; 7] = [0x6969, 0x517b, 0xff53_4d42, 0xfe53_4d42, 0x0102_1997, 0x00c3_6400, 0x6573_5546];

/// The folders of the last walk.
#[derive(Debug)]
pub(super) struct Folders {
    /// `None` where the kernel gives none, or too few watches.
    inotify: Option<OwnedFd>,
    /// The watches of this walk.
    watches: HashSet<i32>,
    watches_max: usize,
    /// Everything that may come or go is an event.
    tells_all: bool,
}

impl Folders {
    /// Knows nothing yet, so that everything may have changed.
    pub(super) fn new() -> Self {
        Self {
            inotify: inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok(),
            watches: HashSet::new(),
            watches_max: watches_max(),
            tells_all: false,
        }
    }

    /// A walk begins. What happened before does not matter, since it will see it.
    pub(super) fn begin(&mut self) {
        self.take_events();
        self.watches.clear();
        self.tells_all = self.inotify.is_some();
    }

    /// Watches a folder that is about to be looked into. One that is not there needs none: its parent is watched.
    pub(super) fn watch(&mut self, folder: &Path) {
        let Some(inotify) = &self.inotify else { return };
        match inotify::add_watch(inotify, folder, EVENTS) {
            Ok(watch) => {
                self.watches.insert(watch);
                let is_local = statfs(folder).is_ok_and(|system| !REMOTE.contains(&system.f_type));
                self.tells_all &= is_local;
                if self.watches.len() > self.watches_max {
                    self.give_up();
                }
            }
            Err(Errno::NOENT | Errno::NOTDIR) => {}
            Err(Errno::NOSPC | Errno::NOMEM) => self.give_up(),
            Err(_) => self.tells_all = false,
        }
    }

    /// Notes that something may change of which no event tells.
    pub(super) fn cannot_tell(&mut self) {
        self.tells_all = false;
    }

    /// Something may be different from what the last walk saw.
    pub(super) fn may_have_changed(&mut self) -> bool {
        self.take_events() || !self.tells_all
    }

    /// Leaves the watches to those who follow files: they need them more.
    fn give_up(&mut self) {
        self.inotify = None;
        self.tells_all = false;
    }

    /// Takes all events; true if there was one.
    fn take_events(&mut self) -> bool {
        let Some(inotify) = &self.inotify else { return false };
        let mut buffer = [0; 4096];
        let mut any = false;
        loop {
            match rustix::io::read(inotify, &mut buffer) {
                Ok(0) | Err(Errno::AGAIN) => return any,
                Err(Errno::INTR) => {}
                Ok(_) => any = true,
                Err(_) => {
                    self.give_up();
                    return true;
                }
            }
        }
    }
}

/// Half of what a user may have, so that as many are left for those who follow files.
fn watches_max() -> usize {
    let limit = fs::read_to_string("/proc/sys/fs/inotify/max_user_watches").unwrap_or_default();
    limit.trim().parse::<usize>().unwrap_or(0) / 2
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::discover::glob::Glob;

    /// Walks a folder, and tells whether anything may have changed after `change`.
    fn check(pattern: &str, change: impl Fn(&Path), expect: bool) {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("pods/a/app")).unwrap();
        fs::write(root.path().join("pods/a/app/0.log"), "").unwrap();
        let glob = Glob::new(&format!("{}/{pattern}", root.path().display()), None).unwrap();
        let mut folders = Folders::new();
        assert!(folders.may_have_changed(), "nothing is known yet");
        folders.begin();
        glob.files(None, &mut folders);
        assert!(!folders.may_have_changed(), "{pattern}: nothing has happened");
        change(root.path());
        assert_eq!(folders.may_have_changed(), expect, "{pattern}");
        assert!(!folders.may_have_changed(), "{pattern}: it was told already");
    }

    #[test]
    fn what_comes_and_goes_is_told() {
        let write = |path: &'static str| move |root: &Path| fs::write(root.join(path), "x").unwrap();
        let folder = |path: &'static str| move |root: &Path| fs::create_dir(root.join(path)).unwrap();
        for pattern in ["pods/*/*/*.log", "pods/**/*.log", "**/*.log"] {
            check(pattern, write("pods/a/app/1.log"), true);
            check(pattern, write("pods/a/app/0.log"), false);
            check(pattern, folder("pods/b"), true);
            check(pattern, folder("pods/a/app2"), true);
            check(pattern, |root| fs::remove_file(root.join("pods/a/app/0.log")).unwrap(), true);
            check(pattern, |root| fs::rename(root.join("pods/a"), root.join("pods/c")).unwrap(), true);
        }
        check("pods/*/*/*.log", write("other"), false);
        check("pods/a/app/1.log", write("pods/a/app/1.log"), true);
        check("pods/*/init/*.log", folder("pods/a/init"), true);
        check("not/yet/*.log", folder("not"), true);
        check("pods/*.log", |root| fs::rename(root.join("pods"), root.join("old")).unwrap(), true);
    }

    #[test]
    fn a_link_that_leads_nowhere_may_change_untold() {
        let root = tempfile::tempdir().unwrap();
        symlink("later", root.path().join("a.log")).unwrap();
        let glob = Glob::new(&format!("{}/*.log", root.path().display()), None).unwrap();
        let mut folders = Folders::new();
        folders.begin();
        glob.files(None, &mut folders);
        assert!(folders.may_have_changed());
        fs::write(root.path().join("later"), "").unwrap();
        folders.begin();
        glob.files(None, &mut folders);
        assert!(!folders.may_have_changed());
    }

    #[test]
    fn too_many_folders_are_not_watched() {
        let root = tempfile::tempdir().unwrap();
        let mut folders = Folders { watches_max: 0, ..Folders::new() };
        folders.begin();
        folders.watch(root.path());
        assert!(folders.inotify.is_none() && folders.may_have_changed());
        folders.begin();
        assert!(folders.may_have_changed(), "and no walk is passed over from then on");
    }
}
