//! The conformance vectors of this crate's kinds.
//!
//! They stand in the folder that `LONGSHIP_CONFORMANCE` names, by default `shared/conformance` beside the workspace.
//! Where there is none the test says so and passes. A vector asserts only the fields that its `expected` has.

#![expect(clippy::unwrap_used, reason = "a vector of another form is a fault of the vectors")]

use std::path::PathBuf;

use longship_syntax::{
    Diagnostic, FileId, Lexer, SourceMap, Span, Style, is_identifier, parse_expression, parse_file, render,
    sanitize_identifier,
};
use serde_json::Value;

/// What a vector gave instead of what it should have.
type Outcome = Result<(), String>;

/// Checks the `expected` of a vector against what its `input` gives.
type Check = fn(&Value, &Value) -> Outcome;

const KINDS: [(&str, Check); 7] = [
    ("scan_token", scan_token),
    ("scan_error", scan_error),
    ("syntax_parse_ok", syntax_parse_ok),
    ("syntax_parse_error", syntax_parse_error),
    ("diag_print", diag_print),
    ("identifier_valid", identifier_valid),
    ("identifier_sanitize", identifier_sanitize),
];

#[test]
fn conformance() {
    let folder = std::env::var_os("LONGSHIP_CONFORMANCE").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/conformance")),
        PathBuf::from,
    );
    if !folder.is_dir() {
        println!("skipped: no conformance vectors at {}", folder.display());
        return;
    }
    let mut failures = 0;
    for (kind, check) in KINDS {
        let path = folder.join(kind).with_extension("json");
        let vectors: Vec<Value> = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let mut passed = 0;
        for vector in &vectors {
            match check(&vector["input"], &vector["expected"]) {
                Ok(()) => passed += 1,
                Err(found) => println!("{}: {found}\n{vector:#}", vector["id"]),
            }
        }
        println!("{kind:<20} {passed}/{}", vectors.len());
        failures += vectors.len() - passed;
    }
    assert_eq!(failures, 0, "vectors failed");
}

fn scan_token(input: &Value, expected: &Value) -> Outcome {
    let (sources, file) = source(input);
    let kind = format!("{:?}", Lexer::new(&sources, file).next_token().kind);
    equal(kind.to_uppercase().as_str(), string(&expected["token"]))
}

fn scan_error(input: &Value, expected: &Value) -> Outcome {
    let (sources, file) = source(input);
    let mut lexer = Lexer::new(&sources, file);
    let kind = format!("{:?}", lexer.next_token().kind);
    equal(kind.to_uppercase().as_str(), string(&expected["first_token"]))?;
    let errors: Vec<_> =
        lexer.diagnostics().iter().map(|error| (error.span.unwrap().start, error.message.as_str())).collect();
    let offset = usize::try_from(expected["error_offset"].as_u64().unwrap()).unwrap();
    equal(errors, [(offset, string(&expected["error"]))])
}

fn syntax_parse_ok(input: &Value, _: &Value) -> Outcome {
    let (sources, diagnostics) = parse(input);
    equal(render(&diagnostics, &sources, Style::Plain).as_str(), "")
}

fn syntax_parse_error(input: &Value, expected: &Value) -> Outcome {
    let (sources, diagnostics) = parse(input);
    let expected = expected["errors"].as_array().unwrap();
    let fits = |(diagnostic, expected): (&Diagnostic, &Value)| {
        let position = sources.position(diagnostic.span.unwrap());
        // The regular expressions are plain texts with escapes.
        let regex = expected["message_regex"].as_str().map(|regex| regex.replace('\\', ""));
        let message = match regex {
            Some(part) => diagnostic.message.contains(&part),
            None => diagnostic.message == string(&expected["message"]),
        };
        message && expected["line"] == position.line && expected["column"] == position.column
    };
    if diagnostics.len() == expected.len() && diagnostics.iter().zip(expected).all(fits) {
        return Ok(());
    }
    Err(render(&diagnostics, &sources, Style::Plain))
}

fn diag_print(input: &Value, expected: &Value) -> Outcome {
    let mut sources = SourceMap::new();
    for (name, text) in input["files"].as_object().unwrap() {
        sources.add(name, string(text));
    }
    let read = |diagnostic: &Value| {
        let name = string(&diagnostic["file"]);
        let (file, source) = sources.sources().find(|(_, source)| source.name() == name).unwrap();
        let offset = |place: &Value| {
            let number = |field: &str| usize::try_from(place[field].as_u64().unwrap()).unwrap();
            let before: usize = (1..number("line")).map(|line| source.line(line).len() + 1).sum();
            before + number("column") - 1
        };
        let start = offset(&diagnostic["start"]);
        let end = Some(&diagnostic["end"]).filter(|end| !end.is_null()).map_or(start, |end| offset(end) + 1);
        let span = Span::new(file, start..end);
        let message = string(&diagnostic["message"]);
        match string(&diagnostic["severity"]) {
            "warning" => Diagnostic::warning(span, message),
            _ => Diagnostic::error(span, message),
        }
    };
    let diagnostics: Vec<_> = input["diagnostics"].as_array().unwrap().iter().map(read).collect();
    equal(render(&diagnostics, &sources, Style::Plain).as_str(), string(&expected["text"]))
}

fn identifier_valid(input: &Value, expected: &Value) -> Outcome {
    equal(Some(is_identifier(string(&input["text"]))), expected["valid"].as_bool())
}

fn identifier_sanitize(input: &Value, expected: &Value) -> Outcome {
    match sanitize_identifier(string(&input["text"])) {
        Ok(text) => equal(Some(text.as_str()), expected["text"].as_str()),
        Err(error) => equal(Some(error.to_string().as_str()), expected["error"].as_str()),
    }
}

fn parse(input: &Value) -> (SourceMap, Vec<Diagnostic>) {
    let (sources, file) = source(input);
    let diagnostics = match string(&input["what"]) {
        "expression" => parse_expression(&sources, file).1,
        _ => parse_file(&sources, file).1,
    };
    (sources, diagnostics)
}

fn source(input: &Value) -> (SourceMap, FileId) {
    let mut sources = SourceMap::new();
    let file = sources.add("", string(&input["text"]));
    (sources, file)
}

fn string(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn equal<A: PartialEq<B> + std::fmt::Debug, B: std::fmt::Debug>(found: A, expected: B) -> Outcome {
    if found == expected { Ok(()) } else { Err(format!("{found:?}, expected {expected:?}")) }
}
