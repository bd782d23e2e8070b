//! The blocks at the top level → components, each id once.

use std::collections::BTreeMap;

use longship_syntax::ast::{self, Block};
use longship_syntax::{Diagnostic, SourceMap};

use super::arguments::{Body, Context};
use super::references::{Edges, References};
use super::value::Value;
use super::{Component, ComponentName, Decoded, hint};
use crate::components::{KINDS, Kind, logging};

/// What the blocks of a configuration declare.
pub(super) struct Declared<'b> {
    /// Every id.
    pub(super) references: References,
    components: Vec<(ComponentName, &'static Kind, &'b Block)>,
    logging: Option<&'b Block>,
    live_debugging: Option<&'b Block>,
}

/// Blocks of Alloy's that are no components and that this version has nothing for.
const SETTINGS_NOT_BUILT: [&str; 11] = [
    "argument",
    "declare",
    "export",
    "foreach",
    "http",
    "import.file",
    "import.git",
    "import.http",
    "import.string",
    "remotecfg",
    "tracing",
];

/// Component kinds of Alloy that this version has nothing for, by name or, with a dot at the end, by its beginning.
const KINDS_NOT_BUILT: [&str; 29] = [
    "beyla.",
    "database_observability.",
    "discovery.",
    "faro.",
    "local.file",
    "loki.enrich",
    "loki.relabel",
    "loki.rules.kubernetes",
    "loki.secretfilter",
    "loki.source.api",
    "loki.source.awsfirehose",
    "loki.source.azure_event_hubs",
    "loki.source.cloudflare",
    "loki.source.docker",
    "loki.source.gcplog",
    "loki.source.gelf",
    "loki.source.heroku",
    "loki.source.journal",
    "loki.source.kafka",
    "loki.source.kubernetes",
    "loki.source.kubernetes_events",
    "loki.source.podlogs",
    "loki.source.syslog",
    "loki.source.windowsevent",
    "mimir.",
    "otelcol.",
    "prometheus.",
    "pyroscope.",
    "remote.",
];

/// Takes stock of all blocks.
pub(super) fn declare<'b>(
    bodies: &'b [ast::Body],
    sources: &SourceMap,
    diagnostics: &mut Vec<Diagnostic>,
) -> Declared<'b> {
    let mut declared =
        Declared { references: References::default(), components: Vec::new(), logging: None, live_debugging: None };
    let mut first: BTreeMap<String, &Block> = BTreeMap::new();
    for statement in bodies.iter().flat_map(|body| &body.statements) {
        let block = match statement {
            ast::Statement::Block(block) => block,
            ast::Statement::Attribute(attribute) => {
                let message = format!("unrecognized attribute name {:?}", attribute.name.text);
                diagnostics.push(Diagnostic::error(attribute.span(), message));
                continue;
            }
        };
        // A label on a block that needs none has no meaning, as in Alloy.
        let label = block.label.as_ref().filter(|_| !["logging", "livedebugging"].contains(&block.name.text.as_str()));
        let id = label.map_or_else(|| block.name.text.clone(), |label| format!("{}.{}", block.name.text, label.text));
        if let Some(first) = first.get(&id) {
            let place = sources.position(first.span());
            let message = format!("block {id} already declared at {place}");
            let header = block.name.span.to(block.label.as_ref().map_or(block.name.span, |label| label.span));
            diagnostics.push(Diagnostic::error(header, message));
            continue;
        }
        first.insert(id.clone(), block);
        declared.add(id, block, diagnostics);
    }
    declared
}

impl<'b> Declared<'b> {
    fn add(&mut self, id: String, block: &'b Block, diagnostics: &mut Vec<Diagnostic>) {
        let name = block.name.text.as_str();
        match name {
            "logging" => return self.logging = Some(block),
            "livedebugging" => return self.live_debugging = Some(block),
            _ => {}
        }
        let Some(kind) = Kind::find(name) else {
            self.references.declare(id, false);
            return diagnostics.push(unknown(block));
        };
        if block.label.as_ref().is_none_or(|label| label.text.is_empty()) {
            let message = format!("component {name:?} must have a label");
            return diagnostics.push(Diagnostic::error(block.name.span, message));
        }
        self.references.declare(id.clone(), true);
        self.components.push((ComponentName { id, kind: kind.name }, kind, block));
    }

    /// Returns who refers to whom.
    pub(super) fn edges(&self) -> Vec<Edges> {
        let exists = |id: &str| self.components.iter().any(|(name, ..)| name.id == id);
        self.components.iter().map(|(name, _, block)| Edges::of(&name.id, &block.body, exists)).collect()
    }

    /// Returns what each component exports before it runs.
    pub(super) fn first_exports(&self) -> impl Iterator<Item = (String, Value)> {
        self.components.iter().map(|(name, kind, _)| (name.id.clone(), kind.first_exports(&name.id)))
    }

    /// Reads the bodies of all blocks. What is at fault is reported, and missing in the outcome.
    pub(super) fn decode(&self, context: &mut Context<'_>) -> Decoded {
        let mut decoded = Decoded::default();
        if let Some(block) = self.logging {
            decoded.logging = logging::decode_logging(block, context);
        }
        if let Some(block) = self.live_debugging {
            logging::decode_live_debugging(block, context);
        }
        for (name, kind, block) in &self.components {
            let mut body = Body::of(block, context);
            let arguments = (kind.decode)(&mut body, context);
            body.finish(context);
            decoded.components.extend(arguments.map(|arguments| Component { name: name.clone(), arguments }));
        }
        decoded
    }
}

/// The error about a block that this version does not know.
fn unknown(block: &Block) -> Diagnostic {
    let name = block.name.text.as_str();
    let span = block.name.span;
    if SETTINGS_NOT_BUILT.contains(&name) {
        let message = format!("block {name:?} is not supported by this version of longship");
        return Diagnostic::error(span, message);
    }
    let message = format!("cannot find the definition of component name {name:?}");
    let is_of = |known: &&str| if known.ends_with('.') { name.starts_with(known) } else { name == *known };
    if KINDS_NOT_BUILT.iter().any(is_of) {
        return Diagnostic::error(span, format!("{message} (not supported by this agent)"));
    }
    let known: Vec<&str> = KINDS.iter().map(|kind| kind.name).chain(["logging", "livedebugging"]).collect();
    hint::add(Diagnostic::error(span, message), name, &known)
}
