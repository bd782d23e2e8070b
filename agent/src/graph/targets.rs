//! Who is fed with targets by whom, while the agent runs.
//!
//! A list of targets can change: files come and go. Every component that takes such a list keeps the expression that
//! gives it, and the expression is evaluated again when something it refers to exports another list. Whoever looks for
//! files asks for [`TargetGraph::patterns`], tells what it found by [`TargetGraph::found`], and passes on the changes
//! that it gets back. Circles were refused when the configuration was loaded, so this ends.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::PathBuf;
use std::time::Duration;

use longship_pipeline::plan::{SourceIndex, Target};
use longship_syntax::SourceMap;

use super::convert::{TextMap, convert};
use super::eval::{Scope, component_id};
use super::references::for_each_name;
use super::value::Value;
use super::{Component, Variables};
use crate::components::file_match::Matching;
use crate::components::{Arguments, LiveTargets};

/// The components that take targets, and what they export.
pub struct TargetGraph {
    takers: Vec<Taker>,
    exports: BTreeMap<String, Value>,
    sources: SourceMap,
    variables: Variables,
}

/// A component that takes targets.
struct Taker {
    component_id: String,
    targets: LiveTargets,
    /// The components that its expression refers to.
    refers_to: BTreeSet<String>,
    /// How it looks for files, if its targets are patterns.
    matching: Option<Matching>,
    gives: Gives,
    /// Of the targets it has, where they are for the data plane: a node with ten thousand files need not keep them twice.
    fingerprint: u64,
    /// Its targets could not be worked out when they last changed.
    is_failed: bool,
}

/// Where a component's targets go on to.
#[derive(Clone, Copy)]
enum Gives {
    /// To the components that refer to it.
    Exports,
    /// To the data plane.
    Source(SourceIndex),
}

/// Names a component that looks for files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MatcherIndex(usize);

/// What a component looks for.
#[derive(Clone, Copy, Debug)]
pub struct Patterns<'a> {
    /// The component's id.
    pub component_id: &'a str,
    /// Targets whose `__path__` is a pattern.
    pub targets: &'a [TextMap],
    /// How often to look.
    pub sync_period: Duration,
    /// Leave out files that were last written longer ago; zero leaves out none.
    pub ignore_older_than: Duration,
}

/// What follows from a change of targets.
#[derive(Debug, PartialEq, Eq)]
pub enum Change {
    /// A source is to follow these from now on.
    Targets(SourceIndex, Vec<Target>),
    /// A component has other patterns now; it should look again at once.
    Patterns(MatcherIndex),
    /// A component keeps what it had, because its new targets cannot be worked out.
    Failed {
        /// Its id.
        component_id: String,
        /// What is wrong, with its place.
        error: String,
    },
    /// The targets of a component that [`Change::Failed`] can be worked out again.
    Recovered {
        /// Its id.
        component_id: String,
    },
}

impl TargetGraph {
    /// Takes over what a configuration says about targets. A source without an index is left out.
    pub(super) fn new(
        components: Vec<Component>,
        indexes: &BTreeMap<String, SourceIndex>,
        exports: BTreeMap<String, Value>,
        sources: SourceMap,
        variables: Variables,
    ) -> Self {
        let taker = |component: Component| {
            let component_id = component.name.id;
            let (targets, matching, gives) = match component.arguments {
                Arguments::FileMatch(it) => (it.path_targets, Some(it.matching), Gives::Exports),
                Arguments::SourceFile(it) => (it.targets, it.matching, Gives::Source(*indexes.get(&component_id)?)),
                Arguments::Process(_) | Arguments::Write(_) | Arguments::Echo => return None,
            };
            let mut refers_to = BTreeSet::new();
            for_each_name(&targets.expression, &mut |named| {
                refers_to.extend(component_id_of(named, &exports));
            });
            let fingerprint = fingerprint(&targets.current);
            Some(Taker { component_id, targets, refers_to, matching, gives, fingerprint, is_failed: false })
        };
        let takers = components.into_iter().filter_map(taker).collect();
        Self { takers, exports, sources, variables }
    }

    /// Returns what is known from the start: the targets that no files have to be looked for to know.
    pub fn first(&self) -> Vec<Change> {
        let fixed = self.takers.iter().filter(|taker| taker.matching.is_none());
        fixed.filter_map(|taker| taker.change(&taker.targets.current)).collect()
    }

    /// Returns the components that look for files.
    pub fn matchers(&self) -> Vec<MatcherIndex> {
        let matchers = self.takers.iter().enumerate().filter(|(_, taker)| taker.matching.is_some());
        matchers.map(|(index, _)| MatcherIndex(index)).collect()
    }

    /// Returns what a component looks for.
    pub fn patterns(&self, matcher: MatcherIndex) -> Patterns<'_> {
        let taker = &self.takers[matcher.0];
        let matching = taker.matching.expect("an index is given out for components that match only");
        Patterns {
            component_id: &taker.component_id,
            targets: &taker.targets.current,
            sync_period: matching.sync_period,
            ignore_older_than: matching.ignore_older_than,
        }
    }

    /// Says what a component found, and returns what follows from it.
    pub fn found(&mut self, matcher: MatcherIndex, targets: &[TextMap]) -> Vec<Change> {
        let taker = &self.takers[matcher.0];
        if let Some(change) = taker.change(targets) {
            return vec![change];
        }
        let id = taker.component_id.clone();
        let text = |(name, value): (&String, &String)| (name.clone(), Value::String(value.clone()));
        let value = targets.iter().map(|target| Value::Object(target.iter().map(text).collect())).collect();
        let exports = BTreeMap::from([("targets".to_owned(), Value::Array(value))]);
        self.exports.insert(id.clone(), Value::Object(exports));
        let mut changes = Vec::new();
        for index in 0..self.takers.len() {
            if !self.takers[index].refers_to.contains(&id) {
                continue;
            }
            let targets = self.evaluate(&self.takers[index].targets);
            changes.extend(self.takers[index].take(MatcherIndex(index), targets));
        }
        changes
    }

    fn evaluate(&self, targets: &LiveTargets) -> Result<Vec<TextMap>, String> {
        let expression = &targets.expression;
        let scope = Scope { exports: &self.exports, environment: &*self.variables, sources: &self.sources };
        let targets = scope.evaluate(expression);
        targets
            .and_then(|value| convert(value).map_err(|error| error.at(expression, &self.sources)))
            .map_err(|error| error.one_line(&self.sources).to_string())
    }
}

impl Taker {
    /// Takes new targets, and returns what follows from it.
    fn take(&mut self, own_index: MatcherIndex, targets: Result<Vec<TextMap>, String>) -> Vec<Change> {
        let component_id = self.component_id.clone();
        let mut changes = Vec::new();
        let targets = match targets {
            Ok(targets) => targets,
            Err(error) => {
                self.is_failed = true;
                return vec![Change::Failed { component_id, error }];
            }
        };
        if std::mem::take(&mut self.is_failed) {
            changes.push(Change::Recovered { component_id });
        }
        let fingerprint = fingerprint(&targets);
        if fingerprint != self.fingerprint {
            self.fingerprint = fingerprint;
            if self.matching.is_some() {
                self.targets.current = targets;
                changes.push(Change::Patterns(own_index));
            } else {
                changes.extend(self.change(&targets));
            }
        }
        changes
    }

    /// Returns the change for the data plane, if the component feeds it.
    fn change(&self, targets: &[TextMap]) -> Option<Change> {
        let Gives::Source(index) = self.gives else { return None };
        let mut targets: Vec<_> = targets.iter().filter_map(file_target).collect();
        targets.sort_by(|left, right| (&left.path, &left.labels).cmp(&(&right.path, &right.labels)));
        targets.dedup();
        Some(Change::Targets(index, targets))
    }
}

/// Returns a number that tells lists of targets apart.
pub(crate) fn fingerprint(targets: &[TextMap]) -> u64 {
    let mut hasher = DefaultHasher::new();
    targets.hash(&mut hasher);
    hasher.finish()
}

/// Makes a target of the data plane: `__path__` is the file, taken literally, other names that begin with `__` have
/// done their work, and the file's name becomes a label. `None` without a path.
fn file_target(labels: &TextMap) -> Option<Target> {
    let path = labels.get("__path__").filter(|path| !path.is_empty())?;
    let mut public: TextMap = labels.clone();
    public.retain(|name, _| !name.starts_with("__"));
    public.insert("filename".to_owned(), path.clone());
    let absolute = std::path::absolute(path).unwrap_or_else(|_no_current_folder| PathBuf::from(path));
    Some(Target { path: absolute, labels: public.into_iter().collect() })
}

fn component_id_of(named: &longship_syntax::ast::Expr, exports: &BTreeMap<String, Value>) -> Option<String> {
    component_id(named, |id| exports.contains_key(id)).map(|(id, _)| id)
}

impl fmt::Debug for TargetGraph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids = self.takers.iter().map(|taker| taker.component_id.as_str());
        f.debug_list().entries(ids).finish()
    }
}
