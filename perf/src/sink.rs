//! `perf sink`: a Loki-compatible receiver as a process.

use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread;

use clap::Args;
use longship_sink::fault::Fault;
use longship_sink::limits::Limits;
use longship_sink::sink::{Check, Mode, Options, Sink};
use longship_sink::tls::Identity;

use crate::pinning::pin;

/// Takes pushes as Loki does: protobuf in snappy, JSON, gzip.
///
/// Pages: /stats (sums), /streams and /writers (only where pushes are checked), /control (faults in force; POST replaces them with
/// {"faults":[…]}), /ready. A fault is {"tenant":…, "scope":…, "delay_ms":…, "action":…}. Scope: "always", {"next":3},
/// {"chance":{"probability":0.1,"seed":1}}, {"for_ms":20000}. Action: "accept", {"refuse":{"status":429,
/// "retry_after":"1","text":…,"stored":false}}, {"refuse_entries":{"reason":"too_far_behind"|"stream_rate"|
/// "active_streams","streams":"part of the labels","every":2}}, "hang", "reset_before_body", "reset_after_body".
#[derive(Args)]
pub(crate) struct Arguments {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:3100")]
    listen: SocketAddr,
    /// Decode and check every push instead of only reading it.
    #[arg(long)]
    check: bool,
    /// Store what is equal in stream, time and line once, as Loki does.
    #[arg(long, requires = "check")]
    drop_equal: bool,
    /// Refuse entries that are a week old or ten minutes ahead of the clock, as Loki does.
    #[arg(long, requires = "check")]
    clock: bool,
    /// Behave as a Loki with its default limits: check, store what is equal once, hold times against the clock, and
    /// refuse what is over a tenant's or a stream's rate or a tenant's number of streams.
    #[arg(long, conflicts_with_all = ["check", "drop_equal", "clock"])]
    loki: bool,
    /// Faults from the start, as a JSON list.
    #[arg(long, value_name = "JSON")]
    faults: Option<String>,
    /// Certificate in PEM, for TLS.
    #[arg(long, requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// The certificate's key in PEM.
    #[arg(long, requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    /// Run on this core only.
    #[arg(long)]
    core: Option<usize>,
    /// End when standard input does, so that the sink does not outlive who started it.
    #[arg(long)]
    until_stdin_closes: bool,
}

/// Runs until killed, or until standard input closes.
pub(crate) fn sink(arguments: &Arguments) -> io::Result<()> {
    if let Some(core) = arguments.core {
        pin(core)?;
    }
    let sink = Sink::start(options(arguments)?)?;
    if let Some(faults) = &arguments.faults {
        let faults: Vec<Fault> = serde_json::from_str(faults)?;
        sink.set_faults(faults);
    }
    writeln!(io::stdout(), "{LISTENING}{}", sink.url())?;
    if arguments.until_stdin_closes {
        io::stdin().read_to_end(&mut Vec::new())?;
        sink.stop();
        return Ok(());
    }
    loop {
        thread::park();
    }
}

/// What the address is told after.
pub(crate) const LISTENING: &str = "listening on ";

fn options(arguments: &Arguments) -> io::Result<Options> {
    let mut limits = Limits::default();
    if arguments.clock {
        limits = limits.with_clock();
    }
    let mode = if arguments.loki {
        Mode::Check(Check::loki())
    } else if arguments.check {
        Mode::Check(Check { drop_equal: arguments.drop_equal, limits, ..Check::default() })
    } else {
        Mode::Drain
    };
    let tls = match (&arguments.tls_certificate, &arguments.tls_key) {
        (Some(certificate), Some(key)) => Some(Identity {
            certificates_pem: std::fs::read_to_string(certificate)?,
            key_pem: std::fs::read_to_string(key)?,
            clients_pem: None,
        }),
        _ => None,
    };
    Ok(Options { listen: arguments.listen, mode, tls, ..Options::drain() })
}
