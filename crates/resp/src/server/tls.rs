//! TLS for clients: the certificate and its key, and the handshake.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};
use tokio_rustls::server::TlsStream;

use crate::error::RespError;

/// How long a handshake may take.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);

/// How clients are served over TLS 1.2 and 1.3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSettings {
    /// A PEM file with the server's certificate, and those between it and the root behind it.
    pub certificate: PathBuf,
    /// A PEM file with the certificate's private key.
    pub key: PathBuf,
    /// Where TLS is spoken, beside the plain address. `None`: at the server's address, and nothing is spoken plainly.
    pub addr: Option<std::net::SocketAddr>,
}

/// Reads certificate and key.
///
/// # Errors
/// `Tls`, with the file that is at fault.
pub(super) fn acceptor(settings: &TlsSettings) -> Result<TlsAcceptor, RespError> {
    let refused = |path: &Path, cause: String| RespError::Tls { path: path.to_owned(), cause };
    let certificates = CertificateDer::pem_file_iter(&settings.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|cause| refused(&settings.certificate, cause.to_string()))?;
    if certificates.is_empty() {
        return Err(refused(&settings.certificate, "there is no certificate in it".to_owned()));
    }
    let key = PrivateKeyDer::from_pem_file(&settings.key)
        .map_err(|cause| refused(&settings.key, cause.to_string()))?;
    let config =
        configure(certificates, key).map_err(|cause| refused(&settings.certificate, cause.to_string()))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn configure(
    certificates: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, rustls::Error> {
    ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
}

/// Shakes hands; `None`: the client does not speak TLS, or is too slow.
pub(super) async fn shake_hands(
    acceptor: &TlsAcceptor,
    stream: TcpStream,
    peer: &str,
) -> Option<TlsStream<TcpStream>> {
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
