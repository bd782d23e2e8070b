//! Every bound of the data plane, and what it bounds. `ARCHITECTURE.md` holds the sum.

use std::time::Duration;

/// Encoded, compressed and carried bytes of the whole agent, where the command line does not say otherwise.
pub const BUDGET_BYTES: u64 = 32 << 20;

/// Source bytes that are sent and not answered, of the whole agent: what a kill can send twice.
pub const UNANSWERED_BYTES_MAX: u64 = 8 << 20;

/// Content of one entry. A longer line is cut here, counted, and its rest passed over.
///
/// Loki's default `max_line_size` is the same: a longer entry would be refused whole.
pub const LINE_BYTES_MAX: usize = 256 << 10;

/// Room for what stands before a line's content in its file: a CRI prefix, or the frame of Docker's JSON.
pub(crate) const LINE_PREFIX_BYTES_MAX: usize = 4 << 10;

/// Reads begin at multiples of this, because copies from the page cache to another place in a page are slow.
pub(crate) const PAGE_BYTES: u64 = PAGE_LENGTH as u64;

/// The same, as a length in memory.
const PAGE_LENGTH: usize = 4 << 10;

/// A large read buffer: the longest line that is not cut, wherever in a page it begins, with its newline.
pub(crate) const LARGE_BUFFER_BYTES: usize = LINE_BYTES_MAX + LINE_PREFIX_BYTES_MAX + 2 * PAGE_LENGTH;

/// How much of a large buffer a read fills, unless a line needs more of it. What was read is parsed and encoded while
/// it is still in the second-level cache.
pub(crate) const LARGE_READ_BYTES: usize = 128 << 10;

/// Large read buffers of a shard: one being parsed, one that waits for a cold disk.
pub(crate) const LARGE_BUFFERS: usize = 2;

/// A small read buffer: what a quiet file gets.
pub(crate) const SMALL_BUFFER_BYTES: usize = 16 << 10;

/// Small read buffers of a shard, so files that are read with one submission.
pub(crate) const SMALL_BUFFERS: usize = 32;

/// Bytes at the start of a file that are hashed to tell it from another one.
pub(crate) const FINGERPRINT_BYTES_MAX: usize = 1024;

/// Requests that a shard has under way to one destination.
pub(crate) const REQUESTS_MAX: usize = 8;

/// Batches of a shard that are sealed for one destination and not sent.
pub(crate) const BATCHES_WAITING_MAX: usize = 2;

/// Streams ahead of a file's position that are remembered with it.
pub(crate) const STREAMS_AHEAD_MAX: usize = 64;

/// Time between two rounds over the files that have news, unless one is known to have more.
pub(crate) const ROUND_INTERVAL: Duration = Duration::from_millis(20);

/// The same while names change: a log that is rotated may be rotated again before long, and each file is best opened
/// while its path names it.
pub(crate) const ROUND_INTERVAL_RENAMING: Duration = Duration::from_millis(5);

/// Names are taken to change for so long after one has.
pub(crate) const RENAMING: Duration = Duration::from_secs(1);

/// A renamed or unlinked file counts as read to its end when it has not grown for this long beside its successor.
pub(crate) const ROTATION_SETTLE: Duration = Duration::from_millis(100);

/// The same, while it has no successor or ends with an unfinished line.
pub(crate) const ROTATION_SETTLE_UNSURE: Duration = Duration::from_secs(5);

/// A renamed file stays open this long after it was read to its end, for writers that are late to let go of it.
pub(crate) const ROTATION_LINGER: Duration = Duration::from_secs(60);

/// An unlinked file stays open this long after it was read to its end.
pub(crate) const UNLINKED_LINGER: Duration = Duration::from_secs(5);

/// How often an open generation that is not at the path any more is looked at.
pub(crate) const DETACHED_LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// How often the safety sweep looks at a file that was written lately.
pub(crate) const SWEEP_INTERVAL_ACTIVE: Duration = Duration::from_secs(5);

/// How often it looks at one that was not.
pub(crate) const SWEEP_INTERVAL_IDLE: Duration = Duration::from_secs(600);

/// A file that was not written for this long is idle.
pub(crate) const IDLE_AFTER: Duration = Duration::from_secs(300);

/// How often polling looks at a file that was written lately.
pub(crate) const POLL_INTERVAL_ACTIVE: Duration = Duration::from_millis(250);

/// How often polling looks at one that was not.
pub(crate) const POLL_INTERVAL_IDLE: Duration = Duration::from_secs(5);

/// How often the start of a file that is being written is compared with what it was.
pub(crate) const FINGERPRINT_CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// The first pause after a file could not be opened; each further one is twice as long.
pub(crate) const OPEN_RETRY_MIN: Duration = Duration::from_secs(1);

/// No pause between two attempts to open a file is longer.
pub(crate) const OPEN_RETRY_MAX: Duration = Duration::from_secs(10);

/// A destination's home shard waits this long for the remainders of the others before it sends what it has.
pub(crate) const MERGE_WINDOW: Duration = Duration::from_millis(10);

/// Remainders on their way to one shard.
pub(crate) const HAND_OVER_QUEUE: usize = 64;

/// An answer's body is read up to this length.
pub(crate) const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Events that wait to be logged.
pub(crate) const EVENT_QUEUE: usize = 4096;

/// A file that ended stays in the snapshot this long.
pub(crate) const ENDED_FILE_GRACE: Duration = Duration::from_secs(60);
