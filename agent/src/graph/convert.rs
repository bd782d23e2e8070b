//! Values → the types that arguments have.
//!
//! The conversions are those of the language and no others: numbers and numeric texts turn into each other, `null` is
//! the empty value of any type, everything else must have the type that is asked for. A fault says where in the value
//! it is ([`ConvertError::path`]), so that the message can point into the expression.

#![expect(clippy::wildcard_enum_match_arm, reason = "every other type of value, also a future one, is the wrong one")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use longship_syntax::ast::{Expr, ExprKind};
use longship_syntax::{Diagnostic, SourceMap, quote};

use super::eval::should_be;
use super::value::{Number, Value};
use crate::quantity;

/// Labels of a target or anything else that names texts.
pub(crate) type TextMap = BTreeMap<String, String>;

/// Why a value is not what was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ConvertError {
    /// Where in the value, innermost step first.
    path: Vec<PathStep>,
    fault: Fault,
}

#[derive(Debug, PartialEq, Eq)]
enum PathStep {
    Field(String),
    Element(usize),
}

#[derive(Debug, PartialEq, Eq)]
enum Fault {
    Type {
        expected: &'static str,
        actual: &'static str,
    },
    /// The type is right, the text is not.
    Text(String),
}

/// A type that arguments can have.
pub(crate) trait FromValue: Sized + Default {
    /// Converts a value that is not null.
    fn from_value(value: Value) -> Result<Self, ConvertError>;
}

/// Converts a value; null gives the empty value of the type.
pub(crate) fn convert<T: FromValue>(value: Value) -> Result<T, ConvertError> {
    if value == Value::Null { Ok(T::default()) } else { T::from_value(value) }
}

impl ConvertError {
    /// The value's type is not the expected one.
    fn wrong_type(expected: &'static str, value: &Value) -> Self {
        Self { path: Vec::new(), fault: Fault::Type { expected, actual: value.type_name() } }
    }

    /// The text of a value cannot be read.
    pub(crate) fn text(message: impl Into<String>) -> Self {
        Self { path: Vec::new(), fault: Fault::Text(message.into()) }
    }

    fn below(mut self, step: PathStep) -> Self {
        self.path.push(step);
        self
    }

    /// Makes a diagnostic of the error in the value of `expression`.
    ///
    /// It points as far into the expression as that is written out; the rest of the way is part of the message.
    pub(crate) fn at(mut self, expression: &Expr, sources: &SourceMap) -> Diagnostic {
        let mut place = expression;
        while let Some(inner) = self.path.last().and_then(|step| written_part(place, step)) {
            place = inner;
            self.path.pop();
        }
        let mut text = sources.text(place.span).into_owned();
        for step in self.path.iter().rev() {
            match step {
                PathStep::Field(name) => text.push_str(&format!(".{name}")),
                PathStep::Element(index) => text.push_str(&format!("[{index}]")),
            }
        }
        match self.fault {
            Fault::Type { expected, actual } => should_be(&text, place.span, expected, actual),
            Fault::Text(message) => Diagnostic::error(place.span, format!("{text} {message}")),
        }
    }
}

/// Returns the part of an expression that gives one part of its value, if it is written out.
fn written_part<'e>(expression: &'e Expr, step: &PathStep) -> Option<&'e Expr> {
    match (&expression.kind, step) {
        (ExprKind::Paren(inner), _) => written_part(inner, step),
        (ExprKind::Array(elements), PathStep::Element(index)) => elements.get(*index),
        // The last field of a name is the one that counts.
        (ExprKind::Object(fields), PathStep::Field(name)) => {
            fields.iter().rev().find(|field| field.name.text == *name).map(|field| &field.value)
        }
        _ => None,
    }
}

impl FromValue for bool {
    fn from_value(value: Value) -> Result<Self, ConvertError> {
        match value {
            Value::Bool(value) => Ok(value),
            other => Err(ConvertError::wrong_type("bool", &other)),
        }
    }
}

impl FromValue for String {
    fn from_value(value: Value) -> Result<Self, ConvertError> {
        match value {
            Value::String(text) => Ok(text),
            Value::Number(number) => Ok(number.to_string()),
            other => Err(ConvertError::wrong_type("string", &other)),
        }
    }
}

impl FromValue for PathBuf {
    fn from_value(value: Value) -> Result<Self, ConvertError> {
        String::from_value(value).map(Self::from)
    }
}

impl FromValue for u64 {
    fn from_value(value: Value) -> Result<Self, ConvertError> {
        let number = match &value {
            Value::Number(number) => Some(*number),
            Value::String(text) => Number::parse(text),
            _ => None,
        };
        match number {
            None => Err(ConvertError::wrong_type("number", &value)),
            Some(number) => number.to_u64().ok_or_else(|| ConvertError::text("should not be negative")),
        }
    }
}

impl FromValue for Duration {
    fn from_value(value: Value) -> Result<Self, ConvertError> {
        quantity::duration(&String::from_value(value)?).map_err(ConvertError::text)
    }
}

/// A size. Written as a number it counts bytes, as a text it needs a unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) u64);

impl FromValue for Bytes {
    fn from_value(value: Value) -> Result<Self, ConvertError> {
        match value {
            Value::String(text) => quantity::bytes(&text).map_err(ConvertError::text).map(Self),
            other => u64::from_value(other).map(Self),
        }
    }
}

impl<T: FromValue> FromValue for Vec<T> {
    fn from_value(value: Value) -> Result<Self, ConvertError> {
        let Value::Array(elements) = value else { return Err(ConvertError::wrong_type("array", &value)) };
        let elements = elements.into_iter().enumerate();
        elements.map(|(index, value)| convert(value).map_err(|error| error.below(PathStep::Element(index)))).collect()
    }
}

impl<T: FromValue> FromValue for BTreeMap<String, T> {
    fn from_value(value: Value) -> Result<Self, ConvertError> {
        let Value::Object(fields) = value else { return Err(ConvertError::wrong_type("object", &value)) };
        let field = |(name, value): (String, Value)| match convert(value) {
            Ok(value) => Ok((name, value)),
            Err(error) => Err(error.below(PathStep::Field(name))),
        };
        fields.into_iter().map(field).collect()
    }
}

/// The door of a component that takes entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Receiver {
    /// The component's id; empty for `null`.
    pub(crate) component_id: String,
}

impl FromValue for Receiver {
    fn from_value(value: Value) -> Result<Self, ConvertError> {
        match value {
            Value::Receiver(component_id) => Ok(Self { component_id }),
            other => Err(ConvertError::wrong_type("capsule", &other)),
        }
    }
}

/// Reads a text that is one of a list.
pub(crate) fn one_of<T: Copy>(text: &str, known: &[(&str, T)], what: &str) -> Result<T, String> {
    known.iter().find(|(name, _)| *name == text).map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<_> = known.iter().map(|(name, _)| quote(name.as_bytes())).collect();
        format!("unrecognized {what} {}, expected one of {}", quote(text.as_bytes()), names.join(", "))
    })
}
