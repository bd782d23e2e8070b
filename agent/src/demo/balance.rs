//! Whether independent counts of the same thing agree.
//!
//! Three parties count: the kernel and the writers what was written, the agent what it read and sent, the receiver what
//! it decoded. [`Books::differences`] holds them against each other; nothing there is computed from what it is compared
//! with.

use std::fmt::Display;

use longship_pipeline::StopReport;
use longship_sink::report::CheckStats;
use longship_sink::verdict::Verdict;

use super::held::Extent;
use super::tally::Counted;

/// The counts of all parties, taken when reading had ended.
#[derive(Clone, Debug, Default)]
pub(super) struct Books {
    /// Logs of the node. They may grow while reading ends.
    pub(super) node: Vec<NodeLog>,
    /// Generated logs, which have come to rest before.
    pub(super) pods: Vec<PodLog>,
    /// The agent's sums.
    pub(super) agent: AgentSums,
    /// The receiver's sums.
    pub(super) receiver: CheckStats,
    /// How the generated lines that arrived differ from those that were written.
    pub(super) verdict: Verdict,
}

/// A log of the node, as the kernel and the agent know it.
#[derive(Clone, Debug, Default)]
pub(super) struct NodeLog {
    pub(super) path: String,
    /// Just before reading was ended.
    pub(super) before: Extent,
    /// Just after.
    pub(super) after: Extent,
    pub(super) counted: Counted,
}

/// A generated log, as the kernel, its writer and the agent know it.
#[derive(Clone, Debug, Default)]
pub(super) struct PodLog {
    pub(super) path: String,
    pub(super) written_bytes: u64,
    pub(super) file_bytes: u64,
    pub(super) counted: Counted,
}

/// What the agent counted over all files and destinations.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct AgentSums {
    pub(super) sent_entries: u64,
    pub(super) acknowledged_bytes: u64,
    pub(super) dropped_entries: u64,
    pub(super) dropped_bytes: u64,
    /// Everything that was read is acknowledged or dropped.
    pub(super) is_drained: bool,
    /// Bytes that were read and not acknowledged.
    pub(super) unacknowledged_bytes: u64,
}

impl NodeLog {
    /// Bytes that were written when reading ended: a moment between the two looks.
    pub(super) fn written_bytes(&self) -> u64 {
        self.counted.read_bytes.clamp(self.before.bytes, self.after.bytes.max(self.before.bytes))
    }

    /// Whether the agent had read as far as there were whole lines, as far as anybody knows.
    pub(super) fn is_read(&self) -> bool {
        self.is_rewritten() || self.counted.read_bytes + self.before.unfinished_bytes >= self.before.bytes
    }

    /// Whether the log became shorter, so that nobody knows what was written.
    pub(super) fn is_rewritten(&self) -> bool {
        self.after.is_rewritten || self.counted.lost_bytes > 0
    }

    fn difference(&self) -> Option<String> {
        let read = self.counted.read_bytes;
        let is_within = (self.before.bytes..=self.after.bytes).contains(&read);
        let is_whole_lines = read + self.before.unfinished_bytes == self.before.bytes;
        // Reading was ended before it was done; then the agent says itself where it is and that there is more.
        let offset = self.before.bytes_before_newest + self.counted.read_offset_bytes;
        let is_behind = read == offset && self.counted.read_offset_bytes < self.counted.size_bytes && !self.is_read();
        if self.is_rewritten() || is_within || is_whole_lines || is_behind {
            return None;
        }
        let (before, after) = (self.before.bytes, self.after.bytes);
        Some(format!("{}: the kernel says {before} to {after} bytes, the agent read {read}", self.path))
    }
}

impl PodLog {
    /// Whether the agent had read all of it.
    pub(super) fn is_read(&self) -> bool {
        self.counted.read_bytes >= self.file_bytes
    }

    fn difference(&self) -> Option<String> {
        let (written, file, read) = (self.written_bytes, self.file_bytes, self.counted.read_bytes);
        (written != file || written != read)
            .then(|| format!("{}: {written} bytes written, the kernel says {file}, the agent read {read}", self.path))
    }
}

impl AgentSums {
    /// Adds up what the agent told when it had stopped.
    pub(super) fn of(stopped: &StopReport) -> Self {
        let mut sums =
            Self { is_drained: stopped.drained, unacknowledged_bytes: stopped.unacknowledged_bytes, ..Self::default() };
        for destination in &stopped.last.destinations {
            sums.sent_entries += destination.sent_entries;
            sums.acknowledged_bytes += destination.acknowledged_bytes;
            sums.dropped_entries += destination.dropped.iter().map(|dropped| dropped.entries).sum::<u64>();
            sums.dropped_bytes += destination.dropped.iter().map(|dropped| dropped.bytes).sum::<u64>();
        }
        sums
    }
}

impl Books {
    /// Files that were followed.
    pub(super) fn files(&self) -> u64 {
        (self.node.len() + self.pods.len()) as u64
    }

    /// What the agent counted of all files, by `count`.
    pub(super) fn counted(&self, count: fn(&Counted) -> u64) -> u64 {
        let node = self.node.iter().map(|log| &log.counted);
        node.chain(self.pods.iter().map(|log| &log.counted)).map(count).sum()
    }

    /// Bytes that were written, as the kernel says.
    pub(super) fn written_bytes(&self) -> u64 {
        let node: u64 = self.node.iter().map(NodeLog::written_bytes).sum();
        node + self.pods.iter().map(|log| log.file_bytes).sum::<u64>()
    }

    /// Returns everything that does not agree; nothing if the books are balanced.
    pub(super) fn differences(&self) -> Vec<String> {
        let mut differences: Vec<String> = self.node.iter().filter_map(NodeLog::difference).collect();
        differences.extend(self.pods.iter().filter_map(PodLog::difference));
        let agent = &self.agent;
        let mut compare = |what: &str, agent: u64, other: u64| {
            if agent != other {
                differences.push(format!("{what}: {agent} and {other}"));
            }
        };
        let lines = self.counted(|counted| counted.read_lines);
        compare("lines read and entries sent or dropped", lines, agent.sent_entries + agent.dropped_entries);
        compare("entries the agent sent and the receiver accepted", agent.sent_entries, self.receiver.accepted);
        compare("entries the agent dropped and the receiver refused", agent.dropped_entries, self.receiver.refused);
        if agent.dropped_entries == 0 {
            let read = self.counted(|counted| counted.read_bytes);
            compare("bytes read and acknowledged", read, agent.acknowledged_bytes);
        }
        if !agent.is_drained {
            let bytes = agent.unacknowledged_bytes;
            differences.push(format!("the agent could not finish: {bytes} bytes were read and not acknowledged"));
        }
        if !self.verdict.is_exact() {
            differences.push(format!("generated lines: {}", self.verdict));
        }
        if self.receiver.findings > 0 {
            differences.push(format!("the receiver found: {}", joined(&self.receiver.first_findings)));
        }
        differences
    }
}

fn joined(parts: &[impl Display]) -> String {
    parts.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node_log(before: u64, after: u64, read_bytes: u64) -> NodeLog {
        let extent = |bytes| Extent { bytes, ..Extent::default() };
        NodeLog {
            path: "/var/log/a.log".to_owned(),
            before: extent(before),
            after: extent(after),
            counted: Counted {
                read_bytes,
                read_lines: 3,
                lost_bytes: 0,
                read_offset_bytes: read_bytes,
                size_bytes: read_bytes,
            },
        }
    }

    /// A run in which everything agrees: a log that rests, one that grows, one with an unfinished line, a generated one.
    fn books() -> Books {
        let mut unfinished = node_log(107, 107, 100);
        unfinished.before.unfinished_bytes = 7;
        let counted = Counted { read_bytes: 400, read_lines: 4, lost_bytes: 0, read_offset_bytes: 50, size_bytes: 50 };
        Books {
            node: vec![node_log(100, 100, 100), node_log(100, 300, 200), unfinished],
            pods: vec![PodLog { path: "/pods/a".to_owned(), written_bytes: 400, file_bytes: 400, counted }],
            agent: AgentSums { sent_entries: 13, acknowledged_bytes: 800, is_drained: true, ..AgentSums::default() },
            receiver: CheckStats { received: 13, accepted: 13, ..CheckStats::default() },
            verdict: Verdict { written: 4, arrived: 4, ..Verdict::default() },
        }
    }

    #[test]
    fn what_agrees_is_balanced() {
        let books = books();
        assert_eq!(books.differences(), [""; 0]);
        assert_eq!(books.written_bytes(), 100 + 200 + 107 + 400);
        assert_eq!(books.counted(|counted| counted.read_bytes), 800);
        assert_eq!(books.files(), 4);
    }

    #[test]
    fn every_count_that_is_off_is_told() {
        let spoils: [fn(&mut Books); 16] = [
            |books| books.node[0].counted.read_bytes -= 1,
            |books| books.node[0].counted.read_bytes += 1,
            |books| books.node[1].counted.read_bytes += 101,
            |books| books.node[2].counted.read_bytes += 1,
            |books| books.node[0].before.bytes += 1,
            |books| books.node[0].counted.read_lines -= 1,
            |books| books.pods[0].written_bytes += 1,
            |books| books.pods[0].file_bytes -= 1,
            |books| books.pods[0].counted.read_bytes -= 1,
            |books| books.agent.sent_entries -= 1,
            |books| books.agent.dropped_entries += 1,
            |books| books.agent.acknowledged_bytes -= 1,
            |books| books.agent.is_drained = false,
            |books| books.receiver.accepted -= 1,
            |books| books.receiver.refused += 1,
            |books| books.verdict.lost += 1,
        ];
        for (number, spoil) in spoils.into_iter().enumerate() {
            let mut books = books();
            spoil(&mut books);
            assert_ne!(books.differences(), [""; 0], "{number}");
        }
    }

    #[test]
    fn a_backlog_is_told_from_a_gap_by_where_the_agent_stands() {
        let mut books = books();
        books.node = vec![node_log(1_000, 1_000, 300)];
        books.node[0].counted.read_lines = 9;
        books.node[0].counted.size_bytes = 900;
        books.agent.acknowledged_bytes = 700;
        assert_eq!(books.differences(), [""; 0]);
        assert!(!books.node[0].is_read());
        books.node[0].counted.read_offset_bytes = 1_000;
        assert_eq!(books.differences().len(), 1);
    }

    #[test]
    fn a_log_that_was_rewritten_is_not_compared() {
        let mut books = books();
        books.node[0].after.is_rewritten = true;
        books.node[0].before.bytes = 5;
        assert_eq!(books.differences(), [""; 0]);
    }

    #[test]
    fn what_was_dropped_is_refused_and_need_not_be_acknowledged() {
        let mut books = books();
        books.agent.sent_entries -= 2;
        books.agent.dropped_entries += 2;
        books.agent.acknowledged_bytes -= 50;
        books.receiver.accepted -= 2;
        books.receiver.refused += 2;
        assert_eq!(books.differences(), [""; 0]);
    }
}
