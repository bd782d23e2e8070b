//! Text of the configuration language in, tree and diagnostics out.
//!
//! The language is that of Grafana Alloy. A caller puts its files into a [`SourceMap`], gets a tree of each by
//! [`parse_file`], and prints what is wrong with them, together with its own findings, by [`render()`] or
//! [`summary`]. Any input gives a tree with or without diagnostics: nothing here panics on it, recurses with its
//! length, or takes more than linear time.

#![forbid(unsafe_code)]

mod character; //   which characters are letters, digits, printable
mod identifier; //  names
mod literal; //     numbers and strings: text ↔ value
mod source; //      texts, spans, positions
mod token; //       what the lexer yields

pub mod ast; //     what the parser yields
mod diagnostic; //  what is wrong, in one line
mod lexer; //       text → tokens
mod parser; //      tokens → tree
mod render; //      what is wrong, with the lines it is about

pub use diagnostic::{Diagnostic, Severity, has_errors, summary};
pub use identifier::{EmptyIdentifier, is_identifier, sanitize_identifier};
pub use lexer::Lexer;
pub use literal::{Number, Text, quote};
pub use parser::{NESTING_MAX, parse_expression, parse_file};
pub use render::{Style, render};
pub use source::{FileId, Position, Source, SourceMap, Span};
pub use token::{Token, TokenKind};
