//! The agent's control plane.

pub mod server;
