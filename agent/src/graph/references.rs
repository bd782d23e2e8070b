//! Which component refers to which: names that do not exist, and circles.

use std::collections::{BTreeMap, BTreeSet};

use longship_syntax::ast::{self, Expr, ExprKind};
use longship_syntax::{Diagnostic, Span};

use super::eval::component_id;
use super::hint;
use super::stdlib;

/// The components that expressions can refer to.
#[derive(Debug, Default)]
pub(crate) struct References {
    /// Every id that is declared, even where the component itself is at fault, with whether it has exports to use.
    declared: BTreeMap<String, bool>,
}

/// What Alloy says of a function that has a newer name.
const DEPRECATED: &str =
    "this stdlib function is deprecated; please refer to the documentation for updated usage and alternatives";

impl References {
    /// Adds a component. What refers to one that is not `usable` is not evaluated, and not reported either: the fault
    /// is the component's.
    pub(crate) fn declare(&mut self, id: String, usable: bool) {
        self.declared.insert(id, usable);
    }

    /// Tells whether an expression can be evaluated. Names in it that do not exist are reported, all of them.
    pub(crate) fn check(&self, expression: &Expr, diagnostics: &mut Vec<Diagnostic>) -> bool {
        let mut is_usable = true;
        for_each_name(expression, &mut |named| {
            let names = named.leading_names().unwrap_or_default();
            if let Some((id, _)) = component_id(named, |id| self.declared.contains_key(id)) {
                is_usable &= self.declared[&id];
                return;
            }
            let Some((first, span)) = names.first() else { return };
            if stdlib::lookup(first).is_none() {
                diagnostics.push(self.missing(&names));
                is_usable = false;
            } else if stdlib::is_deprecated(first) {
                diagnostics.push(Diagnostic::warning(*span, DEPRECATED));
            }
        });
        is_usable
    }

    fn missing(&self, names: &[(&str, Span)]) -> Diagnostic {
        let name = names.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(".");
        let span = names[0].1.to(names[names.len() - 1].1);
        let diagnostic = Diagnostic::error(span, format!("component {name:?} does not exist or is out of scope"));
        // The last name is most often a field of the component.
        let id = name.rsplit_once('.').map_or(name.as_str(), |(id, _)| id);
        let known: Vec<&str> = self.declared.keys().map(String::as_str).collect();
        hint::add(diagnostic, id, &known)
    }
}

/// The references of one component.
#[derive(Debug)]
pub(crate) struct Edges {
    /// The component's id.
    pub(crate) from: String,
    /// What it refers to, with the first place of each.
    pub(crate) to: BTreeMap<String, Span>,
}

impl Edges {
    /// Finds the references in a body to components for which `exists`.
    pub(crate) fn of(id: &str, body: &ast::Body, exists: impl Fn(&str) -> bool) -> Self {
        let mut to = BTreeMap::new();
        for_each_statement_value(body, &mut |value| {
            for_each_name(value, &mut |named| {
                if let Some((id, names)) = component_id(named, &exists) {
                    let all = named.leading_names().unwrap_or_default();
                    to.entry(id).or_insert_with(|| all[0].1.to(all[names - 1].1));
                }
            });
        });
        Self { from: id.to_owned(), to }
    }
}

/// Reports every circle of references once, at the reference of its first component that leads into it.
pub(crate) fn cycles(edges: &[Edges]) -> Vec<Diagnostic> {
    let by_id: BTreeMap<&str, &Edges> = edges.iter().map(|edges| (edges.from.as_str(), edges)).collect();
    let mut diagnostics = Vec::new();
    let mut done = BTreeSet::new();
    for edges in edges {
        if let Some(span) = edges.to.get(&edges.from) {
            diagnostics.push(Diagnostic::error(*span, format!("self reference: {}", edges.from)));
        }
        if done.contains(edges.from.as_str()) {
            continue;
        }
        let Some(circle) = circle_through(&by_id, &edges.from) else { continue };
        let span = edges.to.get(circle[1]).copied();
        diagnostics.push(Diagnostic::error(span, format!("cycle: {}", circle.join(", "))));
        done.extend(circle);
    }
    diagnostics
}

/// Returns the shortest way from a component back to itself over at least one other, the component first.
fn circle_through<'e>(edges: &BTreeMap<&'e str, &'e Edges>, start: &str) -> Option<Vec<&'e str>> {
    let (start, _) = edges.get_key_value(start)?;
    let mut before: BTreeMap<&str, &str> = BTreeMap::new();
    let mut queue = std::collections::VecDeque::from([*start]);
    while let Some(id) = queue.pop_front() {
        for next in edges.get(id).into_iter().flat_map(|edges| edges.to.keys()) {
            if next == start && id != *start {
                let mut way = vec![id];
                while let Some(previous) = before.get(way[way.len() - 1]) {
                    way.push(previous);
                }
                way.reverse();
                return Some(way);
            }
            if next != start && !before.contains_key(next.as_str()) {
                before.insert(next, id);
                queue.push_back(next);
            }
        }
    }
    None
}

/// Calls `visit` with every expression in an expression that begins with a name, with what follows the name.
pub(crate) fn for_each_name<'e>(expression: &'e Expr, visit: &mut impl FnMut(&'e Expr)) {
    // The name at the beginning of an access is visited after it, as a part of it.
    let mut base = None;
    expression.visit(&mut |part| {
        if let ExprKind::Access { base: inner, .. } = &part.kind
            && let ExprKind::Variable(_) = inner.kind
        {
            base = Some(inner.span);
            visit(part);
        } else if let ExprKind::Variable(_) = part.kind
            && base != Some(part.span)
        {
            visit(part);
        }
    });
}

/// Calls `visit` with the value of every attribute in a body and the blocks in it.
fn for_each_statement_value<'b>(body: &'b ast::Body, visit: &mut impl FnMut(&'b Expr)) {
    for statement in &body.statements {
        match statement {
            ast::Statement::Attribute(attribute) => visit(&attribute.value),
            ast::Statement::Block(block) => for_each_statement_value(&block.body, visit),
        }
    }
}
