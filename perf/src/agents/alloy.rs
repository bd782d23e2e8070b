//! Grafana Alloy, with the file that Longship gets.

use std::path::Path;
use std::process::Command;

use super::{Agent, Place, longship};

pub(super) struct Alloy;

impl Agent for Alloy {
    fn name(&self) -> &'static str {
        "alloy"
    }

    fn encoding(&self) -> &'static str {
        "protobuf, snappy"
    }

    fn file_name(&self) -> &'static str {
        "config.alloy"
    }

    fn configuration(&self, place: &Place<'_>) -> String {
        longship::configuration(place)
    }

    fn command(&self, program: &Path, configuration: &Path, place: &Place<'_>) -> Command {
        let mut command = longship::command(program, configuration, place.folder, place.port);
        command.arg("--disable-reporting");
        command
    }

    fn sent(&self) -> Option<(&'static str, &'static str)> {
        Some(("/metrics", "loki_write_sent_entries_total"))
    }
}
