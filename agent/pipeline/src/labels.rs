//! Label sets and the text Loki knows a stream by.

use crate::plan::{Labels, Stage};

/// What one parsing stage (`stage.cri`, `stage.docker`) made of a line, as far as labels go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamLabel<'a> {
    /// The line did not have the stage's format and passed as it was.
    Unmatched,
    /// The value of the label `stream`.
    Value(&'a str),
}

/// Gives the label set of an entry: the target's labels, what the stages of its route do to them, and the external
/// labels it does not have. `outcomes` has one element per parsing stage of the route, in order.
pub(crate) fn compose(target: &Labels, stages: &[Stage], outcomes: &[StreamLabel<'_>], external: &Labels) -> Labels {
    let mut labels = target.clone();
    let mut outcomes = outcomes.iter();
    for stage in stages {
        match stage {
            Stage::Cri { .. } | Stage::Docker => {
                if let Some(StreamLabel::Value(value)) = outcomes.next() {
                    set(&mut labels, "stream", value);
                }
            }
            Stage::StaticLabels(fixed) => {
                for (name, value) in fixed {
                    set(&mut labels, name, value);
                }
            }
        }
    }
    for (name, value) in external {
        if !labels.iter().any(|(present, _)| present == name) {
            set(&mut labels, name, value);
        }
    }
    labels
}

fn set(labels: &mut Labels, name: &str, value: &str) {
    match labels.binary_search_by(|(present, _)| present.as_str().cmp(name)) {
        Ok(at) => labels[at].1 = value.to_owned(),
        Err(at) => labels.insert(at, (name.to_owned(), value.to_owned())),
    }
}

/// Gives the text of a label set, as in `{a="x", b="y"}`.
///
/// Loki parses it as a LogQL selector; values are quoted as Go's `strconv.Quote` does it.
pub(crate) fn text(labels: &Labels) -> String {
    let mut text = String::from("{");
    for (number, (name, value)) in labels.iter().enumerate() {
        if number > 0 {
            text.push_str(", ");
        }
        text.push_str(name);
        text.push('=');
        quote(&mut text, value);
    }
    text.push('}');
    text
}

/// Appends `value` between double quotes, with Go's escapes.
fn quote(out: &mut String, value: &str) {
    out.push('"');
    for character in value.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            _ if is_print(character) => out.push(character),
            '\0'..' ' | '\u{7f}' => out.push_str(&format!("\\x{:02x}", u32::from(character))),
            '\0'..='\u{ffff}' => out.push_str(&format!("\\u{:04x}", u32::from(character))),
            _ => out.push_str(&format!("\\U{:08x}", u32::from(character))),
        }
    }
    out.push('"');
}

/// What Go's `strconv.IsPrint` says: letters, marks, numbers, punctuation, symbols and the ASCII space.
///
/// The standard library's escaping for `Debug` leaves the same characters alone, but for marks at the start of a
/// string; hence the character before.
fn is_print(character: char) -> bool {
    if character.is_ascii() {
        return matches!(character, ' '..='~');
    }
    let mut text = String::from("a");
    text.push(character);
    text.escape_debug().eq(text.chars())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn text_is_what_go_writes() {
        for (pairs, expected) in [
            (&[][..], r#"{}"#),
            (&[("abc", "123"), ("app", "my-app")], r#"{abc="123", app="my-app"}"#),
            (&[("a", "q\"uo\\te\n\t\u{7}\u{1}\u{7f}")], r#"{a="q\"uo\\te\n\t\a\x01\x7f"}"#),
            (&[("a", "한글 é ✓ 😀")], r#"{a="한글 é ✓ 😀"}"#),
            (&[("a", "e\u{301}\u{a0}\u{200b}\u{feff}\u{e0001}")], "{a=\"e\u{301}\\u00a0\\u200b\\ufeff\\U000e0001\"}"),
        ] {
            assert_eq!(text(&labels(pairs)), expected);
        }
    }

    #[test]
    fn stages_run_in_order_and_external_labels_give_way() {
        let target = labels(&[("filename", "/f"), ("job", "j")]);
        let stages = [
            Stage::StaticLabels(labels(&[("stream", "before"), ("x", "1")])),
            Stage::Cri { partial_bytes_max: None },
            Stage::StaticLabels(labels(&[("job", "k")])),
        ];
        let external = labels(&[("cluster", "c"), ("job", "external")]);
        let composed = |outcome| text(&compose(&target, &stages, &[outcome], &external));
        assert_eq!(
            composed(StreamLabel::Value("stderr")),
            r#"{cluster="c", filename="/f", job="k", stream="stderr", x="1"}"#
        );
        assert_eq!(
            composed(StreamLabel::Unmatched),
            r#"{cluster="c", filename="/f", job="k", stream="before", x="1"}"#
        );
    }
}
