//! Turns a request's body into streams and entries.

mod json;
pub(crate) mod proto;

use std::io::{self, Read};

use bytes::Bytes;
use flate2::read::{DeflateDecoder, GzDecoder};
use prost::Message as _;

/// The entries of one element of a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stream {
    /// The label set as it was sent; of a JSON push, as text.
    pub(crate) labels: String,
    pub(crate) entries: Vec<Entry>,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) time_ns: i64,
    pub(crate) line: Bytes,
    pub(crate) metadata: Vec<(String, String)>,
}

/// What a body holds.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) streams: Vec<Stream>,
    /// Size of the protobuf or JSON text.
    pub(crate) uncompressed_bytes: u64,
    /// What is allowed, but no agent should send.
    pub(crate) findings: Vec<String>,
}

/// Why a body is no push: status and text of the answer.
pub(crate) type Undecodable = (u16, String);

/// Decodes a body by its `Content-Encoding` and `Content-Type`, as Loki takes them: protobuf is compressed with raw
/// snappy whatever the encoding says.
pub(crate) fn decode(body: Bytes, encoding: &str, content_type: &str) -> Result<Decoded, Undecodable> {
    let body = match encoding {
        "" | "snappy" => body,
        "gzip" => read_all(GzDecoder::new(&*body))?,
        "deflate" => read_all(DeflateDecoder::new(&*body))?,
        _ => return Err((400, format!("Content-Encoding {encoding:?} not supported"))),
    };
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if media_type.eq_ignore_ascii_case("application/json") {
        let streams = json::decode(&body).map_err(|reason| (400, reason))?;
        return Ok(Decoded { streams, uncompressed_bytes: body.len() as u64, findings: Vec::new() });
    }
    let protobuf = decompress(&body)?;
    let uncompressed_bytes = protobuf.len() as u64;
    let push = proto::PushRequest::decode(protobuf).map_err(|error| (400, error.to_string()))?;
    let mut findings = Vec::new();
    let streams = push.streams.into_iter().map(|stream| from_proto(stream, &mut findings)).collect::<Result<_, _>>()?;
    Ok(Decoded { streams, uncompressed_bytes, findings })
}

/// Returns the length that a raw snappy block says it decompresses to, 0 if it says none. Ten bytes are enough.
pub(crate) fn uncompressed_bytes(start: &[u8]) -> u64 {
    snap::raw::decompress_len(start).map_or(0, |bytes| bytes as u64)
}

/// More than this is refused, in a body and decompressed.
pub(crate) const BODY_BYTES_MAX: usize = 100 << 20;

/// The answer to a body over [`BODY_BYTES_MAX`].
pub(crate) fn too_large(bytes: usize) -> Undecodable {
    (413, format!("request body too large: {bytes} bytes, limit: {BODY_BYTES_MAX} bytes"))
}

fn decompress(body: &[u8]) -> Result<Bytes, Undecodable> {
    let corrupt = |_| (400, "snappy: corrupt input".to_owned());
    let bytes = snap::raw::decompress_len(body).map_err(corrupt)?;
    if bytes > BODY_BYTES_MAX {
        return Err(too_large(bytes));
    }
    snap::raw::Decoder::new().decompress_vec(body).map(Bytes::from).map_err(corrupt)
}

fn read_all(decoder: impl Read) -> Result<Bytes, Undecodable> {
    let mut bytes = Vec::new();
    let read: io::Result<usize> = decoder.take(BODY_BYTES_MAX as u64 + 1).read_to_end(&mut bytes);
    match read {
        Ok(read) if read > BODY_BYTES_MAX => Err(too_large(read)),
        Ok(_) => Ok(Bytes::from(bytes)),
        Err(error) => Err((400, error.to_string())),
    }
}

fn from_proto(stream: proto::StreamAdapter, findings: &mut Vec<String>) -> Result<Stream, Undecodable> {
    if stream.entries.is_empty() {
        findings.push(format!("stream {} without entries", stream.labels));
    }
    let mut entries = Vec::with_capacity(stream.entries.len());
    for entry in stream.entries {
        let Some(time) = entry.timestamp else {
            return Err((400, format!("entry without a timestamp in stream {}", stream.labels)));
        };
        if !(0..1_000_000_000).contains(&time.nanos) {
            return Err((400, format!("timestamp: nanos {} not in range [0, 1e9)", time.nanos)));
        }
        let time_ns = time.seconds.checked_mul(1_000_000_000).and_then(|ns| ns.checked_add(i64::from(time.nanos)));
        let Some(time_ns) = time_ns else {
            return Err((400, format!("timestamp: seconds {} out of range", time.seconds)));
        };
        if !entry.parsed.is_empty() {
            findings.push(format!("entry with parsed labels in stream {}", stream.labels));
        }
        if str::from_utf8(&entry.line).is_err() {
            findings.push(format!("line that is not UTF-8 in stream {}", stream.labels));
        }
        let metadata = entry.structured_metadata.into_iter().map(|pair| (pair.name, pair.value)).collect();
        entries.push(Entry { time_ns, line: entry.line, metadata });
    }
    Ok(Stream { labels: stream.labels, entries })
}
