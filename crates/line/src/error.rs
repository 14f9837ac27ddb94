//! What can go wrong with the server itself. What a client does wrong is answered on its line.

use std::io;
use std::net::SocketAddr;

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// The address cannot be listened on.
    #[error("the line protocol cannot listen on {address}: {cause}; choose another address")]
    Bind {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the operating system said.
        cause: io::Error,
    },
    /// A process of it did not start.
    #[error("the line protocol's processes did not start: {0}")]
    Start(#[from] mnemon_otp::Error),
}
