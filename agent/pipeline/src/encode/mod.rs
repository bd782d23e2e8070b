//! From records to the body of a push.

pub(crate) mod chunk;
pub(crate) mod compress;
pub(crate) mod protobuf;
mod snappy;
