//! Operators on values.

#![expect(clippy::wildcard_enum_match_arm, reason = "every other type or operator has been refused before")]

use longship_syntax::ast::BinaryOperator;
use longship_syntax::{Diagnostic, SourceMap, Span};

use super::eval::should_be;
use super::value::{Number, Value};

/// Why two values have no result under an operator.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum OperatorError {
    /// The left operand has none of the types the operator takes.
    Left,
    /// The right operand has another type than the left one.
    Right,
    /// The right operand is zero.
    DivideByZero,
}

impl OperatorError {
    /// Makes a diagnostic of the error; `sides` are the operands with their places.
    pub(super) fn at(self, operator: BinaryOperator, sides: [(&Value, Span); 2], sources: &SourceMap) -> Diagnostic {
        let [(left, left_span), (right, right_span)] = sides;
        match self {
            Self::Left => {
                let expected = format!("one of [{}] for binop {operator}", operand_types(operator).join(" "));
                should_be(&sources.text(left_span), left_span, &expected, left.type_name())
            }
            Self::Right => should_be(&sources.text(right_span), right_span, left.type_name(), right.type_name()),
            Self::DivideByZero => Diagnostic::error(right_span, "divide by zero error"),
        }
    }
}

/// The types an operator takes.
fn operand_types(operator: BinaryOperator) -> &'static [&'static str] {
    match operator {
        BinaryOperator::Or | BinaryOperator::And => &["bool"],
        BinaryOperator::Add
        | BinaryOperator::Less
        | BinaryOperator::LessOrEqual
        | BinaryOperator::Greater
        | BinaryOperator::GreaterOrEqual => &["number", "string"],
        BinaryOperator::Subtract
        | BinaryOperator::Multiply
        | BinaryOperator::Divide
        | BinaryOperator::Modulo
        | BinaryOperator::Power => &["number"],
        BinaryOperator::Equal | BinaryOperator::NotEqual => &[],
    }
}

/// Applies an operator to two values.
pub(crate) fn binary(operator: BinaryOperator, left: &Value, right: &Value) -> Result<Value, OperatorError> {
    match operator {
        BinaryOperator::Equal => return Ok(Value::Bool(equal(left, right))),
        BinaryOperator::NotEqual => return Ok(Value::Bool(!equal(left, right))),
        _ if !operand_types(operator).contains(&left.type_name()) => return Err(OperatorError::Left),
        _ => {}
    }
    match (left, right) {
        (Value::Bool(left), Value::Bool(right)) => {
            Ok(Value::Bool(if operator == BinaryOperator::Or { *left || *right } else { *left && *right }))
        }
        (Value::String(left), Value::String(right)) if operator == BinaryOperator::Add => {
            Ok(Value::String(format!("{left}{right}")))
        }
        (Value::String(left), Value::String(right)) => Ok(Value::Bool(ordered(operator, left.cmp(right)))),
        (Value::Number(left), Value::Number(right)) => number(operator, *left, *right),
        _ => Err(OperatorError::Right),
    }
}

/// Returns a number with its sign turned round.
pub(crate) fn negate(number: Number) -> Number {
    match number {
        Number::Int(value) => value.checked_neg().map_or_else(|| Number::Uint(value.unsigned_abs()), Number::Int),
        Number::Uint(value) => 0_i64.checked_sub_unsigned(value).map_or(Number::Float(-(value as f64)), Number::Int),
        Number::Float(value) => Number::Float(-value),
    }
}

fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => match (whole(*left), whole(*right)) {
            (Some(left), Some(right)) => left == right,
            _ => left.to_f64() == right.to_f64(),
        },
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| equal(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().zip(right).all(|(left, right)| left.0 == right.0 && equal(left.1, right.1))
        }
        _ => left == right,
    }
}

fn ordered(operator: BinaryOperator, order: std::cmp::Ordering) -> bool {
    match operator {
        BinaryOperator::Less => order.is_lt(),
        BinaryOperator::LessOrEqual => order.is_le(),
        BinaryOperator::Greater => order.is_gt(),
        _ => order.is_ge(),
    }
}

fn number(operator: BinaryOperator, left: Number, right: Number) -> Result<Value, OperatorError> {
    if let (Some(left), Some(right)) = (whole(left), whole(right))
        && let Some(result) = on_whole(operator, left, right)?
    {
        return Ok(result);
    }
    let (left, right) = (left.to_f64(), right.to_f64());
    let result = match operator {
        BinaryOperator::Add => left + right,
        BinaryOperator::Subtract => left - right,
        BinaryOperator::Multiply => left * right,
        BinaryOperator::Divide | BinaryOperator::Modulo if right == 0.0 => return Err(OperatorError::DivideByZero),
        BinaryOperator::Divide => left / right,
        BinaryOperator::Modulo => left % right,
        BinaryOperator::Power => left.powf(right),
        _ => {
            let order = left.partial_cmp(&right);
            return Ok(Value::Bool(order.is_some_and(|order| ordered(operator, order))));
        }
    };
    Ok(Value::Number(Number::Float(result)))
}

/// Applies an operator to whole numbers; `None` if the result is not whole or does not fit.
fn on_whole(operator: BinaryOperator, left: i128, right: i128) -> Result<Option<Value>, OperatorError> {
    let result = match operator {
        BinaryOperator::Add => left.checked_add(right),
        BinaryOperator::Subtract => left.checked_sub(right),
        BinaryOperator::Multiply => left.checked_mul(right),
        BinaryOperator::Divide | BinaryOperator::Modulo if right == 0 => return Err(OperatorError::DivideByZero),
        BinaryOperator::Divide => left.checked_div(right),
        BinaryOperator::Modulo => left.checked_rem(right),
        BinaryOperator::Power => u32::try_from(right).ok().and_then(|exponent| left.checked_pow(exponent)),
        _ => return Ok(Some(Value::Bool(ordered(operator, left.cmp(&right))))),
    };
    let number = result.and_then(|result| {
        i64::try_from(result).map(Number::Int).or_else(|_large| u64::try_from(result).map(Number::Uint)).ok()
    });
    Ok(number.map(Value::Number))
}

fn whole(number: Number) -> Option<i128> {
    match number {
        Number::Int(value) => Some(value.into()),
        Number::Uint(value) => Some(value.into()),
        Number::Float(_) => None,
    }
}
