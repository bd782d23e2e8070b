//! The public vectors of push bodies, where they are at hand.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::{Check, checking};
use crate::server::PUSH_PATH;

/// Returns the vectors of a kind, or tells that they are not here.
fn vectors(kind: &str) -> Option<Vec<Value>> {
    let folder = std::env::var_os("LONGSHIP_CONFORMANCE").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/conformance")),
        PathBuf::from,
    );
    let path = folder.join(format!("{kind}.json"));
    match fs::read(&path) {
        Ok(text) => Some(serde_json::from_slice(&text).unwrap()),
        Err(error) => {
            eprintln!("skipped: {}: {error} (set LONGSHIP_CONFORMANCE)", path.display());
            None
        }
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    hex.as_bytes().chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

#[test]
fn protobuf_vectors_decode_to_their_entries() {
    for vector in vectors("push_proto").unwrap_or_default() {
        let (sink, mut client) = checking(Check { entries_kept: 100, ..Check::default() });
        let protobuf = bytes(vector["expected"]["protobuf_hex"].as_str().unwrap());
        let body = snap::raw::Encoder::new().compress_vec(&protobuf).unwrap();
        assert_eq!(client.request("POST", PUSH_PATH, &body).unwrap().status, 204, "{}", vector["id"]);
        let expected: Vec<_> = vector["input"]["streams"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|stream| {
                stream["entries"].as_array().unwrap().iter().map(move |entry| (&stream["labels"], entry))
            })
            .collect();
        let entries = sink.entries();
        assert_eq!(entries.len(), expected.len());
        for (entry, (labels, wanted)) in entries.iter().zip(expected) {
            assert_eq!(entry.labels, labels.as_str().unwrap());
            assert_eq!(entry.time_ns, wanted["ts_ns"].as_i64().unwrap());
            assert_eq!(entry.line, wanted["line"].as_str().unwrap().as_bytes());
            let metadata: Vec<(String, String)> = serde_json::from_value(
                wanted.get("structured_metadata").cloned().unwrap_or_else(|| Value::Array(vec![])),
            )
            .unwrap();
            assert_eq!(entry.metadata, metadata);
        }
        assert_eq!(sink.stats().check.unwrap().findings, 0);
    }
}

#[test]
fn json_vectors_decode_to_their_entries() {
    for vector in vectors("push_json").unwrap_or_default() {
        let (sink, client) = checking(Check { entries_kept: 100, ..Check::default() });
        let mut client = client.with("Content-Type", "application/json");
        let body = vector["input"]["body"].as_str().unwrap();
        let status = client.request("POST", PUSH_PATH, body.as_bytes()).unwrap().status;
        if vector["expected"]["error"] == true {
            assert_eq!(status, 400, "{}", vector["id"]);
            continue;
        }
        assert_eq!(status, 204, "{}", vector["id"]);
        let entries = sink.entries();
        let stream = &vector["expected"]["streams"][0];
        let labels: Vec<_> = stream["labels"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| format!("{name}=\"{}\"", value.as_str().unwrap()))
            .collect();
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].labels, format!("{{{}}}", labels.join(", ")));
        assert_eq!(entries[0].line, stream["entries"][0]["line"].as_str().unwrap().as_bytes());
        let mut time = Vec::new();
        longship_workload::civil::Civil::from_ns(entries[0].time_ns.try_into().unwrap()).append_rfc3339_nano(&mut time);
        assert_eq!(String::from_utf8(time).unwrap(), stream["entries"][0]["timestamp"].as_str().unwrap());
    }
}
