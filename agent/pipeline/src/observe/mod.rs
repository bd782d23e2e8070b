//! Where signals about files come from.

pub(crate) mod inotify;
