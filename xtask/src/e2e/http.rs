//! Single HTTP requests to systems under test, without TLS.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

/// Gets a page.
pub(super) fn get(url: &str) -> Result<String> {
    request("GET", url)
}

/// Posts nothing.
pub(super) fn post(url: &str) -> Result<String> {
    request("POST", url)
}

/// Sends a request of HTTP/1.0, so that the answer's end is the connection's; an answer but 2xx is an error.
fn request(method: &str, url: &str) -> Result<String> {
    let rest = url.strip_prefix("http://").with_context(|| format!("expected http://host:port, got {url}"))?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let answer = exchange(host, &format!("{method} /{path} HTTP/1.0\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n"));
    let answer = answer.with_context(|| format!("{method} {url}"))?;
    let (head, body) = answer.split_once("\r\n\r\n").with_context(|| format!("{url} answers {answer:?}"))?;
    let status = head.split(' ').nth(1).unwrap_or_default();
    ensure!(status.starts_with('2'), "{method} {url} answers {status}: {body}");
    Ok(body.to_owned())
}

fn exchange(host: &str, request: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
