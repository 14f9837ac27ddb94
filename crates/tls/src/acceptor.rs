//! The handshake, with the certificate that is in its files now.
//!
//! Files are looked at again at a handshake, at most once in [`LOOK_EVERY`]: nothing runs while nobody connects, and a
//! renewed certificate needs neither a restart nor a signal. Certificate and key are two files and cannot be replaced at
//! one moment; a pair that does not fit together is tried again until it does.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;

use crate::error::TlsError;
use crate::identity::{Stamp, TlsSettings};

/// How long a handshake may take.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// How often the files are looked at again, at most.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Shakes hands with clients.
pub struct Acceptor {
    settings: TlsSettings,
    protocols: Vec<&'static [u8]>,
    current: Mutex<Current>,
}

/// What is in force.
struct Current {
    config: Arc<ServerConfig>,
    /// The files it was read from.
    stamp: Stamp,
    /// When the files were last looked at.
    looked: Instant,
    /// The files could not be used then, which has been told.
    complained: bool,
}

impl Acceptor {
    /// Reads certificate and key. `protocols` are offered to clients that choose one (ALPN), best first; none for
    /// a protocol that has no name there. Must run inside a tokio runtime with a timer, as must
    /// [`Acceptor::shake_hands`].
    ///
    /// # Errors
    /// `Identity`, with the file that is at fault.
    pub fn new(settings: TlsSettings, protocols: &[&'static [u8]]) -> Result<Self, TlsError> {
        let stamp = settings.stamp();
        let config = settings.read(protocols)?;
        let current = Current { config, stamp, looked: Instant::now(), complained: false };
        Ok(Self { settings, protocols: protocols.to_vec(), current: Mutex::new(current) })
    }

    /// Shakes hands; `None`: the client does not speak TLS, does not trust the certificate, or takes longer than ten
    /// seconds. `peer` names the client in the log.
    pub async fn shake_hands(&self, stream: TcpStream, peer: &str) -> Option<TlsStream<TcpStream>> {
        let acceptor = TlsAcceptor::from(self.config());
        match tokio::time::timeout(HANDSHAKE_WITHIN, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => Some(stream),
            Ok(Err(cause)) => {
                tracing::debug!(client = peer, %cause, "a TLS handshake failed");
                None
            }
            Err(_) => {
                tracing::debug!(client = peer, "a TLS handshake took too long");
                None
            }
        }
    }

    /// What handshakes use now.
    fn config(&self) -> Arc<ServerConfig> {
        let now = Instant::now();
        {
            let mut current = self.current.lock();
            if now.duration_since(current.looked) < LOOK_EVERY {
                return current.config.clone();
            }
            // Others go on with what there is while this one looks.
            current.looked = now;
        }
        let stamp = self.settings.stamp();
        if self.current.lock().stamp == stamp {
            return self.current.lock().config.clone();
        }
        let read = self.settings.read(&self.protocols);
        let mut current = self.current.lock();
        match read {
            Ok(config) => {
                tracing::info!(certificate = %self.settings.certificate.display(), "a renewed TLS certificate is in force");
                *current = Current { config, stamp, looked: now, complained: false };
            }
            Err(cause) if !current.complained => {
                tracing::warn!(%cause, "the TLS files have changed and cannot be used; the certificate before stays in force");
                current.complained = true;
            }
            Err(_) => {}
        }
        current.config.clone()
    }
}

impl std::fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Acceptor").field("settings", &self.settings).finish_non_exhaustive()
    }
}
