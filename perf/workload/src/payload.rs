//! Makes up what lines say: logfmt, JSON or access-log text of a wanted length around a tag.
//!
//! The text is put together from short lists of words and from random numbers, so that it compresses about as well as
//! real logs do.

use crate::civil::Civil;
use crate::random::Random;
use crate::spec::Payload;
use crate::tag::{Tag, append_decimal};

/// Appends content of `length` bytes that ends in `tag`.
///
/// It is longer where the tag alone is, and a few bytes shorter where a JSON field more would not have fitted. It never
/// holds a newline and is valid UTF-8.
pub(crate) fn append_content(payload: Payload, tag: Tag, length: usize, random: &mut Random, out: &mut Vec<u8>) {
    let mut line = Line { end: out.len() + length, tail: Vec::with_capacity(Tag::BYTES_MAX + 12), random, out };
    match payload {
        Payload::Mixed => match line.random.below(10) {
            0..=4 => line.append_logfmt(tag),
            5..=7 => line.append_json(tag),
            _ => line.append_access(tag),
        },
        Payload::Logfmt => line.append_logfmt(tag),
        Payload::Json => line.append_json(tag),
        Payload::Access => line.append_access(tag),
    }
}

/// A line in the making.
struct Line<'a> {
    /// Where the content should end in `out`.
    end: usize,
    /// What stands after all else, decided first because everything else gives way to it.
    tail: Vec<u8>,
    random: &'a mut Random,
    out: &'a mut Vec<u8>,
}

impl Line<'_> {
    fn append_logfmt(&mut self, tag: Tag) {
        self.tail.push(b' ');
        tag.append(&mut self.tail);
        let pieces: [Piece; 6] = [
            |random, out| {
                out.extend_from_slice(b"level=");
                out.extend_from_slice(random.pick(LEVELS));
                out.extend_from_slice(b" caller=");
                out.extend_from_slice(random.pick(COMPONENTS));
                out.extend_from_slice(b".go:");
                append_decimal(u64::from(random.below(900)), out);
            },
            |random, out| {
                out.extend_from_slice(b" msg=\"");
                out.extend_from_slice(random.pick(MESSAGES));
                out.push(b'"');
            },
            |random, out| {
                out.extend_from_slice(b" trace=");
                append_hex(random.bits(), out);
            },
            |random, out| {
                out.extend_from_slice(b" duration=");
                append_decimal(u64::from(random.below(5_000)), out);
                out.extend_from_slice(b"ms");
            },
            |random, out| {
                out.extend_from_slice(b" method=");
                out.extend_from_slice(random.pick(METHODS));
                out.extend_from_slice(b" path=");
                append_path(random, out);
            },
            |random, out| {
                out.extend_from_slice(b" status=");
                out.extend_from_slice(random.pick(STATUSES));
            },
        ];
        self.append_pieces(&pieces);
        self.fill(b" detail=", b"");
        self.out.append(&mut self.tail);
    }

    fn append_json(&mut self, tag: Tag) {
        self.tail.extend_from_slice(b"\"tag\":\"");
        tag.append(&mut self.tail);
        self.tail.extend_from_slice(b"\"}");
        self.out.push(b'{');
        let pieces: [Piece; 5] = [
            |random, out| {
                out.extend_from_slice(b"\"level\":\"");
                out.extend_from_slice(random.pick(LEVELS));
                out.extend_from_slice(b"\",");
            },
            |random, out| {
                out.extend_from_slice(b"\"msg\":\"");
                out.extend_from_slice(random.pick(MESSAGES));
                out.extend_from_slice(b"\",");
            },
            |random, out| {
                out.extend_from_slice(b"\"request_id\":\"");
                append_hex(random.bits(), out);
                out.extend_from_slice(b"\",");
            },
            |random, out| {
                out.extend_from_slice(b"\"component\":\"");
                out.extend_from_slice(random.pick(COMPONENTS));
                out.extend_from_slice(b"\",\"elapsed_us\":");
                append_decimal(u64::from(random.below(2_000_000)), out);
                out.push(b',');
            },
            |random, out| {
                out.extend_from_slice(b"\"path\":\"");
                append_path(random, out);
                out.extend_from_slice(b"\",");
            },
        ];
        self.append_pieces(&pieces);
        self.fill(b"\"note\":\"", b"\",");
        self.out.append(&mut self.tail);
    }

    fn append_access(&mut self, tag: Tag) {
        self.tail.push(b' ');
        tag.append(&mut self.tail);
        let time = Civil::from_ns(tag.written_ns);
        let start = self.out.len();
        self.out.extend_from_slice(b"10.");
        for (part, separator) in [(16, b"."), (250, b"."), (250, b" ")] {
            append_decimal(u64::from(self.random.below(part)), self.out);
            self.out.extend_from_slice(separator);
        }
        self.out.extend_from_slice(b"- - [");
        time.append_access(self.out);
        self.out.push(b']');
        if self.out.len() + self.tail.len() > self.end {
            self.out.truncate(start);
        }
        let pieces: [Piece; 3] = [
            |random, out| {
                out.extend_from_slice(b" \"");
                out.extend_from_slice(random.pick(METHODS));
                out.push(b' ');
                append_path(random, out);
                out.extend_from_slice(b" HTTP/1.1\" ");
                out.extend_from_slice(random.pick(STATUSES));
                out.push(b' ');
                append_decimal(u64::from(random.below(100_000)), out);
            },
            |random, out| {
                out.extend_from_slice(b" \"https://shop.example/search?q=");
                out.extend_from_slice(random.pick(WORDS));
                out.extend_from_slice(b"&page=");
                append_decimal(u64::from(random.below(50)), out);
                out.push(b'"');
            },
            |random, out| {
                out.push(b' ');
                out.extend_from_slice(random.pick(AGENTS));
            },
        ];
        self.append_pieces(&pieces);
        self.fill(b" ", b"");
        self.out.append(&mut self.tail);
    }

    /// Appends the pieces up to the first that does not fit.
    fn append_pieces(&mut self, pieces: &[Piece]) {
        for piece in pieces {
            let start = self.out.len();
            piece(self.random, self.out);
            if self.out.len() + self.tail.len() > self.end {
                self.out.truncate(start);
                return;
            }
        }
    }

    /// Fills what is left before the tail with `opening`, words, and `closing`.
    fn fill(&mut self, opening: &[u8], closing: &[u8]) {
        let end = self.end.saturating_sub(self.tail.len() + closing.len());
        if self.out.len() + opening.len() >= end {
            return;
        }
        self.out.extend_from_slice(opening);
        while self.out.len() < end {
            if self.random.below(4) == 0 {
                append_decimal(self.random.bits() >> 40, self.out);
            } else {
                self.out.extend_from_slice(self.random.pick(WORDS));
            }
            self.out.push(b'_');
        }
        self.out.truncate(end);
        self.out.extend_from_slice(closing);
    }
}

type Piece = fn(&mut Random, &mut Vec<u8>);

fn append_path(random: &mut Random, out: &mut Vec<u8>) {
    out.extend_from_slice(b"/api/v1/");
    out.extend_from_slice(random.pick(WORDS));
    out.push(b'/');
    append_decimal(u64::from(random.below(1_000_000)), out);
}

fn append_hex(value: u64, out: &mut Vec<u8>) {
    out.extend(
        value.to_be_bytes().iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]),
    );
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";
const LEVELS: &[&[u8]] = &[b"info", b"info", b"info", b"info", b"debug", b"warn", b"error"];
const METHODS: &[&[u8]] = &[b"GET", b"GET", b"GET", b"POST", b"PUT", b"DELETE"];
const STATUSES: &[&[u8]] = &[b"200", b"200", b"200", b"200", b"204", b"301", b"404", b"500"];
const COMPONENTS: &[&[u8]] =
    &[b"scheduler", b"ingester", b"gateway", b"checkout", b"payments", b"inventory", b"mailer", b"session"];
const MESSAGES: &[&[u8]] = &[
    b"request completed",
    b"cache miss, loading from store",
    b"retrying after a transient error",
    b"connection closed by peer",
    b"slow query",
    b"user signed in from a new device",
    b"queue drained",
    "gespeichert für später".as_bytes(),
    "注文を受け付けました".as_bytes(),
    b"configuration reloaded, 3 rules changed",
    b"leader election lost, stepping down",
    b"flushing 128 chunks",
];
const AGENTS: &[&[u8]] = &[
    b"\"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\"",
    b"\"curl/8.9.1\"",
    b"\"kube-probe/1.33\"",
    b"\"Go-http-client/1.1\"",
];
const WORDS: &[&[u8]] = &[
    b"account",
    b"basket",
    b"batch",
    b"billing",
    b"branch",
    b"bucket",
    b"canary",
    b"catalog",
    b"channel",
    b"claim",
    b"cluster",
    b"coupon",
    b"courier",
    b"customer",
    b"deposit",
    b"digest",
    b"dispatch",
    b"draft",
    b"edge",
    b"export",
    b"feature",
    b"folder",
    b"forecast",
    b"fragment",
    b"gallery",
    b"handle",
    b"history",
    b"image",
    b"invoice",
    b"label",
    b"ledger",
    b"lookup",
    b"margin",
    b"member",
    b"merchant",
    b"notice",
    b"offer",
    b"order",
    b"origin",
    b"parcel",
    b"partner",
    b"pickup",
    b"policy",
    b"price",
    b"product",
    b"profile",
    b"quota",
    b"receipt",
    b"refund",
    b"region",
    b"report",
    b"review",
    b"route",
    b"sample",
    b"search",
    b"shelf",
    b"shipment",
    b"stock",
    b"tariff",
    b"ticket",
    b"tracker",
    b"transfer",
    b"voucher",
    b"warehouse",
];

#[cfg(test)]
mod tests {
    use super::append_content;
    use crate::random::Random;
    use crate::spec::Payload;
    use crate::tag::Tag;

    #[test]
    fn content_has_the_wanted_length_and_its_tag() {
        let mut random = Random::new(1, 0);
        for payload in [Payload::Logfmt, Payload::Json, Payload::Access, Payload::Mixed] {
            for length in [60, 100, 180, 220, 512, 4_096, 20_000] {
                for sequence in 0..50 {
                    let tag = Tag { writer: 12, sequence, written_ns: 1_795_484_649_440_037_965 };
                    let mut out = b"before".to_vec();
                    append_content(payload, tag, length, &mut random, &mut out);
                    let content = str::from_utf8(&out[6..]).unwrap();
                    assert_eq!(Tag::find(content.as_bytes()), Some(tag), "{content}");
                    assert!(content.len() <= length && content.len() + 11 > length, "{length} wanted: {content}");
                    assert!(!content.contains('\n'));
                    if payload == Payload::Json {
                        serde_json::from_str::<serde_json::Value>(content).unwrap();
                    }
                }
            }
        }
    }

    #[test]
    fn a_length_below_the_tags_gives_the_tag() {
        let tag = Tag { writer: 1, sequence: 2, written_ns: 3 };
        for payload in [Payload::Logfmt, Payload::Json, Payload::Access] {
            let mut out = Vec::new();
            append_content(payload, tag, 0, &mut Random::new(1, 1), &mut out);
            assert_eq!(Tag::find(&out), Some(tag));
        }
    }
}
