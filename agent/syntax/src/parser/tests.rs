//! Trees and errors of small texts. What whole files give is tested in `tests/`.

use super::*;
use crate::ast::{ExprKind, Statement, Step};
use crate::literal::{Number, Text};

/// Parses an expression and writes it with parentheses around everything that is applied to something.
fn tree(text: &str) -> String {
    let mut sources = SourceMap::new();
    let file = sources.add("", text);
    let (expression, diagnostics) = parse_expression(&sources, file);
    assert_eq!(diagnostics, [], "{text}");
    show(&expression)
}

fn show(expression: &Expr) -> String {
    let list = |items: &[Expr]| items.iter().map(show).collect::<Vec<_>>().join(" ");
    match &expression.kind {
        ExprKind::Null => "null".to_owned(),
        ExprKind::Bool(value) => value.to_string(),
        ExprKind::Number(Number::Int(value)) => value.to_string(),
        ExprKind::Number(other) => format!("{other:?}"),
        ExprKind::String(text) => crate::quote(text.as_bytes()),
        ExprKind::Variable(name) => name.clone(),
        ExprKind::Array(elements) => format!("[{}]", list(elements)),
        ExprKind::Object(fields) => {
            let show_field = |field: &crate::ast::Field| {
                let quoted = if field.quoted { "'" } else { "" };
                format!("{quoted}{}={}", field.name.text, show(&field.value))
            };
            format!("{{{}}}", fields.iter().map(show_field).collect::<Vec<_>>().join(" "))
        }
        ExprKind::Access { base, steps } => steps.iter().fold(show(base), |value, step| match step {
            Step::Field(name) => format!("({value}.{})", name.text),
            Step::Index { index, .. } => format!("({value}[{}])", show(index)),
            Step::Call { arguments, .. } => format!("({value}({}))", list(arguments)),
        }),
        ExprKind::Unary { operator, operand } => format!("({operator}{})", show(operand)),
        ExprKind::Binary { first, rest } => rest.iter().fold(show(first), |left, operation| {
            format!("({left} {} {})", operation.operator, show(&operation.operand))
        }),
        ExprKind::Paren(inner) => format!("<{}>", show(inner)),
        ExprKind::Invalid => "INVALID".to_owned(),
    }
}

/// Checks the errors of a file, each as `line:column message`.
fn check_errors(text: &str, expect: &[&str]) {
    let mut sources = SourceMap::new();
    let file = sources.add("", text);
    let (_, diagnostics) = parse_file(&sources, file);
    let found: Vec<_> = diagnostics.iter().map(|found| found.one_line(&sources).to_string()).collect();
    assert_eq!(found, expect, "{text}");
}

#[test]
fn literals() {
    let check = |text: &str, expect: &str| assert_eq!(tree(text), expect);
    check("null", "null");
    check("true", "true");
    check("false", "false");
    check("42", "42");
    check("1.5", "Float(1.5)");
    check("1e999", "OutOfRange");
    check(r#""a\tb""#, r#""a\tb""#);
    check("`a\\tb`", r#""a\\tb""#);
    check("name", "name");
}

#[test]
fn precedence() {
    let check = |text: &str, expect: &str| assert_eq!(tree(text), expect);
    check("1 + 2 * 3", "(1 + (2 * 3))");
    check("1 * 2 + 3", "((1 * 2) + 3)");
    check("1 - 2 - 3 + 4", "(((1 - 2) - 3) + 4)");
    check("8 / 4 * 2 % 3", "(((8 / 4) * 2) % 3)");
    check("2 ^ 3 ^ 2", "(2 ^ (3 ^ 2))");
    check("2 * 3 ^ 2 * 4", "((2 * (3 ^ 2)) * 4)");
    check("-2 ^ 2", "((-2) ^ 2)");
    check("2 ^ -2", "(2 ^ (-2))");
    check("!a == -b", "((!a) == (-b))");
    check("!!--a", "(!(!(-(-a))))");
    check("-a.b[0]", "(-((a.b)[0]))");
    check("a || b && c || d", "((a || (b && c)) || d)");
    check("a && b == c < d", "(a && ((b == c) < d))");
    check("1 == 2 + 3 != 4 * 5", "((1 == (2 + 3)) != (4 * 5))");
    check("1 * 2 + 3 * 4 - 5", "(((1 * 2) + (3 * 4)) - 5)");
    check("(1 + 2) * 3", "(<(1 + 2)> * 3)");
    check("a <= 1 && b >= 2 || c > 3", "(((a <= 1) && (b >= 2)) || (c > 3))");
}

#[test]
fn collections_and_steps() {
    let check = |text: &str, expect: &str| assert_eq!(tree(text), expect);
    check("[]", "[]");
    check("[1, [2],\n 3,\n]", "[1 [2] 3]");
    check("{}", "{}");
    check("{ a = 1, \"b c\" = {\n d = 2,\n}, }", "{a=1 'b c={d=2}}");
    check(r#"{ "\x41" = 1, "" = 2, `r` = 3 }"#, "{'A=1 '=2 'r=3}");
    check("a.b.c", "((a.b).c)");
    check("a[0][\"k\"]", "((a[0])[\"k\"])");
    check("f()", "(f())");
    check("f(1, a.b,\n)", "(f(1 (a.b)))");
    check("(a.b)(1, 3 * x[i * 2]).y", "((<(a.b)>(1 (3 * (x[(i * 2)])))).y)");
    check("[1][0]", "([1][0])");
    check("{ a = 1 }.a", "({a=1}.a)");
    check("\n// c\n1 /* d */ +\n2 // e\n", "(1 + 2)");
}

#[test]
fn an_expression_must_be_alone() {
    let check = |text: &str, expect: &str| {
        let mut sources = SourceMap::new();
        let file = sources.add("", text);
        let (_, diagnostics) = parse_expression(&sources, file);
        assert_eq!(crate::summary(&diagnostics, &sources).to_string(), expect, "{text}");
    };
    check("", "1:1: expected expression, got EOF");
    check("1 2", "1:3: expected TERMINATOR, got NUMBER");
    check("1\n2", "2:1: expected EOF, got NUMBER");
    check("a = 1", "1:3: expected TERMINATOR, got =");
}

#[test]
fn statements() {
    let mut sources = SourceMap::new();
    let file =
        sources.add("", "a = 1 // x\nb.c \"l\" {\n\td = [\n\t\t2,\n\t]\n\te \"\" { f = 3 }\n}\n/* y\r\n */\ng { }");
    let (parsed, diagnostics) = parse_file(&sources, file);
    assert_eq!(diagnostics, []);

    let text = |span| sources.text(span).into_owned();
    let [Statement::Attribute(a), Statement::Block(b), Statement::Block(g)] = parsed.body.statements.as_slice() else {
        panic!("{:?}", parsed.body);
    };
    assert_eq!((a.name.text.as_str(), text(a.span())), ("a", "a = 1".to_owned()));
    assert_eq!((b.name.text.as_str(), text(b.name.span)), ("b.c", "b.c".to_owned()));
    let label = b.label.as_ref().unwrap();
    assert_eq!((label.text.as_str(), text(label.span)), ("l", "\"l\"".to_owned()));
    assert!(text(b.span()).starts_with("b.c \"l\" {\n\td") && text(b.span()).ends_with(" }\n}"));
    assert_eq!((text(g.span()), text(g.braces), &g.label), ("g { }".to_owned(), "{ }".to_owned(), &None));

    assert_eq!(b.body.attributes().map(|attribute| text(attribute.value.span)).collect::<Vec<_>>(), ["[\n\t\t2,\n\t]"]);
    let nested: Vec<_> = b.body.blocks().collect();
    assert_eq!(nested.len(), 1);
    assert_eq!(nested[0].label.as_ref().map(|label| label.text.as_str()), Some(""));

    let comments: Vec<_> = parsed.comments.iter().map(|comment| comment.text.as_str()).collect();
    assert_eq!(comments, ["// x", "/* y\n */"]);
    assert_eq!(text(parsed.comments[1].span), "/* y\r\n */");
}

#[test]
fn every_expression_has_its_text() {
    let mut sources = SourceMap::new();
    let file = sources.add("", "a = -f(x.y, [1])[ \"k\" ] + (2) * 3 - 4\nb { c = { d = !e } }");
    let (parsed, _) = parse_file(&sources, file);
    let mut texts = Vec::new();
    parsed.body.visit_expressions(&mut |expression| texts.push(sources.text(expression.span).into_owned()));
    let expect = [
        "-f(x.y, [1])[ \"k\" ] + (2) * 3 - 4",
        "-f(x.y, [1])[ \"k\" ]",
        "f(x.y, [1])[ \"k\" ]",
        "f",
        "x.y",
        "x",
        "[1]",
        "1",
        "\"k\"",
        "(2) * 3",
        "(2)",
        "2",
        "3",
        "4",
        "{ d = !e }",
        "!e",
        "e",
    ];
    assert_eq!(texts, expect);
}

#[test]
fn leading_names() {
    let check = |text: &str, expect: Option<&[&str]>| {
        let mut sources = SourceMap::new();
        let file = sources.add("", text);
        let (expression, _) = parse_expression(&sources, file);
        let names = expression.leading_names();
        for (name, span) in names.iter().flatten() {
            assert_eq!(sources.text(*span), *name);
        }
        let names: Option<Vec<_>> = names.map(|names| names.into_iter().map(|(name, _)| name).collect());
        assert_eq!(names.as_deref(), expect, "{text}");
    };
    check("a", Some(&["a"]));
    check("a.b . c", Some(&["a", "b", "c"]));
    check("a.b[0].c", Some(&["a", "b"]));
    check("a().b", Some(&["a"]));
    check("(a).b", None);
    check("1", None);
    check("a + b", None);
}

#[test]
fn values_of_strings_are_bytes() {
    let mut sources = SourceMap::new();
    let file = sources.add("", r#""\xff""#);
    let (expression, _) = parse_expression(&sources, file);
    let ExprKind::String(text) = &expression.kind else { panic!("{expression:?}") };
    assert_eq!(Text::as_bytes(text), [0xff]);
}

#[test]
fn errors_in_statements() {
    check_errors("a = 1 b = 2\nc = 3", &["1:7: expected TERMINATOR, got IDENT"]);
    check_errors("= 1\nb = 2", &["1:1: expected identifier, got =", "2:1: expected TERMINATOR, got IDENT"]);
    check_errors(
        "a\nb = 1",
        &["1:2: expected block label, got TERMINATOR", "2:1: expected attribute assignment or block body, got IDENT"],
    );
    check_errors("a. = 1", &["1:4: expected identifier, got ="]);
    check_errors(
        "a \"b\"\nc = 1",
        &["1:6: expected block body, got TERMINATOR", "2:1: expected TERMINATOR, got IDENT"],
    );
    check_errors("a \"\"\n\n\n", &["1:5: expected attribute assignment or block body, got TERMINATOR"]);
    check_errors("a.b \"\"\n", &["1:7: expected block body, got TERMINATOR"]);
    check_errors("a b { }", &["1:3: expected block label, got IDENT"]);
    check_errors("a `b` { }", &["1:3: expected block label to be a double quoted string, but got \"`b`\""]);
    check_errors("a \"b-c\" { }", &["1:3: expected block label to be a valid identifier, but got \"b-c\""]);
    check_errors("a \"true\" { }", &["1:3: expected block label to be a valid identifier, but got \"true\""]);
    check_errors("a.b = 1", &["1:1: attribute names may only consist of a single identifier with no \".\""]);
    check_errors("a \"b\" = 1", &["1:3: attribute names may not have labels"]);
    check_errors("a {\nb = 1\n", &["3:1: expected }, got EOF"]);
    check_errors("a { b = 1 }}\nc = 1", &["1:12: expected TERMINATOR, got }"]);
    check_errors("a\n{ }", &["1:2: expected block label, got TERMINATOR"]);
    check_errors("a = 1;", &["1:6: illegal character U+003B ';'", "1:6: expected TERMINATOR, got ILLEGAL"]);
}

#[test]
fn errors_in_expressions() {
    check_errors("a = \nb = 2", &["2:3: expected TERMINATOR, got ="]);
    check_errors("a = 1 + + 2\nb = )", &["1:9: expected expression, got +", "2:5: expected expression, got )"]);
    check_errors("a = b.true\nc = d[1\n", &["1:7: expected IDENT, got BOOL", "2:8: expected ], got TERMINATOR"]);
    check_errors("a = [1 2]", &["1:8: missing ',' in expression list"]);
    check_errors("a = f(1\n)", &["1:8: missing ',' in expression list"]);
    check_errors("a = {b = 1\n}", &["1:11: missing ',' in field list"]);
    check_errors("a = {]}\n", &["1:6: expected }, got ]"]);
    check_errors("a = {1 = 2}", &["1:6: expected field name (string or identifier), got NUMBER"]);
    check_errors("a = {b}", &["1:7: expected =, got }"]);
    check_errors("a = b.c \"d\" {\n e = 1\n}\nf = 2", &["1:5: cannot use a block as an expression"]);
    check_errors(
        "a = b {\n c = d { }\n}",
        &["2:6: cannot use a block as an expression", "1:5: cannot use a block as an expression"],
    );
    check_errors("a = b \"c\" 1\nd = 2", &["1:11: expected {, got NUMBER"]);
}

#[test]
fn one_line_has_one_error_until_another_line_had_one() {
    check_errors("a = ) ) )\nb = (\nc = )", &["1:5: expected expression, got )", "3:3: expected ), got ="]);
}

/// Texts that nest with their length, each form of nesting by itself.
fn nests(levels: usize) -> Vec<String> {
    let around = |open: &str, close: &str| format!("a = {}1{}", open.repeat(levels), close.repeat(levels));
    vec![
        around("(", ")"),
        around("[", "]"),
        around("{a=", "}"),
        around("f(", ")"),
        around("f[", "]"),
        around("-", ""),
        around("!", ""),
        around("2^", ""),
        around("1||1&&1==1+1*1^-(", ")"),
        format!("{}{}", "b {\n".repeat(levels), "}\n".repeat(levels)),
        around("b \"l\" {\na =", "\n}"),
    ]
}

#[test]
fn nesting_is_bounded() {
    // Far less than the 2 MiB that threads have by default, in a build without optimization.
    let small_stack = std::thread::Builder::new().stack_size(1 << 20);
    let run = small_stack.spawn(|| {
        let message = format!("blocks and expressions may not nest deeper than {NESTING_MAX} levels");
        for text in nests(100_000) {
            let mut sources = SourceMap::new();
            let file = sources.add("", text);
            let (parsed, diagnostics) = parse_file(&sources, file);
            let start = &sources.source(file).bytes()[..20];
            let messages: Vec<_> = diagnostics.iter().map(|diagnostic| &diagnostic.message).collect();
            assert_eq!(messages, [&message], "{}", start.escape_ascii());
            // Whatever walks the tree by recursion stays within bounds too.
            assert_eq!(parsed, parsed.clone());
            assert!(!format!("{parsed:?}").is_empty());
        }
        for text in nests(NESTING_MAX / 3) {
            let mut sources = SourceMap::new();
            let file = sources.add("", text);
            let (_, diagnostics) = parse_file(&sources, file);
            assert!(diagnostics.iter().all(|diagnostic| diagnostic.message != message));
        }
    });
    run.unwrap().join().unwrap();
}

#[test]
fn long_chains_do_not_nest() {
    let links = 100_000;
    for link in ["+1", "*1", "||1", ".b", "[0]", "()"] {
        let mut sources = SourceMap::new();
        let file = sources.add("", format!("a = a{}", link.repeat(links)));
        let (parsed, diagnostics) = parse_file(&sources, file);
        assert_eq!(diagnostics, []);
        let value = &parsed.body.attributes().next().unwrap().value;
        let found = match &value.kind {
            ExprKind::Access { steps, .. } => steps.len(),
            ExprKind::Binary { rest, .. } => rest.len(),
            other => panic!("{other:?}"),
        };
        assert_eq!(found, links);
    }
}

#[test]
fn errors_are_bounded() {
    for text in ["a b c\n".repeat(100_000).into_bytes(), vec![0xff; 100_000], [&b"\""[..], &[0; 100_000]].concat()] {
        let mut sources = SourceMap::new();
        let file = sources.add("", text);
        let (_, diagnostics) = parse_file(&sources, file);
        let last = &diagnostics[diagnostics.len() - 1];
        assert_eq!(diagnostics.len(), DIAGNOSTICS_MAX + 1);
        assert_eq!(last.message, "too many errors, the rest of the file was not read");
    }
}
