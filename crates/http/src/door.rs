//! The process that accepts at the listeners, and the processes of its connections.
//!
//! ```text
//! http                     one_for_one
//! ├── clients              dynamic: a process a connection
//! └── door                 accepts
//! ```
//!
//! What they need to begin again stands in [`Plan`] and outlives them: the listeners stay open, and who connects meanwhile
//! waits. Connections outlive a door that fails.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use mnemon_otp::{
    ChildSpec, Context, DynamicSpec, DynamicSupervisor, Error, ExitReason, Message, Restart, Shutdown,
    SpawnOptions, Strategy, SupervisorSpec, System,
};
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::connection::Waiter;
use crate::metrics::HttpStats;

/// The name under which the supervisor of the connections runs.
pub(crate) const CLIENTS: &str = "http.clients";
/// How long to wait when the process has no more file descriptors.
const RETRY_AFTER: Duration = Duration::from_millis(50);
/// How long a connection may take to stop once the door has waited for it.
const STOP_WITHIN: Duration = Duration::from_secs(1);
/// Restarts of the two that are borne in [`RESTARTS_WITHIN`].
const RESTARTS: u32 = 20;
const RESTARTS_WITHIN: Duration = Duration::from_secs(10);

/// What the processes begin with.
pub(crate) struct Plan {
    pub(crate) listeners: Mutex<Option<Listeners>>,
    pub(crate) waiter: Waiter,
    pub(crate) stats: Arc<HttpStats>,
    /// A place for each connection.
    pub(crate) places: Arc<Semaphore>,
    /// How many places there are.
    pub(crate) max_connections: u32,
    /// Tells the connections to end.
    pub(crate) stop: watch::Sender<bool>,
    /// Connections so far.
    pub(crate) connections: AtomicU64,
}

/// What is listened at, until the server has stopped.
pub(crate) struct Listeners {
    pub(crate) first: std::net::TcpListener,
    /// A second one, where TLS is spoken beside the first.
    pub(crate) beside: Option<std::net::TcpListener>,
}

impl Plan {
    /// The tree.
    pub(crate) fn spec(self: &Arc<Self>) -> SupervisorSpec {
        let plan = self.clone();
        let door = ChildSpec::new("door", move |me| {
            let own = plan.clone();
            let options = SpawnOptions::new().link().module("http::Door");
            async move { me.spawn_with(options, move |me| accept(own, me)).map(|spawned| spawned.pid) }
        });
        let within = self.waiter.answer_within + STOP_WITHIN;
        SupervisorSpec::new(Strategy::OneForOne)
            .name("http")
            .intensity(RESTARTS, RESTARTS_WITHIN)
            .child(ChildSpec::dynamic("clients", DynamicSpec::new().name(CLIENTS)))
            .child(door.shutdown(Shutdown::Timeout(within)))
    }

    fn open(&self) -> std::io::Result<Option<(TcpListener, Option<TcpListener>)>> {
        let guard = self.listeners.lock();
        let Some(listeners) = guard.as_ref() else { return Ok(None) };
        let first = TcpListener::from_std(listeners.first.try_clone()?)?;
        let beside = match &listeners.beside {
            Some(listener) => Some(TcpListener::from_std(listener.try_clone()?)?),
            None => None,
        };
        Ok(Some((first, beside)))
    }

    fn reject(&self, stream: &TcpStream, secure: bool) {
        self.stats.rejected.fetch_add(1, Relaxed);
        if !secure {
            // A socket that was just opened takes so little at once.
            drop(stream.try_write(
                b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
            ));
        }
    }

    /// Starts the connection's process.
    async fn admit(&self, system: &System, stream: TcpStream, peer: SocketAddr, secure: bool) {
        let secure = secure && self.waiter.hands.is_some();
        let Ok(place) = self.places.clone().try_acquire_owned() else {
            self.reject(&stream, secure);
            return;
        };
        let waiter = Waiter { stopped: self.stop.subscribe(), ..self.waiter.clone() };
        let number = self.connections.fetch_add(1, Relaxed) + 1;
        let given = Arc::new(Mutex::new(Some((stream, place))));
        let client = client(number, waiter, given.clone(), peer, secure);
        let started = async {
            let clients = system.whereis(CLIENTS).ok_or(Error::NoProcess)?;
            DynamicSupervisor::of(system, clients)?.start_child(client).await
        };
        if let Err(cause) = started.await {
            tracing::warn!(%cause, "an HTTP connection was sent away");
            if let Some((stream, _)) = given.lock().take() {
                self.reject(&stream, secure);
            }
        }
    }
}

/// A connection that waits for its process, and its place.
type Given = Arc<Mutex<Option<(TcpStream, OwnedSemaphorePermit)>>>;

/// The connection with this number, as a child of the supervisor of all.
fn client(number: u64, waiter: Waiter, given: Given, peer: SocketAddr, secure: bool) -> ChildSpec {
    let client = ChildSpec::new(format!("client-{number}"), move |me| {
        let (taken, waiter) = (given.lock().take(), waiter.clone());
        async move {
            let (stream, place) = taken.ok_or(Error::Ignored)?;
            let body = move |_| async move {
                let _place = place;
                waiter.serve(stream, peer, secure).await;
            };
            let options = SpawnOptions::new().link().module("http::Connection");
            Ok(me.spawn_with(options, body)?.pid)
        }
    });
    client.restart(Restart::Temporary).shutdown(Shutdown::Timeout(STOP_WITHIN))
}

/// Accepts until its supervisor ends it; then waits for the answers under way, at most as long as one may take.
async fn accept(plan: Arc<Plan>, mut me: Context) -> ExitReason {
    me.trap_exit(true);
    plan.stop.send_replace(false);
    let (first, beside) = match plan.open() {
        Ok(Some(listeners)) => listeners,
        Ok(None) => return ExitReason::Shutdown,
        Err(cause) => return ExitReason::error(format!("the HTTP listener cannot be watched: {cause}")),
    };
    let is_only = beside.is_none();
    loop {
        let (accepted, may_be_secure) = tokio::select! {
            biased;
            message = me.receive() => match message {
                Message::Exit { from, .. } if me.parent() == Some(from) => break,
                _ => continue,
            },
            accepted = first.accept() => (accepted, is_only),
            accepted = accept_at(beside.as_ref()) => (accepted, true),
        };
        match accepted {
            Ok((stream, peer)) => plan.admit(me.system(), stream, peer, may_be_secure).await,
            Err(error) => {
                tracing::warn!(%error, "could not accept an HTTP connection; trying again");
                tokio::time::sleep(RETRY_AFTER).await;
            }
        }
    }
    drop((first, beside));
    plan.stop.send_replace(true);
    // All places are free again when all connections have ended. Whoever has not by then is cut off by the supervisor.
    let all = plan.places.acquire_many(plan.max_connections);
    drop(tokio::time::timeout(plan.waiter.answer_within, all).await);
    ExitReason::Shutdown
}

/// Accepts at a listener; without one, waits for ever.
async fn accept_at(listener: Option<&TcpListener>) -> std::io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}
