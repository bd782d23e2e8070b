//! A generated tree of pod logs, as below `/var/log/pods`: some that grow and are rotated, some that rest.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use longship_workload::spec::{Format, Payload, ReopenAfter, Rotation, Spec, Stamps};
use longship_workload::truth::Truth;
use longship_workload::workload::{Pace, Running, Until, Workload};

/// The generated logs. Those that rest have their lines.
pub(super) struct Pods {
    folder: PathBuf,
    workload: Workload,
}

/// The generated logs while they are written.
pub(super) struct GrowingPods {
    folder: PathBuf,
    running: Running,
}

/// The generated logs once they are written no more.
pub(super) struct WrittenPods {
    folder: PathBuf,
    /// What the writers know.
    pub(super) truth: Truth,
}

/// What one generated log holds.
pub(super) struct WrittenPod {
    /// The log.
    pub(super) path: PathBuf,
    /// Bytes that its writer wrote.
    pub(super) written_bytes: u64,
    /// Bytes in the log and its rotated generations, by fstat.
    pub(super) file_bytes: u64,
}

impl Pods {
    /// Makes the logs.
    pub(super) fn create(folder: &Path) -> io::Result<Self> {
        Ok(Self { folder: folder.to_owned(), workload: Workload::create(folder, &spec())? })
    }

    /// Begins to write, in a thread of its own, `lines_per_second` over all logs that grow.
    pub(super) fn grow(self, lines_per_second: u32) -> GrowingPods {
        let running = self.workload.spawn(Pace::LinesPerSecond(lines_per_second), Until::default());
        GrowingPods { folder: self.folder, running }
    }
}

impl GrowingPods {
    /// Ends the writing. Everything is in the files when this returns.
    pub(super) fn end(self) -> io::Result<WrittenPods> {
        Ok(WrittenPods { folder: self.folder, truth: self.running.stop()?.truth() })
    }
}

impl WrittenPods {
    /// Looks at every log, as its writer and as the kernel know it.
    pub(super) fn logs(&self) -> io::Result<Vec<WrittenPod>> {
        let logs = self.truth.writers.iter().map(|writer| {
            let path = self.folder.join(&writer.path);
            let generations = path.parent().expect("a pod's log has a folder of its own");
            Ok(WrittenPod { written_bytes: writer.source_bytes, file_bytes: bytes_in(generations)?, path })
        });
        logs.collect()
    }
}

/// Returns the bytes of all files in a folder.
fn bytes_in(folder: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        bytes += File::open(entry?.path())?.metadata()?.len();
    }
    Ok(bytes)
}

fn spec() -> Spec {
    Spec {
        format: Format::Cri,
        payload: Payload::Mixed,
        files: 12,
        active: 8,
        idle_lines: 50,
        idle_age: Duration::from_secs(3_600),
        stderr_percent: 10,
        stamps: Stamps::Wall,
        // All generations stay, so that there is something to count.
        rotation: Some(Rotation { bytes: 128 << 10, reopen_after: ReopenAfter::Lines(2), keep: u32::MAX, gzip: false }),
        ..Spec::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writers_and_kernel_agree() {
        let folder = tempfile::tempdir().unwrap();
        let pods = Pods::create(folder.path()).unwrap().grow(40_000);
        std::thread::sleep(Duration::from_millis(300));
        let pods = pods.end().unwrap();
        let logs = pods.logs().unwrap();
        assert_eq!(logs.len(), 12);
        assert!(logs.iter().all(|log| log.written_bytes > 0 && log.written_bytes == log.file_bytes));
        assert!(pods.truth.writers.iter().any(|writer| writer.rotations > 0), "logs are rotated");
    }
}
