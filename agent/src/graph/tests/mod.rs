//! Tests over whole configurations: text in, plan or diagnostics out.

mod conformance;
mod live_targets;
mod messages;
mod plans;
mod values;

use std::sync::Arc;

use super::convert::{ConvertError, FromValue};
use super::value::Value;
use super::{Configuration, LoadError, SourceFile, load_with};

/// Loads one text in an environment where `LOKI_URL` is set and nothing else.
fn load(text: &str) -> Result<Configuration, LoadError> {
    let files = [SourceFile { name: "c.alloy".to_owned(), text: text.as_bytes().to_vec() }];
    load_with(&files, Arc::new(|name| (name == "LOKI_URL").then(|| "http://loki/loki/api/v1/push".to_owned())))
}

/// Returns what is wrong with a configuration: one line for each diagnostic, and its hint behind ` -- `.
fn errors(text: &str) -> Vec<String> {
    let Err(error) = load(text) else { return Vec::new() };
    let line = |diagnostic: &longship_syntax::Diagnostic| {
        let line = diagnostic.one_line(&error.sources).to_string();
        diagnostic.hint.as_ref().map_or_else(|| line.clone(), |hint| format!("{line} -- {hint}"))
    };
    error.diagnostics.iter().map(line).collect()
}

/// Any value as it is.
#[derive(Debug, PartialEq)]
struct Any(Value);

impl Default for Any {
    fn default() -> Self {
        Self(Value::Null)
    }
}

impl FromValue for Any {
    fn from_value(value: Value) -> Result<Self, ConvertError> {
        Ok(Self(value))
    }
}
