//! `loki.write`: endpoints.

use std::time::Duration;

use longship_pipeline::plan::{Destination, DestinationKind, Endpoint, Labels, Retry};
use longship_syntax::Span;
use longship_syntax::ast::Block;

use super::{Arguments, http_client};
use crate::graph::{Body, Bytes, Context, Spanned, TextMap};

/// What a `loki.write` block says.
#[derive(Debug)]
pub(crate) struct Write {
    /// Added to every entry that has no label of that name.
    pub(crate) external_labels: Labels,
    /// Every entry goes to each of these.
    pub(crate) destinations: Vec<Destination>,
    /// Where the block stands.
    pub(crate) span: Span,
}

/// A batch is sent at the latest this long after its first entry.
const BATCH_WAIT: Duration = Duration::from_secs(1);
/// A batch is closed before it exceeds this many bytes.
const BATCH_BYTES: Bytes = Bytes(1 << 20);
/// A request that is not answered after this long has failed.
const REMOTE_TIMEOUT: Duration = Duration::from_secs(10);
const BACKOFF_MIN: Duration = Duration::from_millis(500);
const BACKOFF_MAX: Duration = Duration::from_secs(300);

/// Reads the body of a block.
pub(super) fn decode(body: &mut Body<'_>, context: &mut Context<'_>) -> Option<Arguments> {
    let external_labels: TextMap = body.optional("external_labels", context).unwrap_or_default();
    if let Some(streams) = body.spanned::<u64>("max_streams", context).filter(|streams| streams.value > 0) {
        context.unsupported(streams.span, "attribute \"max_streams\"");
    }
    if let Some(block) = body.block("wal", context) {
        decode_wal(block, context);
    }
    let mut destinations = Vec::new();
    for (place, block) in body.blocks("endpoint").into_iter().enumerate() {
        destinations.extend(decode_endpoint(block, place, context));
    }
    reject_equal_names(&destinations, body.span, context);
    let external_labels = external_labels.into_iter().collect();
    Some(Arguments::Write(Write { external_labels, destinations, span: body.span }))
}

/// Two destinations of one name would share their positions.
fn reject_equal_names(destinations: &[Destination], span: Span, context: &mut Context<'_>) {
    for (index, destination) in destinations.iter().enumerate() {
        if destinations[..index].iter().any(|earlier| earlier.name == destination.name) {
            context.error(span, format!("endpoint name {:?} is used more than once", destination.name));
        }
    }
}

fn decode_endpoint(block: &Block, place: usize, context: &mut Context<'_>) -> Option<Destination> {
    let mut body = Body::of(block, context);
    let url = body.required::<String>("url", context);
    if let Some(url) = &url {
        check_url(url, context);
    }
    let name: String = body.optional("name", context).unwrap_or_default();
    let batch_wait = body.optional("batch_wait", context).unwrap_or(BATCH_WAIT);
    let batch_bytes = body.optional("batch_size", context).unwrap_or(BATCH_BYTES).0;
    let request_timeout = body.optional("remote_timeout", context).unwrap_or(REMOTE_TIMEOUT);
    let tenant_id = body.optional("tenant_id", context).unwrap_or_default();
    let mut headers: TextMap = body.optional("headers", context).unwrap_or_default();
    let retry = decode_retry(&mut body, context);
    let client = http_client::decode(&mut body, context);
    if let Some(block) = body.block("queue_config", context) {
        decode_queue_config(block, context);
    }
    body.finish(context);

    headers.extend(client.headers);
    Some(Destination {
        name: if name.is_empty() { place.to_string() } else { name },
        batch_wait,
        batch_bytes_max: usize::try_from(batch_bytes).unwrap_or(usize::MAX),
        kind: DestinationKind::Loki(Box::new(Endpoint {
            url: url?.value,
            tenant_id,
            headers: headers.into_iter().collect(),
            user_agent: format!("Longship/v{}", env!("CARGO_PKG_VERSION")),
            authentication: client.authentication,
            tls: client.tls,
            request_timeout,
            retry,
        })),
    })
}

/// Reports an address that nothing can be sent to. It is not repeated in the message: it may hold a password.
fn check_url(url: &Spanned<String>, context: &mut Context<'_>) {
    let Some((scheme, rest)) = url.value.split_once("://") else {
        return context.error(url.span, "url has no scheme, expected http:// or https://");
    };
    if !["http", "https"].contains(&scheme.to_ascii_lowercase().as_str()) {
        return context.error(url.span, format!("unsupported protocol scheme {scheme:?}"));
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if host.is_empty() || host.starts_with(':') {
        context.error(url.span, "url has no host");
    }
}

fn decode_retry(body: &mut Body<'_>, context: &mut Context<'_>) -> Retry {
    let attempts: Option<u64> = body.optional("max_backoff_retries", context);
    Retry {
        backoff_min: body.optional("min_backoff_period", context).unwrap_or(BACKOFF_MIN),
        backoff_max: body.optional("max_backoff_period", context).unwrap_or(BACKOFF_MAX),
        // Alloy gives up after 10 attempts by default. The file still holds the data, so nothing is given up unless the
        // configuration asks for it.
        attempts_max: attempts
            .filter(|attempts| *attempts > 0)
            .map(|attempts| u32::try_from(attempts).unwrap_or(u32::MAX)),
        retry_on_429: body.optional("retry_on_http_429", context).unwrap_or(true),
    }
}

/// Reads how Alloy would queue entries. The log file is the queue here.
fn decode_queue_config(block: &Block, context: &mut Context<'_>) {
    context.warning(block.span(), "block \"queue_config\" has no effect: the log file is the queue");
    let mut body = Body::of(block, context);
    body.optional::<Bytes>("capacity", context);
    body.optional::<u64>("min_shards", context);
    body.optional::<Duration>("drain_timeout", context);
    body.optional::<bool>("block_on_overflow", context);
    body.finish(context);
}

/// Reads how Alloy would keep entries on disk. The log file is on disk already.
fn decode_wal(block: &Block, context: &mut Context<'_>) {
    let mut body = Body::of(block, context);
    if body.optional("enabled", context).unwrap_or_default() {
        context.warning(block.span(), "block \"wal\" has no effect: the log file holds what is not accepted yet");
    }
    for name in ["max_segment_age", "min_read_frequency", "max_read_frequency", "drain_timeout"] {
        body.optional::<Duration>(name, context);
    }
    body.finish(context);
}
