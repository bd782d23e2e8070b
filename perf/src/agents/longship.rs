//! Longship, with one shard.

use std::path::Path;
use std::process::Command;

use super::{Agent, Place};

pub(super) struct Longship;

impl Agent for Longship {
    fn name(&self) -> &'static str {
        "longship"
    }

    fn encoding(&self) -> &'static str {
        "protobuf, snappy"
    }

    fn file_name(&self) -> &'static str {
        "config.alloy"
    }

    fn configuration(&self, place: &Place<'_>) -> String {
        configuration(place)
    }

    fn command(&self, program: &Path, configuration: &Path, place: &Place<'_>) -> Command {
        let mut command = command(program, configuration, place.folder, place.port);
        command.args(["--cores", "1"]);
        command
    }

    fn sent(&self) -> Option<(&'static str, &'static str)> {
        Some(("/metrics", "loki_write_sent_entries_total"))
    }
}

/// A configuration that Alloy takes too. Batches have the default size.
pub(super) fn configuration(place: &Place<'_>) -> String {
    format!(
        r#"local.file_match "logs" {{
	path_targets = [{{ __path__ = "{pattern}", job = "perf" }}]
}}

loki.source.file "logs" {{
	targets    = local.file_match.logs.targets
	forward_to = [loki.process.cri.receiver]
}}

loki.process "cri" {{
	forward_to = [loki.write.sink.receiver]

	stage.cri {{ }}
}}

loki.write "sink" {{
	endpoint {{
		url        = "{push_url}"
		batch_wait = "250ms"
	}}
}}
"#,
        pattern = place.pattern(),
        push_url = place.push_url()
    )
}

/// The flags that Alloy has too.
pub(crate) fn command(program: &Path, configuration: &Path, folder: &Path, port: u16) -> Command {
    let mut command = Command::new(program);
    command.arg("run").arg(configuration);
    command.arg("--storage.path").arg(folder.join("storage"));
    command.arg("--server.http.listen-addr").arg(format!("127.0.0.1:{port}"));
    command
}
