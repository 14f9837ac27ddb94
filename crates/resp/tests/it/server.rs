//! The server over real sockets.

mod limits;
mod stream;
