//! Decides what becomes of a push, by Loki's rules and the fault in force.
//!
//! Loki's order is kept: what cannot be read refuses the whole push; then its distributor refuses single entries (400,
//! the others stored), and all of them where the tenant is too fast (429, nothing stored); then an ingester refuses
//! single entries, and its answer tells only what became of the last stream.

mod meters;
mod texts;

use std::time::Duration;

use longship_workload::stamp::wall_ns;

use crate::book::{Book, StreamBook, StreamId};
use crate::decode::{Entry, Stream};
use crate::fault::{Action, EntryReason, EntryRefusal, Refusal};
use crate::limits::Limits;

pub(crate) use self::meters::Meters;

/// What the client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<String>,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn new(status: u16, text: String) -> Self {
        Self { status, retry_after: None, text }
    }

    pub(crate) fn accepted() -> Self {
        Self::new(204, String::new())
    }
}

/// What becomes of a push.
#[derive(Debug)]
pub(crate) struct Judgement {
    pub(crate) answer: Answer,
    /// Whether what is not refused is stored.
    pub(crate) store: bool,
    /// Whether the answer settles what is not refused: the client need not send it again.
    pub(crate) settles: bool,
    /// By stream element, then by entry; a list that is empty refuses none.
    pub(crate) refused: Vec<Vec<bool>>,
    /// Refused entries that the answer does not tell of.
    pub(crate) refused_silently: u64,
}

impl Judgement {
    pub(crate) fn is_refused(&self, stream: usize, entry: usize) -> bool {
        self.refused.get(stream).and_then(|entries| entries.get(entry)).is_some_and(|&refused| refused)
    }
}

/// The rate that a fault's answer names: Loki's default.
const TENANT_RATE_BYTES: u64 = 4 << 20;

/// The answer of a refusal to a push that was not looked into.
pub(crate) fn refused_unread(tenant: &str, refusal: &Refusal) -> Answer {
    refuse(refusal, tenant, 0, 0)
}

fn refuse(refusal: &Refusal, tenant: &str, lines: usize, bytes: usize) -> Answer {
    let text = refusal.text.clone().unwrap_or_else(|| match refusal.status {
        429 => texts::tenant_rate(tenant, TENANT_RATE_BYTES, lines, bytes),
        status => texts::status_name(status),
    });
    Answer { status: refusal.status, retry_after: refusal.retry_after.clone(), text }
}

/// A push whose label sets were found in the book.
pub(crate) struct Push<'a> {
    pub(crate) tenant: &'a str,
    /// Not empty.
    pub(crate) streams: &'a [Stream],
    /// In the order of `streams`.
    pub(crate) ids: &'a [StreamId],
}

/// Finds the streams of a push, or the reason why it is refused as a whole.
pub(crate) fn resolve(book: &mut Book, tenant: &str, streams: &[Stream]) -> Result<Vec<StreamId>, Answer> {
    if streams.is_empty() {
        return Err(Answer::new(422, texts::NO_STREAMS.to_owned()));
    }
    let mut ids = Vec::with_capacity(streams.len());
    for stream in streams {
        let id = book.resolve(tenant, &stream.labels).map_err(|reason| Answer::new(400, texts::labels(&reason)))?;
        if book.stream(id).labels.pairs().is_empty() {
            return Err(Answer::new(400, texts::NO_LABELS.to_owned()));
        }
        ids.push(id);
    }
    Ok(ids)
}

/// Decides what becomes of a push that can be read.
pub(crate) fn judge(book: &Book, meters: &mut Meters, push: &Push<'_>, limits: &Limits, action: &Action) -> Judgement {
    if let Action::Refuse(refusal) = action {
        let entries = push.streams.iter().flat_map(|stream| &stream.entries);
        let bytes = entries.clone().map(|entry| entry.line.len()).sum();
        let answer = refuse(refusal, push.tenant, entries.count(), bytes);
        let settles = (200..300).contains(&answer.status);
        return Judgement {
            answer,
            store: refusal.stored || settles,
            settles,
            refused: Vec::new(),
            refused_silently: 0,
        };
    }
    let mut refused = vec![Vec::new(); push.streams.len()];
    let mut reasons = Vec::new();
    let now_ns = wall_ns();
    for (index, stream) in push.streams.iter().enumerate() {
        distribute(
            limits,
            now_ns.cast_signed(),
            book.stream(push.ids[index]),
            stream,
            &mut refused[index],
            &mut reasons,
        );
    }
    if let Some(answer) = refused_tenant(limits, meters, push, &refused, now_ns) {
        return Judgement { answer, store: false, settles: false, refused: Vec::new(), refused_silently: 0 };
    }
    let refused_by_distributor = refused.iter().flatten().filter(|&&refused| refused).count() as u64;
    let entry_refusal = if let Action::RefuseEntries(refusal) = action { Some(refusal) } else { None };
    let mut told = None;
    let mut refused_by_ingester = 0;
    for (index, stream) in push.streams.iter().enumerate() {
        let left = left(stream, &refused[index]).count();
        if left == 0 {
            continue;
        }
        let id = push.ids[index];
        let known = book.stream(id);
        let failed = match refused_stream(limits, meters, push.tenant, id) {
            Some(reason) => refuse_left(stream, &mut refused[index], reason),
            None => {
                let mut failed = ingest(limits, known, stream, entry_refusal, &mut refused[index]);
                failed.extend(refused_rate(limits, meters, id, stream, &mut refused[index], now_ns));
                failed
            }
        };
        refused_by_ingester += failed.len() as u64;
        // Only what became of the last stream is told.
        told = failed.last().map(|last| {
            let answer = Answer::new(last.reason.status(), texts::ingester(push.tenant, known, stream, &failed, left));
            (answer, failed.len() as u64)
        });
    }
    // An ingester's answer hides the distributor's, and where it has nothing to say the distributor's is given.
    let (answer, refused_silently) = match told {
        Some((answer, entries)) => (answer, refused_by_distributor + refused_by_ingester - entries),
        None if reasons.is_empty() => (Answer::accepted(), refused_by_ingester),
        None => (Answer::new(400, texts::grouped(&reasons)), refused_by_ingester),
    };
    Judgement { answer, store: true, settles: true, refused, refused_silently }
}

/// An entry that an ingester refuses.
pub(crate) struct Failed {
    pub(crate) entry: usize,
    pub(crate) reason: EntryReason,
    /// The oldest time that would have been taken.
    pub(crate) cutoff_ns: i64,
}

impl EntryReason {
    fn status(self) -> u16 {
        match self {
            Self::TooFarBehind => 400,
            Self::StreamRate | Self::ActiveStreams => 429,
        }
    }
}

/// Marks what the distributor refuses of a stream and adds the reasons.
fn distribute(
    limits: &Limits,
    now_ns: i64,
    known: &StreamBook,
    stream: &Stream,
    refused: &mut Vec<bool>,
    reasons: &mut Vec<String>,
) {
    if let Some(reason) = refused_labels(limits, known) {
        refused.resize(stream.entries.len(), true);
        reasons.push(reason);
        return;
    }
    for (index, entry) in stream.entries.iter().enumerate() {
        if let Some(reason) = refused_entry(limits, now_ns, known, entry) {
            refused.resize(stream.entries.len(), false);
            refused[index] = true;
            reasons.push(reason);
        }
    }
}

/// Returns what the distributor has against a label set.
fn refused_labels(limits: &Limits, known: &StreamBook) -> Option<String> {
    let pairs = known.labels.pairs();
    // Loki adds this one itself and does not hold it against who sends it.
    let names = pairs.iter().filter(|(name, _)| name != "service_name").count();
    if names > limits.label_names {
        return Some(texts::label_names(&known.labels, names, limits.label_names));
    }
    let twice = pairs.windows(2).find(|pair| pair[0].0 == pair[1].0).map(|pair| &pair[1].0);
    pairs.iter().find_map(|(name, value)| {
        if name.len() > limits.label_name_bytes {
            Some(texts::label_name_long(&known.labels, name))
        } else if value.len() > limits.label_value_bytes {
            Some(texts::label_value_long(&known.labels, value))
        } else {
            twice.map(|name| texts::label_twice(&known.labels, name))
        }
    })
}

/// Returns what the distributor has against an entry.
fn refused_entry(limits: &Limits, now_ns: i64, known: &StreamBook, entry: &Entry) -> Option<String> {
    let oldest_ns = limits.age.map(|age| now_ns.saturating_sub(nanoseconds(age)));
    let newest_ns = limits.ahead.map(|ahead| now_ns.saturating_add(nanoseconds(ahead)));
    let metadata_bytes: usize = entry.metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
    if let Some(oldest_ns) = oldest_ns.filter(|&oldest_ns| entry.time_ns < oldest_ns) {
        Some(texts::too_old(&known.labels, entry.time_ns, oldest_ns))
    } else if newest_ns.is_some_and(|newest_ns| entry.time_ns > newest_ns) {
        Some(texts::too_new(&known.labels, entry.time_ns))
    } else if entry.line.len() > limits.line_bytes {
        Some(texts::line_long(&known.labels, entry.line.len(), limits.line_bytes))
    } else if metadata_bytes > limits.metadata_bytes {
        Some(texts::metadata_large(&known.labels, metadata_bytes, limits.metadata_bytes))
    } else if entry.metadata.len() > limits.metadata_pairs {
        Some(texts::metadata_many(&known.labels, entry.metadata.len(), limits.metadata_pairs))
    } else {
        None
    }
}

/// The answer to a tenant who is too fast.
fn refused_tenant(
    limits: &Limits,
    meters: &mut Meters,
    push: &Push<'_>,
    refused: &[Vec<bool>],
    now_ns: u64,
) -> Option<Answer> {
    let rate = limits.tenant_rate?;
    let entries = push.streams.iter().zip(refused).flat_map(|(stream, refused)| left(stream, refused));
    let (lines, bytes) = entries.fold((0, 0), |(lines, bytes), (_, entry)| (lines + 1, bytes + entry.line.len()));
    let allowed = meters.take_tenant(push.tenant, rate, bytes as u64, now_ns);
    (!allowed).then(|| Answer::new(429, texts::tenant_rate(push.tenant, rate.bytes_per_second, lines, bytes)))
}

/// Why an ingester refuses everything of a stream: it is one more than its tenant may have.
fn refused_stream(limits: &Limits, meters: &mut Meters, tenant: &str, id: StreamId) -> Option<EntryReason> {
    let streams = limits.streams?;
    (!meters.open_stream(tenant, id, streams)).then_some(EntryReason::ActiveStreams)
}

/// Marks what an ingester refuses of a stream that grows too fast, and returns it: all of it, because Loki, which by
/// default splits fast streams, takes or refuses the whole of what a push has for one.
fn refused_rate(
    limits: &Limits,
    meters: &mut Meters,
    id: StreamId,
    stream: &Stream,
    refused: &mut Vec<bool>,
    now_ns: u64,
) -> Vec<Failed> {
    let Some(rate) = limits.stream_rate else { return Vec::new() };
    let bytes = left(stream, refused).map(|(_, entry)| entry.line.len() as u64).sum();
    if meters.take_stream(id, rate, bytes, now_ns) {
        return Vec::new();
    }
    refuse_left(stream, refused, EntryReason::StreamRate)
}

/// Marks all that is not refused yet, and returns it.
fn refuse_left(stream: &Stream, refused: &mut Vec<bool>, reason: EntryReason) -> Vec<Failed> {
    let failed =
        left(stream, refused).map(|(entry, Entry { time_ns, .. })| Failed { entry, reason, cutoff_ns: *time_ns });
    let failed = failed.collect();
    refused.clear();
    refused.resize(stream.entries.len(), true);
    failed
}

/// The entries of a stream that are not refused.
fn left<'a>(stream: &'a Stream, refused: &'a [bool]) -> impl Iterator<Item = (usize, &'a Entry)> {
    let is_left = |(index, _): &(usize, &Entry)| !refused.get(*index).is_some_and(|&refused| refused);
    stream.entries.iter().enumerate().filter(is_left)
}

/// Marks what an ingester refuses of a stream for its times, or by a fault, and returns it.
fn ingest(
    limits: &Limits,
    known: &StreamBook,
    stream: &Stream,
    refusal: Option<&EntryRefusal>,
    refused: &mut Vec<bool>,
) -> Vec<Failed> {
    let is_meant =
        |refusal: &&EntryRefusal| refusal.streams.as_ref().is_none_or(|part| known.labels.to_string().contains(part));
    let refusal = refusal.filter(is_meant);
    let window_ns = limits.order_window.map(nanoseconds);
    let mut newest_ns = known.newest_ns;
    let mut failed = Vec::new();
    for (index, entry) in stream.entries.iter().enumerate() {
        if refused.get(index).is_some_and(|&refused| refused) {
            continue;
        }
        let cutoff_ns = window_ns.zip(newest_ns).map(|(window, newest)| newest.saturating_sub(window));
        let is_behind = cutoff_ns.is_some_and(|cutoff| entry.time_ns < cutoff);
        let by_fault = refusal.and_then(|refusal| {
            let every = if refusal.reason == EntryReason::ActiveStreams { 1 } else { refusal.every.max(1) };
            index.is_multiple_of(every).then_some(refusal.reason)
        });
        match by_fault.or_else(|| is_behind.then_some(EntryReason::TooFarBehind)) {
            Some(reason) => {
                refused.resize(stream.entries.len(), false);
                refused[index] = true;
                failed.push(Failed { entry: index, reason, cutoff_ns: cutoff_ns.unwrap_or(entry.time_ns) });
            }
            None => newest_ns = newest_ns.max(Some(entry.time_ns)),
        }
    }
    failed
}

fn nanoseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}
