//! Expressions, one by one.

use std::collections::BTreeMap;

use longship_syntax::{SourceMap, parse_expression};

use super::super::convert::{Bytes, FromValue, TextMap, convert};
use super::super::eval::Scope;
use super::super::value::{Number, Value};
use super::Any;

/// Evaluates a text in which `loki.write.w` and `local.file_match.m` are components, and converts the value.
fn evaluate<T: FromValue>(text: &str) -> Result<T, String> {
    let mut sources = SourceMap::new();
    let file = sources.add("", text);
    let (expression, diagnostics) = parse_expression(&sources, file);
    assert!(diagnostics.is_empty(), "{text}: {diagnostics:?}");
    let object = |name: &str, value| Value::Object(BTreeMap::from([(name.to_owned(), value)]));
    let target = object("__path__", Value::String("/a".to_owned()));
    let exports = BTreeMap::from([
        ("loki.write.w".to_owned(), object("receiver", Value::Receiver("loki.write.w".to_owned()))),
        ("local.file_match.m".to_owned(), object("targets", Value::Array(vec![target]))),
    ]);
    let environment = |name: &str| (name == "HOSTNAME").then(|| "node-1".to_owned());
    let scope = Scope { exports: &exports, environment: &environment, sources: &sources };
    let value = scope.evaluate(&expression).map_err(|error| error.one_line(&sources).to_string())?;
    convert(value).map_err(|error| error.at(&expression, &sources).one_line(&sources).to_string())
}

#[track_caller]
fn check(text: &str, expect: Value) {
    assert_eq!(evaluate(text), Ok(Any(expect)), "{text}");
}

#[track_caller]
fn fails(text: &str, expect: &str) {
    assert_eq!(evaluate::<Any>(text), Err(expect.to_owned()), "{text}");
}

fn int(value: i64) -> Value {
    Value::Number(Number::Int(value))
}

fn float(value: f64) -> Value {
    Value::Number(Number::Float(value))
}

fn string(text: &str) -> Value {
    Value::String(text.to_owned())
}

#[test]
fn numbers() {
    check("3 / 5", int(0));
    check("3 / 5.0", float(0.6));
    check("7 % 4", int(3));
    check("-7 % 4", int(-3));
    check("5.5 % 2", float(1.5));
    check("2 ^ 3 ^ 2", int(512));
    check("2 ^ -1", float(0.5));
    check("1 - 2 - 3", int(-4));
    check("9223372036854775807 + 1", Value::Number(Number::Uint(1 << 63)));
    check("18446744073709551615 + 1", float(18_446_744_073_709_551_616.0));
    check("-9223372036854775807 - 1", int(i64::MIN));
    fails("1 / 0", "1:5: divide by zero error");
    fails("1.5 % 0", "1:7: divide by zero error");
}

#[test]
fn comparisons() {
    for (text, expect) in [
        ("1 == 1.0", true),
        ("1 != 2", true),
        ("\"a\" < \"b\"", true),
        ("2 >= 2", true),
        ("2 > 2.5", false),
        ("\"1\" == 1", false),
        ("null == null", true),
        ("[1, {a = 2}] == [1, {a = 2}]", true),
        ("loki.write.w.receiver == loki.write.w.receiver", true),
        ("true && false || true", true),
        ("!(1 == 2)", true),
    ] {
        check(text, Value::Bool(expect));
    }
}

#[test]
fn operators_of_the_wrong_type() {
    fails("true + 1", "1:1: true should be one of [number string] for binop +, got bool");
    fails("\"a\" + 1", "1:7: 1 should be string, got number");
    fails("1 - \"a\"", "1:5: \"a\" should be number, got string");
    fails("loki.write.w.receiver - 1", "1:1: loki.write.w.receiver should be one of [number] for binop -, got capsule");
    fails("1 + 2 + true", "1:9: true should be number, got bool");
    fails("1 && true", "1:1: 1 should be one of [bool] for binop &&, got number");
    fails("!1", "1:2: 1 should be bool, got number");
    fails("-\"a\"", "1:2: \"a\" should be number, got string");
}

#[test]
fn access() {
    check("{a = {b = 1}}.a.b", int(1));
    check("{a = 1, a = 2}.a", int(2));
    check("{a = 1}[\"b\"]", Value::Null);
    check("[1, 2][1]", int(2));
    check("local.file_match.m.targets[0].__path__", string("/a"));
    check("local.file_match.m[\"targets\"][0][\"__path__\"]", string("/a"));
    fails("{a = 1}.b", "1:9: field \"b\" does not exist");
    fails("[1][1]", "1:5: index 1 is out of range of array with length 1");
    fails("[1][-1]", "1:5: index -1 is out of range of array with length 1");
    fails("[1][0.5]", "1:5: index 0.5 is out of range of array with length 1");
    fails("[1][\"a\"]", "1:5: \"a\" should be number, got string");
    fails("{a = 1}[1]", "1:9: 1 should be string, got number");
    fails("[1].a", "1:5: cannot access field \"a\" on value of type array");
    fails("local.file_match.m.output", "1:20: field \"output\" does not exist");
    fails("nope", "1:1: identifier \"nope\" does not exist");
}

#[test]
fn functions() {
    check("sys.env(\"HOSTNAME\") + \"!\"", string("node-1!"));
    check("env(\"NOT_SET\")", string(""));
    check("array.concat([1], [], [2, 3],)", Value::Array(vec![int(1), int(2), int(3)]));
    check("concat()", Value::Array(Vec::new()));
    check("coalesce(sys.env(\"NOT_SET\"), null, 0, \"last\")", string("last"));
    check("coalesce()", Value::Null);
    check("constants.os", string("linux"));
    fails("sys.env()", "1:1: env: expected 1 arguments, got 0");
    fails("sys.env(1)", "1:9: 1 should be string, got number");
    fails("concat([1], \"a\")", "1:13: \"a\" should be array, got string");
    fails("constants.os()", "1:1: constants.os should be function, got string");
    fails("sys.nope(1)", "1:5: field \"nope\" does not exist");
}

#[test]
fn conversions() {
    assert_eq!(evaluate("24"), Ok("24".to_owned()));
    assert_eq!(evaluate("3.9"), Ok("3.9".to_owned()));
    assert_eq!(evaluate("\"12\""), Ok(12_u64));
    assert_eq!(evaluate("null"), Ok(String::new()));
    assert_eq!(evaluate("\"10KB\""), Ok(Bytes(10_240)));
    assert_eq!(evaluate("1024"), Ok(Bytes(1024)));
    let target = TextMap::from([("a".to_owned(), "5".to_owned()), ("b".to_owned(), "x".to_owned())]);
    assert_eq!(evaluate("[{a = 5, b = \"x\"}]"), Ok(vec![target]));
}

#[test]
fn conversions_that_fail() {
    let bool = |text: &str| evaluate::<bool>(text).unwrap_err();
    assert_eq!(bool("\"true\""), "1:1: \"true\" should be bool, got string");
    let text = |text: &str| evaluate::<String>(text).unwrap_err();
    assert_eq!(text("true"), "1:1: true should be string, got bool");
    assert_eq!(text("loki.write.w.receiver"), "1:1: loki.write.w.receiver should be string, got capsule");
    let number = |text: &str| evaluate::<u64>(text).unwrap_err();
    assert_eq!(number("\"abc\""), "1:1: \"abc\" should be number, got string");
    assert_eq!(number("-1"), "1:1: -1 should not be negative");
    let targets = |text: &str| evaluate::<Vec<TextMap>>(text).unwrap_err();
    assert_eq!(targets("[{a = 1}, {b = true}]"), "1:16: true should be string, got bool");
    assert_eq!(targets("[\n  \"x\",\n]"), "2:3: \"x\" should be object, got string");
    assert_eq!(targets("{}"), "1:1: {} should be array, got object");
    assert_eq!(
        targets("concat([{a = 1}],\n [{b = [true]}])"),
        "1:1: concat([{a = 1}], [{b = [true]}])[1].b should be string, got array"
    );
}
