//! The Redis protocol as a front door of Mnemon: bytes to commands, commands to store operations, outcomes to replies.
//!
//! | layer | owns |
//! |---|---|
//! | [`protocol`] | bytes ↔ arguments and replies; pure |
//! | `command` | one table of commands; each *plans* store operations and turns their outcomes into an [`Answer`] |
//! | [`Session`] | the state of one client; runs commands and transactions; knows no socket |
//! | `connection` | one socket: reads, executes, writes once for each batch |
//! | [`Server`] | listener, I/O threads, limits, shutdown |
//!
//! What must stay true: a command never touches a row itself, it reaches rows only through operations of a table or of
//! the catalog, so that `EXEC` is one commit; only the connection writes; input never makes the server panic, recurse or
//! allocate from an announced length. Rows, schemas and transactions belong to the crates beneath.

mod answer;
mod bounds;
mod broker;
mod coalescing;
mod command;
mod connection;
mod dice;
mod error;
mod glob;
mod host;
mod limit;
mod machine;
mod pause;
mod post;
mod presence;
pub mod protocol;
mod refusal;
mod server;
mod session;
mod slowlog;
mod stats;
mod syncing;
mod tuning;
mod users;
#[cfg(test)]
mod wakes;

pub use answer::{Answer, HashPart};
pub use bounds::{Bounds, ClientMemoryLimit, OutputLimit};
pub use error::RespError;
pub use host::{ClientInfo, Host, Settings};
pub use mnemon_tls::{TlsError, TlsSettings};
pub use server::{Server, ServerConfig};
pub use session::{Answering, Execution, Session};
pub use stats::{CommandTotals, FamilyLatency, Stats, Totals};
pub use users::{Grant, UserSpec};
