//! Sees one push through, from its head to its answer.

use std::error::Error;
use std::fmt::{self, Display};
use std::future;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{HeaderMap, Request, Response, StatusCode};
use longship_workload::stamp::wall_ns;

use crate::book::{Book, Receipt};
use crate::decode::{BODY_BYTES_MAX, Decoded, Stream, decode, too_large, uncompressed_bytes};
use crate::fault::Action;
use crate::judge::{Answer, Judgement, Push, judge, refused_unread, resolve};
use crate::report::End;
use crate::server::ResetSwitch;
use crate::sink::{Shared, State};
use crate::traffic::Exchange;

/// Why a request gets no answer: its connection is to be dropped.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    /// A fault says so.
    Reset,
    /// The client went away in the middle of the body.
    Broken(hyper::Error),
}

impl Display for NoAnswer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reset => out.write_str("reset on demand"),
            Self::Broken(error) => write!(out, "reading the body: {error}"),
        }
    }
}

impl Error for NoAnswer {}

/// Takes a push and answers it, or does what the fault in force says.
pub(crate) async fn push(
    shared: Arc<Shared>,
    request: Request<Incoming>,
    reset: ResetSwitch,
) -> Result<Response<Full<Bytes>>, NoAnswer> {
    let arrived_ns = wall_ns();
    let tenant = header(request.headers(), TENANT).unwrap_or("fake").to_owned();
    let exchange = Exchange::begin(&shared, &tenant, request.headers());
    let (delay, action) = shared.state().faults.choose(&tenant);
    if action == Action::ResetBeforeBody {
        return Err(break_off(exchange, &reset));
    }
    let encoding = header(request.headers(), CONTENT_ENCODING).unwrap_or_default().to_owned();
    let content_type = header(request.headers(), CONTENT_TYPE).unwrap_or_default().to_owned();
    let keep = shared.is_checking();
    let body = take_body(request.into_body(), keep).await.map_err(NoAnswer::Broken)?;
    let (answer, receipt) = match body {
        Err(refused) => (refused, None),
        Ok(body) => {
            exchange.took_body(body.bytes);
            if keep {
                let decoded = decode(body.content, &encoding, &content_type);
                enter(&shared, &exchange, &tenant, decoded, &action, arrived_ns)
            } else {
                exchange.decoded(0, 0, uncompressed_bytes(&body.content));
                (unread(&tenant, &action), None)
            }
        }
    };
    wait(delay).await;
    match action {
        Action::Hang => future::pending().await,
        Action::ResetAfterBody => Err(break_off(exchange, &reset)),
        Action::Accept | Action::Refuse(_) | Action::RefuseEntries(_) | Action::ResetBeforeBody => {
            if let (Some(receipt), Some(book)) = (receipt, &mut shared.state().book) {
                book.settle(receipt);
            }
            exchange.end(End::Answered(answer.status));
            Ok(respond(answer))
        }
    }
}

/// Enters a body in the book. Returns the answer, and the receipt if the answer settles it.
fn enter(
    shared: &Shared,
    exchange: &Exchange,
    tenant: &str,
    decoded: Result<Decoded, (u16, String)>,
    action: &Action,
    arrived_ns: u64,
) -> (Answer, Option<Receipt>) {
    let decoded = match decoded {
        Ok(decoded) => decoded,
        Err((status, text)) => return (Answer::new(status, text), None),
    };
    let entries = decoded.streams.iter().map(|stream| stream.entries.len() as u64).sum();
    exchange.decoded(decoded.streams.len() as u64, entries, decoded.uncompressed_bytes);
    let mut state = shared.state();
    let State { book, meters, .. } = &mut *state;
    let Some(book) = book else { return (unread(tenant, action), None) };
    for finding in decoded.findings {
        book.find(finding);
    }
    let ids = match resolve(book, tenant, &decoded.streams) {
        Ok(ids) => ids,
        Err(answer) => return (answer, None),
    };
    let push = Push { tenant, streams: &decoded.streams, ids: &ids };
    let judgement = judge(book, meters, &push, &shared.limits, action);
    let receipt = receive(book, &push, &judgement, arrived_ns);
    (judgement.answer, judgement.settles.then_some(receipt))
}

fn receive(book: &mut Book, push: &Push<'_>, judgement: &Judgement, arrived_ns: u64) -> Receipt {
    let mut receipt = Receipt::new(arrived_ns);
    for (index, (stream, id)) in push.streams.iter().zip(push.ids).enumerate() {
        let stream: &Stream = stream;
        book.receive(&mut receipt, *id, stream, |entry| judgement.is_refused(index, entry), judgement.store);
    }
    book.refused_silently(judgement.refused_silently);
    receipt
}

/// The answer of a sink that does not look into bodies.
fn unread(tenant: &str, action: &Action) -> Answer {
    match action {
        Action::Refuse(refusal) => refused_unread(tenant, refusal),
        Action::Accept | Action::RefuseEntries(_) | Action::Hang | Action::ResetBeforeBody | Action::ResetAfterBody => {
            Answer::accepted()
        }
    }
}

/// A body, or the start of it where the rest is of no interest.
struct Body {
    content: Bytes,
    bytes: u64,
}

/// Reads a body to its end. Without `keep` only the first bytes of it stay, for the length in snappy's preamble.
async fn take_body(mut incoming: Incoming, keep: bool) -> Result<Result<Body, Answer>, hyper::Error> {
    let mut content = BytesMut::new();
    if keep {
        let announced = incoming.size_hint().lower().min(BODY_BYTES_MAX as u64);
        content.reserve(usize::try_from(announced).expect("it is at most BODY_BYTES_MAX"));
    }
    let mut bytes = 0;
    while let Some(frame) = incoming.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        bytes += data.len();
        if bytes > BODY_BYTES_MAX {
            let (status, text) = too_large(bytes);
            return Ok(Err(Answer::new(status, text)));
        }
        let wanted = if keep { data.len() } else { PREAMBLE_BYTES.saturating_sub(content.len()).min(data.len()) };
        content.extend_from_slice(&data[..wanted]);
    }
    Ok(Ok(Body { content: content.freeze(), bytes: bytes as u64 }))
}

fn break_off(exchange: Exchange, reset: &ResetSwitch) -> NoAnswer {
    reset.arm();
    exchange.end(End::Reset);
    NoAnswer::Reset
}

async fn wait(delay: Duration) {
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
}

fn respond(answer: Answer) -> Response<Full<Bytes>> {
    let body = if answer.text.is_empty() { String::new() } else { answer.text + "\n" };
    let has_body = !body.is_empty();
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if has_body {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    }
    if let Some(value) = answer.retry_after.and_then(|value| HeaderValue::from_str(&value).ok()) {
        response.headers_mut().insert(RETRY_AFTER, value);
    }
    response
}

fn header(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

const TENANT: HeaderName = HeaderName::from_static("x-scope-orgid");
/// A snappy preamble is at most five bytes of a number; padded ones are longer.
const PREAMBLE_BYTES: usize = 10;
