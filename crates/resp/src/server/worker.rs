//! An I/O thread: a runtime of its own and the connections that were given to it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use mnemon_tls::Acceptor;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::connection::Connection;
use crate::error::RespError;
use crate::host::Host;
use crate::protocol::Limits;
use crate::server::acceptor::{self, Arrival, Door, Inboxes};
use crate::server::heartbeat;

/// Queries of this thread's clients that may run aside at once; others wait for one to end.
const QUERY_THREADS: usize = 4;
/// How long a stopping thread gives its clients to read the answers to what has arrived.
const GOODBYE_WITHIN: Duration = Duration::from_secs(2);
/// How long a stopping thread waits for such queries.
const QUERIES_WITHIN: Duration = Duration::from_secs(2);

/// What a thread is started with.
pub(super) struct Worker {
    pub(super) number: usize,
    pub(super) host: Arc<Host>,
    pub(super) limits: Limits,
    pub(super) tls: Option<Arc<Acceptor>>,
    pub(super) inbox: mpsc::Receiver<Arrival>,
    pub(super) stopped: watch::Receiver<bool>,
    /// Dropped when the thread ends.
    pub(super) alive: mpsc::Sender<()>,
}

impl Worker {
    /// Starts the thread; the first one gets the listeners too.
    pub(super) fn start(self, doors: Option<(Vec<Door>, Inboxes)>) -> Result<JoinHandle<()>, RespError> {
        let name = format!("resp-{}", self.number);
        let failed = |cause| RespError::Thread { name: name.clone(), cause };
        let runtime = Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(QUERY_THREADS)
            .thread_name(format!("{name}-query"))
            .build()
            .map_err(failed)?;
        let builder = std::thread::Builder::new().name(name.clone());
        builder.spawn(move || self.run(runtime, doors)).map_err(failed)
    }

    fn run(mut self, runtime: Runtime, doors: Option<(Vec<Door>, Inboxes)>) {
        runtime.block_on(async {
            let mut acceptors = JoinSet::new();
            if let Some((doors, inboxes)) = doors {
                for door in doors {
                    acceptors.spawn(acceptor::accept(door, inboxes.clone(), self.host.clone()));
                }
                tokio::spawn(heartbeat::beat(self.host.clone()));
            }
            let mut clients = JoinSet::new();
            loop {
                let arrival = tokio::select! {
                    biased;
                    // Told to, or the server was dropped.
                    _ = self.stopped.wait_for(|stopped| *stopped) => break,
                    Some(_) = clients.join_next(), if !clients.is_empty() => continue,
                    arrival = self.inbox.recv() => arrival,
                };
                match arrival {
                    Some(arrival) => self.serve(arrival, &mut clients),
                    None => break,
                }
            }
            acceptors.abort_all();
            self.host.roster.iter().for_each(|client| client.ask_to_leave());
            let all = async { while clients.join_next().await.is_some() {} };
            // Who has not gone by then is cut off.
            drop(tokio::time::timeout(GOODBYE_WITHIN, all).await);
        });
        runtime.shutdown_timeout(QUERIES_WITHIN);
        drop(self.alive);
    }

    fn serve(&self, arrival: Arrival, clients: &mut JoinSet<()>) {
        let Arrival { stream, place, secure } = arrival;
        let stream = match TcpStream::from_std(stream) {
            Ok(stream) => stream,
            Err(error) => {
                tracing::warn!(%error, "could not take over a connection");
                return;
            }
        };
        let shown =
            |addr: std::io::Result<SocketAddr>| addr.map_or_else(|_| "?".to_owned(), |addr| addr.to_string());
        let ends = [shown(stream.peer_addr()), shown(stream.local_addr())];
        let limits = self.limits;
        match self.tls.clone().filter(|_| secure) {
            None => clients.spawn(Connection::new(stream, ends, place, limits).serve()),
            Some(acceptor) => clients.spawn(async move {
                let [peer, _] = &ends;
                if let Some(stream) = acceptor.shake_hands(stream, peer).await {
                    Connection::new(stream, ends, place, limits).serve().await;
                }
            }),
        };
    }
}
