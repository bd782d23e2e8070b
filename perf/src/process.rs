//! What the kernel tells of a process.

use std::fs;
use std::io;
use std::time::Duration;

use rustix::param::clock_ticks_per_second;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

/// What a process has used so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Time of all its threads, in user space and kernel, in steps of the kernel's clock tick (10 ms).
    pub(crate) cpu: Duration,
    /// The most memory it had resident at a time.
    pub(crate) resident_bytes_max: u64,
}

/// Returns what a process has used so far. It must not have been waited for.
pub(crate) fn usage(pid: u32) -> io::Result<Usage> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let unreadable = || io::Error::other(format!("/proc/{pid} cannot be read"));
    let ticks = ticks(&stat).ok_or_else(unreadable)?;
    let cpu = Duration::from_nanos(ticks * (1_000_000_000 / clock_ticks_per_second()));
    Ok(Usage { cpu, resident_bytes_max: memory(&status, "VmHWM:").ok_or_else(unreadable)? })
}

/// Returns how long a process' threads have run so far, to the nanosecond; those that have ended are left out.
pub(crate) fn running_time(pid: u32) -> io::Result<Duration> {
    let mut running = Duration::ZERO;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end between the two system calls.
        let schedstat = fs::read_to_string(thread?.path().join("schedstat")).unwrap_or_default();
        let nanoseconds = schedstat.split(' ').next().and_then(|field| field.parse().ok());
        running += Duration::from_nanos(nanoseconds.unwrap_or(0));
    }
    Ok(running)
}

/// Returns the memory that a process has resident now.
pub(crate) fn resident_bytes(pid: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    memory(&status, "VmRSS:").ok_or_else(|| io::Error::other(format!("/proc/{pid}/status cannot be read")))
}

/// Returns the processor time of this process.
pub(crate) fn own_cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).expect("a process has not used negative time");
    Duration::new(seconds, u32::try_from(time.tv_nsec).expect("nanoseconds are below 10^9"))
}

/// Raises the limit of open files as far as it goes without privilege: each growing log is one.
pub(crate) fn raise_open_files() -> io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?)
}

/// Returns fields 14 and 15 of `/proc/PID/stat` (proc_pid_stat(5)). The second field is the program's name, which may
/// hold blanks and parentheses, so counting begins after its end.
fn ticks(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(") ")?;
    let mut fields = after_name.split(' ').skip(14 - 3);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

/// Returns a field of `/proc/PID/status` that is in KiB.
fn memory(status: &str, field: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib << 10)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{memory, own_cpu, resident_bytes, running_time, ticks, usage};

    #[test]
    fn files_of_proc_are_read() {
        let stat = "7 (a (b) c) R 1 7 7 0 -1 4194304 0 0 0 0 123 45 0 0 20 0 1 0 5 6 7";
        assert_eq!(ticks(stat), Some(168));
        assert_eq!(ticks("7 (a"), None);
        assert_eq!(memory("Name:\tx\nVmHWM:\t    2048 kB\n", "VmHWM:"), Some(2 << 20));
        assert_eq!(memory("Name:\tx\n", "VmHWM:"), None);
    }

    #[test]
    fn work_shows_in_both_clocks() {
        let begin = (own_cpu(), usage(std::process::id()).unwrap().cpu);
        let start = Instant::now();
        while own_cpu() - begin.0 < Duration::from_millis(60) {
            std::hint::black_box(start.elapsed());
        }
        let used = usage(std::process::id()).unwrap();
        assert!(used.cpu - begin.1 >= Duration::from_millis(40), "{used:?}");
        assert!(used.resident_bytes_max > 100_000);
        let resident = resident_bytes(std::process::id()).unwrap();
        assert!((100_000..=used.resident_bytes_max).contains(&resident), "{resident} of {used:?}");
        assert!(running_time(std::process::id()).unwrap() >= Duration::from_millis(40));
    }
}
