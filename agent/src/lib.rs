//! The agent's control plane.

pub mod boot; //       start and drain order of everything
pub mod cli; //        argv → command → exit code
mod components; //     what each component kind takes
pub mod demo; //       the whole of it into a receiver of our own
pub mod discover; //   targets: which files there are
mod events; //         what the data plane tells → log lines
pub mod graph; //      configuration text → what to do
pub mod server; //     figures and probes over HTTP

mod cores; //          how many shards the machine gives us
mod descriptors; //    how many files it lets us open
pub mod log; //        the agent's own log lines
mod quantity; //       durations and sizes as texts
mod time; //           times as texts
