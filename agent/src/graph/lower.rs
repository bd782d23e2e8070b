//! Components → the data plane's plan.
//!
//! Every way from a source through stages to an end becomes one route, which holds the stages on it in order. Nothing
//! else of the graph is left.

use std::collections::BTreeMap;
use std::time::Duration;

use longship_pipeline::plan::{
    Destination, DestinationKind, Plan, Route, Source, SourceIndex, Stage, Write, WriteIndex,
};
use longship_syntax::Diagnostic;

use super::Decoded;
use crate::components::Arguments;

/// A plan, and which component became which source.
pub(super) struct Lowered {
    pub(super) plan: Plan,
    /// By component id. A source that nothing receives from is not among them.
    pub(super) sources: BTreeMap<String, SourceIndex>,
}

/// More ways out of one source than this are a mistake: joins that multiply.
const ROUTES_MAX: usize = 1_000;

/// How long entries for `loki.echo` wait for others.
const ECHO_WAIT: Duration = Duration::from_millis(100);

/// How many bytes of lines go to `loki.echo` at once.
const ECHO_BYTES_MAX: usize = 64 << 10;

/// Lowers components that are without fault.
pub(super) fn lower(decoded: &Decoded, diagnostics: &mut Vec<Diagnostic>) -> Option<Lowered> {
    let mut plan = Plan::default();
    let mut writes = BTreeMap::new();
    for component in &decoded.components {
        let (external_labels, destinations) = match &component.arguments {
            Arguments::Write(write) if write.destinations.is_empty() => {
                let message = format!("{} has no endpoint, so nothing is read for it", component.name.id);
                diagnostics.push(Diagnostic::warning(write.span, message));
                continue;
            }
            Arguments::Write(write) => (write.external_labels.clone(), write.destinations.clone()),
            Arguments::Echo => (Vec::new(), vec![echo()]),
            Arguments::FileMatch(_) | Arguments::SourceFile(_) | Arguments::Process(_) => continue,
        };
        let index = index(plan.writes.len(), diagnostics).map(WriteIndex)?;
        writes.insert(component.name.id.as_str(), index);
        plan.writes.push(Write { component_id: component.name.id.clone(), external_labels, destinations });
    }

    let receivers = decoded.components.iter().map(|component| (component.name.id.as_str(), &component.arguments));
    let graph = Graph { receivers: receivers.collect(), writes };
    let mut sources = BTreeMap::new();
    for component in &decoded.components {
        let Arguments::SourceFile(source) = &component.arguments else { continue };
        let id = &component.name.id;
        let mut routes = Vec::new();
        graph.follow(&source.forward_to, &mut Vec::new(), &mut routes);
        if routes.is_empty() {
            let message = format!("nothing receives what {id} yields, so it reads nothing");
            diagnostics.push(Diagnostic::warning(source.span, message));
            continue;
        }
        if routes.len() > ROUTES_MAX {
            let message = format!("more than {ROUTES_MAX} ways lead from {id} to where entries end");
            diagnostics.push(Diagnostic::error(source.span, message));
            continue;
        }
        sources.insert(id.clone(), index(plan.sources.len(), diagnostics).map(SourceIndex)?);
        plan.sources.push(Source { component_id: id.clone(), tail_from_end: source.tail_from_end, routes });
    }
    Some(Lowered { plan, sources })
}

/// Makes a place in a list an index of the plan.
fn index(place: usize, diagnostics: &mut Vec<Diagnostic>) -> Option<u16> {
    let too_many =
        |_| diagnostics.push(Diagnostic::error(None, format!("more than {} components of a kind", u16::MAX)));
    u16::try_from(place).map_err(too_many).ok()
}

/// Where `loki.echo` sends its entries: to the agent's own log.
fn echo() -> Destination {
    Destination {
        name: "0".to_owned(),
        batch_wait: ECHO_WAIT,
        batch_bytes_max: ECHO_BYTES_MAX,
        kind: DestinationKind::Echo,
    }
}

/// The components that entries go through.
struct Graph<'d> {
    receivers: BTreeMap<&'d str, &'d Arguments>,
    writes: BTreeMap<&'d str, WriteIndex>,
}

impl Graph<'_> {
    /// Adds a route for each way that begins with `stages` and goes on through `forward_to`. There are no circles.
    fn follow(&self, forward_to: &[String], stages: &mut Vec<Stage>, routes: &mut Vec<Route>) {
        for id in forward_to {
            if routes.len() > ROUTES_MAX {
                return;
            }
            if let Some(write) = self.writes.get(id.as_str()) {
                routes.push(Route { stages: stages.clone(), write: *write });
            } else if let Some(Arguments::Process(process)) = self.receivers.get(id.as_str()) {
                let before = stages.len();
                stages.extend(process.stages.iter().cloned());
                self.follow(&process.forward_to, stages, routes);
                stages.truncate(before);
            }
        }
    }
}
