//! A small blocking HTTP client for loopback.

use std::io::{self, IoSlice, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A connection that is kept for many requests.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    host: String,
    received: Vec<u8>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Connection {
    /// Connects to the host of an address such as `http://127.0.0.1:3100`.
    pub(crate) fn open(url: &str) -> io::Result<Self> {
        let unusable = || io::Error::other(format!("expected an address such as http://127.0.0.1:3100, got {url}"));
        let rest = url.strip_prefix("http://").ok_or_else(unusable)?;
        let host = rest.split('/').next().unwrap_or_default();
        let address: SocketAddr = host.parse().map_err(|error| io::Error::other(format!("{url}: {error}")))?;
        let stream = TcpStream::connect_timeout(&address, PATIENCE)
            .map_err(|error| io::Error::new(error.kind(), format!("connecting to {url}: {error}")))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, host: host.to_owned(), received: Vec::new() })
    }

    /// Gets a page.
    pub(crate) fn get(&mut self, path: &str) -> io::Result<Answer> {
        let host = &self.host;
        self.stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes())?;
        self.receive()
    }

    /// Pushes a body that is protobuf in raw snappy.
    pub(crate) fn push(&mut self, path: &str, body: &[u8]) -> io::Result<Answer> {
        let (host, length) = (&self.host, body.len());
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-protobuf\r\nContent-Encoding: \
             snappy\r\nContent-Length: {length}\r\n\r\n"
        );
        let head = head.as_bytes();
        let written = self.stream.write_vectored(&[IoSlice::new(head), IoSlice::new(body)])?;
        if written < head.len() {
            self.stream.write_all(&head[written..])?;
        }
        self.stream.write_all(&body[written.saturating_sub(head.len())..])?;
        self.receive()
    }

    fn receive(&mut self) -> io::Result<Answer> {
        self.received.clear();
        let mut buffer = [0; 8192];
        loop {
            if let Some(answer) = parse(&self.received)? {
                return Ok(answer);
            }
            match self.stream.read(&mut buffer)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => self.received.extend_from_slice(&buffer[..read]),
            }
        }
    }
}

/// Nothing on loopback takes longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Reads an answer, if it is all there.
fn parse(received: &[u8]) -> io::Result<Option<Answer>> {
    let Some(end) = memchr::memmem::find(received, b"\r\n\r\n") else { return Ok(None) };
    let head = String::from_utf8_lossy(&received[..end]).to_ascii_lowercase();
    let unreadable = || io::Error::new(io::ErrorKind::InvalidData, format!("unreadable answer: {head}"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(unreadable)?;
    let body = &received[end + 4..];
    if head.contains("\r\ntransfer-encoding: chunked") {
        return Ok(unchunk(body).map(|body| Answer { status, body }));
    }
    let length = match head.lines().find_map(|line| line.strip_prefix("content-length:")) {
        Some(length) => length.trim().parse().ok().ok_or_else(unreadable)?,
        None => 0,
    };
    Ok(body.get(..length).map(|body| Answer { status, body: body.to_vec() }))
}

/// Joins the chunks of a body, if all are there.
fn unchunk(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut joined = Vec::new();
    loop {
        let end = memchr::memmem::find(body, b"\r\n")?;
        let size = str::from_utf8(&body[..end]).ok()?.split(';').next()?.trim();
        let size = usize::from_str_radix(size, 16).ok()?;
        if size == 0 {
            return Some(joined);
        }
        joined.extend_from_slice(body.get(end + 2..end + 2 + size)?);
        body = body.get(end + 2 + size + 2..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn answers_are_read_when_they_are_whole() {
        for (whole, status, body) in [
            ("HTTP/1.1 204 No Content\r\n\r\n", 204, ""),
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", 200, "abc"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\n", 200, "abcde"),
        ] {
            let answer = parse(whole.as_bytes()).unwrap().unwrap();
            assert_eq!((answer.status, answer.body.as_slice()), (status, body.as_bytes()));
            let missing = whole.len() - body.len().max(1) - 4;
            assert!(parse(&whole.as_bytes()[..missing]).unwrap().is_none(), "{whole}");
        }
        assert!(parse(b"SSH-2.0\r\n\r\n").is_err());
    }
}
