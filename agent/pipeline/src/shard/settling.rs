//! Turns what was settled into positions.

use xxhash_rust::xxh3::xxh3_64;

use super::{Outbound, POSITIONS_INTERVAL_NS, Shard};
use crate::environment::{Environment, LogIndex};
use crate::limits::STREAMS_AHEAD_MAX;
use crate::plan::{Destination, DestinationKind};
use crate::positions::format::write_position;
use crate::read::log::Log;

/// The name of a destination in the positions: its component, its name, its tenant. A corrected address or credential
/// leaves it the same.
pub(crate) fn destination_key(component_id: &str, destination: &Destination) -> u64 {
    let tenant = match &destination.kind {
        DestinationKind::Loki(endpoint) => endpoint.tenant_id.as_str(),
        DestinationKind::Echo => "",
    };
    xxh3_64(format!("{component_id}\0{}\0{tenant}", destination.name).as_bytes())
}

impl<E: Environment> Shard<E> {
    /// Gives the journal the positions that changed: at once where something was settled, else once in a while.
    pub(super) fn write_positions(&mut self, now_ns: u64) {
        let anything = !self.dirty.is_empty() || !self.journal.is_empty();
        if !anything || !(self.settled || self.stopping || now_ns >= self.next_positions_ns) {
            return;
        }
        self.settled = false;
        self.next_positions_ns = now_ns + POSITIONS_INTERVAL_NS;
        let mut dirty = std::mem::take(&mut self.dirty);
        for index in dirty.drain(..) {
            if let Some(mut log) = self.take_log(index) {
                log.dirty = false;
                self.write_log_positions(&mut log);
                let detached = log.generations.iter().any(|generation| !generation.attached);
                self.put_log(index, log);
                if detached {
                    self.mark_look_if_done(index);
                }
            }
        }
        self.dirty = dirty;
        if !self.journal.is_empty() {
            self.env.journal(&mut self.journal);
        }
    }

    fn write_log_positions(&mut self, log: &mut Log<E::File>) {
        for at in 0..log.generations.len() {
            let mut lowest = u64::MAX;
            for number in 0..log.lanes.len() {
                let lane = log.lanes[number];
                let generation = &log.generations[at];
                // Another destination may have had reading begin before what this one has settled already.
                let restored = generation.restored_position(self.outbound.lanes[lane].key);
                let position = log.position(generation, lane).max(restored);
                lowest = lowest.min(position);
                self.write_position(log, at, lane, position);
            }
            log.generations[at].forget_runs(lowest);
        }
    }

    /// Writes a position with the streams that are ahead of it, if the journal does not say the same already.
    fn write_position(&mut self, log: &mut Log<E::File>, at: usize, lane: usize, position: u64) {
        let Outbound { lanes, streams, .. } = &mut self.outbound;
        let key = lanes[lane].key;
        self.ahead.clear();
        let generation = &log.generations[at];
        if position < generation.read_offset.max(generation.read_before()) {
            let own = log.outlets.iter().zip(generation.all_progress()).filter(|(outlet, _)| outlet.lane == lane);
            self.ahead.extend(own.map(|(outlet, progress)| (streams.hash(outlet.stream), progress.settled())));
            // Streams that this life has not met yet are as far as an earlier one left them.
            for (stream, settled) in generation.restored_ahead(key) {
                if !self.ahead.iter().any(|(own, _)| *own == stream) {
                    self.ahead.push((stream, settled));
                }
            }
            self.ahead.retain(|(_, settled)| *settled > position);
        }
        let sum = self.ahead.iter().fold(0_u64, |sum, (_, settled)| sum.wrapping_add(*settled));
        let generation = &mut log.generations[at];
        if let Some(advanced) = generation.note_position(lane, key, position, sum) {
            lanes[lane].counters.acknowledged_bytes += advanced;
            let ahead = self.ahead.iter().copied().take(STREAMS_AHEAD_MAX);
            write_position(&mut self.journal, generation.file_id, key, position, ahead);
        }
    }

    /// Has a log looked at that may let go of a generation.
    fn mark_look_if_done(&mut self, index: LogIndex) {
        let done = self.logs[index.0 as usize].as_ref().is_some_and(|log| {
            log.generations.iter().any(|generation| {
                generation.drained && (generation.gone || log.closing_at.is_some()) && log.is_settled(generation)
            })
        });
        if done {
            self.mark_look(index);
        }
    }
}
