//! Certificates that are renewed while the server runs, and clients that are given up.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mnemon_tls::{Acceptor, TlsError, TlsSettings};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Files of a certificate for `localhost`, in a directory of their own.
struct Files {
    directory: PathBuf,
    settings: TlsSettings,
}

impl Files {
    fn new(name: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("mnemon-renewal-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let (certificate, key) = (directory.join("cert.pem"), directory.join("key.pem"));
        let files = Self { directory, settings: TlsSettings { certificate, key, addr: None } };
        let (certificate, key) = make();
        files.write(&certificate, &key);
        files
    }

    fn write(&self, certificate: &str, key: &str) {
        std::fs::write(&self.settings.certificate, certificate).unwrap();
        std::fs::write(&self.settings.key, key).unwrap();
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// A certificate and its key. Their lengths differ from one to the next, whatever the clock's steps.
fn make() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

/// Whether a client that trusts only this certificate gets an answer.
async fn is_served(acceptor: &Acceptor, certificate: &str) -> bool {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let server = async {
        let (stream, _) = listener.accept().await.unwrap();
        if let Some(mut stream) = acceptor.shake_hands(stream, "client").await {
            let _ = stream.write_all(b"hello").await;
            let _ = stream.shutdown().await;
        }
    };
    let client = async {
        let stream = TcpStream::connect(addr).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let Ok(mut stream) = TlsConnector::from(Arc::new(config)).connect(name, stream).await else {
            return false;
        };
        let mut said = String::new();
        stream.read_to_string(&mut said).await.is_ok() && said == "hello"
    };
    tokio::join!(server, client).1
}

#[tokio::test]
async fn a_renewed_certificate_is_in_force_without_a_restart() {
    let files = Files::new("renewed");
    let first = std::fs::read_to_string(&files.settings.certificate).unwrap();
    let acceptor = Acceptor::new(files.settings.clone(), &[]).unwrap();
    assert!(is_served(&acceptor, &first).await);
    let (second, key) = make();
    // What a renewal leaves for a moment: a certificate whose key is not yet there.
    std::fs::write(&files.settings.certificate, format!("{second}\n")).unwrap();
    later().await;
    assert!(is_served(&acceptor, &first).await, "a pair that does not fit leaves the old one in force");
    files.write(&format!("{second}\n\n"), &format!("{key}\n"));
    later().await;
    assert!(is_served(&acceptor, &second).await);
    assert!(!is_served(&acceptor, &first).await);
    // Files that have gone change nothing.
    std::fs::remove_file(&files.settings.key).unwrap();
    later().await;
    assert!(is_served(&acceptor, &second).await);
}

/// Moves the clock on until the files are looked at again.
async fn later() {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(11)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_client_that_says_nothing_is_given_up() {
    let files = Files::new("silent");
    let acceptor = Acceptor::new(files.settings.clone(), &[]).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    // With nothing else to do, the paused clock moves on to the deadline.
    tokio::time::pause();
    assert!(acceptor.shake_hands(stream, "client").await.is_none());
    drop(silent);
}

#[tokio::test]
async fn files_that_hold_no_certificate_are_named() {
    let files = Files::new("broken");
    let (good, missing) = (files.settings.clone(), files.directory.join("missing.pem"));
    for (settings, at_fault) in [
        (TlsSettings { certificate: missing.clone(), ..good.clone() }, &missing),
        (TlsSettings { certificate: good.key.clone(), ..good.clone() }, &good.key),
        (TlsSettings { key: good.certificate.clone(), ..good.clone() }, &good.certificate),
    ] {
        let refused = Acceptor::new(settings, &[]).unwrap_err();
        let TlsError::Identity { path, .. } = &refused else { panic!("{refused}") };
        assert_eq!(path, at_fault);
        assert!(refused.to_string().contains("PEM"), "{refused}");
    }
}
