//! `/metrics`: everything that is counted, as one page of text.
//!
//! The data plane's figures become series when they are asked for, from one snapshot; the control plane counts through
//! the macros of the `metrics` crate, which lead to the [`Recorder`]. Names, labels and types are Alloy's wherever Alloy
//! counts the same thing. What would not be true of this agent is missing: the Go runtime's series, `alloy_build_info`.

mod destinations;
mod files;
mod process;
mod recorder;
mod shards;
mod text;

use longship_pipeline::Snapshot;
use longship_pipeline::plan::{Plan, SourceIndex};

pub use self::recorder::Recorder;
pub(super) use self::text::CONTENT_TYPE;
use self::text::Page;

/// Returns the page. Before a configuration is running there is no plan and no snapshot.
pub(super) fn page(recorder: &Recorder, running: Option<(&Plan, &Snapshot)>) -> String {
    let mut page = Page::default();
    recorder.write(&mut page);
    process::write(&mut page);
    if let Some((plan, snapshot)) = running {
        files::write(&mut page, plan, snapshot);
        destinations::write(&mut page, plan, snapshot);
        shards::write(&mut page, snapshot);
    }
    page.into_text()
}

/// The label that tells modules apart; there is one only.
const COMPONENT_PATH: (&str, &str) = ("component_path", "/");

/// Returns the component that a file belongs to; empty for one that the plan does not know.
fn component_id(plan: &Plan, source: SourceIndex) -> &str {
    plan.sources.get(usize::from(source.0)).map_or("", |source| source.component_id.as_str())
}

#[cfg(test)]
mod tests;
