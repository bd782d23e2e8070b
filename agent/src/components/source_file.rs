//! `loki.source.file`: follows files.

use std::time::Duration;

use longship_syntax::Span;

use super::file_match::Matching;
use super::{Arguments, LiveTargets};
use crate::graph::{Body, Context, Receiver};

/// What a `loki.source.file` block says.
#[derive(Debug)]
pub(crate) struct SourceFile {
    /// The files, named by `__path__`.
    pub(crate) targets: LiveTargets,
    /// `__path__` is a pattern, as in `local.file_match`.
    pub(crate) matching: Option<Matching>,
    /// Ids of the components that get the entries.
    pub(crate) forward_to: Vec<String>,
    /// Start a file that has no position at its end.
    pub(crate) tail_from_end: bool,
    /// Where the block stands.
    pub(crate) span: Span,
}

/// Reads the body of a block.
pub(super) fn decode(body: &mut Body<'_>, context: &mut Context<'_>) -> Option<Arguments> {
    let targets = LiveTargets::required("targets", body, context);
    let forward_to = forward_to(body, context);
    let tail_from_end = body.optional("tail_from_end", context).unwrap_or_default();
    decode_file_watch(body, context);
    let matching = decode_file_match(body, context);
    reject_what_is_not_built(body, context);
    let (targets, forward_to) = (targets?, forward_to?);
    Some(Arguments::SourceFile(SourceFile { targets, matching, forward_to, tail_from_end, span: body.span }))
}

/// Reads `forward_to`, which every component has that yields entries.
pub(super) fn forward_to(body: &mut Body<'_>, context: &mut Context<'_>) -> Option<Vec<String>> {
    let receivers: Vec<Receiver> = body.required("forward_to", context)?.value;
    let ids = receivers.into_iter().map(|receiver| receiver.component_id);
    Some(ids.filter(|id| !id.is_empty()).collect())
}

/// Reads how often Alloy would look at a file. Files are watched here, so it has no meaning.
fn decode_file_watch(body: &mut Body<'_>, context: &mut Context<'_>) {
    let Some(block) = body.block("file_watch", context) else { return };
    let mut watch = Body::of(block, context);
    for name in ["min_poll_frequency", "max_poll_frequency"] {
        watch.optional::<Duration>(name, context);
    }
    watch.finish(context);
}

fn decode_file_match(body: &mut Body<'_>, context: &mut Context<'_>) -> Option<Matching> {
    let block = body.block("file_match", context)?;
    let mut file_match = Body::of(block, context);
    let enabled = file_match.optional("enabled", context).unwrap_or_default();
    let matching = Matching::decode(&mut file_match, context);
    file_match.finish(context);
    Some(matching).filter(|_| enabled)
}

/// Reports what a block of Alloy may have and this version cannot do, unless it says what is done anyway.
fn reject_what_is_not_built(body: &mut Body<'_>, context: &mut Context<'_>) {
    if let Some(encoding) = body.spanned::<String>("encoding", context)
        && !["", "utf-8", "utf8"].contains(&encoding.value.to_lowercase().as_str())
    {
        context.unsupported(encoding.span, format!("encoding {:?}", encoding.value));
    }
    if let Some(path) = body.spanned::<String>("legacy_positions_file", context).filter(|path| !path.value.is_empty()) {
        context.unsupported(path.span, "attribute \"legacy_positions_file\"");
    }
    if let Some(policy) = body.spanned::<String>("on_positions_file_error", context) {
        match policy.value.as_str() {
            "restart_from_beginning" => {}
            "skip" | "restart_from_end" => {
                context.unsupported(policy.span, format!("on_positions_file_error {:?}", policy.value));
            }
            other => {
                context.error(policy.span, format!("unknown value {other:?} for on_positions_file_error"));
            }
        }
    }
    if let Some(block) = body.block("decompression", context) {
        let mut decompression = Body::of(block, context);
        if decompression.optional("enabled", context).unwrap_or_default() {
            context.unsupported(block.span(), "block \"decompression\"");
        }
        decompression.optional::<Duration>("initial_delay", context);
        decompression.optional::<String>("format", context);
        decompression.finish(context);
    }
}
