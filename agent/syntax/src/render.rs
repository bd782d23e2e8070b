//! Diagnostics with the lines they are about.
//!
//! ```text
//! Error: config.alloy:12:3: unrecognized attribute name "foo"
//!
//! 11 | loki.write "x" {
//! 12 |   foo = 1
//!    |   ^^^
//! 13 | }
//! ```
//!
//! One line of context stands before and after. A span over several lines is drawn at its first and last line, with a
//! bar along the lines between. Columns are bytes, but one character takes one caret whatever its length, and a tab
//! takes four, so that carets stand below what they mean.

use std::fmt::{self, Write};

use crate::character;
use crate::diagnostic::{Diagnostic, Severity};
use crate::source::{Position, Source, SourceMap, Span};

/// Whether the printed form has terminal colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Text alone.
    Plain,
    /// The header with ANSI colours; for terminals only.
    Colored,
}

/// Returns the printed form of all diagnostics, with an empty line between two of them.
pub fn render(diagnostics: &[Diagnostic], sources: &SourceMap, style: Style) -> String {
    let mut out = String::new();
    for (index, diagnostic) in diagnostics.iter().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        one(&mut out, diagnostic, sources, style).expect("writing to a string cannot fail");
    }
    out
}

fn one(out: &mut String, diagnostic: &Diagnostic, sources: &SourceMap, style: Style) -> fmt::Result {
    header(out, diagnostic, sources, style)?;
    if let Some(span) = diagnostic.span {
        out.push('\n');
        excerpt(out, &Marked::new(span, sources))?;
    }
    if let Some(hint) = &diagnostic.hint {
        writeln!(out, "Hint: {hint}")?;
    }
    Ok(())
}

fn header(out: &mut String, diagnostic: &Diagnostic, sources: &SourceMap, style: Style) -> fmt::Result {
    let (name, color) = match diagnostic.severity {
        Severity::Error => ("Error", "31"),
        Severity::Warning => ("Warning", "33"),
    };
    let line = diagnostic.one_line(sources);
    match style {
        Style::Plain => writeln!(out, "{name}: {line}"),
        Style::Colored => writeln!(out, "\x1b[{color};1m{name}: \x1b[0m\x1b[1m{line}\x1b[0m"),
    }
}

/// The part of a text to draw carets below, both ends included.
struct Marked<'s> {
    source: &'s Source,
    start: Position<'s>,
    end: Position<'s>,
}

impl<'s> Marked<'s> {
    fn new(span: Span, sources: &'s SourceMap) -> Marked<'s> {
        let source = sources.source(span.file);
        let last = if span.end > span.start { span.end - 1 } else { span.start };
        Marked { source, start: source.position(span.start), end: source.position(last) }
    }

    fn is_multiline(&self) -> bool {
        self.end.line > self.start.line
    }

    fn contains(&self, line: usize, column: usize) -> bool {
        (self.start.line, self.start.column) <= (line, column) && (line, column) <= (self.end.line, self.end.column)
    }
}

fn excerpt(out: &mut String, marked: &Marked<'_>) -> fmt::Result {
    let first = (marked.start.line - 1).max(1);
    let last = (marked.end.line + 1).min(marked.source.line_count());
    let width = last.to_string().len();
    for line in first..=last {
        write!(out, "{line:width$} | ")?;
        if marked.is_multiline() {
            let beside_bar = marked.start.line < line && line <= marked.end.line;
            out.push_str(if beside_bar { "| " } else { "  " });
        }
        text(out, marked.source.line(line));
        out.push('\n');

        if line == marked.start.line || line == marked.end.line {
            let margin = match (marked.is_multiline(), line == marked.start.line) {
                (false, _) => " | ",
                (true, true) => " |  _",
                (true, false) => " | |_",
            };
            write!(out, "{:width$}{margin}", "")?;
            carets(out, marked, line);
            out.push('\n');
        }
    }
    Ok(())
}

fn text(out: &mut String, line: &[u8]) {
    for (_, character) in character::all(line) {
        match character {
            Some('\r') => {}
            Some('\t' | '\x0b') => out.push_str("    "),
            Some(other) => out.push(other),
            None => out.push(char::REPLACEMENT_CHARACTER),
        }
    }
}

fn carets(out: &mut String, marked: &Marked<'_>, line: usize) {
    let blank = if marked.is_multiline() { '_' } else { ' ' };
    for (offset, character) in character::all(marked.source.line(line)) {
        let column = offset + 1;
        if line == marked.end.line && column > marked.end.column {
            break;
        }
        match character {
            Some('\t' | '\x0b') => out.extend([blank; 4]),
            _ => out.push(if marked.contains(line, column) { '^' } else { blank }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, range: std::ops::Range<usize>, expect: &str) {
        let mut sources = SourceMap::new();
        let file = sources.add("f", text);
        let diagnostic = Diagnostic::error(Span::new(file, range), "m");
        assert_eq!(render(&[diagnostic], &sources, Style::Plain), expect);
    }

    #[test]
    fn one_line_with_context() {
        check("a = 1\nbcd = 2\ne = 3\nf = 4", 6..9, "Error: f:2:1: m\n\n1 | a = 1\n2 | bcd = 2\n  | ^^^\n3 | e = 3\n");
    }

    #[test]
    fn an_empty_span_is_one_caret() {
        check("ab", 1..1, "Error: f:1:2: m\n\n1 | ab\n  |  ^\n");
    }

    #[test]
    fn nothing_stands_below_the_end_of_a_line() {
        check("ab\n", 2..2, "Error: f:1:3: m\n\n1 | ab\n  |   \n2 | \n");
        check("ab\n", 3..3, "Error: f:2:1: m\n\n1 | ab\n2 | \n  | \n");
    }

    #[test]
    fn line_numbers_are_aligned() {
        let text = "x\n".repeat(10);
        check(&text, 16..17, "Error: f:9:1: m\n\n 8 | x\n 9 | x\n   | ^\n10 | x\n");
    }

    #[test]
    fn tabs_are_four_wide_and_unmarked() {
        check("\ta\tb", 1..4, "Error: f:1:2: m\n\n1 |     a    b\n  |     ^    ^\n");
    }

    #[test]
    fn a_character_has_one_caret_whatever_its_length() {
        check("é…!", 0..5, "Error: f:1:1: m\n\n1 | é…!\n  | ^^\n");
    }

    #[test]
    fn several_lines() {
        let expect = "Error: f:2:3: m\n\n1 |   a\n2 |   b {\n  |  ___^\n3 | |   c\n4 | | }\n  | |_^\n5 |   d\n";
        check("a\nb {\n  c\n}\nd", 4..11, expect);
    }

    #[test]
    fn carriage_returns_are_not_printed() {
        check("a\r\nb\r\n", 3..4, "Error: f:2:1: m\n\n1 | a\n2 | b\n  | ^\n3 | \n");
    }

    #[test]
    fn lists_severities_hints_and_what_has_no_place() {
        let mut sources = SourceMap::new();
        let file = sources.add("f", "foo");
        let list = [
            Diagnostic::warning(Span::new(file, 0..3), "old").with_hint("did you mean \"bar\"?"),
            Diagnostic::error(None, "cycle"),
        ];
        let expect = "Warning: f:1:1: old\n\n1 | foo\n  | ^^^\nHint: did you mean \"bar\"?\n\nError: -: cycle\n";
        assert_eq!(render(&list, &sources, Style::Plain), expect);
        let colored = render(&list, &sources, Style::Colored);
        assert!(colored.starts_with("\x1b[33;1mWarning: \x1b[0m\x1b[1mf:1:1: old\x1b[0m\n"), "{colored:?}");
        assert!(colored.contains("\x1b[31;1mError: \x1b[0m\x1b[1m-: cycle\x1b[0m\n"), "{colored:?}");
    }

    #[test]
    fn broken_utf8_shows_as_replacement() {
        let mut sources = SourceMap::new();
        let file = sources.add("f", b"\xe2\x80!".to_vec());
        let diagnostic = Diagnostic::error(Span::point(file, 2), "m");
        let expect = "Error: f:1:3: m\n\n1 | \u{fffd}\u{fffd}!\n  |   ^\n";
        assert_eq!(render(&[diagnostic], &sources, Style::Plain), expect);
    }
}
