//! The benchmarking harness.

fn main() {}
