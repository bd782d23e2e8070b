//! From sealed batches to settled ones.

pub(crate) mod client;
pub(crate) mod echo;
pub(crate) mod lane;
pub(crate) mod response;
pub(crate) mod retry;
