//! What can keep the server from running.

use std::io;
use std::net::SocketAddr;

/// Why a server did not start or stop as asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RespError {
    /// The address cannot be listened on.
    #[error("cannot listen for RESP clients on {address}: {cause}; free the port or choose another address")]
    Bind {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the operating system said.
        cause: io::Error,
    },
    /// An I/O thread or its runtime could not be made.
    #[error(
        "cannot start the I/O thread {name}: {cause}; lower the number of threads or raise the process's limits"
    )]
    Thread {
        /// The thread's name.
        name: String,
        /// What the operating system said.
        cause: io::Error,
    },
    /// Threads were still busy when the deadline of a shutdown had passed.
    #[error(
        "{busy} I/O threads were still busy {deadline_ms} ms after the shutdown began; they end with the process"
    )]
    ShutdownTimeout {
        /// How many.
        busy: usize,
        /// The deadline in milliseconds.
        deadline_ms: u64,
    },
}
