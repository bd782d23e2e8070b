//! `loki.process`: stages.

use longship_pipeline::plan::Stage;
use longship_syntax::ast::Block;

use super::Arguments;
use super::source_file::forward_to;
use crate::graph::{Body, Bytes, Context, TextMap};

/// What a `loki.process` block says.
#[derive(Debug)]
pub(crate) struct Process {
    /// In the order they are applied.
    pub(crate) stages: Vec<Stage>,
    /// Ids of the components that get the entries.
    pub(crate) forward_to: Vec<String>,
}

/// The stages that Alloy has.
const STAGES: [&str; 31] = [
    "stage.cri",
    "stage.decolorize",
    "stage.docker",
    "stage.drop",
    "stage.eventlogmessage",
    "stage.geoip",
    "stage.json",
    "stage.label_drop",
    "stage.label_keep",
    "stage.labels",
    "stage.limit",
    "stage.logfmt",
    "stage.luhn",
    "stage.match",
    "stage.metrics",
    "stage.multiline",
    "stage.output",
    "stage.pack",
    "stage.pattern",
    "stage.regex",
    "stage.replace",
    "stage.sampling",
    "stage.split_json",
    "stage.static_labels",
    "stage.structured_metadata",
    "stage.structured_metadata_drop",
    "stage.template",
    "stage.tenant",
    "stage.timestamp",
    "stage.truncate",
    "stage.windowsevent",
];

/// Reads the body of a block.
pub(super) fn decode(body: &mut Body<'_>, context: &mut Context<'_>) -> Option<Arguments> {
    let forward_to = forward_to(body, context);
    let mut stages = Vec::new();
    for block in body.blocks_in_order(&STAGES) {
        stages.extend(decode_stage(block, context));
    }
    Some(Arguments::Process(Process { stages, forward_to: forward_to? }))
}

/// Reads one stage. `None` if it is at fault, or changes nothing.
fn decode_stage(block: &Block, context: &mut Context<'_>) -> Option<Stage> {
    let mut body = Body::of(block, context);
    let stage = match block.name.text.as_str() {
        "stage.cri" => Some(decode_cri(&mut body, context)),
        "stage.docker" => Some(Stage::Docker),
        "stage.static_labels" => decode_static_labels(&mut body, context),
        other => {
            context.unsupported(block.span(), format!("block {other:?}"));
            return None;
        }
    };
    body.finish(context);
    stage
}

fn decode_cri(body: &mut Body<'_>, context: &mut Context<'_>) -> Stage {
    // How many streams may have a partial line open is bounded by memory here, not by number.
    body.optional::<u64>("max_partial_lines", context);
    let size = body.optional::<Bytes>("max_partial_line_size", context).unwrap_or_default();
    let truncate = body.optional("max_partial_line_size_truncate", context).unwrap_or_default();
    Stage::Cri { partial_bytes_max: Some(size.0).filter(|size| truncate && *size > 0) }
}

fn decode_static_labels(body: &mut Body<'_>, context: &mut Context<'_>) -> Option<Stage> {
    let values = body.required::<TextMap>("values", context)?;
    if let Some(name) = values.value.keys().find(|name| !is_label_name(name)) {
        context.error(values.span, format!("invalid label name: {name}"));
    }
    let labels: Vec<_> = values.value.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    (!labels.is_empty()).then_some(Stage::StaticLabels(labels))
}

/// Tells whether Loki takes a label of this name.
pub(super) fn is_label_name(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && characters.all(|character| character.is_ascii_alphanumeric() || character == '_')
}
