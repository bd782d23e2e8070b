//! The runtime of a shard's thread: io_uring where the kernel allows it, else tokio's own.

use std::future::Future;
use std::io;

use rustix::io::Errno;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use tokio::task::LocalSet;

use super::reader::Reader;
use crate::pipeline::{ReadRung, StartError};

/// Rungs that were refused, with the reasons.
pub(super) type Refusals = Vec<(&'static str, String)>;

/// A runtime of one thread that runs tasks which stay on it.
pub(super) enum Runtime {
    /// tokio-uring's.
    IoUring(tokio_uring::Runtime),
    /// tokio's, with files read by pread.
    Pread(tokio::runtime::Runtime, LocalSet),
}

impl Runtime {
    /// Creates the runtime for a rung, with the reasons why a higher one was refused.
    pub(super) fn new(rung: ReadRung) -> Result<(Self, Refusals), StartError> {
        let mut refused = Refusals::new();
        if rung != ReadRung::Pread {
            match tokio_uring::Runtime::new(&tokio_uring::builder()) {
                Ok(runtime) => return Ok((Self::IoUring(runtime), refused)),
                Err(error) if rung == ReadRung::Auto && is_refusal(&error) => {
                    refused.push(("io_uring", format!("io_uring_setup: {error}")));
                }
                Err(error) => return Err(StartError::Rung { rung: "io_uring", error }),
            }
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| StartError::Rung { rung: "pread", error })?;
        Ok((Self::Pread(runtime, LocalSet::new()), refused))
    }

    /// Runs a future to its end, and tasks that it spawns beside it.
    pub(super) fn block_on<F: Future>(&self, future: F) -> F::Output {
        match self {
            Self::IoUring(runtime) => runtime.block_on(future),
            Self::Pread(runtime, local) => local.block_on(runtime, future),
        }
    }

    /// Gives the reader that belongs to it, inside of it. Also why its buffers are not registered, if they are not.
    pub(super) fn reader(&self) -> (Reader, Option<io::Error>) {
        match self {
            Self::IoUring(_) => Reader::io_uring(),
            Self::Pread(..) => (Reader::pread(), None),
        }
    }

    /// Its rung's name.
    pub(super) fn rung(&self) -> &'static str {
        match self {
            Self::IoUring(_) => "io_uring",
            Self::Pread(..) => "pread",
        }
    }
}

/// io_uring is not there, or seccomp, a sysctl or a memory limit forbids it. Anything else is worth an error.
fn is_refusal(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(errno, Some(Errno::NOSYS | Errno::PERM | Errno::ACCESS | Errno::NOMEM))
}

/// Keeps this thread on one processor.
pub(super) fn pin(processor: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(processor);
    Ok(sched_setaffinity(None, &set)?)
}

/// The processors this process may run on; none if that cannot be told.
pub(super) fn processors() -> Vec<usize> {
    match sched_getaffinity(None) {
        Ok(set) => (0..CpuSet::MAX_CPU).filter(|processor| set.is_set(*processor)).collect(),
        Err(_) => Vec::new(),
    }
}
