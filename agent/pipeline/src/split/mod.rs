//! From bytes to records: what the programs that write logs put around a line.

pub(crate) mod cri;
pub(crate) mod docker;
pub(crate) mod timestamp;
