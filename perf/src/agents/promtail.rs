//! Promtail, with the batch size that is its default.

use std::path::Path;
use std::process::Command;

use super::{Agent, Place};

pub(super) struct Promtail;

impl Agent for Promtail {
    fn name(&self) -> &'static str {
        "promtail"
    }

    fn encoding(&self) -> &'static str {
        "protobuf, snappy"
    }

    fn file_name(&self) -> &'static str {
        "promtail.yaml"
    }

    fn configuration(&self, place: &Place<'_>) -> String {
        format!(
            r#"server:
  http_listen_address: 127.0.0.1
  http_listen_port: {port}
  grpc_listen_port: 0
  log_level: warn
positions:
  filename: "{positions}"
clients:
  - url: "{push_url}"
    batchwait: 250ms
scrape_configs:
  - job_name: logs
    static_configs:
      - targets: [localhost]
        labels:
          job: perf
          __path__: "{pattern}"
    pipeline_stages:
      - cri: {{}}
"#,
            port = place.port,
            positions = place.folder.join("positions.yaml").display(),
            push_url = place.push_url(),
            pattern = place.pattern(),
        )
    }

    fn command(&self, program: &Path, configuration: &Path, _place: &Place<'_>) -> Command {
        let mut command = Command::new(program);
        command.arg("-config.file").arg(configuration);
        command
    }

    fn sent(&self) -> Option<(&'static str, &'static str)> {
        Some(("/metrics", "promtail_sent_entries_total"))
    }
}
