//! The promises, one file each.

mod volume;

mod kills;

mod identical;

mod correctness;

mod cadence;

mod stopping;

mod refusals;

mod command_line;

mod demo;
mod own_log;
