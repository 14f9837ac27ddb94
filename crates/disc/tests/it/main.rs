//! Tests of the disc crate from outside: every fault at every place, and real files.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod checkpoint;
mod directory;
mod faults;
mod fixtures;
mod kill;
mod log;
mod rows;
mod script;
mod threads;
