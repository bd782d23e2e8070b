//! Takes one line through the programs and feeds of its log into the batches of its lanes.

use std::borrow::Cow;

use super::{Outbound, Shard};
use crate::deliver::lane::Refused;
use crate::environment::{Environment, LogIndex};
use crate::labels;
use crate::limits::LINE_BYTES_MAX;
use crate::read::generation::Generation;
use crate::read::log::{Feed, LineBegun, Log, Outlet};
use crate::snapshot::ShardSnapshot;
use crate::stages::{Cuts, Emit, Hold, Parsed, Variant};

/// A line, where it stands.
#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    /// The line without its newline.
    pub(super) bytes: &'a [u8],
    /// It is known to be valid UTF-8.
    pub(super) is_utf8: bool,
    /// Its generation, and the place of that in the log.
    pub(super) generation: usize,
    /// Offset of its first byte.
    pub(super) offset: u64,
    /// Bytes it takes in its source.
    pub(super) source_bytes: u64,
    /// The moment of this turn.
    pub(super) now_ns: u64,
}

/// Why a line could not be queued whole. It comes again.
pub(super) enum Stop {
    /// A lane refused an entry.
    Refused { lane: usize, why: Refused },
    /// The outlets of a variant are not worked out yet.
    NewVariant { feed: usize, variant: Variant },
}

impl<E: Environment> Shard<E> {
    /// Queues a line on one track after the other. Where one cannot, those before it are remembered, and left out when
    /// the line comes again. Gives the lane that refused, and why.
    #[inline]
    pub(super) fn queue_line(
        &mut self,
        index: LogIndex,
        log: &mut Log<E::File>,
        line: Line<'_>,
    ) -> Result<(), (usize, Refused)> {
        let serial = log.generations[line.generation].serial;
        let begun = log.line_begun.take().filter(|begun| (begun.serial, begun.offset) == (serial, line.offset));
        let first = begun.map_or(0, |begun| begun.tracks);
        let holds = [Hold { serial, mark: line.offset }];
        let parsed = Parsed {
            line: line.bytes,
            is_utf8: line.is_utf8,
            time_ns: None,
            variant: Variant::default(),
            holds: &holds,
            now_ns: line.now_ns,
        };
        for at in first..log.tracks.len() {
            loop {
                let track = &mut log.tracks[at];
                let mut cuts = Cuts::default();
                let mut queue = Queue {
                    outbound: &mut self.outbound,
                    counters: &mut self.counters,
                    generations: &mut log.generations,
                    outlets: &log.outlets,
                    feeds: &track.feeds,
                    index,
                    line,
                };
                let program = &mut self.programs[track.program];
                match program.run(&mut track.state, parsed, &mut cuts, &mut queue) {
                    Ok(()) => {
                        self.counters.partials_truncated += cuts.parts;
                        break;
                    }
                    Err(Stop::NewVariant { feed, variant }) => self.add_variant(log, at, feed, variant),
                    Err(Stop::Refused { lane, why }) => {
                        if at > 0 {
                            let end = line.offset + line.source_bytes;
                            log.line_begun = Some(LineBegun { serial, offset: line.offset, end, tracks: at });
                            log.generations[line.generation].begin_line(end);
                        }
                        return Err((lane, why));
                    }
                }
            }
        }
        Ok(())
    }

    /// Sends one record on its way as it is that got no part for long, or, at the end of its log, any. True if there was
    /// one.
    pub(super) fn flush_open_record(
        &mut self,
        index: LogIndex,
        log: &mut Log<E::File>,
        generation: usize,
        before_ns: u64,
        now_ns: u64,
    ) -> Result<bool, (usize, Refused)> {
        let offset = log.generations[generation].read_offset;
        let line = Line { bytes: &[], is_utf8: true, generation, offset, source_bytes: 0, now_ns };
        for at in 0..log.tracks.len() {
            loop {
                let track = &mut log.tracks[at];
                let mut queue = Queue {
                    outbound: &mut self.outbound,
                    counters: &mut self.counters,
                    generations: &mut log.generations,
                    outlets: &log.outlets,
                    feeds: &track.feeds,
                    index,
                    line,
                };
                let program = &mut self.programs[track.program];
                let mut cuts = Cuts::default();
                match program.flush_one(&mut track.state, before_ns, now_ns, &mut cuts, &mut queue) {
                    Ok(true) => {
                        self.counters.partials_flushed += 1;
                        return Ok(true);
                    }
                    Ok(false) => break,
                    Err(Stop::NewVariant { feed, variant }) => self.add_variant(log, at, feed, variant),
                    Err(Stop::Refused { lane, why }) => return Err((lane, why)),
                }
            }
        }
        Ok(false)
    }

    /// Works out the outlets of a variant: the label set, its stream, and the way to every destination.
    fn add_variant(&mut self, log: &mut Log<E::File>, track: usize, feed: usize, variant: Variant) {
        let track_number = track;
        let track = &mut log.tracks[track];
        let feed = &mut track.feeds[feed];
        let source = usize::from(log.source.0);
        let route = &self.plan.routes[source][feed.route];
        let stages = &self.plan.sources[source].routes[feed.route].stages;
        let write = &self.plan.writes[usize::from(route.write.0)];
        let outcomes = self.programs[track.program].outcomes(variant);
        let labels = labels::text(&labels::compose(&feed.labels, stages, &outcomes, &write.external_labels));
        let first = log.outlets.len();
        for lane in route.lanes.clone() {
            let stream = self.outbound.streams.acquire(route.write, labels.clone());
            log.outlets.push(Outlet { lane, stream, track: track_number, variant });
        }
        feed.variants.push((variant, first..log.outlets.len()));
        self.add_progress(log);
    }

    /// Has all generations of a log keep progress for all of its outlets.
    pub(super) fn add_progress(&self, log: &mut Log<E::File>) {
        let (outlets, outbound) = (&log.outlets, &self.outbound);
        for generation in &mut log.generations {
            generation.add_outlets(outlets.len(), |outlet| {
                let Outlet { lane, stream, .. } = outlets[outlet];
                (outbound.lanes[lane].key, outbound.streams.hash(stream))
            });
        }
    }
}

fn outlet_number(outlet: usize) -> u32 {
    u32::try_from(outlet).expect("memory ends before there are that many outlets")
}

/// What a parsed line is queued with.
struct Queue<'a, F> {
    outbound: &'a mut Outbound,
    counters: &'a mut ShardSnapshot,
    generations: &'a mut std::collections::VecDeque<Generation<F>>,
    outlets: &'a [Outlet],
    feeds: &'a [Feed],
    index: LogIndex,
    line: Line<'a>,
}

impl<F> Emit for Queue<'_, F> {
    type Error = Stop;

    /// Queues a parsed line's entries, all or none of them.
    fn entry(&mut self, parsed: Parsed<'_>) -> Result<(), Stop> {
        let Mended { text, cut_bytes } = mend(&parsed);
        let variant = parsed.variant;
        // Most logs have one feed, and most feeds one destination.
        let mut only = None;
        for (number, feed) in self.feeds.iter().enumerate().filter(|(_, feed)| feed.active) {
            let outlets = feed.outlets(variant).ok_or(Stop::NewVariant { feed: number, variant })?;
            only = (self.feeds.len() == 1 && outlets.len() == 1).then_some(outlets.start);
            for outlet in outlets {
                self.prepare(outlet, text.len())?;
            }
        }
        let generation = &mut self.generations[self.line.generation];
        let time_ns = parsed.time_ns.unwrap_or_else(|| generation.read_time());
        // A line that is refused comes again, and is counted then.
        self.counters.lines_cut += u64::from(cut_bytes > 0);
        self.counters.lines_cut_bytes += cut_bytes;
        self.counters.lines_mended += u64::from(matches!(text, Cow::Owned(_)));
        if let Some(outlet) = only {
            self.queue_entry(outlet, &text, time_ns, &parsed);
            return Ok(());
        }
        for feed in self.feeds.iter().filter(|feed| feed.active) {
            for outlet in feed.outlets(variant).into_iter().flatten() {
                self.queue_entry(outlet, &text, time_ns, &parsed);
            }
        }
        Ok(())
    }

    fn is_settled(&mut self, variant: Variant) -> Result<bool, Stop> {
        let generation = &mut self.generations[self.line.generation];
        if self.line.offset >= generation.read_before() {
            return Ok(false);
        }
        let mut settled = true;
        for (number, feed) in self.feeds.iter().enumerate().filter(|(_, feed)| feed.active) {
            let outlets = feed.outlets(variant).ok_or(Stop::NewVariant { feed: number, variant })?;
            for outlet in outlets {
                settled &= generation.progress(outlet).is_settled(self.line.offset);
            }
        }
        Ok(settled)
    }
}

impl<F> Queue<'_, F> {
    /// Makes room for an entry, unless it is settled.
    #[inline]
    fn prepare(&mut self, outlet: usize, text_bytes: usize) -> Result<(), Stop> {
        if self.generations[self.line.generation].progress(outlet).is_settled(self.line.offset) {
            return Ok(());
        }
        let Outlet { lane, stream, .. } = self.outlets[outlet];
        let Outbound { lanes, pool, .. } = &mut *self.outbound;
        lanes[lane].prepare(pool, stream, text_bytes).map_err(|why| Stop::Refused { lane, why })
    }

    /// Queues an entry for which room was made, unless it is settled.
    #[inline]
    fn queue_entry(&mut self, outlet: usize, text: &[u8], time_ns: i64, parsed: &Parsed<'_>) {
        let Outlet { lane: lane_index, stream, .. } = self.outlets[outlet];
        let generation = &mut self.generations[self.line.generation];
        let (serial, run_start) = (generation.serial, generation.run_start());
        if generation.progress(outlet).is_settled(self.line.offset) {
            return;
        }
        let Outbound { lanes, pool, .. } = &mut *self.outbound;
        let lane = &mut lanes[lane_index];
        lane.append(pool, stream, time_ns, text, self.line.now_ns);
        lane.count_source_bytes(self.line.source_bytes.max(text.len() as u64));
        let batch = lane.open_sequence();
        for hold in parsed.holds {
            if hold.serial == serial {
                let from = run_start.min(hold.mark);
                if generation.progress(outlet).queue(batch, from) {
                    lane.cover(self.index, serial, outlet_number(outlet));
                }
            }
        }
        if parsed.holds.iter().any(|hold| hold.serial != serial) {
            self.hold_earlier(outlet, lane_index, batch, parsed);
        }
    }

    /// Notes an entry with the earlier generations in which its record began.
    #[cold]
    fn hold_earlier(&mut self, outlet: usize, lane: usize, batch: u64, parsed: &Parsed<'_>) {
        let current = self.generations[self.line.generation].serial;
        let lane = &mut self.outbound.lanes[lane];
        for hold in parsed.holds.iter().filter(|hold| hold.serial != current) {
            let generation = self.generations.iter_mut().find(|generation| generation.serial == hold.serial);
            // A generation is not let go of while a record is open in it.
            let Some(generation) = generation else { continue };
            if generation.progress(outlet).queue(batch, hold.mark) {
                lane.cover(self.index, hold.serial, outlet_number(outlet));
            }
        }
        // A record whose last part is in this generation may have no hold in it.
        let generation = &mut self.generations[self.line.generation];
        let run_start = generation.run_start();
        if generation.progress(outlet).queue(batch, run_start) {
            lane.cover(self.index, current, outlet_number(outlet));
        }
    }
}

/// The text of an entry.
struct Mended<'a> {
    text: Cow<'a, [u8]>,
    /// Bytes that were cut off its end.
    cut_bytes: u64,
}

/// Gives the text of an entry: what is not UTF-8 is replaced, because a protobuf string must be, and what is longer than
/// a line may be is cut off.
#[inline]
fn mend<'a>(parsed: &Parsed<'a>) -> Mended<'a> {
    let mut line = parsed.line;
    let mut cut_bytes = 0;
    if line.len() > LINE_BYTES_MAX {
        let cut = (LINE_BYTES_MAX - 3..=LINE_BYTES_MAX).rev().find(|at| line[*at] & 0xc0 != 0x80);
        let (kept, rest) = line.split_at(cut.unwrap_or(LINE_BYTES_MAX));
        cut_bytes = rest.len() as u64;
        line = kept;
    }
    let text = if parsed.is_utf8 || std::str::from_utf8(line).is_ok() {
        Cow::Borrowed(line)
    } else {
        Cow::Owned(String::from_utf8_lossy(line).into_owned().into_bytes())
    };
    Mended { text, cut_bytes }
}
