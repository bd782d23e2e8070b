//! Whole texts through the public interface.

mod conformance;
mod goldens;
mod random;
