//! What the data plane tells → log lines, with Alloy's messages where it has them.

use std::fmt::Display;
use std::time::Duration;

use longship_pipeline::Event;
use longship_pipeline::plan::{DestinationKind, Plan, SourceIndex, WriteIndex};

use crate::log::Level;
use crate::{log, time};

/// Writes the log lines of an event.
pub(crate) fn report(event: &Event, plan: &Plan) {
    match event {
        Event::TailStarted { source, path, offset } => {
            let (id, path) = (source_id(plan, *source), path.display());
            log!(Info, "start tailing file", component_id = id, component = "tailer", path = path, offset = offset);
        }
        Event::TailStopped { source, path } => {
            let (id, path) = (source_id(plan, *source), path.display());
            log!(Info, "stopped tailing file", component_id = id, component = "tailer", path = path);
        }
        Event::TailFailed { source, path, error } => {
            let (id, path) = (source_id(plan, *source), path.display());
            log!(Error, "failed to tail file", component_id = id, component = "tailer", path = path, err = error);
        }
        Event::Truncated { source, path, lost_bytes } => {
            let (id, path) = (source_id(plan, *source), path.display());
            log!(
                Warn,
                "file was truncated, reading from its start",
                component_id = id,
                component = "tailer",
                path = path,
                lost_bytes = lost_bytes,
            );
        }
        Event::PushRetried { write, destination, status, error } => {
            let place = Place::new(plan, *write, *destination);
            log!(
                Warn,
                "error sending batch, will retry",
                component_id = place.component_id,
                component = "endpoint",
                host = place.host,
                status = status_text(*status),
                tenant = place.tenant,
                error = error,
            );
        }
        Event::PushDropped { write, destination, status, entries, reason, error } => {
            let place = Place::new(plan, *write, *destination);
            log!(
                Error,
                "final error sending batch, no retries left, dropping data",
                component_id = place.component_id,
                component = "endpoint",
                host = place.host,
                status = status_text(*status),
                tenant = place.tenant,
                entries = entries,
                reason = reason,
                error = error,
            );
        }
        Event::Echo { write, entries } => {
            let id = &plan.writes[usize::from(write.0)].component_id;
            for entry in entries {
                echo(id, entry);
            }
        }
        Event::WatchFailed { folder, error } => {
            let folder = folder.display();
            log!(Warn, "folder cannot be watched, its files are polled", path = folder, err = error);
        }
        Event::PositionsFailed { error } => log!(Error, "positions cannot be saved", err = error),
    }
}

/// Writes an entry as `loki.echo` does. Entries are data, so none is left out.
fn echo(component_id: &str, entry: &longship_pipeline::EchoEntry) {
    if !log::is_enabled(Level::Info) {
        return;
    }
    let timestamp = time::rfc3339_millis(Duration::from_nanos(u64::try_from(entry.timestamp_ns).unwrap_or(0)));
    let fields: [(&str, &dyn Display); 5] = [
        ("component_id", &component_id),
        ("entry", &entry.line),
        ("entry_timestamp", &timestamp),
        ("labels", &entry.labels),
        ("structured_metadata", &"{}"),
    ];
    log::write(Level::Info, "received log entry", &fields, 0);
}

fn source_id(plan: &Plan, source: SourceIndex) -> &str {
    &plan.sources[usize::from(source.0)].component_id
}

/// How Alloy writes a status: -1 stands for no answer.
fn status_text(status: Option<u16>) -> String {
    status.map_or_else(|| "-1".to_owned(), |status| status.to_string())
}

/// What a destination is called in a log line.
#[derive(Debug, PartialEq, Eq)]
struct Place<'p> {
    component_id: &'p str,
    host: &'p str,
    tenant: &'p str,
}

impl<'p> Place<'p> {
    fn new(plan: &'p Plan, write: WriteIndex, destination: usize) -> Self {
        let write = &plan.writes[usize::from(write.0)];
        let (host, tenant) = match &write.destinations[destination].kind {
            DestinationKind::Loki(endpoint) => (host(&endpoint.url), endpoint.tenant_id.as_str()),
            DestinationKind::Echo => ("", ""),
        };
        Self { component_id: &write.component_id, host, tenant }
    }
}

/// Returns the host and port of an address as they are written, without user and password.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_without_secrets() {
        for (url, expect) in [
            ("http://loki:3100/loki/api/v1/push", "loki:3100"),
            ("https://user:p%40ss@loki.example/push", "loki.example"),
            ("http://[::1]:3100", "[::1]:3100"),
            ("http://loki?x=@y", "loki"),
        ] {
            assert_eq!(host(url), expect);
        }
    }

    #[test]
    fn a_missing_status_is_minus_one() {
        assert_eq!((status_text(None), status_text(Some(500))), ("-1".to_owned(), "500".to_owned()));
    }
}
