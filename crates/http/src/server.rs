//! The listener and its connections: limits, deadlines, shutdown.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};

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
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl HttpServer {
    /// Listens and serves, on the tokio runtime that this is called in.
    ///
    /// # Errors
    /// `Bind`.
    pub async fn bind(config: HttpConfig, node: Arc<dyn Observed>) -> Result<Self, HttpError> {
        let refused = |cause| HttpError::Bind { address: config.addr, cause };
        let listener = TcpListener::bind(config.addr).await.map_err(refused)?;
        let addr = listener.local_addr().map_err(refused)?;
        let stats = Arc::new(HttpStats::default());
        let shared = Shared { node, stats: stats.clone(), answer_within: config.answer_within };
        let (stop, stopped) = watch::channel(false);
        let doors = Arc::new(Semaphore::new(config.max_connections.clamp(1, Semaphore::MAX_PERMITS)));
        let acceptor = Acceptor { listener, config, router: router(shared), stats, doors, stopped };
        Ok(Self { addr, stop, task: tokio::spawn(acceptor.run()) })
    }

    /// The address that is listened on.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.addr
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

struct Acceptor {
    listener: TcpListener,
    config: HttpConfig,
    router: Router,
    stats: Arc<HttpStats>,
    doors: Arc<Semaphore>,
    stopped: watch::Receiver<bool>,
}

impl Acceptor {
    async fn run(mut self) {
        // Ends its connections when it is dropped.
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                biased;
                _ = self.stopped.wait_for(|stopped| *stopped) => break,
                Some(_) = connections.join_next(), if !connections.is_empty() => continue,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => match self.doors.clone().try_acquire_owned() {
                    Ok(place) => drop(connections.spawn(self.serve(stream, place))),
                    Err(_) => self.reject(stream),
                },
                Err(error) => {
                    tracing::warn!(%error, "could not accept an HTTP connection; trying again");
                    tokio::time::sleep(RETRY_AFTER).await;
                }
            }
        }
        drop(self.listener);
        let all = async { while connections.join_next().await.is_some() {} };
        // Whoever has not ended by then is cut off.
        drop(tokio::time::timeout(self.config.answer_within, all).await);
    }

    fn reject(&self, stream: TcpStream) {
        self.stats.rejected.fetch_add(1, Relaxed);
        // A socket that was just opened takes so little at once.
        drop(stream.try_write(
            b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
        ));
    }

    /// Serves one connection; the future needs nothing of the acceptor.
    fn serve(&self, stream: TcpStream, place: OwnedSemaphorePermit) -> impl Future<Output = ()> + use<> {
        let (answer_within, connection_within) = (self.config.answer_within, self.config.connection_within);
        let mut stopped = self.stopped.clone();
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.config.head_within)
            // Below this, hyper refuses to work.
            .max_buf_size(self.config.max_head_bytes.max(8 << 10))
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(self.router.clone()));
        async move {
            let _place = place;
            let mut connection = std::pin::pin!(connection);
            // How a connection ended concerns nobody: the client sees it.
            tokio::select! {
                _ = connection.as_mut() => return,
                _ = stopped.wait_for(|stopped| *stopped) => (),
                () = tokio::time::sleep(connection_within) => (),
            }
            connection.as_mut().graceful_shutdown();
            drop(tokio::time::timeout(answer_within, connection).await);
        }
    }
}
