//! A plain HTTP client and the bodies it sends.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;

use crate::decode::proto::{EntryAdapter, PushRequest, StreamAdapter, Timestamp};
use crate::server::PUSH_PATH;
use crate::sink::Sink;

/// An answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) text: String,
}

/// A connection that is kept open.
pub(super) struct Client<S = TcpStream> {
    stream: S,
    headers: String,
}

impl Client {
    pub(super) fn new(sink: &Sink) -> Self {
        let stream = TcpStream::connect(sink.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        Self::over(stream)
    }

    pub(super) fn set_timeout(&self, timeout: Duration) {
        self.stream.set_read_timeout(Some(timeout)).unwrap();
    }
}

impl<S: Read + Write> Client<S> {
    pub(super) fn over(stream: S) -> Self {
        Self { stream, headers: String::new() }
    }

    /// The same with a header in every request.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers += &format!("{name}: {value}\r\n");
        self
    }

    /// Pushes protobuf.
    pub(super) fn push(&mut self, streams: &[(&str, &[(i64, &str)])]) -> io::Result<Answer> {
        self.request("POST", PUSH_PATH, &protobuf(streams))
    }

    pub(super) fn get(&mut self, path: &str) -> Answer {
        self.request("GET", path, b"").unwrap()
    }

    pub(super) fn request(&mut self, method: &str, path: &str, body: &[u8]) -> io::Result<Answer> {
        self.send(method, path, body)?;
        self.receive()
    }

    pub(super) fn send(&mut self, method: &str, path: &str, body: &[u8]) -> io::Result<()> {
        self.begin(method, path, body.len(), body)
    }

    /// Sends the start of a request whose body has `length` bytes.
    pub(super) fn begin(&mut self, method: &str, path: &str, length: usize, body: &[u8]) -> io::Result<()> {
        let headers = &self.headers;
        let head = format!("{method} {path} HTTP/1.1\r\nHost: sink\r\n{headers}Content-Length: {length}\r\n\r\n");
        self.stream.write_all(&[head.as_bytes(), body].concat())?;
        self.stream.flush()
    }

    pub(super) fn receive(&mut self) -> io::Result<Answer> {
        let mut bytes = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_ascii_lowercase();
                let length = head
                    .lines()
                    .find_map(|line| line.strip_prefix("content-length: "))
                    .map_or(0, |length| length.parse().unwrap());
                if bytes.len() >= end + 4 + length {
                    let text = String::from_utf8(bytes[end + 4..].to_vec()).unwrap();
                    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
                    return Ok(Answer { status, head, text });
                }
            }
            match self.stream.read(&mut buffer)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => bytes.extend_from_slice(&buffer[..read]),
            }
        }
    }
}

/// Encodes streams, each with its entries' times and lines, as Loki's agents do.
pub(super) fn protobuf(streams: &[(&str, &[(i64, &str)])]) -> Vec<u8> {
    let streams = streams
        .iter()
        .map(|(labels, entries)| StreamAdapter {
            labels: (*labels).to_owned(),
            entries: entries.iter().map(|(time_ns, line)| entry(*time_ns, Bytes::from(line.to_string()))).collect(),
            hash: 0,
        })
        .collect();
    compress(&PushRequest { streams })
}

pub(super) fn entry(time_ns: i64, line: Bytes) -> EntryAdapter {
    let timestamp = Timestamp {
        seconds: time_ns.div_euclid(1_000_000_000),
        nanos: time_ns.rem_euclid(1_000_000_000).try_into().unwrap(),
    };
    EntryAdapter { timestamp: Some(timestamp), line, structured_metadata: Vec::new(), parsed: Vec::new() }
}

pub(super) fn compress(push: &PushRequest) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(&push.encode_to_vec()).unwrap()
}
