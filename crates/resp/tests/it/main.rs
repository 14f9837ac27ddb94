//! Tests of the crate from outside: the protocol alone, sessions without a socket, the server over real sockets.

mod client;
mod differential;
mod protocol;
mod server;
mod session;
