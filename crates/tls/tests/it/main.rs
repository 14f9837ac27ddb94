//! The acceptor with real sockets and real certificates.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod renewal;
