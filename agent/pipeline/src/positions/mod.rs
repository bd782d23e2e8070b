//! What survives a restart: how far each file is settled at each destination, in a journal.

pub(crate) mod format;
pub(crate) mod restored;
pub(crate) mod storage;
pub(crate) mod writer;
