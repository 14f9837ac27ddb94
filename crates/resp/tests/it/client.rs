//! A blocking client over a real socket, and servers to talk to.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use mnemon_resp::protocol::{DecodeLimits, Reply, decode, writer};
use mnemon_resp::{Server, ServerConfig};
use mnemon_store::SystemClock;
use mnemon_table::Catalog;

/// No answer takes longer than this, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    received: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self { stream, received: Vec::new() }
    }

    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    pub(crate) fn send(&mut self, command: &[impl AsRef<[u8]>]) {
        let mut bytes = Vec::new();
        writer::write_command(&mut bytes, command);
        self.send_bytes(&bytes);
    }

    /// The next reply, and its bytes.
    pub(crate) fn receive(&mut self) -> (Reply, Vec<u8>) {
        loop {
            if let Some((reply, len)) = decode(&self.received, &DecodeLimits::default()).unwrap() {
                let rest = self.received.split_off(len);
                return (reply, std::mem::replace(&mut self.received, rest));
            }
            let mut chunk = [0; 16 * 1024];
            let count = read_some(&mut self.stream, &mut chunk).unwrap();
            assert!(count > 0, "the server closed the connection instead of answering");
            self.received.extend_from_slice(&chunk[..count]);
        }
    }

    pub(crate) fn call(&mut self, command: &[impl AsRef<[u8]>]) -> Reply {
        self.send(command);
        self.receive().0
    }

    /// Sends words that are separated by blanks.
    pub(crate) fn say(&mut self, command: &str) -> Reply {
        self.call(&command.split(' ').collect::<Vec<_>>())
    }

    /// What comes until the server closes the connection.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut rest = std::mem::take(&mut self.received);
        // A reset is an end too: the server does not read what it has refused.
        if let Err(error) = self.stream.read_to_end(&mut rest) {
            assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
        }
        rest
    }
}

impl Client {
    /// Whether what comes next is this; anything else, or the end, is no.
    pub(crate) fn rest_starts_with(&mut self, expected: &[u8]) -> bool {
        let mut start = vec![0; expected.len()];
        self.stream.read_exact(&mut start).is_ok() && start == expected
    }
}

/// What has come, as `read` gives it. A wait with a deadline is interrupted when the process is paused: it goes on.
pub(crate) fn read_some(stream: &mut impl Read, piece: &mut [u8]) -> std::io::Result<usize> {
    loop {
        match stream.read(piece) {
            Err(cause) if cause.kind() == ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

/// Whether the server closes the connection, in order or by a reset, and says nothing before.
pub(crate) fn is_closed(stream: &mut impl Read) -> bool {
    // Unlike `read`, it goes on when the process is paused meanwhile.
    match stream.read_to_end(&mut Vec::new()) {
        Ok(count) => count == 0,
        Err(cause) => cause.kind() == ErrorKind::ConnectionReset,
    }
}

/// A server on a free port over an empty catalog.
pub(crate) fn serve(change: impl FnOnce(&mut ServerConfig)) -> Server {
    let mut config = ServerConfig { addr: ([127, 0, 0, 1], 0).into(), ..ServerConfig::default() };
    change(&mut config);
    Server::bind(config, Arc::new(Catalog::local(Box::new(SystemClock)))).unwrap()
}
