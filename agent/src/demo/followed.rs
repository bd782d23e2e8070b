//! The files that the agent follows, as the agent and as the kernel know them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use longship_pipeline::Snapshot;
use longship_pipeline::plan::{Plan, SourceIndex};

use super::balance::{NodeLog, PodLog};
use super::configuration::PODS_COMPONENT;
use super::held::{Extent, HeldFiles};
use super::pods::WrittenPod;
use super::tally::{Counted, Tally};

/// Every file that was followed so far.
pub(super) struct Followed {
    /// The source that follows the generated logs; the other one follows the node's.
    pods: SourceIndex,
    tally: Tally,
    held: HeldFiles,
}

/// What the kernel tells of the node's logs.
pub(super) type Extents = BTreeMap<PathBuf, Extent>;

impl Followed {
    pub(super) fn new(plan: &Plan) -> Self {
        let pods = plan.sources.iter().position(|source| source.component_id == PODS_COMPONENT);
        let pods = pods.and_then(|place| u16::try_from(place).ok());
        let pods = SourceIndex(pods.expect("the embedded configuration follows the generated logs"));
        Self { pods, tally: Tally::default(), held: HeldFiles::default() }
    }

    /// Takes the agent's counts, and takes hold of the node's logs that it follows.
    pub(super) fn take(&mut self, snapshot: &Snapshot) {
        self.tally.take(snapshot);
        for file in snapshot.files.iter().filter(|file| file.source != self.pods) {
            self.held.hold(&file.path);
        }
    }

    /// Asks the kernel about the node's logs. One that nobody may read has no extent.
    pub(super) fn extents(&mut self) -> Extents {
        let mut extents = Extents::new();
        for (source, path, _) in self.tally.files() {
            if source != self.pods
                && let Some(extent) = self.held.extent(path)
            {
                extents.insert(path.to_owned(), extent);
            }
        }
        extents
    }

    /// The node's logs, with what the kernel told before and after.
    pub(super) fn node_logs(&self, before: &Extents, after: &Extents) -> Vec<NodeLog> {
        let of_node = self.tally.files().filter(|(source, _, _)| *source != self.pods);
        let logs = of_node.map(|(_, path, counted)| NodeLog {
            path: path.display().to_string(),
            before: before.get(path).copied().unwrap_or_default(),
            after: after.get(path).copied().unwrap_or_default(),
            counted,
        });
        logs.collect()
    }

    /// The generated logs.
    pub(super) fn pod_logs(&self, written: &[WrittenPod]) -> Vec<PodLog> {
        let of_pods = self.tally.files().filter(|(source, _, _)| *source == self.pods);
        let counted: BTreeMap<&Path, Counted> = of_pods.map(|(_, path, counted)| (path, counted)).collect();
        let logs = written.iter().map(|log| PodLog {
            path: log.path.display().to_string(),
            written_bytes: log.written_bytes,
            file_bytes: log.file_bytes,
            counted: counted.get(log.path.as_path()).copied().unwrap_or_default(),
        });
        logs.collect()
    }
}
