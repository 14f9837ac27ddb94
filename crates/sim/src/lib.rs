//! What tests of Mnemon share: a replica that proves that commits are data, and a checker of histories.
//!
//! - [`Triple`] sends every commit as bytes to three stores that hash and shard differently, and compares them.
//! - [`TableState`] is all that a table shows to its readers, with a check that its indexes are in step with its rows.
//! - [`History`] records what concurrent transactions saw and did; [`serializability::check`] tells whether that
//!   could have happened one transaction after another.
//! - [`Seed`] makes random choices that a failing test names and `MNEMON_SEED` replays.
//!
//! For tests only: what is wrong ends in a panic that describes it.

mod difference;
pub mod history;
mod seed;
pub mod serializability;
mod state;
mod triple;

pub use history::History;
pub use seed::{Random, Seed, cases};
pub use state::TableState;
pub use triple::Triple;
