//! What a shard began on its own thread and is done: the tasks put it here, the shard takes it out.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::task::{Context, Poll, Waker};

use super::reader::ReadBuffer;
use crate::encode::compress::Body;
use crate::environment::{Answer, PushTicket, ReadTicket};

/// Something that is done.
pub(super) enum Completion {
    /// A read.
    Read {
        ticket: ReadTicket,
        /// How many bytes there were.
        result: io::Result<usize>,
        buffer: ReadBuffer,
    },
    /// A request.
    Answered { ticket: PushTicket, answer: Answer, body: Body },
}

/// Completions in the order they came. Not bounded by itself: there is at most one for each buffer and each request.
#[derive(Default)]
pub(super) struct Inbox {
    completions: RefCell<VecDeque<Completion>>,
    waker: Cell<Option<Waker>>,
}

impl Inbox {
    /// Adds a completion and wakes the shard.
    pub(super) fn push(&self, completion: Completion) {
        self.completions.borrow_mut().push_back(completion);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Takes the oldest completion.
    pub(super) fn pop(&self) -> Option<Completion> {
        self.completions.borrow_mut().pop_front()
    }

    /// Nothing is done.
    pub(super) fn is_empty(&self) -> bool {
        self.completions.borrow().is_empty()
    }

    /// Ready as long as there is a completion.
    pub(super) fn poll_ready(&self, context: &Context<'_>) -> Poll<()> {
        if !self.is_empty() {
            return Poll::Ready(());
        }
        self.waker.set(Some(context.waker().clone()));
        Poll::Pending
    }
}
