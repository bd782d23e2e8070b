//! What a Longship is told to ship, as configuration text.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

/// Logs, and where they go.
#[derive(Clone, Debug)]
pub(super) struct Input {
    pub(super) name: &'static str,
    pub(super) logs: Logs,
    /// Lines are in the container runtimes' format.
    pub(super) is_cri: bool,
    /// The sink's address.
    pub(super) url: String,
}

/// Which logs.
#[derive(Clone, Debug)]
pub(super) enum Logs {
    /// A stream for each log that matches.
    Matching(PathBuf),
    /// So many streams for all of them together.
    Grouped(Vec<PathBuf>, usize),
}

/// Returns the text for these inputs.
pub(super) fn configuration(inputs: &[Input], batch_wait: Duration) -> String {
    let mut text = String::new();
    for input in inputs {
        write(&mut text, input, batch_wait).expect("a string takes everything");
    }
    text
}

fn write(text: &mut String, input: &Input, batch_wait: Duration) -> std::fmt::Result {
    let Input { name, logs, is_cri, url } = input;
    let targets = match logs {
        Logs::Matching(pattern) => {
            let pattern = pattern.display();
            writeln!(
                text,
                "local.file_match \"{name}\" {{\n\tpath_targets = [{{ __path__ = \"{pattern}\", job = \"perf\" }}]\n}}"
            )?;
            format!("local.file_match.{name}.targets")
        }
        Logs::Grouped(paths, groups) => {
            let mut targets = String::from("[\n");
            for (number, path) in paths.iter().enumerate() {
                let (path, group) = (path.display(), number % groups);
                writeln!(targets, "\t\t{{ __path__ = \"{path}\", group = \"{group}\" }},")?;
            }
            targets + "\t]"
        }
    };
    writeln!(text, "loki.source.file \"{name}\" {{")?;
    writeln!(text, "\ttargets = {targets}\n\tforward_to = [loki.process.{name}.receiver]\n}}")?;
    writeln!(text, "loki.process \"{name}\" {{\n\tforward_to = [loki.write.{name}.receiver]")?;
    if *is_cri {
        writeln!(text, "\tstage.cri {{ }}")?;
    }
    if let Logs::Grouped(..) = logs {
        writeln!(text, "\tstage.static_labels {{\n\t\tvalues = {{ filename = \"any\" }}\n\t}}")?;
    }
    let wait_ms = batch_wait.as_millis();
    writeln!(
        text,
        "}}\nloki.write \"{name}\" {{\n\tendpoint {{\n\t\turl = \"{url}/loki/api/v1/push\"\n\t\tbatch_wait = \
         \"{wait_ms}ms\"\n\t}}\n}}"
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Input, Logs, configuration};

    #[test]
    fn grouped_logs_share_streams() {
        let logs = Logs::Grouped(["/a.log", "/b.log", "/c.log"].map(Into::into).to_vec(), 2);
        let input = Input { name: "logs", logs, is_cri: true, url: "http://h".to_owned() };
        let text = configuration(&[input], Duration::from_millis(250));
        for part in [
            "{ __path__ = \"/a.log\", group = \"0\" },",
            "{ __path__ = \"/b.log\", group = \"1\" },",
            "{ __path__ = \"/c.log\", group = \"0\" },",
            "stage.cri { }",
            "values = { filename = \"any\" }",
            "url = \"http://h/loki/api/v1/push\"",
            "batch_wait = \"250ms\"",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}
