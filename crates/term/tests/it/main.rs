//! Properties of terms that hold for all values: round trips, orders, limits.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod bytes;
mod generate;
mod json;
mod keys;
mod limits;
mod orders;
mod rust;
