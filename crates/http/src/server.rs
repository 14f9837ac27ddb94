//! The server as a whole: its settings, its addresses, its process in a tree.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use mnemon_otp::{ChildSpec, ExitReason, Strategy, Supervisor, SupervisorSpec, System};
use mnemon_tls::TlsSettings;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};

use crate::connection::Waiter;
use crate::door::{Listeners, Plan};
use crate::error::HttpError;
use crate::metrics::HttpStats;
use crate::observed::Observed;
use crate::route::{Shared, router};

/// How the server is set up. Everything here bounds what a client can take.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// Where to listen; port 0 takes a free one. Default 127.0.0.1:7072.
    pub addr: SocketAddr,
    /// HTTPS: at the address above, or beside it. Default none.
    pub tls: Option<TlsSettings>,
    /// Connections at the same time; others are closed at once. Each takes about 20 KB. Default 256.
    pub max_connections: usize,
    /// Bytes that the head of a request may have; at least 8 KiB. Default 16 KiB.
    pub max_head_bytes: usize,
    /// How long the head of a request may take to arrive, an idle connection included. Default 30 s.
    pub head_within: Duration,
    /// How long an answer may take to be made. Default 10 s.
    pub answer_within: Duration,
    /// How long a connection may live: a client that does not read its answer is cut off then. Default 10 min.
    pub connection_within: Duration,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            addr: ([127, 0, 0, 1], 7072).into(),
            tls: None,
            max_connections: 256,
            max_head_bytes: 16 << 10,
            head_within: Duration::from_secs(30),
            answer_within: Duration::from_secs(10),
            connection_within: Duration::from_secs(600),
        }
    }
}

/// A server that listens until it is shut down or dropped.
pub struct HttpServer {
    addr: SocketAddr,
    tls_addr: Option<SocketAddr>,
    plan: Arc<Plan>,
    /// The processes of a server that runs alone.
    alone: Option<(System, Supervisor)>,
}

impl HttpServer {
    /// Listens and serves, on the tokio runtime that this is called in.
    ///
    /// # Errors
    /// `Bind`; `Tls` when certificate or key cannot be used; `Process`.
    pub async fn bind(config: HttpConfig, node: Arc<dyn Observed>) -> Result<Self, HttpError> {
        let mut server = Self::listen(config, node)?;
        let system = System::new()?;
        let top = SupervisorSpec::new(Strategy::OneForOne).child(server.child()).start(&system).await?;
        server.alone = Some((system, top));
        Ok(server)
    }

    /// Listens. Clients wait until the server's [`child`](Self::child) is started.
    ///
    /// # Errors
    /// `Bind`; `Tls`.
    pub fn listen(config: HttpConfig, node: Arc<dyn Observed>) -> Result<Self, HttpError> {
        let hands = match &config.tls {
            None => None,
            Some(tls) => Some(Arc::new(mnemon_tls::Acceptor::new(tls.clone(), &[b"http/1.1"])?)),
        };
        let (first, addr) = listen(config.addr)?;
        let beside = config.tls.as_ref().and_then(|tls| tls.addr).map(listen).transpose()?;
        let tls_addr = hands.as_ref().map(|_| beside.as_ref().map_or(addr, |(_, addr)| *addr));
        let beside = beside.map(|(listener, _)| listener);
        let stats = Arc::new(HttpStats::default());
        let shared = Shared { node, stats: stats.clone(), answer_within: config.answer_within };
        let waiter = Waiter {
            hands,
            router: router(shared),
            head_within: config.head_within,
            // Below this, hyper refuses to work.
            max_head_bytes: config.max_head_bytes.max(8 << 10),
            answer_within: config.answer_within,
            connection_within: config.connection_within,
            // Each connection has its own.
            stopped: watch::channel(false).1,
        };
        let max_connections = u32::try_from(config.max_connections.max(1)).unwrap_or(u32::MAX);
        let max_connections = max_connections.min(u32::try_from(Semaphore::MAX_PERMITS).unwrap_or(u32::MAX));
        let places = Arc::new(Semaphore::new(max_connections as usize));
        let listeners = Mutex::new(Some(Listeners { first, beside }));
        let plan = Arc::new(Plan {
            listeners,
            waiter,
            stats,
            places,
            max_connections,
            stop: watch::channel(false).0,
            connections: AtomicU64::new(0),
        });
        Ok(Self { addr, tls_addr, plan, alone: None })
    }

    /// The processes that accept and serve, as a child of a supervisor. A system has one such server at most, as its
    /// processes have names.
    #[must_use]
    pub fn child(&self) -> ChildSpec {
        ChildSpec::supervisor("http", self.plan.spec())
    }

    /// The address that is listened on.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// The address at which HTTPS is spoken, if it is.
    #[must_use]
    pub fn tls_addr(&self) -> Option<SocketAddr> {
        self.tls_addr
    }

    /// Stops listening; requests that have arrived are answered. Waits for them, at most as long as an answer may
    /// take. Where the process is in somebody's tree, its supervisor is to stop it first.
    pub async fn shutdown(mut self) {
        drop(self.plan.listeners.lock().take());
        if let Some((_, top)) = self.alone.take() {
            let within = self.plan.waiter.answer_within + Duration::from_secs(2);
            if let Err(cause) = top.stop(within).await {
                tracing::warn!(%cause, "the HTTP server did not stop in time");
            }
        }
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        drop(self.plan.listeners.lock().take());
        if let Some((system, top)) = &self.alone {
            system.exit(top.pid(), ExitReason::Kill);
        }
    }
}

impl std::fmt::Debug for HttpServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpServer").field("addr", &self.addr).finish_non_exhaustive()
    }
}

/// A listener, and the address it has got.
fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), HttpError> {
    let refused = |cause| HttpError::Bind { address, cause };
    let listener = open(address).map_err(refused)?;
    let addr = listener.local_addr().map_err(refused)?;
    Ok((listener, addr))
}

fn open(address: SocketAddr) -> std::io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}
