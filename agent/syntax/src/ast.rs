//! The tree of a configuration.
//!
//! Every node has a span, and no token's place is lost that a formatter would need: comments are kept in a list of
//! their own, brackets are the first and last byte of their node's span. Literals are already values.
//!
//! Long chains are lists, not nests: `a.b.c` is one [`ExprKind::Access`] with two steps, `1 + 2 - 3` one
//! [`ExprKind::Binary`] with two operations. Together with the parser's bound on nesting this keeps the tree shallow
//! ([`NESTING_MAX`](crate::parser::NESTING_MAX) levels, each a few nodes deep), so it may be walked by recursion.

use std::fmt;

use crate::literal::{Number, Text};
use crate::source::{FileId, Span};

/// A parsed file.
#[derive(Clone, Debug, PartialEq)]
pub struct File {
    /// The text it was parsed from.
    pub source: FileId,
    /// The statements at the top level.
    pub body: Body,
    /// All comments of the file in order.
    pub comments: Vec<Comment>,
}

/// A comment with its delimiters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// The text from `//` to the end of the line, or from `/*` to `*/`, without carriage returns.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

/// The statements of a file or block.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Body {
    /// In the order they were written.
    pub statements: Vec<Statement>,
}

impl Body {
    /// Returns the attributes in order, without the blocks.
    pub fn attributes(&self) -> impl Iterator<Item = &Attribute> {
        self.statements.iter().filter_map(|statement| match statement {
            Statement::Attribute(attribute) => Some(attribute),
            Statement::Block(_) => None,
        })
    }

    /// Returns the blocks in order, without the attributes.
    pub fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.statements.iter().filter_map(|statement| match statement {
            Statement::Attribute(_) => None,
            Statement::Block(block) => Some(block),
        })
    }

    /// Calls `visit` with every expression in the body, those of nested blocks and parts of expressions included, each
    /// before its own parts.
    pub fn visit_expressions<'a>(&'a self, visit: &mut impl FnMut(&'a Expr)) {
        for statement in &self.statements {
            match statement {
                Statement::Attribute(attribute) => attribute.value.visit(visit),
                Statement::Block(block) => block.body.visit_expressions(visit),
            }
        }
    }
}

/// One statement of a body.
#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    /// `name = value`
    Attribute(Attribute),
    /// `name "label" { body }`
    Block(Block),
}

impl Statement {
    /// From the first byte of its name to the last of its value or closing brace.
    pub fn span(&self) -> Span {
        match self {
            Statement::Attribute(attribute) => attribute.span(),
            Statement::Block(block) => block.span(),
        }
    }
}

/// `name = value`
#[derive(Clone, Debug, PartialEq)]
pub struct Attribute {
    /// Its name.
    pub name: Ident,
    /// Its value.
    pub value: Expr,
}

impl Attribute {
    /// From the first byte of the name to the last of the value.
    pub fn span(&self) -> Span {
        self.name.span.to(self.value.span)
    }
}

/// `name.of.block "label" { body }`
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// Its name.
    pub name: BlockName,
    /// Its label. `""` is a label too, with an empty text.
    pub label: Option<Label>,
    /// What stands between the braces.
    pub body: Body,
    /// The braces and all between them.
    pub braces: Span,
}

impl Block {
    /// From the first byte of the name to the closing brace.
    pub fn span(&self) -> Span {
        self.name.span.to(self.braces)
    }
}

/// The name of a block, made of names with dots between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockName {
    /// The whole name with its dots, without whatever else may stand between the parts.
    pub text: String,
    /// From the first part to the last.
    pub span: Span,
}

/// The label of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// A name, or nothing.
    pub text: String,
    /// Where it stands, quotes included.
    pub span: Span,
}

/// A name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ident {
    /// The name itself.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// From its first byte to its last.
    pub span: Span,
}

/// What an expression is.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// `1` or `1.5`
    Number(Number),
    /// `"text"`, or `text` in back-ticks
    String(Text),
    /// `name`
    Variable(String),
    /// `[1, 2]`
    Array(Vec<Expr>),
    /// `{ name = 1, "other name" = 2 }`
    Object(Vec<Field>),
    /// `base.field[index](argument)`, with at least one step
    Access {
        /// What the first step is applied to.
        base: Box<Expr>,
        /// Applied from left to right, each to the value before it.
        steps: Vec<Step>,
    },
    /// `-1` or `!true`
    Unary {
        /// It is the first byte of the expression.
        operator: UnaryOperator,
        /// What it is applied to.
        operand: Box<Expr>,
    },
    /// `1 + 2 - 3`: operators of one level, at least one. They apply from left to right. `^` applies from right to
    /// left, which shows as a second operand that is another expression of this kind.
    Binary {
        /// The leftmost operand.
        first: Box<Expr>,
        /// The operators with their right operands.
        rest: Vec<Operation>,
    },
    /// `(1)`
    Paren(Box<Expr>),
    /// What could not be read. It stands only in a tree that came with errors.
    Invalid,
}

/// One field of an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Its name; escapes are resolved, bytes that are not UTF-8 are U+FFFD. The span includes quotes.
    pub name: Ident,
    /// Whether the name is written as a string.
    pub quoted: bool,
    /// Its value.
    pub value: Expr,
}

impl Field {
    /// From the first byte of the name to the last of the value.
    pub fn span(&self) -> Span {
        self.name.span.to(self.value.span)
    }
}

/// One step from a value to another.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// `.name`
    Field(Ident),
    /// `[index]`
    Index {
        /// What stands between the brackets.
        index: Box<Expr>,
        /// The brackets and all between them.
        brackets: Span,
    },
    /// `(argument, argument)`
    Call {
        /// What stands between the parentheses.
        arguments: Vec<Expr>,
        /// The parentheses and all between them.
        parens: Span,
    },
}

impl Step {
    /// The name of a field without its dot, or the brackets of the others.
    pub fn span(&self) -> Span {
        match self {
            Step::Field(name) => name.span,
            Step::Index { brackets, .. } => *brackets,
            Step::Call { parens, .. } => *parens,
        }
    }
}

/// An operator with its right operand. Its left operand is everything before it in the expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// The operator.
    pub operator: BinaryOperator,
    /// Where the operator stands.
    pub operator_span: Span,
    /// The right operand.
    pub operand: Expr,
}

/// An operator before its only operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the text of each is in `Display`, below")]
pub enum UnaryOperator {
    Not,
    Negate,
}

/// An operator between two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the text of each is in `Display`, below")]
pub enum BinaryOperator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Power,
}

impl BinaryOperator {
    /// How closely it binds its operands, from 1 (`||`) to 6 (`^`).
    pub(crate) fn level(self) -> u8 {
        match self {
            BinaryOperator::Or => 1,
            BinaryOperator::And => 2,
            BinaryOperator::Equal
            | BinaryOperator::NotEqual
            | BinaryOperator::Less
            | BinaryOperator::LessOrEqual
            | BinaryOperator::Greater
            | BinaryOperator::GreaterOrEqual => 3,
            BinaryOperator::Add | BinaryOperator::Subtract => 4,
            BinaryOperator::Multiply | BinaryOperator::Divide | BinaryOperator::Modulo => 5,
            BinaryOperator::Power => 6,
        }
    }
}

impl Expr {
    /// Returns the names of an expression that begins with some, such as `a.b.c` or `a.b.c["d"]`: the variable and the
    /// fields up to the first other step. This is what can refer to a component.
    pub fn leading_names(&self) -> Option<Vec<(&str, Span)>> {
        let (base, steps) = if let ExprKind::Access { base, steps } = &self.kind {
            (base.as_ref(), steps.as_slice())
        } else {
            (self, &[][..])
        };
        let ExprKind::Variable(name) = &base.kind else { return None };
        let fields = steps.iter().map_while(|step| match step {
            Step::Field(name) => Some((name.text.as_str(), name.span)),
            Step::Index { .. } | Step::Call { .. } => None,
        });
        Some(std::iter::once((name.as_str(), base.span)).chain(fields).collect())
    }

    /// Calls `visit` with the expression and then with every part of it.
    pub fn visit<'a>(&'a self, visit: &mut impl FnMut(&'a Expr)) {
        visit(self);
        match &self.kind {
            ExprKind::Null
            | ExprKind::Bool(_)
            | ExprKind::Number(_)
            | ExprKind::String(_)
            | ExprKind::Variable(_)
            | ExprKind::Invalid => {}
            ExprKind::Array(elements) => elements.iter().for_each(|element| element.visit(visit)),
            ExprKind::Object(fields) => fields.iter().for_each(|field| field.value.visit(visit)),
            ExprKind::Access { base, steps } => {
                base.visit(visit);
                for step in steps {
                    match step {
                        Step::Field(_) => {}
                        Step::Index { index, .. } => index.visit(visit),
                        Step::Call { arguments, .. } => arguments.iter().for_each(|argument| argument.visit(visit)),
                    }
                }
            }
            ExprKind::Unary { operand, .. } => operand.visit(visit),
            ExprKind::Binary { first, rest } => {
                first.visit(visit);
                rest.iter().for_each(|operation| operation.operand.visit(visit));
            }
            ExprKind::Paren(inner) => inner.visit(visit),
        }
    }
}

impl fmt::Display for UnaryOperator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            UnaryOperator::Not => "!",
            UnaryOperator::Negate => "-",
        })
    }
}

impl fmt::Display for BinaryOperator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BinaryOperator::Or => "||",
            BinaryOperator::And => "&&",
            BinaryOperator::Equal => "==",
            BinaryOperator::NotEqual => "!=",
            BinaryOperator::Less => "<",
            BinaryOperator::LessOrEqual => "<=",
            BinaryOperator::Greater => ">",
            BinaryOperator::GreaterOrEqual => ">=",
            BinaryOperator::Add => "+",
            BinaryOperator::Subtract => "-",
            BinaryOperator::Multiply => "*",
            BinaryOperator::Divide => "/",
            BinaryOperator::Modulo => "%",
            BinaryOperator::Power => "^",
        })
    }
}
