//! Deterministic log writers that remember what they wrote.
