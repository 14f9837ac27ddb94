//! An I/O thread: a runtime of its own and the connections that were given to it.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, watch};

use crate::connection::Connection;
use crate::error::RespError;
use crate::host::Host;
use crate::protocol::Limits;
use crate::server::acceptor;

/// Queries of this thread's clients that may run aside at once; others wait for one to end.
const QUERY_THREADS: usize = 4;
/// How long a stopping thread waits for such queries.
const QUERIES_WITHIN: Duration = Duration::from_secs(2);

/// What a thread is started with.
pub(super) struct Worker {
    pub(super) number: usize,
    pub(super) host: Arc<Host>,
    pub(super) limits: Limits,
    pub(super) inbox: mpsc::Receiver<std::net::TcpStream>,
    pub(super) stopped: watch::Receiver<bool>,
    /// Dropped when the thread ends.
    pub(super) alive: mpsc::Sender<()>,
}

impl Worker {
    /// Starts the thread; the first one gets the listener too.
    pub(super) fn start(self, listener: Option<acceptor::Parts>) -> Result<JoinHandle<()>, RespError> {
        let name = format!("resp-{}", self.number);
        let failed = |cause| RespError::Thread { name: name.clone(), cause };
        let runtime = Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(QUERY_THREADS)
            .thread_name(format!("{name}-query"))
            .build()
            .map_err(failed)?;
        let builder = std::thread::Builder::new().name(name.clone());
        builder.spawn(move || self.run(runtime, listener)).map_err(failed)
    }

    fn run(mut self, runtime: Runtime, listener: Option<acceptor::Parts>) {
        runtime.block_on(async {
            if let Some(parts) = listener {
                tokio::spawn(acceptor::accept(parts, self.host.clone()));
            }
            loop {
                let stream = tokio::select! {
                    biased;
                    // Told to, or the server was dropped.
                    _ = self.stopped.wait_for(|stopped| *stopped) => break,
                    stream = self.inbox.recv() => stream,
                };
                match stream {
                    Some(stream) => self.serve(stream),
                    None => break,
                }
            }
        });
        // Ends the connections with their tasks.
        runtime.shutdown_timeout(QUERIES_WITHIN);
        drop(self.alive);
    }

    fn serve(&self, stream: std::net::TcpStream) {
        match TcpStream::from_std(stream) {
            Ok(stream) => {
                let connection = Connection::new(stream, self.host.clone(), self.number, self.limits);
                tokio::spawn(connection.serve());
            }
            Err(error) => {
                acceptor::release(&self.host, self.number);
                tracing::warn!(%error, "could not take over a connection");
            }
        }
    }
}
