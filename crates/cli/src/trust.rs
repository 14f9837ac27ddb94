//! Which certificates the tools trust, and TLS as they speak it.

use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::error::CliError;

/// A blocking connection over TLS.
pub(crate) type SecureStream = StreamOwned<ClientConnection, TcpStream>;

/// Whose certificates are trusted.
#[derive(Debug, Clone, Args)]
pub(crate) struct Trust {
    /// A PEM file with the certificates to trust [default: those of this system].
    #[arg(long, env = "MNEMON_CA", value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
}

/// What does the arithmetic.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

impl Trust {
    /// The certificates that are trusted.
    ///
    /// # Errors
    /// `Trust` when the file cannot be used, or the system has none.
    pub(crate) fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, CliError> {
        let refused = |cause: String| CliError::Trust { place: self.place(), cause };
        let found = match &self.ca {
            Some(file) => CertificateDer::pem_file_iter(file)
                .and_then(Iterator::collect)
                .map_err(|cause| refused(cause.to_string()))?,
            // Some of its files may be unreadable; what matters is whether any could be read.
            None => rustls_native_certs::load_native_certs().certs,
        };
        if found.is_empty() { Err(refused("there is no certificate in it".to_owned())) } else { Ok(found) }
    }

    fn place(&self) -> String {
        self.ca.as_ref().map_or_else(|| "this system's list".to_owned(), |file| file.display().to_string())
    }

    /// TLS that trusts them.
    ///
    /// # Errors
    /// `Trust`.
    pub(crate) fn config(&self) -> Result<Arc<ClientConfig>, CliError> {
        let mut roots = RootCertStore::empty();
        let (usable, _) = roots.add_parsable_certificates(self.certificates()?);
        let refused = |cause: String| CliError::Trust { place: self.place(), cause };
        if usable == 0 {
            return Err(refused("no certificate in it can be used".to_owned()));
        }
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|cause| refused(cause.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Arc::new(config))
    }
}

/// The name that a server's certificate must have, from HOST:PORT.
///
/// # Errors
/// What is wrong with the name.
pub(crate) fn server_name(address: &str) -> Result<ServerName<'static>, String> {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    ServerName::try_from(host.to_owned()).map_err(|cause| format!("{host}: {cause}"))
}

/// Speaks TLS through a connection; the handshake happens with the first bytes.
///
/// # Errors
/// What is wrong with the host's name.
pub(crate) fn secure(
    config: Arc<ClientConfig>,
    address: &str,
    stream: TcpStream,
) -> Result<SecureStream, String> {
    let connection =
        ClientConnection::new(config, server_name(address)?).map_err(|cause| cause.to_string())?;
    Ok(StreamOwned::new(connection, stream))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_the_host_of_an_address() {
        for (address, name) in
            [("localhost:7070", "localhost"), ("10.0.0.5:1", "10.0.0.5"), ("[::1]:7070", "::1")]
        {
            assert_eq!(server_name(address).unwrap().to_str(), name);
        }
        assert!(server_name("a b:1").is_err());
    }

    #[test]
    fn a_file_without_certificates_is_named() {
        let trust = Trust { ca: Some("Cargo.toml".into()) };
        let told = trust.config().unwrap_err().to_string();
        assert!(told.contains("Cargo.toml") && told.contains("--ca"), "{told}");
    }
}
