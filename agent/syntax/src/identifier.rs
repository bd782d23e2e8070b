//! Names: which texts are one, how to make one of any text.

use std::fmt;

use crate::character;

/// Tells whether a text can stand as a name: a letter or `_`, then letters, digits and `_`, and none of the keywords.
pub fn is_identifier(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(character::is_letter)
        && characters.all(|character| character::is_letter(character) || character::is_digit(character))
        && !is_keyword(text.as_bytes())
}

/// Makes a name of any text: characters that a name may not have become `_`, and one more `_` goes before a digit or
/// keyword. Different texts can give the same name.
///
/// # Errors
/// An empty text has no name.
pub fn sanitize_identifier(text: &str) -> Result<String, EmptyIdentifier> {
    let first = text.chars().next().ok_or(EmptyIdentifier)?;
    let prefix = if character::is_digit(first) || is_keyword(text.as_bytes()) { "_" } else { "" };
    let allowed = |character| character::is_letter(character) || character::is_digit(character);
    let rest = text.chars().map(|character| if allowed(character) { character } else { '_' });
    Ok(prefix.chars().chain(rest).collect())
}

/// Tells whether a text has the form of a name but is a literal.
pub(crate) fn is_keyword(text: &[u8]) -> bool {
    matches!(text, b"true" | b"false" | b"null")
}

/// There is no name for an empty text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EmptyIdentifier;

impl fmt::Display for EmptyIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot generate a new identifier for an empty string")
    }
}

impl std::error::Error for EmptyIdentifier {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn predicate() {
        for name in ["a", "_", "__path__", "x9", "Ünïcode", "a۰۱۸", "truely", "nul"] {
            assert!(is_identifier(name), "{name}");
        }
        for other in
            ["", "9", "a b", " a", "a ", "a-b", "a.b", "a\n", "true", "false", "null", "\u{feff}a", "a²", "a\0"]
        {
            assert!(!is_identifier(other), "{other:?}");
        }
    }

    #[test]
    fn sanitizer() {
        let check = |text: &str, expect: &str| {
            assert_eq!(sanitize_identifier(text).as_deref(), Ok(expect));
            assert!(is_identifier(expect));
        };
        check("a_1", "a_1");
        check("1a", "_1a");
        check("۰", "_۰");
        check("a b-c", "a_b_c");
        check("-1", "_1");
        check("true", "_true");
        check("Ü!", "Ü_");
        assert_eq!(sanitize_identifier(""), Err(EmptyIdentifier));
    }
}
