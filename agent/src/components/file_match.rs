//! `local.file_match`: patterns → the files that match them.

use std::time::Duration;

use super::{Arguments, LiveTargets};
use crate::graph::{Body, Context};

/// What a `local.file_match` block says.
#[derive(Debug)]
pub(crate) struct FileMatch {
    /// Targets whose `__path__` is a pattern.
    pub(crate) path_targets: LiveTargets,
    /// When to look.
    pub(crate) matching: Matching,
}

/// How files are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Matching {
    /// How often to look for new files.
    pub(crate) sync_period: Duration,
    /// Leave out files that were last written longer ago; zero leaves out none.
    pub(crate) ignore_older_than: Duration,
}

/// How often Alloy looks for new files.
const SYNC_PERIOD: Duration = Duration::from_secs(10);

/// Reads the body of a block.
pub(super) fn decode(body: &mut Body<'_>, context: &mut Context<'_>) -> Option<Arguments> {
    let path_targets = LiveTargets::required("path_targets", body, context);
    let matching = Matching::decode(body, context);
    Some(Arguments::FileMatch(FileMatch { path_targets: path_targets?, matching }))
}

impl Matching {
    /// Reads the attributes that `local.file_match` shares with the block `file_match` of `loki.source.file`.
    pub(super) fn decode(body: &mut Body<'_>, context: &mut Context<'_>) -> Self {
        let sync_period = body.spanned("sync_period", context);
        if let Some(zero) = sync_period.as_ref().filter(|period| period.value == Duration::ZERO) {
            context.error(zero.span, "sync_period must be greater than 0");
        }
        Self {
            sync_period: sync_period.map_or(SYNC_PERIOD, |period| period.value),
            ignore_older_than: body.optional("ignore_older_than", context).unwrap_or_default(),
        }
    }
}
