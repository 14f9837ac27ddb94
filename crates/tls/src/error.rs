//! What can keep a server from speaking TLS.

use std::path::PathBuf;

/// Why TLS cannot be spoken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The certificate or its key cannot be used.
    #[error("cannot serve TLS with {}: {cause}; give PEM files of a certificate and of its private key", path.display())]
    Identity {
        /// The file at fault.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
}
