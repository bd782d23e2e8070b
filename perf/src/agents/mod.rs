//! The programs that can be measured: how each is configured, started and asked.
//!
//! Every configuration does the same work: read all logs of a folder in the layout of `/var/log/pods` from their
//! beginning, parse CRI, label with `job`, `filename` and `stream`, push to one place, remember positions on disk. The
//! rest is as the program's documentation advises, and batches wait a quarter of a second at most.

mod alloy;
mod exposition;
mod fluent_bit;
pub(crate) mod longship;
pub(crate) mod process;
mod promtail;
mod vector;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the harness knows of a kind of program.
trait Agent: Sync {
    /// As on the command line and in reports.
    fn name(&self) -> &'static str;

    /// How it encodes pushes.
    fn encoding(&self) -> &'static str;

    /// The name of its configuration file, whose ending some programs judge by.
    fn file_name(&self) -> &'static str;

    /// The configuration for a run.
    fn configuration(&self, place: &Place<'_>) -> String;

    /// The command that runs `program` with the configuration in a file.
    fn command(&self, program: &Path, configuration: &Path, place: &Place<'_>) -> Command;

    /// The page and the counter on it that tell how many entries were answered 2xx; `None` if there is no such counter.
    fn sent(&self) -> Option<(&'static str, &'static str)>;
}

/// Where an agent finds and leaves things in one run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) logs: &'a Path,
    /// For its configuration, positions and whatever else it keeps.
    pub(crate) folder: &'a Path,
    /// The sink's address without a path.
    pub(crate) sink_url: &'a str,
    /// A free port for its own pages.
    pub(crate) port: u16,
}

impl Place<'_> {
    /// The pattern of all logs' paths.
    fn pattern(&self) -> String {
        self.logs.join("*/*/*.log").display().to_string()
    }

    fn push_url(&self) -> String {
        format!("{}/loki/api/v1/push", self.sink_url)
    }

    /// The sink's address without its scheme.
    fn sink_address(&self) -> &str {
        self.sink_url.strip_prefix("http://").unwrap_or(self.sink_url)
    }
}

/// A program of a known kind.
#[derive(Clone)]
pub(crate) struct Program {
    agent: &'static dyn Agent,
    pub(crate) path: PathBuf,
    /// What it is started with beside what every run needs.
    pub(crate) flags: Vec<String>,
}

impl Program {
    pub(crate) fn longship(path: &Path) -> Self {
        Self { agent: &longship::Longship, path: path.to_owned(), flags: Vec::new() }
    }

    pub(crate) fn with_flags(self, flags: &[String]) -> Self {
        Self { flags: flags.to_vec(), ..self }
    }

    /// Reads `KIND=PATH`, where KIND is any but Longship.
    pub(crate) fn peer(text: &str) -> Result<Self, String> {
        let (name, path) = text.split_once('=').ok_or("expected KIND=PATH")?;
        let agent = PEERS.iter().copied().find(|agent| agent.name() == name).ok_or_else(|| {
            let names: Vec<_> = PEERS.iter().map(|agent| agent.name()).collect();
            format!("expected one of {} before the equals sign, got {name}", names.join(", "))
        })?;
        Ok(Self { agent, path: path.into(), flags: Vec::new() })
    }

    pub(crate) fn name(&self) -> &'static str {
        self.agent.name()
    }

    pub(crate) fn is_longship(&self) -> bool {
        self.name() == longship::Longship.name()
    }

    pub(crate) fn encoding(&self) -> &'static str {
        self.agent.encoding()
    }

    /// The first line of what it says of its version.
    pub(crate) fn version(&self) -> Option<String> {
        let output =
            Command::new(&self.path).arg("--version").output().ok().filter(|output| output.status.success())?;
        let text = [output.stdout, output.stderr].concat();
        String::from_utf8_lossy(&text).lines().next().map(str::to_owned)
    }

    /// Writes its configuration and returns the command that runs it.
    pub(crate) fn prepare(&self, place: &Place<'_>) -> io::Result<Command> {
        let configuration = place.folder.join(self.agent.file_name());
        fs::write(&configuration, self.agent.configuration(place))?;
        let mut command = self.agent.command(&self.path, &configuration, place);
        command.args(&self.flags);
        Ok(command)
    }

    /// Returns how many entries it says were answered 2xx; `None` where it does not say.
    pub(crate) fn sent_entries(&self, port: u16) -> Option<u64> {
        let (page, counter) = self.agent.sent()?;
        process::metric(port, page, counter)
    }
}

const PEERS: [&dyn Agent; 4] = [&promtail::Promtail, &fluent_bit::FluentBit, &alloy::Alloy, &vector::Vector];

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Agent, PEERS, Place, Program, longship};

    #[test]
    fn peers_are_read() {
        let peer = Program::peer("fluent-bit=/usr/bin/fluent-bit").unwrap();
        assert_eq!((peer.name(), peer.path.as_path()), ("fluent-bit", Path::new("/usr/bin/fluent-bit")));
        let message = "expected one of promtail, fluent-bit, alloy, vector before the equals sign, got longship";
        assert_eq!(Program::peer("longship=x").err().unwrap(), message);
        assert_eq!(Program::peer("promtail").err().unwrap(), "expected KIND=PATH");
    }

    #[test]
    fn every_configuration_has_the_same_labels_and_logs() {
        let place =
            Place { logs: Path::new("/logs"), folder: Path::new("/run"), sink_url: "http://127.0.0.1:3100", port: 1 };
        let longship: &dyn Agent = &longship::Longship;
        for agent in [&[longship][..], &PEERS].concat() {
            let configuration = agent.configuration(&place);
            for part in ["/logs/*/*/*.log", "127.0.0.1", "3100", "perf"] {
                assert!(configuration.contains(part), "{}: {part}\n{configuration}", agent.name());
            }
        }
    }

    #[test]
    fn further_flags_come_last() {
        let folder = tempfile::tempdir().unwrap();
        let place =
            Place { logs: Path::new("/logs"), folder: folder.path(), sink_url: "http://127.0.0.1:3100", port: 1 };
        let flags = ["--write.compression=none".to_owned()];
        let command = Program::longship(Path::new("agent")).with_flags(&flags).prepare(&place).unwrap();
        assert_eq!(command.get_args().last(), Some(flags[0].as_ref()));
    }

    #[test]
    fn a_version_is_the_first_line() {
        assert!(Program::peer("alloy=/bin/cat").unwrap().version().unwrap().starts_with("cat "));
        assert_eq!(Program::peer("alloy=/nonexistent").unwrap().version(), None);
    }
}
