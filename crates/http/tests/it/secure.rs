//! HTTPS: the same pages through TLS, and what is said to those who speak plainly.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;

use mnemon_http::{HttpConfig, HttpError, HttpServer, TlsSettings};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::stand_in::{DEADLINE, Site, StandIn, is_closed};

/// A certificate for `localhost`, in files of its own.
struct Identity {
    directory: PathBuf,
    roots: RootCertStore,
}

impl Identity {
    fn new(name: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("mnemon-https-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(directory.join("cert.pem"), made.cert.pem()).unwrap();
        std::fs::write(directory.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        Self { directory, roots }
    }

    fn config(&self, addr: Option<SocketAddr>) -> HttpConfig {
        let (certificate, key) = (self.directory.join("cert.pem"), self.directory.join("key.pem"));
        HttpConfig { tls: Some(TlsSettings { certificate, key, addr }), ..HttpConfig::default() }
    }

    /// A connection that trusts the certificate.
    fn connect(&self, addr: SocketAddr) -> StreamOwned<ClientConnection, TcpStream> {
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(self.roots.clone())
            .with_no_client_auth();
        // As browsers do, which would rather have version 2.
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let name = ServerName::try_from("localhost").unwrap();
        let connection = ClientConnection::new(Arc::new(config), name).unwrap();
        let stream = TcpStream::connect(addr).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        StreamOwned::new(connection, stream)
    }

    fn get(&self, addr: SocketAddr, path: &str) -> String {
        let mut stream = self.connect(addr);
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }
}

impl Drop for Identity {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

#[test]
fn with_a_certificate_only_https_is_spoken_and_others_are_told_so() {
    let identity = Identity::new("only");
    let (site, _) = Site::start(identity.config(None), StandIn::new());
    assert_eq!(site.server.tls_addr(), Some(site.addr));
    for path in ["/readyz", "/metrics", "/api/v1/status"] {
        let answer = identity.get(site.addr, path);
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    }
    let plain = site.get("/metrics");
    assert_eq!(plain.status, 400);
    assert!(plain.body.contains("https://") && !plain.body.contains("mnemon_"), "{plain:?}");
}

#[test]
fn https_can_stand_beside_a_plain_address() {
    let identity = Identity::new("beside");
    let (site, _) = Site::start(identity.config(Some(([127, 0, 0, 1], 0).into())), StandIn::new());
    let secure = site.server.tls_addr().unwrap();
    assert_ne!(secure, site.addr);
    assert_eq!(site.get("/livez").body, "ok");
    assert!(identity.get(secure, "/livez").ends_with("\r\n\r\nok"));
}

#[test]
fn both_addresses_are_free_after_a_shutdown_that_waits_for_no_handshake() {
    let identity = Identity::new("stop");
    let (site, _) = Site::start(identity.config(Some(([127, 0, 0, 1], 0).into())), StandIn::new());
    let secure = site.server.tls_addr().unwrap();
    // It never begins its handshake.
    let mut silent = TcpStream::connect(secure).unwrap();
    silent.set_read_timeout(Some(DEADLINE)).unwrap();
    assert!(identity.get(secure, "/livez").ends_with("ok"), "the one before has been accepted");
    let Site { addr, runtime, server } = site;
    runtime.block_on(server.shutdown());
    assert!(is_closed(&mut silent));
    for addr in [addr, secure] {
        std::net::TcpListener::bind(addr).expect("the address is free");
    }
}

#[test]
fn connections_that_shake_no_hands_take_places_and_give_them_back() {
    let identity = Identity::new("places");
    let config = HttpConfig { max_connections: 1, ..identity.config(None) };
    let (site, _) = Site::start(config, StandIn::new());
    let silent = TcpStream::connect(site.addr).unwrap();
    let mut refused = TcpStream::connect(site.addr).unwrap();
    refused.set_read_timeout(Some(DEADLINE)).unwrap();
    // Closed without a word: it would have to be encrypted.
    assert!(is_closed(&mut refused));
    drop(silent);
    let freed = (0..10_000).find(|_| {
        std::thread::yield_now();
        let mut stream = identity.connect(site.addr);
        let asked = stream.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        let mut text = String::new();
        asked.is_ok() && stream.read_to_string(&mut text).is_ok() && text.ends_with("ok")
    });
    assert!(freed.is_some(), "the place comes back");
}

#[test]
fn a_certificate_that_cannot_be_used_is_named() {
    let identity = Identity::new("broken");
    let mut config = identity.config(None);
    config.addr = ([127, 0, 0, 1], 0).into();
    if let Some(tls) = &mut config.tls {
        tls.key = identity.directory.join("absent.pem");
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let refused = runtime.block_on(HttpServer::bind(config, Arc::new(StandIn::new()))).unwrap_err();
    assert!(matches!(refused, HttpError::Tls(_)) && refused.to_string().contains("absent.pem"), "{refused}");
}
