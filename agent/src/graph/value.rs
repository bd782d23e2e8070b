//! Values: what expressions give and exports hold.

use std::collections::BTreeMap;

use super::stdlib::Function;

/// A value of the language.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// Nothing; clears an optional attribute.
    Null,
    /// True or false.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A text.
    String(String),
    /// Values in order.
    Array(Vec<Value>),
    /// Values by name.
    Object(BTreeMap<String, Value>),
    /// What can be called.
    Function(Function),
    /// The door of a component that takes entries: its id.
    Receiver(String),
}

/// A number. Whole numbers stay whole as long as they fit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    /// A whole number.
    Int(i64),
    /// A whole number above `i64::MAX`.
    Uint(u64),
    /// Any other.
    Float(f64),
}

impl Value {
    /// Returns the name of the value's type, as messages have it.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "bool",
            Self::Number(_) => "number",
            Self::String(_) => "string",
            Self::Array(_) => "array",
            Self::Object(_) => "object",
            Self::Function(_) => "function",
            Self::Receiver(_) => "capsule",
        }
    }
}

impl From<longship_syntax::Number> for Number {
    fn from(number: longship_syntax::Number) -> Self {
        match number {
            longship_syntax::Number::Int(value) => Self::Int(value),
            longship_syntax::Number::Uint(value) => Self::Uint(value),
            longship_syntax::Number::Float(value) => Self::Float(value),
            longship_syntax::Number::OutOfRange => Self::Float(f64::INFINITY),
        }
    }
}

impl Number {
    /// Reads a number from a text that is nothing but a number.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if let Ok(value) = text.parse() {
            return Some(Self::Int(value));
        }
        if let Ok(value) = text.parse() {
            return Some(Self::Uint(value));
        }
        // Rust reads `inf` and `nan` too; a number begins with a digit, a point or a sign.
        let is_numeric = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
        text.parse().ok().filter(|_| is_numeric).map(Self::Float)
    }

    /// Returns the number as a float.
    pub(crate) fn to_f64(self) -> f64 {
        match self {
            Self::Int(value) => value as f64,
            Self::Uint(value) => value as f64,
            Self::Float(value) => value,
        }
    }

    /// Returns the number as a count, without its fraction; `None` if it is negative or does not fit.
    pub(crate) fn to_u64(self) -> Option<u64> {
        match self {
            Self::Int(value) => u64::try_from(value).ok(),
            Self::Uint(value) => Some(value),
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be in range")]
            Self::Float(value) => (0.0..18_446_744_073_709_551_616.0).contains(&value).then_some(value as u64),
        }
    }
}

impl std::fmt::Display for Number {
    /// Writes the shortest decimal text that gives the number again.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Int(value) => value.fmt(f),
            Self::Uint(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_from_texts() {
        let check = |text: &str, expect: Option<Number>| assert_eq!(Number::parse(text), expect, "{text}");
        check("12", Some(Number::Int(12)));
        check("-3", Some(Number::Int(-3)));
        check("9223372036854775808", Some(Number::Uint(1 << 63)));
        check("23.5", Some(Number::Float(23.5)));
        check("1e3", Some(Number::Float(1000.0)));
        check("", None);
        check("inf", None);
        check("1 ", None);
        check("0x10", None);
    }

    #[test]
    fn counts() {
        let check = |number: Number, expect: Option<u64>| assert_eq!(number.to_u64(), expect, "{number:?}");
        check(Number::Int(5), Some(5));
        check(Number::Int(-5), None);
        check(Number::Uint(u64::MAX), Some(u64::MAX));
        check(Number::Float(3.9), Some(3));
        check(Number::Float(-0.5), None);
        check(Number::Float(1e20), None);
    }

    #[test]
    fn texts_of_numbers() {
        for (number, expect) in [
            (Number::Int(24), "24"),
            (Number::Float(3.9), "3.9"),
            (Number::Float(24.0), "24"),
            (Number::Float(0.9), "0.9"),
        ] {
            assert_eq!(number.to_string(), expect);
        }
    }
}
