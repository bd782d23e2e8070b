//! What is wrong with a configuration.
//!
//! A diagnostic is a value until someone prints it: in one line here, with the lines of the file by
//! [`render`](crate::render()). Both forms are what Alloy prints, so scripts and eyes used to those find nothing new; a
//! hint is the only thing Alloy does not have, and therefore never shares a line with the message.

use std::fmt;

use crate::source::{SourceMap, Span};

/// One thing that is wrong, with the place it was found at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether the configuration can be used in spite of it.
    pub severity: Severity,
    /// Where it was found; an empty span marks a single place. `None` for what has no place, such as a cycle.
    pub span: Option<Span>,
    /// One sentence in lower case without a full stop.
    pub message: String,
    /// What the user might have meant, as a phrase: `did you mean "url"?`.
    pub hint: Option<String>,
}

/// Whether a configuration with a diagnostic can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Severity {
    /// It can, but the user should know.
    Warning,
    /// It cannot.
    Error,
}

impl Diagnostic {
    /// Returns an error at `span`.
    pub fn error(span: impl Into<Option<Span>>, message: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: Severity::Error, span: span.into(), message: message.into(), hint: None }
    }

    /// Returns a warning at `span`.
    pub fn warning(span: impl Into<Option<Span>>, message: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: Severity::Warning, span: span.into(), message: message.into(), hint: None }
    }

    /// Adds a hint.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Diagnostic {
        Diagnostic { hint: Some(hint.into()), ..self }
    }

    /// Displays `file:line:column: message`, with `-` where there is no place.
    pub fn one_line(&self, sources: &SourceMap) -> impl fmt::Display {
        fmt::from_fn(move |f| match self.span {
            Some(span) => write!(f, "{}: {}", sources.position(span), self.message),
            None => write!(f, "-: {}", self.message),
        })
    }
}

/// Displays a list in one line: the first diagnostic, then how many more there are.
pub fn summary(diagnostics: &[Diagnostic], sources: &SourceMap) -> impl fmt::Display {
    fmt::from_fn(move |f| match diagnostics {
        [] => f.write_str("no errors"),
        [only] => write!(f, "{}", only.one_line(sources)),
        [first, rest @ ..] => write!(f, "{} (and {} more diagnostics)", first.one_line(sources), rest.len()),
    })
}

/// Tells whether any of the diagnostics is an error.
pub fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_forms() {
        let mut sources = SourceMap::new();
        let named = sources.add("dir/a.alloy", "one\ntwo");
        let anonymous = sources.add("", "one");
        let check = |diagnostic: Diagnostic, expect: &str| {
            assert_eq!(diagnostic.one_line(&sources).to_string(), expect);
        };
        check(Diagnostic::error(Span::new(named, 5..7), "bad"), "dir/a.alloy:2:2: bad");
        check(Diagnostic::warning(Span::point(anonymous, 3), "odd").with_hint("never here"), "1:4: odd");
        check(Diagnostic::error(None, "cycle"), "-: cycle");
    }

    #[test]
    fn a_list_is_summed_up_by_its_first() {
        let mut sources = SourceMap::new();
        let file = sources.add("f", "x");
        let warning = Diagnostic::warning(Span::point(file, 0), "w");
        let error = Diagnostic::error(Span::point(file, 1), "e");
        let check = |list: &[Diagnostic], expect: &str, errors: bool| {
            assert_eq!(summary(list, &sources).to_string(), expect);
            assert_eq!(has_errors(list), errors);
        };
        check(&[], "no errors", false);
        check(std::slice::from_ref(&warning), "f:1:1: w", false);
        check(&[warning.clone(), error.clone()], "f:1:1: w (and 1 more diagnostics)", true);
        check(&[error, warning.clone(), warning], "f:1:2: e (and 2 more diagnostics)", true);
    }
}
