//! Files as a source: logs, their generations, and what is known of both.

pub(crate) mod generation;
pub(crate) mod log;
