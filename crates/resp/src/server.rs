//! The server: a listener, I/O threads, limits, shutdown.
//!
//! It is made of supervised processes ([`tree`] draws them). One accepts, and gives each socket a process on the thread that
//! has the fewest. A connection stays on its thread, so that its commands run where its bytes arrive and nothing of it is
//! shared.

mod door;
mod heartbeat;
mod place;
mod postman;
mod thread;
mod tree;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use mnemon_otp::{ChildSpec, System};
use mnemon_table::Catalog;
use mnemon_tls::{Acceptor, TlsSettings};
use parking_lot::Mutex;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::{mpsc, oneshot, watch};

use crate::bounds::Bounds;
use crate::error::RespError;
use crate::host::{Host, Settings};
use crate::protocol::Limits;
use crate::users::UserSpec;
pub(crate) use place::Place;
use tree::Plan;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;
/// How long the processes may take to start.
const START_WITHIN: Duration = Duration::from_secs(10);
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
    /// The password of the user `default`. Default none: every client is trusted, so listen on loopback only.
    pub password: Option<String>,
    /// Users beside `default`. Default none.
    pub users: Vec<UserSpec>,
    /// TLS. Default none.
    pub tls: Option<TlsSettings>,
    /// What clients may use.
    pub bounds: Bounds,
    /// What one request may ask; lengths of arguments and requests are among the bounds.
    pub limits: Limits,
}

impl Default for ServerConfig {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            addr: ([127, 0, 0, 1], 7070).into(),
            threads: (cores / 2).max(1),
            password: None,
            users: Vec::new(),
            tls: None,
            bounds: Bounds::default(),
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
pub struct Server {
    addr: SocketAddr,
    tls_addr: Option<SocketAddr>,
    host: Arc<Host>,
    stop: watch::Sender<bool>,
    threads: Vec<std::thread::JoinHandle<()>>,
    /// Ends when the last thread does.
    ended: mpsc::Receiver<()>,
    plan: Arc<Plan>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("addr", &self.addr).finish_non_exhaustive()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.plan.doors.lock().clear();
    }
}

impl Server {
    /// Listens, starts the I/O threads, which are named `resp-0`, `resp-1`, …, and the processes on them, in a system of
    /// their own.
    ///
    /// # Errors
    /// `Bind` when an address cannot be listened on, `Tls` when certificate or key cannot be used, `Thread` when a
    /// thread cannot be made, `Process` when a process does not start.
    pub fn bind(config: ServerConfig, catalog: Arc<Catalog>) -> Result<Self, RespError> {
        let server = Self::listen(config, catalog)?;
        let Some(runtime) = server.plan.runtimes.first() else {
            return Err(RespError::Process("there is no I/O thread".to_owned()));
        };
        let system = System::with(mnemon_otp::Settings::default(), runtime.clone());
        let (started, ready) = std::sync::mpsc::channel();
        let spec = server.plan.spec();
        runtime.spawn(async move { started.send(spec.start(&system).await.map(drop)) });
        match ready.recv_timeout(START_WITHIN) {
            Ok(Ok(())) => Ok(server),
            Ok(Err(cause)) => Err(RespError::Process(cause.to_string())),
            Err(cause) => Err(RespError::Process(cause.to_string())),
        }
    }

    /// Listens and starts the I/O threads. Clients wait until the server's [`child`](Self::child) is started.
    ///
    /// # Errors
    /// As [`bind`](Self::bind).
    pub fn listen(config: ServerConfig, catalog: Arc<Catalog>) -> Result<Self, RespError> {
        let tls = config.tls.clone().map(|tls| Acceptor::new(tls, &[])).transpose()?.map(Arc::new);
        let secure_addr = config.tls.as_ref().and_then(|tls| tls.addr);
        let (listener, addr) = listen(config.addr)?;
        let mut doors = vec![(listener, tls.is_some() && secure_addr.is_none())];
        let mut tls_addr = tls.as_ref().map(|_| addr);
        if let Some(secure) = secure_addr {
            let (listener, addr) = listen(secure)?;
            doors.push((listener, true));
            tls_addr = Some(addr);
        }
        let count = config.threads.max(1);
        let ServerConfig { password, users, bounds, limits, .. } = config;
        let settings = Settings { addr, password, users, threads: count, bounds };
        let host = Arc::new(Host::new(catalog, settings));
        let (stop, stopped) = watch::channel(false);
        let (alive, ended) = mpsc::channel(1);
        let (mut threads, mut runtimes, mut plans) = (vec![], vec![], vec![]);
        for number in 0..count {
            let (plan, given) = oneshot::channel();
            let (thread, runtime) = thread::start(number, host.clone(), given, alive.clone())?;
            threads.push(thread);
            plans.push(plan);
            runtimes.push(runtime);
        }
        let doors = Mutex::new(doors);
        let plan = Arc::new(Plan { host: host.clone(), limits, tls, runtimes, doors, stopped });
        for given in plans {
            // A thread that has ended already is noticed by `is_serving`.
            drop(given.send(plan.clone()));
        }
        Ok(Self { addr, tls_addr, host, stop, threads, ended, plan })
    }

    /// The server's processes, as a child of a supervisor. They run on the server's own threads, whatever the system's
    /// runtime is. A system has one server at most, as its processes have names.
    #[must_use]
    pub fn child(&self) -> ChildSpec {
        ChildSpec::supervisor("resp", self.plan.spec())
    }

    /// The address that is listened on.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// The address at which TLS is spoken, if it is.
    #[must_use]
    pub fn tls_addr(&self) -> Option<SocketAddr> {
        self.tls_addr
    }

    /// Whether all its threads run; one that has ended panicked.
    #[must_use]
    pub fn is_serving(&self) -> bool {
        !self.threads.iter().any(std::thread::JoinHandle::is_finished)
    }

    /// What the sessions share: settings and counters.
    #[must_use]
    pub fn host(&self) -> &Arc<Host> {
        &self.host
    }

    /// Stops listening, answers what has arrived, closes all connections and waits for the threads, at most five seconds.
    /// Must run inside a tokio runtime with a timer. Dropping the server does the same without waiting.
    ///
    /// # Errors
    /// `ShutdownTimeout`.
    pub async fn shutdown(mut self) -> Result<(), RespError> {
        self.stop.send_replace(true);
        self.plan.doors.lock().clear();
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

/// A listener, and the address it has got.
fn listen(addr: SocketAddr) -> Result<(TcpListener, SocketAddr), RespError> {
    let open = || {
        let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
        // A restarted server must not wait for its old connections to be forgotten. Windows would let others listen too.
        #[cfg(unix)]
        socket.set_reuse_address(true)?;
        socket.bind(&addr.into())?;
        socket.listen(BACKLOG)?;
        socket.set_nonblocking(true)?;
        let listener = TcpListener::from(socket);
        let addr = listener.local_addr()?;
        Ok((listener, addr))
    };
    open().map_err(|cause| RespError::Bind { address: addr, cause })
}
