//! What was received, accepted and stored, by stream and by writer.
//!
//! A push is entered twice. [`Book::receive`] counts what came and stores what is to be stored; it returns a
//! [`Receipt`], which [`Book::settle`] takes when an answer told the client that those entries are done. A receipt that
//! is never settled is a push that was refused, reset or abandoned: received and not accepted.
//!
//! Memory: two bits per line, a few hundred bytes per stream and writer, eight bytes per stored entry where equal ones
//! are dropped, and the entries that are asked to be kept.

mod latency;
mod sequences;

use std::collections::{BTreeMap, HashMap, HashSet};

use longship_workload::digest::{Digest, EntryHash, content_hash, hash_bytes};
use longship_workload::tag::Tag;

use self::latency::Latency;
use self::sequences::{SEQUENCE_END, Sequences};
use crate::decode::{Entry, Stream};
use crate::labels::LabelSet;
use crate::report::{CheckStats, KeptEntry, StreamReport, TrackReport, WriterReport};
use crate::sink::Check;

/// The place of a stream in the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct StreamId(u32);

/// The place of a track in the book: the lines of one writer in one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct TrackId(u32);

/// Everything a checking sink knows of entries.
#[derive(Debug)]
pub(crate) struct Book {
    check: Check,
    /// By tenant, then by the label set's text as sent.
    spellings: HashMap<String, HashMap<String, StreamId>>,
    /// By tenant and canonical label set.
    ids: HashMap<(String, String), StreamId>,
    streams: Vec<StreamBook>,
    tracks: Vec<Track>,
    /// Hashes of stored entries, to find equal ones. Among five million entries two different ones share a hash with a
    /// probability below one in a million.
    stored: HashSet<u64>,
    kept: Vec<KeptEntry>,
    stats: CheckStats,
    latency: Latency,
    read_latency: Latency,
}

/// What is known of a stream.
#[derive(Debug)]
pub(crate) struct StreamBook {
    pub(crate) labels: LabelSet,
    /// The time of the newest stored entry.
    pub(crate) newest_ns: Option<i64>,
    report: StreamReport,
    tracks: HashMap<u32, TrackId>,
}

#[derive(Debug)]
struct Track {
    tenant: String,
    writer: u32,
    stream: StreamId,
    received: Sequences,
    accepted: Sequences,
    /// Each accepted line once.
    digest: Digest,
    duplicated: u64,
    duplicated_bytes: u64,
    reordered: u64,
}

/// What of a received push waits for its answer.
#[derive(Debug, Default)]
pub(crate) struct Receipt {
    arrived_ns: u64,
    /// Entries and bytes by stream.
    counts: Vec<(StreamId, u64, u64)>,
    lines: Vec<TaggedLine>,
}

#[derive(Debug)]
struct TaggedLine {
    track: TrackId,
    sequence: u64,
    written_ns: u64,
    time_ns: i64,
    hash: EntryHash,
}

impl Book {
    pub(crate) fn new(check: Check) -> Self {
        Self {
            check,
            spellings: HashMap::new(),
            ids: HashMap::new(),
            streams: Vec::new(),
            tracks: Vec::new(),
            stored: HashSet::new(),
            kept: Vec::new(),
            stats: CheckStats::default(),
            latency: Latency::default(),
            read_latency: Latency::default(),
        }
    }

    /// Returns the stream of a label set, or what is wrong with the label set.
    pub(crate) fn resolve(&mut self, tenant: &str, labels: &str) -> Result<StreamId, String> {
        if let Some(id) = self.spellings.get(tenant).and_then(|spellings| spellings.get(labels)) {
            return Ok(*id);
        }
        let parsed = LabelSet::parse(labels)?;
        if !parsed.was_canonical {
            self.find(format!("label set not in canonical form: {labels}"));
        }
        if let Some((name, _)) = parsed.pairs().iter().find(|(name, _)| name.starts_with("__")) {
            self.find(format!("reserved label {name} in {labels}"));
        }
        let canonical = if parsed.was_canonical { labels.to_owned() } else { parsed.to_string() };
        let key = (tenant.to_owned(), canonical.clone());
        let id = *self.ids.entry(key).or_insert_with(|| {
            let id = StreamId(u32::try_from(self.streams.len()).expect("streams fit into memory"));
            self.streams.push(StreamBook {
                labels: parsed,
                newest_ns: None,
                report: StreamReport {
                    tenant: tenant.to_owned(),
                    labels: canonical,
                    received: 0,
                    accepted: 0,
                    refused: 0,
                    equal: 0,
                    out_of_order: 0,
                    stored: Digest::default(),
                },
                tracks: HashMap::new(),
            });
            id
        });
        self.spellings.entry(tenant.to_owned()).or_default().insert(labels.to_owned(), id);
        Ok(id)
    }

    pub(crate) fn stream(&self, id: StreamId) -> &StreamBook {
        &self.streams[id.0 as usize]
    }

    /// Notes something that Loki takes, but that no agent should send.
    pub(crate) fn find(&mut self, finding: String) {
        self.stats.findings += 1;
        if self.stats.first_findings.len() < FIRST_FINDINGS {
            self.stats.first_findings.push(finding);
        }
    }

    /// Enters one stream element of a push. `is_refused` tells by an entry's place whether it is refused; the others
    /// are stored if `store`.
    pub(crate) fn receive(
        &mut self,
        receipt: &mut Receipt,
        id: StreamId,
        stream: &Stream,
        is_refused: impl Fn(usize) -> bool,
        store: bool,
    ) {
        let (mut entries, mut bytes) = (0, 0);
        for (place, entry) in stream.entries.iter().enumerate() {
            self.stats.received += 1;
            self.streams[id.0 as usize].report.received += 1;
            if is_refused(place) {
                self.stats.refused += 1;
                self.streams[id.0 as usize].report.refused += 1;
                continue;
            }
            entries += 1;
            bytes += entry.line.len() as u64;
            let hash = EntryHash::of(entry.time_ns, &entry.line);
            if let Some(tag) = Tag::find(&entry.line).filter(|tag| tag.sequence < SEQUENCE_END) {
                let track = self.track(id, tag.writer);
                let is_new = self.tracks[track.0 as usize].received.insert(tag.sequence);
                self.stats.tagged.received += u64::from(is_new);
                let (sequence, written_ns, time_ns) = (tag.sequence, tag.written_ns, entry.time_ns);
                receipt.lines.push(TaggedLine { track, sequence, written_ns, time_ns, hash });
            }
            if store {
                self.store(id, entry, hash);
            }
        }
        receipt.counts.push((id, entries, bytes));
    }

    /// Enters that the client was told that a push is done.
    pub(crate) fn settle(&mut self, receipt: Receipt) {
        for (id, entries, bytes) in receipt.counts {
            self.streams[id.0 as usize].report.accepted += entries;
            self.stats.accepted += entries;
            self.stats.accepted_bytes += bytes;
        }
        for line in receipt.lines {
            let track = &mut self.tracks[line.track.0 as usize];
            let tagged = &mut self.stats.tagged;
            let end = track.accepted.end();
            if track.accepted.insert(line.sequence) {
                tagged.accepted += 1;
                track.digest.add_hashed(line.hash);
                let is_late = line.sequence < end;
                track.reordered += u64::from(is_late);
                tagged.reordered += u64::from(is_late);
                self.latency.add(line.written_ns, receipt.arrived_ns);
                self.read_latency.add(line.written_ns, u64::try_from(line.time_ns).unwrap_or(0));
            } else {
                let bytes = u64::from(line.hash.text_bytes);
                track.duplicated += 1;
                track.duplicated_bytes += bytes;
                tagged.duplicated += 1;
                tagged.duplicated_bytes += bytes;
            }
        }
    }

    /// Notes that entries were refused by an answer that did not say so.
    pub(crate) fn refused_silently(&mut self, entries: u64) {
        self.stats.refused_silently += entries;
    }

    pub(crate) fn stats(&self) -> CheckStats {
        let stored = self.streams.iter().filter(|stream| stream.report.stored.entries > 0);
        CheckStats {
            streams: stored.clone().count() as u64,
            content_hash: content_hash(stored.map(|stream| (stream.report.labels.as_str(), &stream.report.stored))),
            latency: self.latency.report(),
            read_latency: self.read_latency.report(),
            ..self.stats.clone()
        }
    }

    /// All streams that something was received of, sorted by tenant and labels.
    pub(crate) fn streams(&self) -> Vec<StreamReport> {
        let received = self.streams.iter().map(|stream| &stream.report).filter(|report| report.received > 0);
        let mut reports: Vec<_> = received.cloned().collect();
        reports.sort_by(|left, right| (&left.tenant, &left.labels).cmp(&(&right.tenant, &right.labels)));
        reports
    }

    /// All writers that a tagged line was received of, sorted by tenant and number.
    pub(crate) fn writers(&self) -> Vec<WriterReport> {
        let mut by_writer: BTreeMap<(&str, u32), Vec<&Track>> = BTreeMap::new();
        for track in &self.tracks {
            by_writer.entry((&track.tenant, track.writer)).or_default().push(track);
        }
        by_writer.into_iter().map(|((tenant, writer), tracks)| self.writer(tenant, writer, &tracks)).collect()
    }

    pub(crate) fn kept(&self) -> Vec<KeptEntry> {
        self.kept.clone()
    }

    fn writer(&self, tenant: &str, writer: u32, tracks: &[&Track]) -> WriterReport {
        let [mut received, mut accepted] = [Sequences::default(), Sequences::default()];
        for track in tracks {
            received.union(&track.received);
            accepted.union(&track.accepted);
        }
        let sum = |count: fn(&Track) -> u64| tracks.iter().map(|track| count(track)).sum();
        let mut reports: Vec<_> = tracks
            .iter()
            .map(|track| TrackReport {
                labels: self.stream(track.stream).report.labels.clone(),
                accepted: track.digest,
            })
            .collect();
        reports.sort_by(|left, right| left.labels.cmp(&right.labels));
        WriterReport {
            tenant: tenant.to_owned(),
            writer,
            received: received.count(),
            accepted: accepted.count(),
            sequence_end: accepted.end(),
            gaps: accepted.gaps(FIRST_GAPS),
            duplicated: sum(|track| track.duplicated),
            duplicated_bytes: sum(|track| track.duplicated_bytes),
            reordered: sum(|track| track.reordered),
            tracks: reports,
        }
    }

    fn track(&mut self, id: StreamId, writer: u32) -> TrackId {
        let stream = &mut self.streams[id.0 as usize];
        *stream.tracks.entry(writer).or_insert_with(|| {
            let track = TrackId(u32::try_from(self.tracks.len()).expect("tracks fit into memory"));
            self.tracks.push(Track {
                tenant: stream.report.tenant.clone(),
                writer,
                stream: id,
                received: Sequences::default(),
                accepted: Sequences::default(),
                digest: Digest::default(),
                duplicated: 0,
                duplicated_bytes: 0,
                reordered: 0,
            });
            track
        })
    }

    fn store(&mut self, id: StreamId, entry: &Entry, hash: EntryHash) {
        let stream = &mut self.streams[id.0 as usize];
        if self.check.drop_equal && !self.stored.insert(identity(id, entry, hash)) {
            self.stats.equal += 1;
            stream.report.equal += 1;
            return;
        }
        if stream.newest_ns.is_some_and(|newest| entry.time_ns < newest) {
            self.stats.out_of_order += 1;
            stream.report.out_of_order += 1;
        }
        stream.newest_ns = stream.newest_ns.max(Some(entry.time_ns));
        stream.report.stored.add_hashed(hash);
        self.stats.stored += 1;
        if self.kept.len() < self.check.entries_kept {
            self.kept.push(KeptEntry {
                tenant: stream.report.tenant.clone(),
                labels: stream.report.labels.clone(),
                time_ns: entry.time_ns,
                line: entry.line.to_vec(),
                metadata: entry.metadata.clone(),
            });
        }
    }
}

impl Receipt {
    pub(crate) fn new(arrived_ns: u64) -> Self {
        Self { arrived_ns, ..Self::default() }
    }
}

/// What two entries have in common that Loki stores as one: stream, time, line, structured metadata.
fn identity(id: StreamId, entry: &Entry, hash: EntryHash) -> u64 {
    let metadata = entry.metadata.iter().fold(0_u64, |sum, (name, value)| {
        sum.rotate_left(7) ^ hash_bytes(name.as_bytes()).rotate_left(1) ^ hash_bytes(value.as_bytes())
    });
    let mut bytes = [0; 20];
    bytes[..8].copy_from_slice(&hash.timed.to_le_bytes());
    bytes[8..16].copy_from_slice(&metadata.to_le_bytes());
    bytes[16..].copy_from_slice(&id.0.to_le_bytes());
    hash_bytes(&bytes)
}

/// So many findings are told in words.
const FIRST_FINDINGS: usize = 20;
/// So many gaps are told of a writer.
const FIRST_GAPS: usize = 16;
