//! Vector, with a transform for CRI lines; partial lines, of which the workload has none, are not joined.

use std::path::Path;
use std::process::Command;

use super::{Agent, Place};

pub(super) struct Vector;

impl Agent for Vector {
    fn name(&self) -> &'static str {
        "vector"
    }

    fn encoding(&self) -> &'static str {
        "protobuf, snappy"
    }

    fn file_name(&self) -> &'static str {
        "vector.yaml"
    }

    fn configuration(&self, place: &Place<'_>) -> String {
        format!(
            r#"data_dir: "{folder}"
sources:
  logs:
    type: file
    include: ["{pattern}"]
    read_from: beginning
    file_key: filename
    fingerprint:
      strategy: device_and_inode
    max_read_bytes: 262144
transforms:
  cri:
    type: remap
    inputs: [logs]
    source: |
      parsed = parse_regex!(.message, r'^(?P<time>\S+) (?P<stream>stdout|stderr) (?P<tags>\S+) (?P<line>.*)$')
      .timestamp = parse_timestamp!(parsed.time, "%+")
      .stream = parsed.stream
      .message = parsed.line
sinks:
  loki:
    type: loki
    inputs: [cri]
    endpoint: "{sink_url}"
    healthcheck:
      enabled: false
    compression: snappy
    encoding:
      codec: text
    labels:
      job: perf
      filename: "{{{{ filename }}}}"
      stream: "{{{{ stream }}}}"
    out_of_order_action: accept
    batch:
      max_bytes: 1048576
      timeout_secs: 0.25
"#,
            folder = place.folder.display(),
            pattern = place.pattern(),
            sink_url = place.sink_url,
        )
    }

    fn command(&self, program: &Path, configuration: &Path, _place: &Place<'_>) -> Command {
        let mut command = Command::new(program);
        command.args(["--quiet", "--config"]).arg(configuration);
        command
    }

    /// Its counters would need a component of their own, so that it is done is known from its silence.
    fn sent(&self) -> Option<(&'static str, &'static str)> {
        None
    }
}
