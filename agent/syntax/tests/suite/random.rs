//! Random texts: whatever the bytes, parsing ends without a panic and every span lies inside its text.
//!
//! Seeded, so that a failure comes back; the message names the text.

use longship_syntax::ast::{Body, Expr, ExprKind, Statement, Step};
use longship_syntax::{
    FileId, Lexer, SourceMap, Span, Style, TokenKind, has_errors, parse_expression, parse_file, render,
};

/// Whole pieces get deeper into the parser than bytes do.
const PIECES: [&[u8]; 52] = [
    b"{",
    b"}",
    b"(",
    b")",
    b"[",
    b"]",
    b",",
    b".",
    b"=",
    b"==",
    b"!",
    b"!=",
    b"-",
    b"+",
    b"*",
    b"/",
    b"%",
    b"^",
    b"||",
    b"&&",
    b"|",
    b"<",
    b">=",
    b"\"",
    b"`",
    b"'",
    b"//",
    b"/*",
    b"*/",
    b"\n",
    b"\r\n",
    b"\t",
    b" ",
    b"\\",
    b"\\x4",
    b"\\u00e9",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xc3\xa9",
    b"\xe2\x80",
    b"#",
    b"1",
    b"1e",
    b".5",
    b"true",
    b"null",
    b"name",
    b"\"label\" {",
    b"a = ",
    b"\"text\"",
    b"// comment\n",
];

#[test]
fn pieces_in_any_order() {
    let mut random = Random(1);
    for _ in 0..5_000 {
        let pieces = random.below(60);
        let text: Vec<u8> = (0..pieces).flat_map(|_| PIECES[random.below(PIECES.len())]).copied().collect();
        check(&text);
    }
}

#[test]
fn bytes_in_any_order() {
    let mut random = Random(2);
    for _ in 0..1_500 {
        let length = random.below(200);
        check(&(0..length).map(|_| random.byte()).collect::<Vec<u8>>());
    }
}

#[test]
fn a_valid_file_with_faults() {
    let valid = include_bytes!("../data/valid.conf");
    let mut random = Random(3);
    for _ in 0..1_500 {
        let mut text = valid.to_vec();
        for _ in 0..=random.below(4) {
            let at = random.below(text.len());
            let end = text.len().min(at + random.below(8));
            let piece = PIECES[random.below(PIECES.len())];
            let byte = [random.byte()];
            let with = [b"", piece, &byte][random.below(3)];
            text.splice(at..end, with.iter().copied());
        }
        check(&text);
    }
}

#[test]
fn a_valid_file_cut_anywhere() {
    let valid = include_bytes!("../data/valid.conf");
    for end in 0..=valid.len() {
        check(&valid[..end]);
    }
}

fn check(text: &[u8]) {
    let mut sources = SourceMap::new();
    let file = sources.add("random", text);
    let whole = Span::new(file, 0..text.len());
    let shown = text.escape_ascii();

    check_tokens(&sources, file);
    let (parsed, in_file) = parse_file(&sources, file);
    check_body(&parsed.body, whole);
    let mut complete = true;
    parsed.body.visit_expressions(&mut |part| complete &= part.kind != ExprKind::Invalid);
    assert!(complete || has_errors(&in_file), "{shown}");
    let (expression, in_expression) = parse_expression(&sources, file);
    check_expression(&expression, whole);

    for diagnostic in in_file.iter().chain(&in_expression) {
        let span = diagnostic.span.expect("the parser knows all places");
        inside(span, whole);
        assert!(!render(std::slice::from_ref(diagnostic), &sources, Style::Colored).is_empty());
    }
}

/// Tokens are in order, apart, and have nothing but white space between them.
fn check_tokens(sources: &SourceMap, file: FileId) {
    let text = sources.source(file).bytes();
    let mut lexer = Lexer::new(sources, file);
    let mut end = if text.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    loop {
        let token = lexer.next_token();
        let between = text.get(end..token.start);
        assert!(between.is_some_and(|between| between.iter().all(u8::is_ascii_whitespace)), "{token:?}");
        assert!(token.start <= token.end && token.end <= text.len(), "{token:?}");
        end = token.end;
        if token.kind == TokenKind::Eof {
            break;
        }
    }
    assert_eq!(end, text.len());
}

/// Statements are in order, apart, and hold their parts.
fn check_body(body: &Body, around: Span) {
    let mut rest = around;
    for statement in &body.statements {
        let span = take(&mut rest, statement.span());
        match statement {
            Statement::Attribute(attribute) => {
                inside(attribute.name.span, span);
                check_expression(&attribute.value, span);
            }
            Statement::Block(block) => {
                let mut rest = span;
                take(&mut rest, block.name.span);
                if let Some(label) = &block.label {
                    take(&mut rest, label.span);
                }
                take(&mut rest, block.braces);
                check_body(&block.body, block.braces);
            }
        }
    }
}

/// The parts of an expression, and of its parts, are in order, apart and inside.
fn check_expression(expression: &Expr, around: Span) {
    inside(expression.span, around);
    expression.visit(&mut |expression| {
        let mut rest = expression.span;
        for part in parts(expression) {
            take(&mut rest, part);
        }
    });
}

/// Returns the spans of the direct parts of an expression.
fn parts(expression: &Expr) -> Vec<Span> {
    match &expression.kind {
        ExprKind::Null | ExprKind::Bool(_) | ExprKind::Number(_) | ExprKind::String(_) => Vec::new(),
        ExprKind::Variable(_) | ExprKind::Invalid => Vec::new(),
        ExprKind::Array(elements) => elements.iter().map(|element| element.span).collect(),
        ExprKind::Object(fields) => fields.iter().flat_map(|field| [field.name.span, field.value.span]).collect(),
        ExprKind::Access { base, steps } => {
            let mut parts = vec![base.span];
            for step in steps {
                match step {
                    Step::Field(name) => parts.push(name.span),
                    Step::Index { index, brackets } => parts.push(inside(index.span, *brackets)),
                    Step::Call { arguments, parens } => {
                        parts.extend(arguments.iter().map(|argument| inside(argument.span, *parens)));
                    }
                }
            }
            parts
        }
        ExprKind::Unary { operand, .. } => vec![operand.span],
        ExprKind::Binary { first, rest } => {
            let operations = rest.iter().flat_map(|operation| [operation.operator_span, operation.operand.span]);
            std::iter::once(first.span).chain(operations).collect()
        }
        ExprKind::Paren(inner) => vec![inner.span],
    }
}

/// Returns a span that must lie in `rest`, and takes it and everything before it away from there.
fn take(rest: &mut Span, span: Span) -> Span {
    rest.start = inside(span, *rest).end;
    span
}

/// Returns the inner span, which must lie in the outer one.
fn inside(inner: Span, outer: Span) -> Span {
    assert!(inner.start <= inner.end && outer.start <= inner.start && inner.end <= outer.end, "{inner:?} in {outer:?}");
    inner
}

/// A small generator of random numbers (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    /// Returns a number below `limit`.
    fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        usize::try_from(self.next() % limit).unwrap_or_default()
    }
}
