//! The agent as a process.

#![expect(clippy::unwrap_used, reason = "what fails in a test fails the test")]

mod run;
