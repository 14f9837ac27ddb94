//! A server's certificate and private key, read from their files.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

use crate::error::TlsError;

/// How clients are served over TLS 1.2 and 1.3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSettings {
    /// A PEM file with the server's certificate, and those between it and the root behind it.
    pub certificate: PathBuf,
    /// A PEM file with the certificate's private key.
    pub key: PathBuf,
    /// Where TLS is spoken, beside the plain address. `None`: at the server's address, and nothing is spoken plainly.
    pub addr: Option<SocketAddr>,
}

/// What tells a renewed file from the one that was read: when it was written, and its length.
pub(crate) type Stamp = [Option<(SystemTime, u64)>; 2];

impl TlsSettings {
    /// The state of both files now; `None` for one that cannot be looked at.
    pub(crate) fn stamp(&self) -> Stamp {
        let of = |path: &Path| {
            let found = std::fs::metadata(path).ok()?;
            Some((found.modified().ok()?, found.len()))
        };
        [of(&self.certificate), of(&self.key)]
    }

    /// Reads both files.
    ///
    /// # Errors
    /// `Identity`, with the file that is at fault.
    pub(crate) fn read(&self, protocols: &[&[u8]]) -> Result<Arc<ServerConfig>, TlsError> {
        let refused = |path: &Path, cause: String| TlsError::Identity { path: path.to_owned(), cause };
        let certificates = CertificateDer::pem_file_iter(&self.certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|cause| refused(&self.certificate, cause.to_string()))?;
        if certificates.is_empty() {
            return Err(refused(&self.certificate, "there is no certificate in it".to_owned()));
        }
        let key =
            PrivateKeyDer::from_pem_file(&self.key).map_err(|cause| refused(&self.key, cause.to_string()))?;
        let mut config =
            configure(certificates, key).map_err(|cause| refused(&self.certificate, cause.to_string()))?;
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        Ok(Arc::new(config))
    }
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
