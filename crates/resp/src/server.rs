//! The server: a listener, I/O threads, limits, shutdown.
//!
//! One acceptor hands sockets to the thread that has the fewest. A connection stays on its thread, so that its commands
//! run where its bytes arrive and nothing of it is shared.

mod acceptor;
mod worker;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use mnemon_table::Catalog;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::{mpsc, watch};

use crate::error::RespError;
use crate::host::{Host, Settings};
use crate::protocol::Limits;
use worker::Worker;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;
/// Accepted sockets that may wait for their thread.
const INBOX: usize = 1024;
/// How long a shutdown waits for the I/O threads.
const SHUTDOWN_WITHIN: Duration = Duration::from_secs(5);

/// How a server is set up.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Where to listen; port 0 takes a free one. Default 127.0.0.1:7070.
    pub addr: SocketAddr,
    /// I/O threads. More of them serve more clients at once and leave less processor time to the rest of the process.
    /// Default: half the cores, at least one.
    pub threads: usize,
    /// Connections that may be open at once; others are told so and closed. Default 10,000, as in Redis.
    pub max_clients: usize,
    /// The password of the user `default`. Default none: every client is trusted, so listen on loopback only.
    pub password: Option<String>,
    /// What one request may ask.
    pub limits: Limits,
}

impl Default for ServerConfig {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            addr: ([127, 0, 0, 1], 7070).into(),
            threads: (cores / 2).max(1),
            max_clients: 10_000,
            password: None,
            limits: Limits::default(),
        }
    }
}

/// A server that runs until it is shut down or dropped.
///
/// ```
/// use std::io::{Read, Write};
/// use std::sync::Arc;
///
/// use mnemon_resp::{Server, ServerConfig};
/// use mnemon_store::SystemClock;
/// use mnemon_table::Catalog;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let catalog = Arc::new(Catalog::local(Box::new(SystemClock)));
/// let config = ServerConfig { addr: "127.0.0.1:0".parse()?, ..ServerConfig::default() };
/// let server = Server::bind(config, catalog)?;
///
/// let mut client = std::net::TcpStream::connect(server.local_addr())?;
/// client.write_all(b"PING\r\n")?;
/// let mut reply = [0; 7];
/// client.read_exact(&mut reply)?;
/// assert_eq!(&reply, b"+PONG\r\n");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Server {
    addr: SocketAddr,
    host: Arc<Host>,
    stop: watch::Sender<bool>,
    threads: Vec<std::thread::JoinHandle<()>>,
    /// Ends when the last thread does.
    ended: mpsc::Receiver<()>,
}

impl Server {
    /// Listens and starts the I/O threads, which are named `resp-0`, `resp-1`, ….
    ///
    /// # Errors
    /// `Bind` when the address cannot be listened on, `Thread` when a thread cannot be made.
    pub fn bind(config: ServerConfig, catalog: Arc<Catalog>) -> Result<Self, RespError> {
        let refused = |cause| RespError::Bind { address: config.addr, cause };
        let listener = listen(config.addr).map_err(refused)?;
        let addr = listener.local_addr().map_err(refused)?;
        let threads = config.threads.max(1);
        let settings = Settings { addr, max_clients: config.max_clients, password: config.password, threads };
        let host = Arc::new(Host::new(catalog, settings));
        let (stop, stopped) = watch::channel(false);
        let (alive, ended) = mpsc::channel(1);
        let (inboxes, outlets): (Vec<_>, Vec<_>) = (0..threads).map(|_| mpsc::channel(INBOX)).unzip();
        let mut listener = Some((listener, inboxes));
        let mut server = Self { addr, host, stop, threads: Vec::with_capacity(threads), ended };
        for (number, inbox) in outlets.into_iter().enumerate() {
            let worker = Worker {
                number,
                host: server.host.clone(),
                limits: config.limits,
                inbox,
                stopped: stopped.clone(),
                alive: alive.clone(),
            };
            server.threads.push(worker.start(listener.take())?);
        }
        Ok(server)
    }

    /// The address that is listened on.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// What the sessions share: settings and counters.
    #[must_use]
    pub fn host(&self) -> &Arc<Host> {
        &self.host
    }

    /// Stops listening, closes all connections and waits for the threads, at most five seconds. Must run inside a tokio
    /// runtime with a timer. Dropping the server does the same without waiting.
    ///
    /// # Errors
    /// `ShutdownTimeout`.
    pub async fn shutdown(mut self) -> Result<(), RespError> {
        self.stop.send_replace(true);
        let in_time = tokio::time::timeout(SHUTDOWN_WITHIN, self.ended.recv()).await.is_ok();
        if !in_time {
            let busy = self.threads.iter().filter(|thread| !thread.is_finished()).count();
            let deadline_ms = u64::try_from(SHUTDOWN_WITHIN.as_millis()).unwrap_or(u64::MAX);
            return Err(RespError::ShutdownTimeout { busy, deadline_ms });
        }
        for thread in self.threads.drain(..) {
            // All that is left of it is its return. A panic has been reported by the panic hook.
            let _ = thread.join();
        }
        Ok(())
    }
}

fn listen(addr: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    // A restarted server must not wait for its old connections to be forgotten. Windows would let others listen too.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}
