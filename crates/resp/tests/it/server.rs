//! The server over real sockets.

mod durable;
mod hostile;
mod limits;
mod operators;
mod rate;
mod secure;
mod stopping;
mod stream;
