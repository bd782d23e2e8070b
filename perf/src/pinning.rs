//! Keeps threads and processes on one core.

use std::io;
use std::process::{Child, Command};
use std::thread;

use clap::Args;
use rustix::thread::{CpuSet, sched_setaffinity};

/// Which cores are used.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Cores {
    /// Core of what is measured.
    #[arg(long, default_value_t = 0)]
    pub(crate) core: usize,
    /// Core of the sink, and of what else runs beside.
    #[arg(long, default_value_t = 1)]
    pub(crate) sink_core: usize,
}

/// Keeps the calling thread, and the threads and processes it starts from now on, on one core.
pub(crate) fn pin(core: usize) -> io::Result<()> {
    pin_to(&[core])
}

fn pin_to(cores: &[usize]) -> io::Result<()> {
    let mut set = CpuSet::new();
    for &core in cores {
        if core >= CpuSet::MAX_CPU {
            return Err(io::Error::other(format!("there is no core {core}")));
        }
        set.set(core);
    }
    sched_setaffinity(None, &set)
        .map_err(|error| io::Error::new(error.kind(), format!("sched_setaffinity to cores {cores:?}: {error}")))
}

/// Starts a process on some cores. A thread of its own is pinned for that and hands its cores down.
pub(crate) fn spawn_pinned(command: &mut Command, cores: &[usize]) -> io::Result<Child> {
    let program = command.get_program().to_owned();
    let spawned = thread::scope(|scope| {
        scope
            .spawn(|| {
                pin_to(cores)?;
                command
                    .spawn()
                    .map_err(|error| io::Error::new(error.kind(), format!("starting {}: {error}", program.display())))
            })
            .join()
    });
    spawned.unwrap_or_else(|_| Err(io::Error::other("the starting thread panicked")))
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::{pin, spawn_pinned};

    #[test]
    fn a_process_runs_on_its_core() {
        let mut command = Command::new("cat");
        command.arg("/proc/self/status").stdout(Stdio::piped());
        let output = spawn_pinned(&mut command, &[0]).unwrap().wait_with_output().unwrap();
        let status = String::from_utf8(output.stdout).unwrap();
        assert!(status.contains("Cpus_allowed_list:\t0\n"), "{status}");
    }

    #[test]
    fn a_core_that_is_not_there_is_an_error() {
        assert!(pin(1_000_000).is_err());
        assert!(spawn_pinned(&mut Command::new("true"), &[1_000]).is_err());
    }
}
