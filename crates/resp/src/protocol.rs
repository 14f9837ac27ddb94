//! The Redis protocol as pure code: request bytes become arguments, replies become bytes, and back.
//!
//! A connection owns a read buffer, a [`Parser`] and an output buffer. It feeds the first to the second, hands the
//! [`Args`] of each command to whoever runs it, and lets [`writer::write()`] turn the [`Reply`] into bytes. What must stay
//! true: nothing here panics on input, recurses on input, or allocates from a length that was only announced.
//!
//! Sockets, authentication and the meaning of commands are left to others.
//!
//! ```
//! use mnemon_resp::protocol::{Parser, Progress, Reply, Version, writer};
//!
//! let mut parser = Parser::default();
//! let received = b"*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\n";
//! let Progress::Command { consumed } = parser.advance(received)? else { unreachable!("it is whole") };
//! assert_eq!(consumed, received.len());
//! let args = parser.args(received);
//! assert_eq!(args.name(), b"ECHO");
//!
//! let mut out = Vec::new();
//! writer::write(&Reply::bulk(&args[1]), Version::Resp2, &mut out);
//! assert_eq!(out, b"$2\r\nhi\r\n");
//! # Ok::<(), mnemon_resp::protocol::ProtocolError>(())
//! ```

mod args;
mod decode;
mod double;
mod error;
mod inline;
pub(crate) mod integer;
mod limits;
mod reply;
mod request;
pub mod writer;

pub use args::{Args, ArgsBuf, ArgsIter};
pub use decode::{DecodeLimits, Decoder, decode};
pub use error::ProtocolError;
pub use limits::Limits;
pub use reply::{Reply, Version};
pub use request::{Parser, Progress};
