//! Tests of the crate from outside: the protocol alone, sessions without a socket, the server over real sockets.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and says how to replay it"
)]

mod client;
mod clients;
mod differential;
mod disc;
mod protocol;
mod replica;
mod server;
mod session;
