//! The table of values in the chart's README, made from the comments in `values.yaml`.
//!
//! A comment that begins with `# -- ` describes the value on the line after it, as other charts have it too.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};

/// The line before the table.
const BEGIN: &str = "<!-- The table is made from values.yaml: cargo xtask chart --update -->\n";

/// Returns the README with its table, which is all after [`BEGIN`], made anew.
pub(super) fn document(readme: &str, values: &str) -> Result<String> {
    let (text, _) = readme.split_once(BEGIN).context("the chart's README has no place for the table of values")?;
    Ok(format!("{text}{BEGIN}\n{}", table(values)?))
}

fn table(values: &str) -> Result<String> {
    let mut table = "| value | default | |\n| --- | --- | --- |\n".to_owned();
    // The keys that the line at hand stands below, each with its indentation.
    let mut path: Vec<(usize, &str)> = Vec::new();
    let mut description = None;
    for line in values.lines() {
        let text = line.trim_start();
        if let Some(comment) = text.strip_prefix("# -- ") {
            description = Some(comment);
            continue;
        }
        let Some((key, value)) = text.split_once(':').filter(|_| !text.starts_with('#')) else { continue };
        let indentation = line.len() - text.len();
        path.retain(|(above, _)| *above < indentation);
        path.push((indentation, key));
        if let Some(description) = description.take() {
            let keys: Vec<_> = path.iter().map(|(_, key)| *key).collect();
            let default = match value.trim() {
                "" => "see `values.yaml`".to_owned(),
                value => format!("`{value}`"),
            };
            writeln!(table, "| `{}` | {default} | {description} |", keys.join("."))?;
        }
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::document;

    #[test]
    fn described_values_become_rows() {
        let values = "# A chart.\na:\n  # -- First.\n  b: \"\"\n  c:\n    # -- Second.\n    d: [x, y]\n\n  # -- Third.\n  e:\n    f: 1\n# -- Last.\ng: {}\n";
        let readme = format!("# Chart\n\n{}old\n", super::BEGIN);
        let expected = format!(
            "# Chart\n\n{}\n| value | default | |\n| --- | --- | --- |\n| `a.b` | `\"\"` | First. |\n| `a.c.d` | `[x, y]` | \
             Second. |\n| `a.e` | see `values.yaml` | Third. |\n| `g` | `{{}}` | Last. |\n",
            super::BEGIN
        );
        assert_eq!(document(&readme, values).unwrap(), expected);
        assert!(document("# Chart\n", values).is_err());
    }
}
