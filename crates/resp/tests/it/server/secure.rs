//! TLS: the same commands through an encrypted connection.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mnemon_resp::protocol::{DecodeLimits, Reply, decode, writer};
use mnemon_resp::{RespError, Server, ServerConfig, TlsError, TlsSettings};
use mnemon_store::SystemClock;
use mnemon_table::Catalog;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::client::{Client, read_some, serve};

/// A certificate for `localhost`, in files of its own.
struct Identity {
    directory: PathBuf,
    roots: RootCertStore,
}

impl Identity {
    fn new(name: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("mnemon-tls-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(directory.join("cert.pem"), made.cert.pem()).unwrap();
        std::fs::write(directory.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        Self { directory, roots }
    }

    fn settings(&self, addr: Option<SocketAddr>) -> TlsSettings {
        TlsSettings {
            certificate: self.directory.join("cert.pem"),
            key: self.directory.join("key.pem"),
            addr,
        }
    }

    fn connect(&self, addr: SocketAddr) -> Secure {
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(self.roots.clone())
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        let connection = ClientConnection::new(Arc::new(config), name).unwrap();
        let stream = TcpStream::connect(addr).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Secure { stream: StreamOwned::new(connection, stream), received: Vec::new() }
    }
}

impl Drop for Identity {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// A client that speaks TLS.
struct Secure {
    stream: StreamOwned<ClientConnection, TcpStream>,
    received: Vec<u8>,
}

impl Secure {
    fn call(&mut self, command: &[&[u8]]) -> Reply {
        let mut bytes = Vec::new();
        writer::write_command(&mut bytes, command);
        self.stream.write_all(&bytes).unwrap();
        loop {
            if let Some((reply, len)) = decode(&self.received, &DecodeLimits::default()).unwrap() {
                self.received.drain(..len);
                return reply;
            }
            let mut chunk = [0; 16 * 1024];
            let count = read_some(&mut self.stream, &mut chunk).unwrap();
            assert!(count > 0, "the server closed the connection instead of answering");
            self.received.extend_from_slice(&chunk[..count]);
        }
    }
}

#[test]
fn commands_and_large_values_go_through_tls() {
    let identity = Identity::new("both");
    let server = serve(|config| config.tls = Some(identity.settings(Some(([127, 0, 0, 1], 0).into()))));
    let mut secure = identity.connect(server.tls_addr().unwrap());
    let value: Vec<u8> = (0..4 << 20).map(|at: u32| at.to_le_bytes()[1]).collect();
    assert_eq!(secure.call(&[b"SET", b"k", &value]), Reply::OK);
    assert!(secure.call(&[b"GET", b"k"]) == Reply::Bulk(value.clone()));
    let mut plain = Client::connect(server.local_addr());
    assert!(plain.say("GET k") == Reply::Bulk(value));
    let Reply::Bulk(list) = plain.say("CLIENT LIST") else { panic!("text was expected") };
    let local = server.tls_addr().unwrap().to_string();
    assert!(String::from_utf8(list).unwrap().contains(&format!("laddr={local} ")));
    assert_eq!(server.host().stats().totals().connected, 2);
}

#[test]
fn the_only_address_can_be_one_of_tls() {
    let identity = Identity::new("only");
    let server = serve(|config| config.tls = Some(identity.settings(None)));
    assert_eq!(server.tls_addr(), Some(server.local_addr()));
    // Who speaks plainly is not understood, and its place is free again.
    let mut plain = Client::connect(server.local_addr());
    plain.send_bytes(b"PING\r\n");
    assert!(!plain.rest().starts_with(b"+PONG"));
    let mut secure = identity.connect(server.local_addr());
    assert_eq!(secure.call(&[b"PING"]), Reply::simple("PONG"));
    while server.host().stats().totals().connected != 1 {
        std::thread::yield_now();
    }
}

#[test]
fn files_that_hold_no_certificate_are_named() {
    let identity = Identity::new("broken");
    let (good, missing) = (identity.settings(None), identity.directory.join("missing.pem"));
    for (settings, at_fault) in [
        (TlsSettings { certificate: missing.clone(), ..good.clone() }, &missing),
        (TlsSettings { certificate: good.key.clone(), ..good.clone() }, &good.key),
        (TlsSettings { key: good.certificate.clone(), ..good.clone() }, &good.certificate),
    ] {
        let config =
            ServerConfig { addr: ([127, 0, 0, 1], 0).into(), tls: Some(settings), ..ServerConfig::default() };
        let refused = Server::bind(config, Arc::new(Catalog::local(Box::new(SystemClock)))).unwrap_err();
        assert!(
            matches!(&refused, RespError::Tls(TlsError::Identity { path, .. }) if path == at_fault),
            "{refused}"
        );
        assert!(refused.to_string().contains("PEM"), "{refused}");
    }
}
