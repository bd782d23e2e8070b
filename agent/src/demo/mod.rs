//! `longship demo`: the real pipeline into a receiver in its own process, and whether the books balance.
//!
//! A run makes a temporary folder with a tree of generated pod logs, starts the receiver and an agent with the embedded
//! configuration, watches until time is up, lets the agent finish, and compares what everybody counted. Nothing is
//! written outside that folder, which is removed at the end.

mod configuration; // the embedded text

mod balance;
mod followed; //      both for each file
mod held; //          the kernel's counts
mod pods; //          what is written: generated logs, their writers' counts
mod tally; //         the agent's counts //       whether they all agree

mod live; //          what is shown meanwhile
mod quantity; //      numbers for people
mod report; //        what is told in the end
mod run; //           the order of it all

pub use self::report::Report;
pub use self::run::{DemoError, Options, run};
