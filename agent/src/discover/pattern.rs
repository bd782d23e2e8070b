//! The text of a file pattern → the parts of a path.
//!
//! The language is that of doublestar, which Alloy uses: `*` and `?` within a name, `[a-z]`, `{a,b}` anywhere and nested,
//! `**` as a whole name for any number of folders, `\` before a character that shall stand for itself. Names that begin
//! with a dot are like any other.

use std::fmt;

use globset::{GlobBuilder, GlobMatcher};

/// One part of a path pattern.
#[derive(Clone, Debug)]
pub(super) enum Part {
    /// A name without anything special.
    Name(String),
    /// A name that must match.
    Matching(GlobMatcher),
    /// Any number of folders, none among them.
    Folders,
}

/// Braces that stand for more patterns than this are a mistake: lists that multiply.
const ALTERNATIVES_MAX: usize = 1_000;

/// Why a text is no pattern.
#[derive(Debug)]
pub(super) enum PatternError {
    /// A part of it has no meaning.
    Syntax(globset::Error),
    /// A bracket or brace is not closed.
    Unclosed(String),
    /// Its braces stand for too many patterns.
    TooManyAlternatives(String),
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(error) => error.fmt(f),
            Self::Unclosed(pattern) => write!(f, "unclosed brace in pattern {pattern:?}"),
            Self::TooManyAlternatives(pattern) => {
                write!(f, "more than {ALTERNATIVES_MAX} alternatives in pattern {pattern:?}")
            }
        }
    }
}

/// Cuts a pattern without braces into its parts. The pattern is absolute; `.` and `..` are resolved in the text.
pub(super) fn parts(pattern: &str) -> Result<Vec<Part>, PatternError> {
    let mut names: Vec<&str> = Vec::new();
    for name in pattern.split('/') {
        match name {
            "" | "." => {}
            ".." => drop(names.pop()),
            "**" if names.last() == Some(&"**") => {}
            name => names.push(name),
        }
    }
    if names.last() == Some(&"**") {
        // Folders are no files, so everything below them is meant.
        names.push("*");
    }
    names.into_iter().map(part).collect()
}

fn part(name: &str) -> Result<Part, PatternError> {
    if name == "**" {
        return Ok(Part::Folders);
    }
    let mut plain = String::with_capacity(name.len());
    let mut characters = name.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => plain.extend(characters.next()),
            '*' | '?' | '[' => return matcher(name).map(Part::Matching),
            other => plain.push(other),
        }
    }
    Ok(Part::Name(plain))
}

/// Compiles a pattern without braces, for a name or a whole path.
pub(super) fn matcher(pattern: &str) -> Result<GlobMatcher, PatternError> {
    // What is left of braces are characters, which the compiler would take for more alternatives.
    let glob = GlobBuilder::new(pattern).literal_separator(true).backslash_escape(true).build();
    glob.map(|glob| glob.compile_matcher()).map_err(PatternError::Syntax)
}

/// Replaces `{a,b}` by one pattern for each alternative, in order.
pub(super) fn without_braces(pattern: &str) -> Result<Vec<String>, PatternError> {
    let mut done = Vec::new();
    let mut open = vec![pattern.to_owned()];
    while let Some(next) = open.pop() {
        let Some((start, end)) = first_braces(&next)? else {
            done.push(next);
            continue;
        };
        let (before, rest) = next.split_at(start);
        let (inner, after) = rest.split_at(end - start);
        let alternatives = alternatives(inner.trim_start_matches('{'));
        if done.len() + open.len() + alternatives.len() > ALTERNATIVES_MAX {
            return Err(PatternError::TooManyAlternatives(pattern.to_owned()));
        }
        let after = after.strip_prefix('}').unwrap_or(after);
        open.extend(alternatives.iter().rev().map(|alternative| format!("{before}{alternative}{after}")));
    }
    Ok(done)
}

/// Finds the first brace that opens a list, and the one that closes it.
fn first_braces(pattern: &str) -> Result<Option<(usize, usize)>, PatternError> {
    let mut start = None;
    let mut depth = 0_usize;
    let mut scan = Scan::new(pattern);
    while let Some((offset, character)) = scan.next_special() {
        match character {
            '{' => {
                start = start.or(Some(offset));
                depth += 1;
            }
            '}' if depth == 1 => return Ok(start.map(|start| (start, offset))),
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    if start.is_some() { Err(PatternError::Unclosed(pattern.to_owned())) } else { Ok(None) }
}

/// Cuts the inside of a pair of braces at the commas that are not in further braces.
fn alternatives(inner: &str) -> Vec<String> {
    let mut cuts = Vec::new();
    let mut depth = 0_usize;
    let mut scan = Scan::new(inner);
    while let Some((offset, character)) = scan.next_special() {
        match character {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => cuts.push(offset),
            _ => {}
        }
    }
    let mut rest = inner;
    let mut found = Vec::new();
    let mut begin = 0;
    for cut in cuts {
        let (alternative, after) = rest.split_at(cut - begin);
        found.push(alternative.to_owned());
        rest = after.strip_prefix(',').unwrap_or(after);
        begin = cut + 1;
    }
    found.push(rest.to_owned());
    found
}

/// Goes over the characters of a pattern that mean something, past escapes and classes.
struct Scan<'p> {
    characters: std::iter::Peekable<std::str::CharIndices<'p>>,
}

impl<'p> Scan<'p> {
    fn new(pattern: &'p str) -> Self {
        Self { characters: pattern.char_indices().peekable() }
    }

    fn next_special(&mut self) -> Option<(usize, char)> {
        while let Some((offset, character)) = self.characters.next() {
            match character {
                '\\' => drop(self.characters.next()),
                '[' => self.skip_class(),
                '{' | '}' | ',' => return Some((offset, character)),
                _ => {}
            }
        }
        None
    }

    fn skip_class(&mut self) {
        self.characters.next_if(|(_, character)| matches!(character, '!' | '^'));
        // A bracket at the beginning of a class is one of its characters.
        self.characters.next_if(|(_, character)| *character == ']');
        while let Some((_, character)) = self.characters.next() {
            match character {
                '\\' => drop(self.characters.next()),
                ']' => return,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces() {
        let check = |pattern: &str, expect: &[&str]| {
            assert_eq!(without_braces(pattern).unwrap(), expect, "{pattern}");
        };
        check("/a/*.log", &["/a/*.log"]);
        check("/{a,b}/c", &["/a/c", "/b/c"]);
        check("/{a,b{c,d/e}}x", &["/ax", "/bcx", "/bd/ex"]);
        check("/{a,}b", &["/ab", "/b"]);
        check("/{a}{b,c}", &["/ab", "/ac"]);
        check(r"/\{a,b\}", &[r"/\{a,b\}"]);
        check("/[{,}]", &["/[{,}]"]);
        check("/[]{]{a,b}", &["/[]{]a", "/[]{]b"]);
    }

    #[test]
    fn braces_at_fault() {
        without_braces("/{a,b").unwrap_err();
        without_braces("/{a,{b}").unwrap_err();
        let many = "{0,1,2,3,4,5,6,7,8,9}".repeat(4);
        assert!(matches!(without_braces(&many), Err(PatternError::TooManyAlternatives(_))));
    }

    #[test]
    fn parts_of_paths() {
        let check = |pattern: &str, expect: &str| {
            let parts = parts(pattern).unwrap();
            let text: Vec<_> = parts
                .iter()
                .map(|part| match part {
                    Part::Name(name) => format!("={name}"),
                    Part::Matching(glob) => format!("~{}", glob.glob()),
                    Part::Folders => "**".to_owned(),
                })
                .collect();
            assert_eq!(text.join(" "), expect, "{pattern}");
        };
        check("/var/log/*.log", "=var =log ~*.log");
        check("//var/./x/../log", "=var =log");
        check("/var/**/**/a?", "=var ** ~a?");
        check("/var/**", "=var ** ~*");
        check(r"/a\*b/[ab]", "=a*b ~[ab]");
        check("/a**/b", "~a** =b");
        check("/../a", "=a");
    }
}
