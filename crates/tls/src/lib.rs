//! TLS as a server speaks it: a certificate and its key from PEM files, their renewal while the node runs, the handshake.
//!
//! What must stay true: what is wrong with a file at the start is told with the file's name; a renewed file that cannot be
//! used leaves the certificate in force that was there; a client that does not finish its handshake is given up in time.
//! Listeners, and what is said through a connection, belong to the front doors.

mod acceptor;
mod error;
mod identity;

pub use acceptor::Acceptor;
pub use error::TlsError;
pub use identity::TlsSettings;
pub use tokio_rustls::server::TlsStream;
