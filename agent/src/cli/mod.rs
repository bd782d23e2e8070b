//! The command line: argv → command → exit code.

mod alloy_flags;
mod demo;
mod flags;
mod run;

use std::process::ExitCode;

use clap::{ArgAction, Parser, Subcommand};

const EXAMPLE: &str = r#"A configuration that ships the logs of a Kubernetes node's pods:

    local.file_match "pods" {
      path_targets = [{"__path__" = "/var/log/pods/*/*/*.log"}]
    }

    loki.source.file "pods" {
      targets    = local.file_match.pods.targets
      forward_to = [loki.process.pods.receiver]
    }

    loki.process "pods" {
      forward_to = [loki.write.default.receiver]

      stage.cri { }
    }

    loki.write "default" {
      endpoint {
        url = "http://loki:3100/loki/api/v1/push"
      }
    }

Save it as config.alloy and run it:

    longship run config.alloy --storage.path=/var/lib/longship"#;

/// Ships the logs of a node to Loki.
///
/// Reads the configuration language of Grafana Alloy, in which components are joined by references. A position in a file
/// moves only when Loki has accepted what lies before it, so nothing is lost when the agent or Loki stops; a restart goes
/// on where the last answer came from.
#[derive(Debug, Parser)]
#[command(
    name = "longship",
    display_name = "longship,",
    version = concat!("version v", env!("CARGO_PKG_VERSION")),
    disable_version_flag = true,
    after_long_help = EXAMPLE
)]
struct CommandLine {
    /// Print the version
    #[arg(short = 'v', long, action = ArgAction::Version)]
    version: (),
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Arguments),
    Demo(demo::Arguments),
}

/// Does what the command line says.
pub fn main() -> ExitCode {
    match CommandLine::parse().command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
    }
}

/// Prints a line on standard error.
#[expect(clippy::print_stderr, reason = "a command line tool speaks to its user")]
fn complain(line: &str) {
    eprintln!("{line}");
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use clap::CommandFactory as _;
    use longship_pipeline::{Compression, ObserveRung, ReadRung};

    use super::*;

    fn run(line: &str) -> Result<run::Arguments, String> {
        let words = ["longship", "run", "c.alloy"].into_iter().chain(line.split_whitespace());
        let parsed = CommandLine::try_parse_from(words).map_err(|error| error.to_string())?;
        let Command::Run(arguments) = parsed.command else { panic!("it is another command") };
        Ok(arguments)
    }

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn defaults_are_those_of_the_settings() {
        let settings = run("").unwrap().flags.settings();
        assert_eq!(format!("{settings:?}"), format!("{:?}", crate::boot::Settings::default()));
    }

    #[test]
    fn flags_reach_the_settings() {
        let settings = run(
            "--storage.path=/s --server.http.listen-addr :1 --drain-timeout=1m30s --cores=3 --pin --memory.budget 64MiB \
             --read.rung pread --observe.rung=poll --write.compression=none",
        );
        let settings = settings.unwrap().flags.settings();
        assert_eq!(settings.storage_path, PathBuf::from("/s"));
        assert_eq!(settings.listen_addr, ":1");
        assert_eq!(settings.drain_timeout, Duration::from_secs(90));
        assert_eq!((settings.cores, settings.pin, settings.budget_bytes), (Some(3), true, 64 << 20));
        assert_eq!((settings.read_rung, settings.observe_rung), (ReadRung::Pread, ObserveRung::Poll));
        assert_eq!(settings.compression, Compression::None);
        let bounded = run("--drain-timeout=15s --feature.component-shutdown-deadline=5s").unwrap();
        assert_eq!(bounded.flags.settings().drain_timeout, Duration::from_secs(5));
    }

    #[test]
    fn arguments_of_an_alloy_container_are_accepted() {
        let chart =
            run("--storage.path=/tmp/alloy --server.http.listen-addr=0.0.0.0:12345 --server.http.ui-path-prefix=/ \
             --disable-reporting --stability.level=generally-available");
        assert_eq!(chart.unwrap().alloy_flags.warnings(), [""; 0]);
        let clustered = run("--cluster.enabled=true --cluster.join-addresses=alloy-cluster --cluster.name=c");
        let clustered = clustered.unwrap();
        let [warning] = clustered.alloy_flags.warnings() else { panic!("{clustered:?}") };
        assert!(warning.starts_with("--cluster.enabled=true: clustering is not supported"), "{warning}");
        assert_eq!(run("--cluster.enabled=false").unwrap().alloy_flags.warnings(), [""; 0]);
        assert_eq!(run("--server.http.enable-graphql").unwrap().alloy_flags.warnings().len(), 1);
    }

    #[test]
    fn values_that_alloy_would_refuse_are_refused() {
        for (line, part) in [
            ("--stability.level=mature", "possible values: experimental, public-preview, generally-available"),
            ("--config.format=promtail", "possible values: alloy"),
            ("--cluster.enabled=maybe", "possible values: true, false"),
            ("--cluster.max-join-peers=many", "invalid digit"),
            ("--cluster.rejoin-interval=1d", "unknown unit"),
            ("--drain-timeout=15", "missing unit"),
            ("--memory.budget=1KiB", "expected at least 4MiB"),
            ("--cores=0", "not in 1..=256"),
            ("--storage.pth=/x", "a similar argument exists: '--storage.path'"),
        ] {
            let error = run(line).unwrap_err();
            assert!(error.contains(part), "{line}: {error}");
        }
    }
}
