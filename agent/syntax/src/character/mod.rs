//! Characters as the language sees them.
//!
//! Which characters may stand in a name is pinned to one version of Unicode by tables of our own, so that a new
//! compiler never changes which configurations are valid.

mod tables;

use std::fmt;

/// Splits the first character off `bytes`: the character, `None` where the bytes are not UTF-8, with its length in
/// bytes. A broken sequence is one byte long, whatever follows. Returns `None` at the end.
pub(crate) fn first(bytes: &[u8]) -> Option<(Option<char>, usize)> {
    let length = match *bytes.first()? {
        ascii @ 0..=0x7f => return Some((Some(char::from(ascii)), 1)),
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return Some((None, 1)),
    };
    let sequence = bytes.get(..length).and_then(|sequence| str::from_utf8(sequence).ok());
    match sequence.and_then(|sequence| sequence.chars().next()) {
        Some(character) => Some((Some(character), length)),
        None => Some((None, 1)),
    }
}

/// Returns the characters of `bytes` with their offsets, `None` for each byte that is not UTF-8.
pub(crate) fn all(bytes: &[u8]) -> impl Iterator<Item = (usize, Option<char>)> {
    let mut offset = 0;
    std::iter::from_fn(move || {
        let (character, length) = first(&bytes[offset..])?;
        offset += length;
        Some((offset - length, character))
    })
}

/// Tells whether a name may begin with the character: a letter of any script, or `_`.
pub(crate) fn is_letter(character: char) -> bool {
    match character {
        'a'..='z' | 'A'..='Z' | '_' => true,
        '\0'..='\x7f' => false,
        _ => contains(tables::LETTERS, character),
    }
}

/// Tells whether the character is a decimal digit of any script.
pub(crate) fn is_digit(character: char) -> bool {
    match character {
        '0'..='9' => true,
        '\0'..='\x7f' => false,
        _ => contains(tables::DIGITS, character),
    }
}

/// Tells whether the character shows as itself in a quoted string: letters, marks, numbers, punctuation, symbols and
/// the ASCII space.
pub(crate) fn is_printable(character: char) -> bool {
    // The standard library has this very set, but shows it only by what it escapes. Behind another character marks are
    // not escaped for being marks.
    character.is_ascii_graphic()
        || character == ' '
        || !character.is_ascii() && ['a', character].iter().collect::<String>().escape_debug().count() == 2
}

/// Displays the code point, and the character itself where that can be seen: `U+0023 '#'`.
pub(crate) fn code_point(character: char) -> impl fmt::Display {
    fmt::from_fn(move |f| {
        write!(f, "U+{:04X}", u32::from(character))?;
        if is_printable(character) { write!(f, " '{character}'") } else { Ok(()) }
    })
}

/// Tells whether the character is in a set given by the characters at which it begins and ends by turns.
fn contains(borders: &[u32], character: char) -> bool {
    borders.partition_point(|border| *border <= u32::from(character)) % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_come_off_the_front() {
        let check = |bytes: &[u8], expect: &[(usize, Option<char>)]| {
            assert_eq!(all(bytes).collect::<Vec<_>>(), expect, "{bytes:x?}");
        };
        check(b"", &[]);
        check("aé…𝄞".as_bytes(), &[(0, Some('a')), (1, Some('é')), (3, Some('…')), (6, Some('𝄞'))]);
        check(b"\xff", &[(0, None)]);
        // A cut sequence, an overlong one, a surrogate and a value above U+10FFFF are broken byte by byte.
        check(b"\xe2\x80", &[(0, None), (1, None)]);
        check(b"\xc0\x80a", &[(0, None), (1, None), (2, Some('a'))]);
        check(b"\xed\xa0\x80", &[(0, None), (1, None), (2, None)]);
        check(b"\xf4\x90\x80\x80", &[(0, None), (1, None), (2, None), (3, None)]);
    }

    #[test]
    fn letters_and_digits_of_all_scripts() {
        for letter in ['a', 'Z', '_', 'ŝ', 'ß', 'Ж', '中', 'ｘ', 'ª', 'ʰ', '𝔸'] {
            assert!(is_letter(letter) && !is_digit(letter), "{letter}");
        }
        for digit in ['0', '9', '۸', '６', '६', '𝟘'] {
            assert!(is_digit(digit) && !is_letter(digit), "{digit}");
        }
        for other in ['\0', ' ', '-', '`', '{', '²', '½', 'Ⅷ', 'ⓐ', '\u{301}', '\u{94b}', '…', '\u{feff}', '\u{fffd}']
        {
            assert!(!is_letter(other) && !is_digit(other), "{other:?}");
        }
    }

    #[test]
    fn tables_agree_with_the_standard_library() {
        for table in [tables::LETTERS, tables::DIGITS] {
            assert!(table.is_sorted_by(|a, b| a < b));
            assert_eq!(table.len() % 2, 0);
        }
        for character in '\u{80}'..=char::MAX {
            assert!(!is_letter(character) || character.is_alphabetic(), "{character:?}");
            assert!(!is_digit(character) || character.is_numeric(), "{character:?}");
        }
    }

    #[test]
    fn printable_and_not() {
        for seen in [' ', '~', '\'', '"', '\\', 'é', '…', '\u{301}', '中', '\u{fffd}', '😀'] {
            assert!(is_printable(seen), "{seen:?}");
        }
        for hidden in [
            '\0',
            '\t',
            '\n',
            '\x7f',
            '\u{80}',
            '\u{a0}',
            '\u{ad}',
            '\u{200b}',
            '\u{2028}',
            '\u{e000}',
            '\u{feff}',
            char::MAX,
        ] {
            assert!(!is_printable(hidden), "{hidden:?}");
        }
    }

    #[test]
    fn code_points_have_at_least_four_digits() {
        assert_eq!(code_point('#').to_string(), "U+0023 '#'");
        assert_eq!(code_point('\u{7}').to_string(), "U+0007");
        assert_eq!(code_point('😀').to_string(), "U+1F600 '😀'");
    }
}
