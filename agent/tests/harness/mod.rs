//! Runs an agent on a machine of its own: a folder with logs, configuration and storage.

pub(crate) mod node;

pub(crate) mod agent;
pub(crate) mod metrics;

pub(crate) mod configuration;

pub(crate) mod checks;
