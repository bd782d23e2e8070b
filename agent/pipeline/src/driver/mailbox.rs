//! What reaches a shard from other threads: orders of the control plane, other shards' remainders, finished journal writes.
//!
//! All of it is lock-free on the sender's side but for waking a shard that sleeps.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use crossbeam::queue::{ArrayQueue, SegQueue};
use tokio::sync::{Notify, oneshot};

use crate::environment::{Remainder, SettledRemainder};
use crate::limits::HAND_OVER_QUEUE;
use crate::plan::SourceIndex;
use crate::shard::{LogTargets, ShardReport};

/// An order of the control plane.
pub(crate) enum Order {
    /// Follow these logs for a source, and no others.
    SetTargets(SourceIndex, Vec<LogTargets>),
    /// Say what was counted.
    Report(oneshot::Sender<ShardReport>),
    /// Read no more, send what was read, and end when all shards are done or at this moment.
    Stop(Instant),
}

/// The mailbox of one shard.
pub(crate) struct Mailbox {
    /// Few, and each is wanted: not bounded.
    orders: SegQueue<Order>,
    remainders: ArrayQueue<Remainder>,
    /// At most as many as this shard handed over.
    settled: SegQueue<SettledRemainder>,
    /// The last journal write of this shard that is done.
    journal_done: AtomicU64,
    /// The shard has stopped reading and has nothing left to send.
    drained: AtomicBool,
    wake: Notify,
}

impl Mailbox {
    /// Creates an empty mailbox.
    pub(crate) fn new() -> Self {
        Self {
            orders: SegQueue::new(),
            remainders: ArrayQueue::new(HAND_OVER_QUEUE),
            settled: SegQueue::new(),
            journal_done: AtomicU64::new(0),
            drained: AtomicBool::new(false),
            wake: Notify::new(),
        }
    }

    /// Gives the shard an order.
    pub(crate) fn order(&self, order: Order) {
        self.orders.push(order);
        self.wake.notify_one();
    }

    /// Gives the shard a remainder to send, or gives it back if there is no room.
    pub(super) fn hand_over(&self, remainder: Remainder) -> Result<(), Remainder> {
        self.remainders.push(remainder)?;
        self.wake.notify_one();
        Ok(())
    }

    /// Tells the shard what became of a remainder it handed over.
    pub(super) fn hand_back(&self, settled: SettledRemainder) {
        self.settled.push(settled);
        self.wake.notify_one();
    }

    /// Tells the shard that its journal writes up to this one are done.
    pub(crate) fn journal_written(&self, number: u64) {
        self.journal_done.store(number, Ordering::Release);
        self.wake.notify_one();
    }

    pub(super) fn next_order(&self) -> Option<Order> {
        self.orders.pop()
    }

    pub(super) fn next_remainder(&self) -> Option<Remainder> {
        self.remainders.pop()
    }

    pub(super) fn next_settled(&self) -> Option<SettledRemainder> {
        self.settled.pop()
    }

    pub(super) fn journal_done(&self) -> u64 {
        self.journal_done.load(Ordering::Acquire)
    }

    /// Waits until something was put in since this was last waited for.
    pub(super) async fn changed(&self) {
        self.wake.notified().await;
    }
}

/// Notes whether a stopping shard has anything left, and says whether any has. They end together: until then one may
/// hold what another waits for. Once all are drained none can get anything any more.
pub(super) fn all_drained(mailboxes: &[Arc<Mailbox>], own: usize, drained: bool) -> bool {
    if mailboxes[own].drained.swap(drained, Ordering::AcqRel) != drained {
        let others = mailboxes.iter().enumerate().filter(|(index, _)| *index != own);
        others.for_each(|(_, mailbox)| mailbox.wake.notify_one());
    }
    mailboxes.iter().all(|mailbox| mailbox.drained.load(Ordering::Acquire))
}
