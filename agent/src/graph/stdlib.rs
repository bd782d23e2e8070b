//! The functions and constants that every expression can name.

use std::collections::BTreeMap;

use super::value::Value;

/// A function of the standard library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    /// `sys.env(name)`: a variable of the process's environment, `""` if it is not set.
    Env,
    /// `array.concat(array, …)`: one array of the elements of all.
    Concat,
    /// `coalesce(value, …)`: the first value that is neither null nor empty, else the last.
    Coalesce,
}

/// Reads a variable of the environment.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Why a call failed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum CallError {
    /// The call as a whole is wrong.
    Call(String),
    /// The argument at an index has another type than the expected one.
    Argument {
        /// Counted from 0.
        index: usize,
        /// The type it should have.
        expected: &'static str,
    },
}

/// Names that Alloy would rather not see any more, with the function each stands for.
const DEPRECATED: [(&str, Function); 2] = [("concat", Function::Concat), ("env", Function::Env)];

/// Returns what a name stands for in every expression.
pub(crate) fn lookup(name: &str) -> Option<Value> {
    let object = |fields: &[(&str, Value)]| {
        Value::Object(
            fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect::<BTreeMap<_, _>>(),
        )
    };
    match name {
        "array" => Some(object(&[("concat", Value::Function(Function::Concat))])),
        "coalesce" => Some(Value::Function(Function::Coalesce)),
        "constants" => Some(object(&[
            ("arch", Value::String(architecture().to_owned())),
            ("hostname", Value::String(hostname())),
            ("os", Value::String(std::env::consts::OS.to_owned())),
            ("version", Value::String(format!("v{}", env!("CARGO_PKG_VERSION")))),
        ])),
        "sys" => Some(object(&[("env", Value::Function(Function::Env))])),
        _ => DEPRECATED.iter().find(|(known, _)| *known == name).map(|(_, function)| Value::Function(*function)),
    }
}

/// Tells whether a name still works but should not be used any more.
pub(crate) fn is_deprecated(name: &str) -> bool {
    DEPRECATED.iter().any(|(known, _)| *known == name)
}

/// The machine's architecture by the name Go has for it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// The name of the host as the kernel has it.
fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

impl Function {
    /// Calls the function.
    pub(crate) fn call(self, arguments: Vec<Value>, environment: Environment<'_>) -> Result<Value, CallError> {
        match self {
            Self::Env => match arguments.as_slice() {
                [Value::String(name)] => Ok(Value::String(environment(name).unwrap_or_default())),
                [_] => Err(CallError::Argument { index: 0, expected: "string" }),
                _ => Err(CallError::Call(format!("env: expected 1 arguments, got {}", arguments.len()))),
            },
            Self::Concat => {
                let mut joined = Vec::new();
                for (index, argument) in arguments.into_iter().enumerate() {
                    let Value::Array(mut elements) = argument else {
                        return Err(CallError::Argument { index, expected: "array" });
                    };
                    joined.append(&mut elements);
                }
                Ok(Value::Array(joined))
            }
            Self::Coalesce => {
                let last = arguments.last().cloned().unwrap_or(Value::Null);
                Ok(arguments.into_iter().find(|value| !is_zero(value)).unwrap_or(last))
            }
        }
    }
}

/// Tells whether a value is nothing, or the empty value of its type.
fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.to_f64() == 0.0,
        Value::String(text) => text.is_empty(),
        Value::Array(elements) => elements.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Function(_) | Value::Receiver(_) => false,
    }
}
