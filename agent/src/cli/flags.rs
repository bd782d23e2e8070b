//! The flags of `longship run`, beside those that only Alloy has a use for ([`super::alloy_flags`]).

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use longship_pipeline::{Compression, ObserveRung, ReadRung};

use crate::boot::Settings;
use crate::quantity;

/// What the agent does with what it is given.
#[derive(Debug, Args)]
pub(super) struct Flags {
    /// Address of the HTTP server for /metrics, /-/ready and /-/healthy; ":12345" listens on all addresses
    #[arg(long = "server.http.listen-addr", value_name = "HOST:PORT", default_value = "127.0.0.1:12345")]
    listen_addr: String,
    /// Folder for the agent's own data: the positions in files. It should survive a restart
    #[arg(long = "storage.path", value_name = "FOLDER", default_value = "data-alloy/")]
    storage_path: PathBuf,
    /// How long a stop may take to send what was read and get it acknowledged
    #[arg(long, value_name = "DURATION", default_value = "15s", value_parser = quantity::duration)]
    drain_timeout: Duration,
    /// Never drain longer than this (Alloy's name for a bound of the same kind)
    #[arg(
        long = "feature.component-shutdown-deadline",
        value_name = "DURATION",
        default_value = "10m",
        value_parser = quantity::duration
    )]
    shutdown_deadline: Duration,
    /// Threads that read, encode and send [default: the CPU quota of the cgroup rounded up, at most 4 without a quota]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    cores: Option<u16>,
    /// Pin each of these threads to a processor; for machines that the agent has exclusive processors on
    #[arg(long)]
    pin: bool,
    /// Bound of the memory for data on its way: encoded, compressed, or half of a record
    #[arg(long = "memory.budget", value_name = "SIZE", default_value = "32MiB", value_parser = budget)]
    memory_budget: u64,
    /// How files are read; "auto" takes io_uring where the system allows it
    #[arg(long = "read.rung", value_name = "RUNG", value_enum, default_value_t = Read::Auto)]
    read_rung: Read,
    /// How growing files are noticed; "auto" takes inotify where the system allows it
    #[arg(long = "observe.rung", value_name = "RUNG", value_enum, default_value_t = Observe::Auto)]
    observe_rung: Observe,
    /// How requests are made shorter; "none" saves most of the CPU time, where the network to Loki costs nothing
    #[arg(long = "write.compression", value_name = "FORM", value_enum, default_value_t = Compress::Snappy)]
    write_compression: Compress,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Read {
    Auto,
    #[value(name = "io_uring")]
    IoUring,
    Pread,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Observe {
    Auto,
    Inotify,
    Poll,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Compress {
    Snappy,
    None,
}

/// Less than this leaves no room for one batch of the default size to be filled while another is sent.
const BUDGET_BYTES_MIN: u64 = 4 << 20;

fn budget(text: &str) -> Result<u64, String> {
    match quantity::bytes(text)? {
        bytes @ ..BUDGET_BYTES_MIN => Err(format!("{bytes} bytes are too few, expected at least 4MiB")),
        bytes => Ok(bytes),
    }
}

impl Flags {
    /// Returns what the flags say in the form the agent starts with.
    pub(super) fn settings(&self) -> Settings {
        Settings {
            storage_path: self.storage_path.clone(),
            listen_addr: self.listen_addr.clone(),
            cores: self.cores.map(usize::from),
            pin: self.pin,
            read_rung: match self.read_rung {
                Read::Auto => ReadRung::Auto,
                Read::IoUring => ReadRung::IoUring,
                Read::Pread => ReadRung::Pread,
            },
            observe_rung: match self.observe_rung {
                Observe::Auto => ObserveRung::Auto,
                Observe::Inotify => ObserveRung::Inotify,
                Observe::Poll => ObserveRung::Poll,
            },
            budget_bytes: self.memory_budget,
            compression: match self.write_compression {
                Compress::Snappy => Compression::Snappy,
                Compress::None => Compression::None,
            },
            drain_timeout: self.drain_timeout.min(self.shutdown_deadline),
        }
    }
}
