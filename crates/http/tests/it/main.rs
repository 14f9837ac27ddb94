//! The HTTP server over a stand-in of a node with real tables.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod limits;
mod paths;
mod secure;
mod stand_in;
