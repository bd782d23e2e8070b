//! The conformance vectors that this version's part of the language answers.
//!
//! They stand in the folder that `LONGSHIP_CONFORMANCE` names, by default `shared/conformance` beside the workspace.
//! Where there is none the test says so and passes. A vector asserts only the fields that its `expected` has. What needs
//! something that this version does not have is not checked: [`later`] and [`Outcome::Later`] say what. How many vectors
//! of a kind are checked is fixed, so that a vector cannot leave unseen.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use longship_syntax::{SourceMap, parse_expression};
use serde_json::Value as Json;

use super::super::convert::{ConvertError, FromValue, TextMap, convert};
use super::super::eval::Scope;
use super::super::value::{Number, Value};
use super::super::{SourceFile, load_with};
use super::Any;

/// What a vector gave.
enum Outcome {
    Passed,
    /// It needs what this version does not have.
    Later,
    /// Something else than it should have.
    Failed(String),
}

type Check = fn(&Json, &Json) -> Outcome;

/// The kinds, and how many vectors of each are checked.
const KINDS: [(&str, Check, usize); 7] = [
    ("component_config", component_config, 4),
    ("decode_error", decode_error, 1),
    ("eval", eval, 57),
    ("eval_error", eval_error, 1),
    ("eval_target", eval_target, 6),
    ("eval_targets", eval_targets, 3),
    ("module_error", module_error, 1),
];

#[test]
fn conformance() {
    let folder = std::env::var_os("LONGSHIP_CONFORMANCE")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/conformance")), PathBuf::from);
    if !folder.is_dir() {
        println!("skipped: no conformance vectors at {}", folder.display());
        return;
    }
    let mut faults = Vec::new();
    for (kind, check, expected_count) in KINDS {
        let path = folder.join(kind).with_extension("json");
        let vectors: Vec<Json> = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let mut checked = 0;
        for vector in vectors.iter().filter(|vector| !later(vector)) {
            match check(&vector["input"], &vector["expected"]) {
                Outcome::Later => continue,
                Outcome::Passed => {}
                Outcome::Failed(found) => faults.push(format!("{}: {found}\n{vector:#}", vector["id"])),
            }
            checked += 1;
        }
        println!("{kind:<20} {checked} checked of {}", vectors.len());
        if checked != expected_count {
            faults.push(format!("{kind}: {checked} vectors checked, expected {expected_count}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Functions of the standard library that this version does not have.
const FUNCTIONS_LATER: [&str; 21] = [
    "array.combine_maps",
    "array.group_by",
    "encoding.",
    "file.path_join",
    "format(",
    "join(",
    "json_decode",
    "json_path",
    "nonsensitive",
    "replace(",
    "split(",
    "string.format",
    "string.join",
    "string.replace",
    "string.split",
    "string.to_",
    "to_lower",
    "to_upper",
    "trim",
    "yaml_decode",
    "base64_decode",
];

/// Tells whether a vector is about secrets, functions or components that this version does not have.
fn later(vector: &Json) -> bool {
    let input = &vector["input"];
    let expression = input["expression"].as_str().unwrap_or_default();
    let names_secret = |name: &str| {
        let value = &input["scope"][name];
        (value.get("secret").is_some() || value.get("optional_secret").is_some()) && expression.contains(name)
    };
    let component = input["component"].as_str();
    FUNCTIONS_LATER.iter().any(|function| expression.contains(function))
        || input["scope"].as_object().is_some_and(|scope| scope.keys().any(|name| names_secret(name)))
        || component.is_some_and(|name| !["loki.source.file", "loki.write", "block:http_client_config"].contains(&name))
}

fn component_config(input: &Json, expected: &Json) -> Outcome {
    let body = string(&input["body"]);
    let text = match string(&input["component"]) {
        "block:http_client_config" => format!("loki.write \"x\" {{\nendpoint {{\nurl = \"http://a\"\n{body}\n}}\n}}"),
        component => format!("{component} \"x\" {{\n{body}\n}}"),
    };
    let errors = super::errors(&text);
    let wanted = expected["error"].as_bool().unwrap();
    if !wanted && !errors.is_empty() && errors.iter().all(|error| error.contains("not supported by this version")) {
        return Outcome::Later;
    }
    let message = expected["reference_message_contains"].as_str().unwrap_or_default();
    let fits = if wanted { errors.iter().any(|error| error.contains(message)) } else { errors.is_empty() };
    if fits { Outcome::Passed } else { Outcome::Failed(format!("{errors:?}")) }
}

/// There is one vector; its schema is the type that it is decoded to here.
fn decode_error(input: &Json, expected: &Json) -> Outcome {
    type Schema = BTreeMap<String, BTreeMap<String, Vec<u64>>>;
    assert_eq!(input["schema"], serde_json::json!({"key": {"object": {"field1": ["number"]}}}));
    let mut sources = SourceMap::new();
    let file = sources.add(string(&input["filename"]), string(&input["text"]));
    let (tree, _) = longship_syntax::parse_file(&sources, file);
    let expression = &tree.body.attributes().next().unwrap().value;
    let value = scope(&BTreeMap::new(), &sources).evaluate(expression).unwrap();
    let error = convert::<Schema>(value).unwrap_err().at(expression, &sources).one_line(&sources).to_string();
    equal(error.as_str(), string(&expected["error"]))
}

fn eval(input: &Json, expected: &Json) -> Outcome {
    if expected.get("value").is_none() {
        return Outcome::Later;
    }
    let found = match input["decode_into"].as_str() {
        None | Some("any" | "object" | "array") => evaluate::<Any>(input).map(|any| json(&any.0)),
        Some("string") => evaluate::<String>(input).map(Json::from),
        Some("bool") => evaluate::<bool>(input).map(Json::from),
        Some(_) => evaluate::<Numeric>(input).map(|number| json(&Value::Number(number.0))),
    };
    match found {
        Ok(found) if same(&found, &expected["value"]) => Outcome::Passed,
        other => Outcome::Failed(format!("{other:?}")),
    }
}

fn eval_error(input: &Json, expected: &Json) -> Outcome {
    let Err(error) = evaluate::<Any>(input) else { return Outcome::Failed("no error".to_owned()) };
    match (expected["error"].as_str(), expected["error_contains"].as_str()) {
        (Some(whole), _) if error == whole => Outcome::Passed,
        (None, Some(part)) if error.contains(part) => Outcome::Passed,
        _ => Outcome::Failed(error),
    }
}

fn eval_target(input: &Json, expected: &Json) -> Outcome {
    let found = evaluate::<TextMap>(input).map(|labels| serde_json::to_value(labels).unwrap());
    equal(found, Ok(expected["labels"].clone()))
}

fn eval_targets(input: &Json, expected: &Json) -> Outcome {
    let found = evaluate::<Vec<TextMap>>(input).map(|targets| serde_json::to_value(targets).unwrap());
    equal(found, Ok(expected["targets"].clone()))
}

fn module_error(input: &Json, expected: &Json) -> Outcome {
    let files = input["files"].as_object().unwrap();
    if files.values().any(|text| string(text).contains("declare")) {
        return Outcome::Later;
    }
    let file = |(name, text): (&String, &Json)| SourceFile { name: name.clone(), text: string(text).into() };
    let files: Vec<_> = files.into_iter().map(file).collect();
    let error = load_with(&files, Arc::new(|_| None)).unwrap_err().to_string();
    if error.contains(string(&expected["error_contains"])) { Outcome::Passed } else { Outcome::Failed(error) }
}

fn evaluate<T: FromValue>(input: &Json) -> Result<T, String> {
    let mut sources = SourceMap::new();
    let file = sources.add("", string(&input["expression"]));
    let (expression, diagnostics) = parse_expression(&sources, file);
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    let variables = input["scope"].as_object().into_iter().flatten();
    let variables: BTreeMap<_, _> = variables.map(|(name, value)| (name.clone(), from_json(value))).collect();
    let environment = |name: &str| input["env"][name].as_str().map(str::to_owned);
    let scope = Scope { environment: &environment, ..scope(&variables, &sources) };
    let value = scope.evaluate(&expression).map_err(|error| error.one_line(&sources).to_string())?;
    convert(value).map_err(|error| error.at(&expression, &sources).one_line(&sources).to_string())
}

/// The variables of a vector stand where components do.
fn scope<'a>(variables: &'a BTreeMap<String, Value>, sources: &'a SourceMap) -> Scope<'a> {
    Scope { exports: variables, environment: &|_| None, sources }
}

/// A number of any kind.
struct Numeric(Number);

impl Default for Numeric {
    fn default() -> Self {
        Self(Number::Int(0))
    }
}

impl FromValue for Numeric {
    fn from_value(value: Value) -> Result<Self, ConvertError> {
        if let Value::Number(number) = value {
            return Ok(Self(number));
        }
        let number = Number::parse(&String::from_value(value)?);
        number.map(Self).ok_or_else(|| ConvertError::text("is no number"))
    }
}

fn from_json(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => Value::Number(match number.as_i64() {
            Some(whole) => Number::Int(whole),
            None => Number::Float(number.as_f64().unwrap()),
        }),
        Json::String(text) => Value::String(text.clone()),
        Json::Array(elements) => Value::Array(elements.iter().map(from_json).collect()),
        // A target is an object of texts.
        Json::Object(fields) => match fields.get("target") {
            Some(target) => from_json(target),
            None => Value::Object(fields.iter().map(|(name, value)| (name.clone(), from_json(value))).collect()),
        },
    }
}

fn json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::from(*value),
        Value::Number(Number::Int(value)) => Json::from(*value),
        Value::Number(Number::Uint(value)) => Json::from(*value),
        Value::Number(Number::Float(value)) => Json::from(*value),
        Value::String(text) => Json::from(text.as_str()),
        Value::Array(elements) => Json::Array(elements.iter().map(json).collect()),
        Value::Object(fields) => Json::Object(fields.iter().map(|(name, value)| (name.clone(), json(value))).collect()),
        Value::Function(_) | Value::Receiver(_) => panic!("{value:?} has no JSON form"),
    }
}

/// Compares numbers by their value and everything else exactly.
fn same(left: &Json, right: &Json) -> bool {
    match (left, right) {
        (Json::Number(left), Json::Number(right)) => left.as_f64() == right.as_f64(),
        (Json::Array(left), Json::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Json::Object(left), Json::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(name, left)| right.get(name).is_some_and(|right| same(left, right)))
        }
        _ => left == right,
    }
}

fn string(value: &Json) -> &str {
    value.as_str().unwrap()
}

fn equal<A: PartialEq<B> + std::fmt::Debug, B: std::fmt::Debug>(found: A, expected: B) -> Outcome {
    if found == expected { Outcome::Passed } else { Outcome::Failed(format!("{found:?}, expected {expected:?}")) }
}
