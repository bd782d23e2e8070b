//! What the stages of a route make of a line.
//!
//! A route's stages fall in two: those that take lines apart (`stage.cri`, `stage.docker`) are run on every line, as a
//! [`Program`]; those that set labels depend only on what the former made of the `stream` label, so their result is
//! worked out once for each [`Variant`] and looked up afterwards. Routes with the same program share its run.

mod partial;
mod program;

pub(crate) use partial::Hold;
pub(crate) use program::{Cuts, Emit, Parsed, Program, ProgramState, Variant};
