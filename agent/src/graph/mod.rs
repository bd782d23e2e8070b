//! Configuration text → what the agent is to do.
//!
//! [`load`] goes all the way: texts are parsed, blocks become components with typed arguments ([`arguments`],
//! [`crate::components`]), the components' references are checked ([`references`]), and the graph is lowered to the data
//! plane's flat plan ([`lower`]). Faults are collected over all of it; only where texts cannot be parsed the rest has to
//! wait. What stays alive of the graph is who feeds whom with targets ([`targets`]).

mod arguments; //   body of a block → arguments, one by one
mod convert; //     value → the type an argument has
mod declare; //     blocks → components, each id once
mod eval; //        expression → value
mod hint; //        what a misspelt name may have meant
mod lower; //       components → plan
mod operator; //    values ⊕ values
mod references; //  who refers to whom
mod stdlib; //      functions
mod targets; //     who is fed with targets by whom
mod value; //       values

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use longship_pipeline::plan::Plan;
use longship_syntax::{Diagnostic, SourceMap, Style, has_errors, parse_file, render};

pub(crate) use self::arguments::{Body, Context, Spanned};
pub(crate) use self::convert::{Bytes, Receiver, TextMap, one_of};
pub(crate) use self::targets::fingerprint;
pub use self::targets::{Change, MatcherIndex, Patterns, TargetGraph};
pub(crate) use self::value::Value;
use crate::components::Arguments;
pub use crate::components::logging::Logging;

/// One file of a configuration.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// What diagnostics call it.
    pub name: String,
    /// What stands in it.
    pub text: Vec<u8>,
}

/// Everything a configuration says.
#[derive(Debug)]
pub struct Configuration {
    /// What the data plane is to do.
    pub plan: Plan,
    /// What feeds its sources.
    pub targets: TargetGraph,
    /// How the agent logs.
    pub logging: Logging,
    /// Ids and kinds of all components, in the order they were written.
    pub components: Vec<ComponentName>,
    /// What the user should know, each with its place.
    pub warnings: Vec<String>,
    /// How long loading took.
    pub took: Duration,
}

/// What a component is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentName {
    /// Its kind and label, such as `loki.write.default`.
    pub id: String,
    /// Its kind, such as `loki.write`.
    pub kind: &'static str,
}

/// What is wrong with a configuration. Displays as Alloy prints it, with the lines it is about.
pub struct LoadError {
    sources: SourceMap,
    diagnostics: Vec<Diagnostic>,
}

/// A copy of the process's environment, or what stands in for it.
pub(crate) type Variables = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Reads a file, or the `*.alloy` files that stand directly in a folder, in the order of their names.
pub fn read(path: &Path) -> std::io::Result<Vec<SourceFile>> {
    let file = |path: &Path| Ok(SourceFile { name: path.display().to_string(), text: std::fs::read(path)? });
    if !path.is_dir() {
        return Ok(vec![file(path)?]);
    }
    let mut paths =
        std::fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path())).collect::<std::io::Result<Vec<_>>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "alloy") && path.is_file());
    paths.sort();
    paths.iter().map(|path| file(path)).collect()
}

/// Loads a configuration. All files together are one.
pub fn load(files: &[SourceFile]) -> Result<Configuration, LoadError> {
    load_with(files, Arc::new(|name| std::env::var(name).ok()))
}

/// Loads a configuration under an environment.
pub(crate) fn load_with(files: &[SourceFile], variables: Variables) -> Result<Configuration, LoadError> {
    let begun = Instant::now();
    let mut sources = SourceMap::new();
    let mut bodies = Vec::new();
    let mut diagnostics = Vec::new();
    for file in files {
        let id = sources.add(&file.name, file.text.as_slice());
        let (tree, mut found) = parse_file(&sources, id);
        bodies.push(tree.body);
        diagnostics.append(&mut found);
    }
    if has_errors(&diagnostics) {
        return Err(LoadError { sources, diagnostics });
    }

    let declared = declare::declare(&bodies, &sources, &mut diagnostics);
    diagnostics.extend(references::cycles(&declared.edges()));
    let exports: BTreeMap<_, _> = declared.first_exports().collect();
    let scope = eval::Scope { exports: &exports, environment: &*variables, sources: &sources };
    let mut context = Context { scope, references: &declared.references, diagnostics };
    let decoded = declared.decode(&mut context);
    let mut diagnostics = context.diagnostics;

    let lowered = if has_errors(&diagnostics) { None } else { lower::lower(&decoded, &mut diagnostics) };
    let place = |diagnostic: &Diagnostic| diagnostic.span.map(|span| (span.file, span.start));
    diagnostics.sort_by_key(place);
    let Some(lowered) = lowered.filter(|_| !has_errors(&diagnostics)) else {
        return Err(LoadError { sources, diagnostics });
    };
    let warnings = diagnostics.iter().map(|warning| warning.one_line(&sources).to_string()).collect();
    let components = decoded.components.iter().map(|component| component.name.clone()).collect();
    Ok(Configuration {
        plan: lowered.plan,
        targets: TargetGraph::new(decoded.components, &lowered.sources, exports, sources, variables),
        logging: decoded.logging,
        components,
        warnings,
        took: begun.elapsed(),
    })
}

/// The components of a configuration, and its settings.
#[derive(Debug, Default)]
struct Decoded {
    components: Vec<Component>,
    logging: Logging,
}

/// A component with what its block says.
#[derive(Debug)]
struct Component {
    name: ComponentName,
    arguments: Arguments,
}

impl std::fmt::Display for LoadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&render(&self.diagnostics, &self.sources, Style::Plain))
    }
}

impl std::fmt::Debug for LoadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for LoadError {}

impl LoadError {
    /// Returns what is wrong in the form for terminals.
    pub fn colored(&self) -> String {
        render(&self.diagnostics, &self.sources, Style::Colored)
    }
}
