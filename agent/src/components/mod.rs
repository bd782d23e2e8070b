//! The component kinds: what each takes and what it exports.
//!
//! One file per kind decodes the body of its blocks into plain values. [`KINDS`] lists them.

pub(crate) mod file_match;
pub(crate) mod http_client;
pub(crate) mod logging;
pub(crate) mod process;
pub(crate) mod source_file;
pub(crate) mod write;

use std::collections::BTreeMap;

use longship_syntax::ast::Expr;

use crate::graph::{Body, Context, TextMap, Value};

/// One component kind.
#[derive(Debug)]
pub(crate) struct Kind {
    /// The name of its blocks.
    pub(crate) name: &'static str,
    /// Reads the body of a block. `None` if something in it is at fault.
    pub(crate) decode: fn(&mut Body<'_>, &mut Context<'_>) -> Option<Arguments>,
    /// What it exports before it runs.
    exports: Exports,
}

#[derive(Debug)]
enum Exports {
    Targets,
    Receiver,
    Nothing,
}

/// All component kinds, by name.
pub(crate) const KINDS: [Kind; 5] = [
    Kind { name: "local.file_match", decode: file_match::decode, exports: Exports::Targets },
    Kind { name: "loki.echo", decode: |_, _| Some(Arguments::Echo), exports: Exports::Receiver },
    Kind { name: "loki.process", decode: process::decode, exports: Exports::Receiver },
    Kind { name: "loki.source.file", decode: source_file::decode, exports: Exports::Nothing },
    Kind { name: "loki.write", decode: write::decode, exports: Exports::Receiver },
];

/// What the block of a component says.
#[derive(Debug)]
pub(crate) enum Arguments {
    /// `local.file_match`
    FileMatch(file_match::FileMatch),
    /// `loki.source.file`
    SourceFile(source_file::SourceFile),
    /// `loki.process`
    Process(process::Process),
    /// `loki.write`
    Write(write::Write),
    /// `loki.echo`
    Echo,
}

/// A list of targets that may change while the agent runs.
#[derive(Debug)]
pub(crate) struct LiveTargets {
    /// What gives the list, to be evaluated again when something it refers to changes.
    pub(crate) expression: Expr,
    /// What it gave last.
    pub(crate) current: Vec<TextMap>,
}

impl LiveTargets {
    /// Reads an attribute that must be given.
    pub(crate) fn required(name: &'static str, body: &mut Body<'_>, context: &mut Context<'_>) -> Option<Self> {
        let current = body.required(name, context)?.value;
        let expression = body.expression(name)?.clone();
        Some(Self { expression, current })
    }
}

impl Kind {
    /// Finds a kind by the name of its blocks.
    pub(crate) fn find(name: &str) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.name == name)
    }

    /// Returns what a component of the kind exports before it runs.
    pub(crate) fn first_exports(&self, id: &str) -> Value {
        let exports = match self.exports {
            Exports::Targets => Some(("targets", Value::Array(Vec::new()))),
            Exports::Receiver => Some(("receiver", Value::Receiver(id.to_owned()))),
            Exports::Nothing => None,
        };
        let exports = exports.into_iter().map(|(name, value)| (name.to_owned(), value));
        Value::Object(exports.collect::<BTreeMap<_, _>>())
    }
}
