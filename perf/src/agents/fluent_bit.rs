//! Fluent Bit, which pushes JSON and does not compress it unless told to.

use std::path::Path;
use std::process::Command;

use super::{Agent, Place};

pub(super) struct FluentBit;

impl Agent for FluentBit {
    fn name(&self) -> &'static str {
        "fluent-bit"
    }

    fn encoding(&self) -> &'static str {
        "JSON, uncompressed"
    }

    fn file_name(&self) -> &'static str {
        "fluent-bit.yaml"
    }

    fn configuration(&self, place: &Place<'_>) -> String {
        // Larger buffers are its documentation's advice for much data; memory is bounded so that it waits for the sink.
        let (host, port) = place.sink_address().split_once(':').unwrap_or_default();
        format!(
            r#"service:
  flush: 0.25
  log_level: warn
  http_server: on
  http_listen: 127.0.0.1
  http_port: {own_port}
pipeline:
  inputs:
    - name: tail
      path: "{pattern}"
      path_key: filename
      read_from_head: true
      multiline.parser: cri
      db: "{positions}"
      buffer_chunk_size: 1M
      buffer_max_size: 1M
      mem_buf_limit: 64M
  outputs:
    - name: loki
      match: "*"
      host: {host}
      port: {port}
      labels: job=perf, filename=$filename, stream=$stream
      remove_keys: filename, stream, time, _p
      drop_single_key: raw
"#,
            own_port = place.port,
            pattern = place.pattern(),
            positions = place.folder.join("positions.db").display(),
        )
    }

    fn command(&self, program: &Path, configuration: &Path, _place: &Place<'_>) -> Command {
        let mut command = Command::new(program);
        command.arg("-c").arg(configuration);
        command
    }

    fn sent(&self) -> Option<(&'static str, &'static str)> {
        Some(("/api/v1/metrics/prometheus", "fluentbit_output_proc_records_total"))
    }
}
