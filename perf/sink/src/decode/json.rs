//! Loki's JSON push.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

use super::{Entry, Stream};
use crate::labels::LabelSet;

/// Decodes `{"streams":[{"stream":{"k":"v"},"values":[["<ns>","line",{"meta":"v"}]]}]}`; returns what is wrong otherwise.
pub(super) fn decode(body: &[u8]) -> Result<Vec<Stream>, String> {
    let push: JsonPush = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    push.streams
        .into_iter()
        .map(|stream| {
            let pairs = stream.stream.into_iter().map(|(name, value)| (name, text(value)));
            let entries = stream.values.into_iter().map(entry).collect::<Result<_, String>>()?;
            Ok(Stream { labels: LabelSet::from_pairs(pairs).to_string(), entries })
        })
        .collect()
}

#[derive(Deserialize)]
struct JsonPush {
    streams: Vec<JsonStream>,
}

#[derive(Deserialize)]
struct JsonStream {
    stream: BTreeMap<String, Value>,
    values: Vec<JsonEntry>,
}

/// Time in nanoseconds, line, structured metadata.
#[derive(Deserialize)]
struct JsonEntry(String, String, #[serde(default)] BTreeMap<String, Value>);

fn entry(JsonEntry(time, line, metadata): JsonEntry) -> Result<Entry, String> {
    Ok(Entry {
        time_ns: time.parse().map_err(|error| format!("expected nanoseconds in a string, got {time:?}: {error}"))?,
        line: Bytes::from(line),
        metadata: metadata.into_iter().map(|(name, value)| (name, text(value))).collect(),
    })
}

/// Loki takes label values of any type as their text.
fn text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            other.to_string()
        }
    }
}
