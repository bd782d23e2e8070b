//! The configuration that the demo runs: the embedded text with this run's places filled in.

use std::path::Path;

use longship_syntax::quote;

/// The configuration's text, with names in capitals for what differs from run to run.
const TEXT: &str = include_str!("default.alloy");

/// The component that follows the generated logs.
pub(super) const PODS_COMPONENT: &str = "loki.source.file.pods";

/// Returns the configuration that follows `logs`, a pattern, and the generated logs in `pods`, and pushes to `receiver`.
pub(super) fn text(logs: &str, pods: &Path, receiver: &str) -> String {
    TEXT.replace("\"LOGS\"", &quote(logs.as_bytes()))
        .replace("\"PODS\"", &quote(format!("{}/*/*/*.log", pods.display()).as_bytes()))
        .replace("\"RECEIVER\"", &quote(receiver.as_bytes()))
}

#[cfg(test)]
mod tests {
    use longship_syntax::{SourceMap, parse_file};

    use super::*;

    #[test]
    fn places_are_filled_in_whatever_they_are_called() {
        let text = text("/a\"b/**/*.log", Path::new("/tmp/c\\d"), "http://127.0.0.1:1/push");
        for part in [r#""/a\"b/**/*.log""#, r#""/tmp/c\\d/*/*/*.log""#, r#""http://127.0.0.1:1/push""#] {
            assert!(text.contains(part), "{part}");
        }
        let mut sources = SourceMap::new();
        let file = sources.add("demo.alloy", text);
        let (_, diagnostics) = parse_file(&sources, file);
        assert!(diagnostics.is_empty());
    }
}
