//! What the kernel tells about this process, as series.
//!
//! The figures are there twice, under the names of the Prometheus client libraries and under Alloy's own, because
//! dashboards use both. A figure that cannot be read is left out; there is no telling it from nothing otherwise.

use std::fs;

use super::text::{Kind, Page};

/// Writes the series of this process.
pub(super) fn write(page: &mut Page) {
    if let Some(usage) = Usage::read() {
        usage.write(page);
    }
    if let Ok(descriptors) = fs::read_dir("/proc/self/fd") {
        // The folder itself is open while it is read.
        let open = descriptors.count().saturating_sub(1) as u64;
        page.single("process_open_fds", Kind::Gauge, "Open file descriptors.", open);
    }
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    if let Some(descriptors) = soft_limit(&limits, "Max open files") {
        page.single("process_max_fds", Kind::Gauge, "Highest number of open file descriptors.", descriptors);
    }
    if let Some(bytes) = soft_limit(&limits, "Max address space") {
        let help = "Highest amount of address space, in bytes.";
        page.single("process_virtual_memory_max_bytes", Kind::Gauge, help, bytes);
    }
    if let Some(traffic) = fs::read_to_string("/proc/self/net/dev").ok().as_deref().and_then(Traffic::parse) {
        traffic.write(page);
    }
}

/// Time and memory of the process.
#[derive(Debug, PartialEq)]
struct Usage {
    cpu_seconds: f64,
    /// Seconds since 1970.
    started: f64,
    virtual_bytes: u64,
    resident_bytes: u64,
}

impl Usage {
    fn read() -> Option<Self> {
        let status = fs::read_to_string("/proc/self/stat").ok()?;
        let system = fs::read_to_string("/proc/stat").ok()?;
        Self::parse(&status, &system, rustix::param::clock_ticks_per_second(), rustix::param::page_size() as u64)
    }

    /// Reads `/proc/<pid>/stat` and `/proc/stat` (proc(5)).
    fn parse(status: &str, system: &str, ticks_per_second: u64, page_bytes: u64) -> Option<Self> {
        // The second field is the program's name, which may hold anything; what follows it is counted from the third.
        let (_, fields) = status.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        let booted: u64 = system.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
        let seconds = |ticks: u64| ticks as f64 / ticks_per_second as f64;
        Some(Self {
            cpu_seconds: seconds(field(14)? + field(15)?),
            started: booted as f64 + seconds(field(22)?),
            virtual_bytes: field(23)?,
            resident_bytes: field(24)? * page_bytes,
        })
    }

    fn write(&self, page: &mut Page) {
        let cpu = "Processor time of the process, in seconds.";
        page.single("process_cpu_seconds_total", Kind::Counter, cpu, self.cpu_seconds);
        page.single("alloy_resources_process_cpu_seconds_total", Kind::Counter, cpu, self.cpu_seconds);
        let started = "When the process was started, in seconds since 1970.";
        page.single("process_start_time_seconds", Kind::Gauge, started, self.started);
        page.single("alloy_resources_process_start_time_seconds", Kind::Gauge, started, self.started);
        let size = "Address space of the process, in bytes.";
        page.single("process_virtual_memory_bytes", Kind::Gauge, size, self.virtual_bytes);
        page.single("alloy_resources_process_virtual_memory_bytes", Kind::Gauge, size, self.virtual_bytes);
        let resident = "Memory of the process that is in RAM, in bytes.";
        page.single("process_resident_memory_bytes", Kind::Gauge, resident, self.resident_bytes);
        page.single("alloy_resources_process_resident_memory_bytes", Kind::Gauge, resident, self.resident_bytes);
    }
}

/// Bytes over all network interfaces that the process can see.
#[derive(Debug, PartialEq, Eq)]
struct Traffic {
    received: u64,
    sent: u64,
}

impl Traffic {
    /// Reads `/proc/<pid>/net/dev`: an interface a line, received bytes first, sent bytes as the ninth figure.
    fn parse(text: &str) -> Option<Self> {
        let mut sum = Self { received: 0, sent: 0 };
        for (_, figures) in text.lines().filter_map(|line| line.split_once(':')) {
            let mut figures = figures.split_whitespace();
            sum.received += figures.next()?.parse::<u64>().ok()?;
            sum.sent += figures.nth(7)?.parse::<u64>().ok()?;
        }
        Some(sum)
    }

    fn write(&self, page: &mut Page) {
        let received = "Bytes received over all network interfaces of the host, or of the pod.";
        page.single("alloy_resources_machine_rx_bytes_total", Kind::Counter, received, self.received);
        let sent = "Bytes sent over all network interfaces of the host, or of the pod.";
        page.single("alloy_resources_machine_tx_bytes_total", Kind::Counter, sent, self.sent);
    }
}

/// Reads a soft limit of `/proc/<pid>/limits`; one that is unlimited is the highest number there is.
fn soft_limit(limits: &str, name: &str) -> Option<u64> {
    let figures = limits.lines().find_map(|line| line.strip_prefix(name))?;
    match figures.split_whitespace().next()? {
        "unlimited" => Some(u64::MAX),
        figure => figure.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_may_have_any_name() {
        let status = "77 (a) b (c)) S 1 77 77 0 -1 4194560 900 0 0 0 150 50 0 0 20 0 4 0 1000 8192000 300 1844 1 1";
        let system = "cpu  1 2 3\nbtime 1795000000\nprocesses 9\n";
        let expected =
            Usage { cpu_seconds: 2.0, started: 1_795_000_010.0, virtual_bytes: 8_192_000, resident_bytes: 1_228_800 };
        assert_eq!(Usage::parse(status, system, 100, 4096), Some(expected));
        assert_eq!(Usage::parse("77 (a) S 1", system, 100, 4096), None);
    }

    #[test]
    fn interfaces_are_summed() {
        let text = "Inter-|   Receive                |  Transmit\n \
                    face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets\n    \
                    lo:     100       2    0    0    0     0          0         0      100       2    0    0    0\n  \
                    eth0: 5000      20    0    0    0     0          0         0      700      20    0    0    0\n";
        assert_eq!(Traffic::parse(text), Some(Traffic { received: 5100, sent: 800 }));
    }

    #[test]
    fn limits() {
        let text = "Limit                     Soft Limit           Hard Limit           Units\n\
                    Max open files            1024                 524288               files\n\
                    Max address space         unlimited            unlimited            bytes\n";
        assert_eq!(soft_limit(text, "Max open files"), Some(1024));
        assert_eq!(soft_limit(text, "Max address space"), Some(u64::MAX));
        assert_eq!(soft_limit(text, "Max pending signals"), None);
    }

    #[test]
    fn this_process_has_figures() {
        let mut page = Page::default();
        write(&mut page);
        let text = page.into_text();
        for name in ["process_cpu_seconds_total ", "process_resident_memory_bytes ", "process_open_fds "] {
            assert!(text.lines().any(|line| line.starts_with(name)), "{name}");
        }
    }
}
