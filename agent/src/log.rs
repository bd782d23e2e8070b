//! The agent's own log lines: logfmt or JSON on standard error, in the shape Alloy's have.
//!
//! A line is written by [`crate::log!`]. Every call site has a budget of lines ([`Site`]), so that ten thousand files
//! with the same trouble are not ten thousand lines; what was left out is counted in the next line of the site. Level
//! and format belong to the process and are set once its configuration is read.

use std::fmt::{Display, Write as _};
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use longship_syntax::quote;

use crate::time;

/// How much a line matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// For whoever looks for a fault.
    Debug,
    /// What happens in the ordinary course.
    #[default]
    Info,
    /// What an operator should look at.
    Warn,
    /// What an operator has to do something about.
    Error,
}

/// The form of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// `key=value key="another value"`
    #[default]
    Logfmt,
    /// One JSON object.
    Json,
}

/// What a line says beside its message, in order.
pub type Fields<'a> = &'a [(&'a str, &'a dyn Display)];

static LEVEL: AtomicU8 = AtomicU8::new(Level::Info as u8);
static IS_JSON: AtomicBool = AtomicBool::new(false);

/// Sets from which level on lines are written, and their form.
pub fn configure(level: Level, format: Format) {
    LEVEL.store(level as u8, Ordering::Relaxed);
    IS_JSON.store(format == Format::Json, Ordering::Relaxed);
}

/// Tells whether lines of a level are written.
pub fn is_enabled(level: Level) -> bool {
    level as u8 >= LEVEL.load(Ordering::Relaxed)
}

/// Writes a line, unless its level is off or its call site has written too many of late.
///
/// The message comes first, then fields as `name = value`. A line with a `component_id` gets a `component_path` too, as
/// in Alloy.
#[macro_export]
macro_rules! log {
    ($level:ident, $message:expr $(, $name:ident = $value:expr)* $(,)?) => {{
        static SITE: $crate::log::Site = $crate::log::Site::new();
        let level = $crate::log::Level::$level;
        if $crate::log::is_enabled(level) && let Some(suppressed) = SITE.admit() {
            $crate::log::write(level, $message, &[$((stringify!($name), &$value)),*], suppressed);
        }
    }};
}

/// Writes a line, whatever the level. `suppressed` lines of the same kind were left out before it.
pub fn write(level: Level, message: &str, fields: Fields<'_>, suppressed: u64) {
    let format = if IS_JSON.load(Ordering::Relaxed) { Format::Json } else { Format::Logfmt };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let line = line(format, now, level, message, fields, suppressed);
    // Where nobody reads standard error there is nobody to tell.
    let _nobody_reads = std::io::stderr().lock().write_all(line.as_bytes());
}

/// How often one call site writes.
#[derive(Debug)]
pub struct Site {
    /// When the current interval ends, in milliseconds since [`epoch`].
    interval_end_ms: AtomicU64,
    /// How many lines were asked for in the current interval.
    lines: AtomicU64,
    suppressed: AtomicU64,
}

/// How many lines a site writes in an interval.
const SITE_LINES_MAX: u64 = 50;
const SITE_INTERVAL: Duration = Duration::from_secs(10);

impl Site {
    /// A site that has written nothing.
    #[expect(clippy::new_without_default, reason = "made by `log!` alone, in a static")]
    pub const fn new() -> Self {
        Self { interval_end_ms: AtomicU64::new(0), lines: AtomicU64::new(0), suppressed: AtomicU64::new(0) }
    }

    /// Asks for one more line. `None` if there are too many; else how many were left out since the last one.
    pub fn admit(&self) -> Option<u64> {
        static EPOCH: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
        self.admit_at(EPOCH.get_or_init(Instant::now).elapsed())
    }

    fn admit_at(&self, now: Duration) -> Option<u64> {
        let milliseconds = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let now_ms = milliseconds(now);
        let end = self.interval_end_ms.load(Ordering::Relaxed);
        let next_end = now_ms + milliseconds(SITE_INTERVAL);
        // Of several threads that see the interval's end one begins the next.
        if now_ms >= end
            && self.interval_end_ms.compare_exchange(end, next_end, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        {
            self.lines.store(0, Ordering::Relaxed);
        }
        if self.lines.fetch_add(1, Ordering::Relaxed) >= SITE_LINES_MAX {
            self.suppressed.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(self.suppressed.swap(0, Ordering::Relaxed))
    }
}

impl Level {
    /// The level's name in a line.
    fn name(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

fn line(format: Format, now: Duration, level: Level, message: &str, fields: Fields<'_>, suppressed: u64) -> String {
    let mut line = match format {
        Format::Logfmt => format!("ts={} level={}", time::rfc3339(now), level.name()),
        Format::Json => format!("{{\"ts\":\"{}\",\"level\":\"{}\"", time::rfc3339(now), level.name()),
    };
    let mut add = |name: &str, value: &str| {
        match format {
            Format::Logfmt if needs_quotes(value) => write!(line, " {name}={}", quote(value.as_bytes())),
            Format::Logfmt => write!(line, " {name}={value}"),
            Format::Json => write!(line, ",\"{name}\":{}", json_string(value)),
        }
        .expect("writing to a string cannot fail")
    };
    add("msg", message);
    for (name, value) in fields {
        if *name == "component_id" {
            add("component_path", "/");
        }
        add(name, &value.to_string());
    }
    if suppressed > 0 {
        add("suppressed", &suppressed.to_string());
    }
    line.push_str(if format == Format::Json { "}\n" } else { "\n" });
    line
}

/// Tells whether a value cannot stand as it is, by the rules of Go's log handler.
fn needs_quotes(value: &str) -> bool {
    // A backslash alone is no reason, though it is escaped between quotes.
    let plain = |character| character != ' ' && character != '=' && (character == '\\' || is_itself_quoted(character));
    value.is_empty() || !value.chars().all(plain)
}

fn is_itself_quoted(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_graphic() && character != '"';
    }
    let mut buffer = [0; 4];
    let text = character.encode_utf8(&mut buffer);
    character != char::REPLACEMENT_CHARACTER && quote(text.as_bytes()).len() == text.len() + 2
}

fn json_string(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control @ '\0'..'\x20' => {
                write!(out, "\\u{:04x}", u32::from(control)).expect("writing to a string cannot fail");
            }
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::new(1_795_484_649, 440_037_900);

    #[test]
    fn logfmt() {
        let check = |message: &str, fields: Fields<'_>, suppressed: u64, expect: &str| {
            assert_eq!(line(Format::Logfmt, NOW, Level::Info, message, fields, suppressed), expect);
        };
        check("Alloy is starting", &[], 0, "ts=2026-11-24T01:44:09.4400379Z level=info msg=\"Alloy is starting\"\n");
        check(
            "start tailing file",
            &[("component_id", &"loki.source.file.pods"), ("component", &"tailer"), ("path", &"/data/0.log")],
            0,
            "ts=2026-11-24T01:44:09.4400379Z level=info msg=\"start tailing file\" component_path=/ \
             component_id=loki.source.file.pods component=tailer path=/data/0.log\n",
        );
        check("m", &[("n", &1)], 7, "ts=2026-11-24T01:44:09.4400379Z level=info msg=m n=1 suppressed=7\n");
    }

    #[test]
    fn json() {
        let line = line(Format::Json, NOW, Level::Warn, "a \"b\"\n", &[("component_id", &"x"), ("n", &"\x01é\\")], 0);
        let expect = r#"{"ts":"2026-11-24T01:44:09.4400379Z","level":"warn","msg":"a \"b\"\n","component_path":"/","#;
        assert_eq!(line, format!("{expect}{}\n", r#""component_id":"x","n":"\u0001é\\"}"#));
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["n"], "\u{1}é\\");
    }

    #[test]
    fn values_that_are_quoted() {
        for plain in ["a", "{}", "82.963µs", "a\\b", "127.0.0.1:3299", "/-/reload", "é"] {
            assert!(!needs_quotes(plain), "{plain}");
        }
        for quoted in ["", "a b", "a=b", "a\"", "a\n", "\u{a0}", "\u{fffd}", "\u{7f}"] {
            assert!(needs_quotes(quoted), "{quoted:?}");
        }
    }

    #[test]
    fn a_site_writes_so_many_lines_in_an_interval() {
        let site = Site::new();
        let at = |seconds| Duration::from_secs(seconds);
        for _ in 0..SITE_LINES_MAX {
            assert_eq!(site.admit_at(at(1)), Some(0));
        }
        assert_eq!(site.admit_at(at(1)), None);
        assert_eq!(site.admit_at(at(10)), None);
        assert_eq!(site.admit_at(at(11)), Some(2));
        assert_eq!(site.admit_at(at(11)), Some(0));
    }

    #[test]
    fn levels_are_ordered() {
        assert!(Level::Debug < Level::Info && Level::Info < Level::Warn && Level::Warn < Level::Error);
    }
}
