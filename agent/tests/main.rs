//! What the agent promises, shown on the real process: real files, a sink that checks, writers that remember.
//!
//! Each test starts `longship run` on a [`harness::node::Node`], lets a workload write, and holds what the sink got
//! against what was written. Long forms are asked for by environment variables; each test names its own.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test, and says where")]
#![expect(clippy::print_stdout, reason = "tests print what they measured, and why they were skipped")]

mod harness;
mod suite;
