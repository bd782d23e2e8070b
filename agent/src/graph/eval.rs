//! Expressions → values.
//!
//! An expression sees the exports of components, then the standard library. Whoever evaluates has checked by
//! [`super::references`] that every name it uses exists; what does not exist here is a field of something that does.

use std::collections::BTreeMap;

use longship_syntax::ast::{Expr, ExprKind, Field, Ident, Step, UnaryOperator};
use longship_syntax::{Diagnostic, SourceMap, Span};

use super::operator;
use super::stdlib::{self, CallError, Environment};
use super::value::{Number, Value};

/// What the names in an expression stand for.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    /// Exports by component id, each an object.
    pub(crate) exports: &'a BTreeMap<String, Value>,
    /// The process's environment.
    pub(crate) environment: Environment<'a>,
    /// The texts that expressions stand in, for messages that repeat one.
    pub(crate) sources: &'a SourceMap,
}

impl Scope<'_> {
    /// Evaluates an expression. The first fault ends it.
    pub(crate) fn evaluate(&self, expression: &Expr) -> Result<Value, Diagnostic> {
        let span = expression.span;
        match &expression.kind {
            ExprKind::Null => Ok(Value::Null),
            ExprKind::Bool(value) => Ok(Value::Bool(*value)),
            ExprKind::Number(longship_syntax::Number::OutOfRange) => Err(Diagnostic::error(span, "value out of range")),
            ExprKind::Number(number) => Ok(Value::Number((*number).into())),
            ExprKind::String(text) => match text.as_str() {
                Some(text) => Ok(Value::String(text.to_owned())),
                None => Err(Diagnostic::error(span, "string is not valid UTF-8")),
            },
            ExprKind::Variable(_) | ExprKind::Access { .. } => self.access(expression),
            ExprKind::Array(elements) => {
                elements.iter().map(|element| self.evaluate(element)).collect::<Result<_, _>>().map(Value::Array)
            }
            ExprKind::Object(fields) => {
                let field = |field: &Field| Ok((field.name.text.clone(), self.evaluate(&field.value)?));
                fields.iter().map(field).collect::<Result<_, _>>().map(Value::Object)
            }
            ExprKind::Unary { operator, operand } => {
                let value = self.evaluate(operand)?;
                match (operator, value) {
                    (UnaryOperator::Not, Value::Bool(value)) => Ok(Value::Bool(!value)),
                    (UnaryOperator::Negate, Value::Number(number)) => Ok(Value::Number(operator::negate(number))),
                    (UnaryOperator::Not, other) => Err(self.wrong_type(operand, "bool", &other)),
                    (UnaryOperator::Negate, other) => Err(self.wrong_type(operand, "number", &other)),
                }
            }
            ExprKind::Binary { first, rest } => {
                let mut left = self.evaluate(first)?;
                // What stands left of the second operator is the first operation as a whole.
                let mut left_span = first.span;
                for operation in rest {
                    let right = self.evaluate(&operation.operand)?;
                    let sides = [(&left, left_span), (&right, operation.operand.span)];
                    left = operator::binary(operation.operator, &left, &right)
                        .map_err(|error| error.at(operation.operator, sides, self.sources))?;
                    left_span = left_span.to(operation.operand.span);
                }
                Ok(left)
            }
            ExprKind::Paren(inner) => self.evaluate(inner),
            ExprKind::Invalid => Err(Diagnostic::error(span, "expected expression")),
        }
    }

    /// Evaluates a name with whatever follows it.
    fn access(&self, expression: &Expr) -> Result<Value, Diagnostic> {
        let (base, steps) = if let ExprKind::Access { base, steps } = &expression.kind {
            (base.as_ref(), steps.as_slice())
        } else {
            (expression, &[][..])
        };
        if let Some((id, names)) = component_id(expression, |id| self.exports.contains_key(id)) {
            let (own, rest) = steps.split_at(names - 1);
            let span = own.last().map_or(base.span, |last| base.span.to(last.span()));
            return self.steps(self.exports[&id].clone(), span, rest);
        }
        let value = if let ExprKind::Variable(name) = &base.kind {
            let missing = || Diagnostic::error(base.span, format!("identifier {name:?} does not exist"));
            stdlib::lookup(name).ok_or_else(missing)?
        } else {
            self.evaluate(base)?
        };
        self.steps(value, base.span, steps)
    }

    /// Applies steps to a value, which `span` gave.
    fn steps(&self, mut value: Value, mut span: Span, steps: &[Step]) -> Result<Value, Diagnostic> {
        for step in steps {
            value = match step {
                Step::Field(name) => field(value, name)?,
                Step::Index { index, .. } => self.index(value, span, index)?,
                Step::Call { arguments, .. } => self.call(value, span, arguments)?,
            };
            span = span.to(step.span());
        }
        Ok(value)
    }

    fn index(&self, value: Value, span: Span, index: &Expr) -> Result<Value, Diagnostic> {
        let key = self.evaluate(index)?;
        match (value, key) {
            (Value::Array(mut elements), Value::Number(number)) => {
                let position = number.to_u64().filter(|whole| Number::Float(*whole as f64).to_f64() == number.to_f64());
                let position = position.and_then(|position| usize::try_from(position).ok());
                match position.filter(|position| *position < elements.len()) {
                    Some(position) => Ok(elements.swap_remove(position)),
                    None => {
                        let message = format!("index {number} is out of range of array with length {}", elements.len());
                        Err(Diagnostic::error(index.span, message))
                    }
                }
            }
            (Value::Object(mut fields), Value::String(key)) => Ok(fields.remove(&key).unwrap_or(Value::Null)),
            (Value::Array(_), other) => Err(self.wrong_type(index, "number", &other)),
            (Value::Object(_), other) => Err(self.wrong_type(index, "string", &other)),
            (other, _) => Err(should_be(&self.sources.text(span), span, "object or array", other.type_name())),
        }
    }

    fn call(&self, value: Value, span: Span, arguments: &[Expr]) -> Result<Value, Diagnostic> {
        let Value::Function(function) = value else {
            return Err(should_be(&self.sources.text(span), span, "function", value.type_name()));
        };
        let values = arguments.iter().map(|argument| self.evaluate(argument)).collect::<Result<Vec<_>, _>>()?;
        let types: Vec<_> = values.iter().map(Value::type_name).collect();
        function.call(values, self.environment).map_err(|error| match error {
            CallError::Call(message) => Diagnostic::error(span, message),
            CallError::Argument { index, expected } => {
                let argument = arguments[index].span;
                should_be(&self.sources.text(argument), argument, expected, types[index])
            }
        })
    }

    fn wrong_type(&self, expression: &Expr, expected: &str, value: &Value) -> Diagnostic {
        should_be(&self.sources.text(expression.span), expression.span, expected, value.type_name())
    }
}

/// Takes a field out of an object.
fn field(value: Value, name: &Ident) -> Result<Value, Diagnostic> {
    let type_name = value.type_name();
    let Value::Object(mut fields) = value else {
        let message = format!("cannot access field {:?} on value of type {type_name}", name.text);
        return Err(Diagnostic::error(name.span, message));
    };
    let missing = || Diagnostic::error(name.span, format!("field {:?} does not exist", name.text));
    fields.remove(&name.text).ok_or_else(missing)
}

/// Finds the component that an expression begins with: the longest of its names that `exists`, and how many of them.
pub(crate) fn component_id(expression: &Expr, exists: impl Fn(&str) -> bool) -> Option<(String, usize)> {
    let names: Vec<&str> = expression.leading_names()?.into_iter().map(|(name, _)| name).collect();
    (1..=names.len()).rev().map(|count| (names[..count].join("."), count)).find(|(id, _)| exists(id))
}

/// The error that a value has another type than its place needs.
pub(crate) fn should_be(text: &str, span: Span, expected: &str, actual: &str) -> Diagnostic {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    Diagnostic::error(span, format!("{text} should be {expected}, got {actual}"))
}
