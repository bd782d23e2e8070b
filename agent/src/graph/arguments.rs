//! The body of a block → its arguments, one by one.
//!
//! A component's decoder takes a [`Body`] and asks it for each attribute and block by name. What it never asked for is
//! then unrecognized, and the names it did ask for are what a misspelt one may have meant. So the list of what a block
//! may have stands in one place: the decoder.
//!
//! Faults do not end decoding; they are collected, and what is missing because of them is `None`.

use std::collections::BTreeMap;

use longship_syntax::ast::{self, Attribute, Block, Expr, Statement};
use longship_syntax::{Diagnostic, Span};

use super::convert::{FromValue, convert};
use super::eval::Scope;
use super::hint;
use super::references::References;

/// What decoding needs besides the text, and collects.
pub(crate) struct Context<'a> {
    /// What names in expressions stand for.
    pub(crate) scope: Scope<'a>,
    /// Which components there are.
    pub(crate) references: &'a References,
    /// What was found wrong.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

impl Context<'_> {
    /// Reports a fault.
    pub(crate) fn error(&mut self, span: Span, message: impl Into<String>) {
        self.diagnostics.push(Diagnostic::error(span, message));
    }

    /// Reports something the user should know.
    pub(crate) fn warning(&mut self, span: Span, message: impl Into<String>) {
        self.diagnostics.push(Diagnostic::warning(span, message));
    }

    /// Reports something that Alloy can do and this version cannot.
    pub(crate) fn unsupported(&mut self, span: Span, what: impl std::fmt::Display) {
        self.error(span, format!("{what} is not supported by this version of longship"));
    }

    /// Evaluates and converts an expression; faults are reported.
    pub(crate) fn value<T: FromValue>(&mut self, expression: &Expr) -> Option<T> {
        if !self.references.check(expression, &mut self.diagnostics) {
            return None;
        }
        let value = match self.scope.evaluate(expression) {
            Ok(value) => value,
            Err(diagnostic) => {
                self.diagnostics.push(diagnostic);
                return None;
            }
        };
        convert(value).map_err(|error| self.diagnostics.push(error.at(expression, self.scope.sources))).ok()
    }
}

/// A value with the place it was given at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spanned<T> {
    /// The value.
    pub(crate) value: T,
    /// Where its expression stands.
    pub(crate) span: Span,
}

/// The body of a block while it is decoded.
pub(crate) struct Body<'b> {
    body: &'b ast::Body,
    /// What the whole block covers, for what is missing in it.
    pub(crate) span: Span,
    attributes: BTreeMap<&'b str, &'b Attribute>,
    asked_attributes: Vec<&'static str>,
    asked_blocks: Vec<&'static str>,
}

impl<'b> Body<'b> {
    /// Begins to decode a block. An attribute that is given twice is reported.
    pub(crate) fn new(body: &'b ast::Body, span: Span, context: &mut Context<'_>) -> Self {
        let mut attributes = BTreeMap::new();
        for attribute in body.attributes() {
            if attributes.contains_key(attribute.name.text.as_str()) {
                let message = format!("attribute {:?} may only be provided once", attribute.name.text);
                context.error(attribute.span(), message);
            } else {
                attributes.insert(attribute.name.text.as_str(), attribute);
            }
        }
        Self { body, span, attributes, asked_attributes: Vec::new(), asked_blocks: Vec::new() }
    }

    /// Begins to decode the body of a block.
    pub(crate) fn of(block: &'b Block, context: &mut Context<'_>) -> Self {
        Self::new(&block.body, block.span(), context)
    }

    /// Returns the expression of an attribute, if it is given.
    pub(crate) fn expression(&mut self, name: &'static str) -> Option<&'b Expr> {
        self.asked_attributes.push(name);
        self.attributes.get(name).map(|attribute| &attribute.value)
    }

    /// Returns an attribute that may be left out, with its place.
    pub(crate) fn spanned<T: FromValue>(
        &mut self,
        name: &'static str,
        context: &mut Context<'_>,
    ) -> Option<Spanned<T>> {
        let expression = self.expression(name)?;
        let value = context.value(expression)?;
        Some(Spanned { value, span: expression.span })
    }

    /// Returns an attribute that may be left out.
    pub(crate) fn optional<T: FromValue>(&mut self, name: &'static str, context: &mut Context<'_>) -> Option<T> {
        self.spanned(name, context).map(|spanned| spanned.value)
    }

    /// Returns an attribute that must be given, with its place.
    pub(crate) fn required<T: FromValue>(
        &mut self,
        name: &'static str,
        context: &mut Context<'_>,
    ) -> Option<Spanned<T>> {
        if !self.attributes.contains_key(name) {
            context.error(self.span, format!("missing required attribute {name:?}"));
        }
        self.spanned(name, context)
    }

    /// Returns all blocks of a name.
    pub(crate) fn blocks(&mut self, name: &'static str) -> Vec<&'b Block> {
        self.asked_blocks.push(name);
        self.body.blocks().filter(|block| block.name.text == name).collect()
    }

    /// Returns the block of a name that may be given once.
    pub(crate) fn block(&mut self, name: &'static str, context: &mut Context<'_>) -> Option<&'b Block> {
        let blocks = self.blocks(name);
        for further in blocks.iter().skip(1) {
            context.error(further.span(), format!("block {name:?} may only be provided once"));
        }
        blocks.first().copied()
    }

    /// Returns all blocks of several names in the order they were written.
    pub(crate) fn blocks_in_order(&mut self, names: &[&'static str]) -> Vec<&'b Block> {
        self.asked_blocks.extend(names);
        self.body.blocks().filter(|block| names.contains(&block.name.text.as_str())).collect()
    }

    /// Reports everything that was not asked for.
    pub(crate) fn finish(self, context: &mut Context<'_>) {
        for statement in &self.body.statements {
            let diagnostic = match statement {
                Statement::Attribute(attribute) => self.unrecognized_attribute(attribute),
                Statement::Block(block) => self.unrecognized_block(block),
            };
            context.diagnostics.extend(diagnostic);
        }
    }

    fn unrecognized_attribute(&self, attribute: &Attribute) -> Option<Diagnostic> {
        let name = attribute.name.text.as_str();
        if self.asked_attributes.contains(&name) {
            return None;
        }
        if self.asked_blocks.contains(&name) {
            let message = format!("{name:?} must be a block, but is used as an attribute");
            return Some(Diagnostic::error(attribute.span(), message));
        }
        let diagnostic = Diagnostic::error(attribute.span(), format!("unrecognized attribute name {name:?}"));
        Some(hint::add(diagnostic, name, &self.asked_attributes))
    }

    fn unrecognized_block(&self, block: &Block) -> Option<Diagnostic> {
        let name = block.name.text.as_str();
        if self.asked_blocks.contains(&name) {
            return None;
        }
        if self.asked_attributes.contains(&name) {
            let message = format!("{name:?} must be an attribute, but is used as a block");
            return Some(Diagnostic::error(block.span(), message));
        }
        let diagnostic = Diagnostic::error(block.span(), format!("unrecognized block name {name:?}"));
        Some(hint::add(diagnostic, name, &self.asked_blocks))
    }
}
