//! All that the harness knows of Longship: how it is configured, started and asked.

use std::path::Path;
use std::process::Command;

use crate::http::Connection;

/// Returns a configuration that ships every log below `folder`. Batches have the default size; the last one of a run
/// waits a quarter of a second instead of one.
pub(super) fn configuration(folder: &Path, push_url: &str) -> String {
    let pattern = folder.join("**").join("*.log");
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
        pattern = pattern.display()
    )
}

/// Returns the command that runs it with one shard.
pub(super) fn command(agent: &Path, configuration: &Path, storage: &Path, port: u16) -> Command {
    let mut command = Command::new(agent);
    command.arg("run").arg(configuration);
    command.arg("--storage.path").arg(storage);
    command.args(["--server.http.listen-addr", &format!("127.0.0.1:{port}"), "--cores", "1"]);
    command
}

/// Returns how many entries it says were answered 2xx; `None` where it does not say.
pub(crate) fn sent_entries(port: u16) -> Option<u64> {
    metric(port, "loki_write_sent_entries_total")
}

/// Returns the sum of a metric's series; `None` where it does not answer or has none.
pub(crate) fn metric(port: u16, name: &str) -> Option<u64> {
    let answer = Connection::open(&format!("http://127.0.0.1:{port}")).ok()?.get("/metrics").ok()?;
    sum(str::from_utf8(&answer.body).ok()?, name)
}

/// Adds up all series of a metric in Prometheus' text form; `None` without any.
fn sum(exposition: &str, metric: &str) -> Option<u64> {
    let values = exposition.lines().filter_map(|line| {
        let rest = line.strip_prefix(metric)?;
        let value = if rest.starts_with('{') { rest.rsplit_once('}')?.1 } else { rest };
        value.strip_prefix(' ')?.split(' ').next()?.parse::<f64>().ok()
    });
    values.map(whole).reduce(|sum, value| sum + value)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counters are whole and not negative")]
fn whole(value: f64) -> u64 {
    value as u64
}

#[cfg(test)]
mod tests {
    use super::sum;

    #[test]
    fn series_are_added_up() {
        let text = "# TYPE a counter\na{host=\"x\",tenant=\"}\"} 3\na{host=\"y\"} 1e3 1700000000\na_b 7\nb 5\n";
        assert_eq!(sum(text, "a"), Some(1_003));
        assert_eq!(sum(text, "b"), Some(5));
        assert_eq!(sum(text, "c"), None);
    }
}
