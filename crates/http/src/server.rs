//! The listeners and their connections: limits, deadlines, shutdown.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use mnemon_tls::TlsSettings;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::connection::Waiter;
use crate::error::HttpError;
use crate::metrics::HttpStats;
use crate::observed::Observed;
use crate::route::{Shared, router};

/// How long to wait when the process has no more file descriptors.
const RETRY_AFTER: Duration = Duration::from_millis(50);

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

/// A server that runs until it is shut down or dropped.
#[derive(Debug)]
pub struct HttpServer {
    addr: SocketAddr,
    tls_addr: Option<SocketAddr>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl HttpServer {
    /// Listens and serves, on the tokio runtime that this is called in.
    ///
    /// # Errors
    /// `Bind`; `Tls` when certificate or key cannot be used.
    pub async fn bind(config: HttpConfig, node: Arc<dyn Observed>) -> Result<Self, HttpError> {
        let hands = match &config.tls {
            None => None,
            Some(tls) => Some(Arc::new(mnemon_tls::Acceptor::new(tls.clone(), &[b"http/1.1"])?)),
        };
        let (listener, addr) = listen(config.addr).await?;
        let beside = match config.tls.as_ref().and_then(|tls| tls.addr) {
            None => None,
            Some(addr) => Some(listen(addr).await?),
        };
        let tls_addr = hands.as_ref().map(|_| beside.as_ref().map_or(addr, |(_, addr)| *addr));
        let beside = beside.map(|(listener, _)| listener);
        let stats = Arc::new(HttpStats::default());
        let shared = Shared { node, stats: stats.clone(), answer_within: config.answer_within };
        let (stop, stopped) = watch::channel(false);
        let doors = Arc::new(Semaphore::new(config.max_connections.clamp(1, Semaphore::MAX_PERMITS)));
        let waiter = Waiter {
            hands,
            router: router(shared),
            head_within: config.head_within,
            // Below this, hyper refuses to work.
            max_head_bytes: config.max_head_bytes.max(8 << 10),
            answer_within: config.answer_within,
            connection_within: config.connection_within,
            stopped,
        };
        let acceptor = Acceptor { listener, beside, waiter, rejected: stats, doors };
        Ok(Self { addr, tls_addr, stop, task: tokio::spawn(acceptor.run()) })
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
    /// take.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        // A panic has been reported by the panic hook.
        drop((&mut self.task).await);
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A listener, and the address it has got.
async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), HttpError> {
    let refused = |cause| HttpError::Bind { address, cause };
    let listener = TcpListener::bind(address).await.map_err(refused)?;
    let addr = listener.local_addr().map_err(refused)?;
    Ok((listener, addr))
}

struct Acceptor {
    listener: TcpListener,
    /// A second listener, where TLS is spoken beside the first.
    beside: Option<TcpListener>,
    waiter: Waiter,
    rejected: Arc<HttpStats>,
    doors: Arc<Semaphore>,
}

impl Acceptor {
    async fn run(mut self) {
        let is_only = self.beside.is_none();
        // Ends its connections when it is dropped.
        let mut connections = JoinSet::new();
        loop {
            let (accepted, may_be_secure) = tokio::select! {
                biased;
                () = self.waiter.stopped() => break,
                Some(_) = connections.join_next(), if !connections.is_empty() => continue,
                accepted = self.listener.accept() => (accepted, is_only),
                accepted = accept_at(self.beside.as_ref()) => (accepted, true),
            };
            match accepted {
                Ok((stream, peer)) => {
                    let waiter = self.waiter.clone();
                    let secure = may_be_secure && waiter.hands.is_some();
                    match self.doors.clone().try_acquire_owned() {
                        Ok(place) => drop(connections.spawn(async move {
                            let _place = place;
                            waiter.serve(stream, peer, secure).await;
                        })),
                        Err(_) => self.reject(&stream, secure),
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "could not accept an HTTP connection; trying again");
                    tokio::time::sleep(RETRY_AFTER).await;
                }
            }
        }
        drop((self.listener, self.beside));
        let all = async { while connections.join_next().await.is_some() {} };
        // Whoever has not ended by then is cut off.
        drop(tokio::time::timeout(self.waiter.answer_within, all).await);
    }

    fn reject(&self, stream: &TcpStream, secure: bool) {
        self.rejected.rejected.fetch_add(1, Relaxed);
        if !secure {
            // A socket that was just opened takes so little at once.
            drop(stream.try_write(
                b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
            ));
        }
    }
}

/// Accepts at a listener; without one, waits for ever.
async fn accept_at(listener: Option<&TcpListener>) -> std::io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}
