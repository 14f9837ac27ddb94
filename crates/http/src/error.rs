//! What can go wrong with the server itself.

use std::io;
use std::net::SocketAddr;

use mnemon_tls::TlsError;

/// Why the HTTP server did not start or stop.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// The address cannot be listened on.
    #[error("HTTP cannot listen on {address}: {cause}; choose another address")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the operating system says.
        cause: io::Error,
    },
    /// TLS cannot be spoken.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A process of the server did not start.
    #[error("the HTTP server's processes did not start: {0}")]
    Process(#[from] mnemon_otp::Error),
}
