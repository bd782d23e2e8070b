//! The agent's control plane: everything but the way of a line.
//!
//! Here configuration is read, files are looked for, figures are shown; ordinary tokio, with strings and maps. What a
//! line goes through is the data plane, the crate `longship-pipeline`, which gets a flat plan from here and knows
//! nothing of components. [`boot`] joins the two.

pub mod cli; //        argv → command → exit code

pub mod boot; //       start and drain order of everything

mod components; //     what each component kind takes
pub mod graph; //      configuration text → what to do

pub mod discover; //   targets: which files there are
mod events; //         what the data plane tells → log lines
pub mod server; //     figures and probes over HTTP

pub mod demo; //       the whole of it into a receiver of our own

mod cores; //          how many shards the machine gives us
mod descriptors; //    how many files it lets us open
pub mod log; //        the agent's own log lines
mod memory; //         how its memory is had from the system
mod quantity; //       durations and sizes as texts
mod time; //           times as texts
