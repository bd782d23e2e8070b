//! What a workload is: its files, their lines, how they are rotated.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Everything that decides the bytes of a workload, its pace and amount apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// Two workloads of one seed and otherwise equal specification write the same lines (times aside, where they come
    /// from the clock).
    pub seed: u64,
    /// How a line stands in its file.
    pub format: Format,
    /// What the lines say.
    pub payload: Payload,
    /// Mean bytes of one line in its file, with what the format adds and the newline. The lines' lengths are spread by
    /// an eighth to both sides. Content over 16 KiB becomes several partial records, as container runtimes do it.
    pub line_bytes: u32,
    /// Number of logs.
    pub files: u32,
    /// The first so many of [`Self::files`] grow; the others get [`Self::idle_lines`] and are left alone.
    pub active: u32,
    /// Lines of each log that does not grow.
    pub idle_lines: u32,
    /// How far back the logs that do not grow were last written to.
    pub idle_age: Duration,
    /// Where the logs stand below the workload's folder.
    pub layout: Layout,
    /// Share of lines that go to standard error, in percent; only where the format tells the two apart.
    pub stderr_percent: u8,
    /// Where the lines' times come from.
    pub stamps: Stamps,
    /// How the logs are rotated; `None` lets them grow.
    pub rotation: Option<Rotation>,
}

impl Default for Spec {
    /// One growing CRI log of mixed 221-byte lines with synthetic times, without rotation.
    fn default() -> Self {
        Self {
            seed: 1,
            format: Format::Cri,
            payload: Payload::Mixed,
            line_bytes: 221,
            files: 1,
            active: 1,
            idle_lines: 0,
            idle_age: Duration::ZERO,
            layout: Layout::Pods,
            stderr_percent: 0,
            stamps: Stamps::Synthetic { start_ns: SYNTHETIC_START_NS, step_ns: SYNTHETIC_STEP_NS },
            rotation: None,
        }
    }
}

/// The first time of a synthetic workload unless told otherwise: 2026-11-24T01:44:09.440037965Z.
pub const SYNTHETIC_START_NS: u64 = 1_795_484_649_440_037_965;
/// Nanoseconds between two lines of a synthetic workload unless told otherwise: about 100,000 lines/s, a prime so that
/// all digits move.
pub const SYNTHETIC_STEP_NS: u64 = 10_007;

/// How a line stands in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// As containerd writes it: `2026-11-24T01:44:09.440037965Z stdout F content`.
    Cri,
    /// As Docker's json-file driver writes it: `{"log":"content\n","stream":"stdout","time":"…"}`.
    Docker,
    /// The content alone.
    Plain,
    /// The same content in every line, without a tag.
    Identical,
}

impl Format {
    /// Whether lines carry a time of their own, so that a receiver's times can be compared with the writer's.
    pub fn has_times(self) -> bool {
        matches!(self, Self::Cri | Self::Docker)
    }

    /// Whether lines tell standard output from standard error.
    pub fn has_outputs(self) -> bool {
        matches!(self, Self::Cri | Self::Docker)
    }
}

/// What the lines say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Payload {
    /// A mix: half logfmt, three tenths JSON, the rest access lines.
    Mixed,
    /// `level=info caller=… msg="…" …`
    Logfmt,
    /// `{"level":"info","msg":"…",…}`
    Json,
    /// A web server's combined access log.
    Access,
}

/// Where the logs stand below the workload's folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// As below `/var/log/pods`: `<namespace>_<pod>_<uid>/<container>/0.log`.
    Pods,
    /// All in one folder: `writer-00007.log`.
    Flat,
}

/// Where the lines' times come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stamps {
    /// The first line of the workload has `start_ns`, each further one, whatever its file, `step_ns` more.
    Synthetic {
        /// Nanoseconds since 1970.
        start_ns: u64,
        /// Nanoseconds from one line to the next.
        step_ns: u64,
    },
    /// The machine's clock when the line is made, never below the line before.
    Wall,
}

/// Rotation as the kubelet does it: the log is renamed with a time at its end, then a new one is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    /// A log of this size is rotated.
    pub bytes: u64,
    /// How long the writer goes on writing to the renamed file before it makes the new one.
    pub reopen_after: ReopenAfter,
    /// Rotated generations that stay; 0 removes a generation as soon as its successor is open.
    pub keep: u32,
    /// Compress the generations before the last one, at each rotation.
    pub gzip: bool,
}

/// What ends the time between the rename and the new file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReopenAfter {
    /// So many more lines, which go to the renamed file.
    Lines(u64),
    /// The first line written after this long.
    Time(Duration),
}
