//! Single runs, each with a fresh sink: of the limit program, of an agent.

pub(crate) mod agent;
pub(crate) mod limit;
