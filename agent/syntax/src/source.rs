//! The texts that were read, with the places in them.
//!
//! A [`SourceMap`] owns every text that one configuration consists of. All other types of the crate point into it with
//! a [`Span`], which names the file too, so a tree put together from several files needs nothing else to tell where
//! each part came from. Texts are bytes: what is not UTF-8 is an error of the lexer, not of whoever read the file.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

/// Every text of one configuration.
#[derive(Clone, Debug, Default)]
pub struct SourceMap {
    sources: Vec<Source>,
}

impl SourceMap {
    /// Returns a map without any text.
    pub fn new() -> SourceMap {
        SourceMap::default()
    }

    /// Adds a text. `name` is what diagnostics print before the line; an empty one is left out there.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<Vec<u8>>) -> FileId {
        self.sources.push(Source::new(name.into(), text.into()));
        FileId(self.sources.len() - 1)
    }

    /// Returns the text behind an id that this map gave out.
    pub fn source(&self, file: FileId) -> &Source {
        &self.sources[file.0]
    }

    /// Returns all texts in the order they were added.
    pub fn sources(&self) -> impl Iterator<Item = (FileId, &Source)> {
        self.sources.iter().enumerate().map(|(index, source)| (FileId(index), source))
    }

    /// Returns the text a span covers, as it was written. Bytes that are not UTF-8 show as U+FFFD.
    pub fn text(&self, span: Span) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.source(span.file).bytes[span.range()])
    }

    /// Returns where a span begins.
    pub fn position(&self, span: Span) -> Position<'_> {
        self.source(span.file).position(span.start)
    }
}

/// Names one text of a [`SourceMap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(usize);

/// One text with its name and line index.
#[derive(Clone, Debug)]
pub struct Source {
    name: String,
    bytes: Vec<u8>,
    /// Offset of each line's first byte; the first element is 0. A text that ends in a newline has an empty last line.
    line_starts: Vec<usize>,
}

impl Source {
    fn new(name: String, bytes: Vec<u8>) -> Source {
        let newlines = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(offset, _)| offset + 1);
        let line_starts = std::iter::once(0).chain(newlines).collect();
        Source { name, bytes, line_starts }
    }

    /// The name diagnostics print.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text as it was read.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The number of lines, at least one.
    pub fn line_count(&self) -> usize {
        self.line_starts.len()
    }

    /// Returns a line without its newline. Lines count from 1 to [`Source::line_count`].
    pub fn line(&self, line: usize) -> &[u8] {
        let start = self.line_starts[line - 1];
        let end = self.line_starts.get(line).map_or(self.bytes.len(), |next| next - 1);
        &self.bytes[start..end]
    }

    /// Returns the line and column of an offset. The offset just past the text has a position too.
    pub fn position(&self, offset: usize) -> Position<'_> {
        let line = self.line_starts.partition_point(|start| *start <= offset);
        Position { file: &self.name, line, column: offset - self.line_starts[line - 1] + 1 }
    }
}

/// A half-open range of bytes in one text. An empty span marks a place between two bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    /// The text it lies in.
    pub file: FileId,
    /// Offset of its first byte.
    pub start: usize,
    /// Offset after its last byte, at least `start`.
    pub end: usize,
}

impl Span {
    /// Returns the span of `range` in `file`.
    pub fn new(file: FileId, range: Range<usize>) -> Span {
        Span { file, start: range.start, end: range.end }
    }

    /// Returns the empty span before the byte at `offset`.
    pub fn point(file: FileId, offset: usize) -> Span {
        Span { file, start: offset, end: offset }
    }

    /// Returns the span from the start of this one to the end of `last`, which lies in the same text and not before.
    #[must_use]
    pub fn to(self, last: Span) -> Span {
        Span { end: last.end, ..self }
    }

    /// The offsets it covers.
    pub fn range(self) -> Range<usize> {
        self.start..self.end
    }
}

/// A place as a reader names it. Displays as `file:line:column`, without the file where that has no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position<'s> {
    /// Name of the file, empty for a text without one.
    pub file: &'s str,
    /// Line, from 1.
    pub line: usize,
    /// Column in bytes, from 1; a tab is one.
    pub column: usize,
}

impl fmt::Display for Position<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.file.is_empty() {
            write!(f, "{}:", self.file)?;
        }
        write!(f, "{}:{}", self.line, self.column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_have_positions() {
        let mut sources = SourceMap::new();
        let file = sources.add("a.alloy", "ab\n\ncé\t!\n");
        let check = |offset, expect: &str| {
            assert_eq!(sources.position(Span::point(file, offset)).to_string(), expect, "offset {offset}");
        };
        check(0, "a.alloy:1:1");
        check(2, "a.alloy:1:3");
        check(3, "a.alloy:2:1");
        check(4, "a.alloy:3:1");
        check(7, "a.alloy:3:4");
        check(8, "a.alloy:3:5");
        check(10, "a.alloy:4:1");
    }

    #[test]
    fn lines_come_without_newline() {
        let mut sources = SourceMap::new();
        let check = |source: &Source, expect: &[&str]| {
            let lines: Vec<_> = (1..=source.line_count()).map(|line| source.line(line)).collect();
            assert_eq!(lines, expect.iter().map(|line| line.as_bytes()).collect::<Vec<_>>());
        };
        for (text, expect) in
            [("", &[""][..]), ("\n", &["", ""]), ("a", &["a"]), ("a\r\n\nb", &["a\r", "", "b"]), ("a\n", &["a", ""])]
        {
            let file = sources.add("", text);
            check(sources.source(file), expect);
        }
    }

    #[test]
    fn a_position_without_file_name_is_line_and_column() {
        let mut sources = SourceMap::new();
        let file = sources.add("", "a\nb");
        assert_eq!(sources.position(Span::point(file, 2)).to_string(), "2:1");
    }

    #[test]
    fn text_of_a_span_survives_broken_utf8() {
        let mut sources = SourceMap::new();
        let file = sources.add("", b"a \xff b".to_vec());
        assert_eq!(sources.text(Span::new(file, 0..1)), "a");
        assert_eq!(sources.text(Span::new(file, 2..5)), "\u{fffd} b");
    }
}
