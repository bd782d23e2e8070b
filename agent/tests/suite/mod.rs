//! The promises, one file each.

mod cadence;
mod command_line;
mod correctness;
mod identical;
mod kills;
mod refusals;
mod stopping;
mod volume;

mod demo;
mod own_log;
