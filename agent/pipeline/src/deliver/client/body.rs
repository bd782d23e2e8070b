//! The body of a request that gives its memory back.

use std::sync::Arc;

use bytes::Buf;

use crate::encode::compress::Body;

/// What is still to be read of a body.
#[derive(Clone, Debug)]
pub(super) struct SharedBody {
    body: Arc<Body>,
    read: usize,
}

impl SharedBody {
    /// Shares a body of which nothing is read yet.
    pub(super) fn new(body: &Arc<Body>) -> Self {
        Self { body: Arc::clone(body), read: 0 }
    }
}

impl Buf for SharedBody {
    fn remaining(&self) -> usize {
        self.chunk().len()
    }

    fn chunk(&self) -> &[u8] {
        &self.body.as_slice()[self.read..]
    }

    fn advance(&mut self, bytes: usize) {
        assert!(bytes <= self.remaining(), "only what is there can be read");
        self.read += bytes;
    }
}
