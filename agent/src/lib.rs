//! The agent's control plane.

mod components; //     what each component kind takes
pub mod graph; //      configuration text → what to do
pub mod log; //        the agent's own log lines
mod quantity; //       durations and sizes as texts
mod time; //           times as texts
