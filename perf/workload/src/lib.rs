//! Deterministic log writers that remember what they wrote.
//!
//! A [`spec::Spec`] says what logs there are and how their lines look; a [`workload::Workload`] makes the files and
//! appends to them, in one thread, as fast as it can or at a steady pace. Every line but the identical ones carries a
//! [`tag::Tag`]: who wrote it, as which of its lines, when. While writing, each writer keeps a [`digest::Digest`] of the
//! entries a receiver should get; all of them are the [`truth::Truth`], which a receiver's own digests are compared
//! with.
//!
//! With [`spec::Stamps::Synthetic`] the bytes of every file follow from the seed alone.

pub mod spec;
pub mod workload;

pub mod digest;
pub mod tag;
pub mod truth;

pub mod writer;

mod format;
mod payload;
pub mod random;
mod rotation;

pub mod civil;
pub mod stamp;
