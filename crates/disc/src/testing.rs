//! A disc in memory that fails where a test tells it to; for the tests of this crate and of those above it.
//!
//! It keeps for each file what readers see and what would be there after a power cut. Every call that changes something is a
//! step; a test runs its script once to count the steps and then once for each step and each [`Fault`].

mod faulty_disc;
mod faulty_file;
mod memory_rows;

pub use faulty_disc::{Fate, Fault, FaultyDisc};
pub use memory_rows::MemoryTrees;
