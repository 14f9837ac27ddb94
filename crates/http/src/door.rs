//! The process that accepts at the listeners. Each of its connections is a process linked to it.
//!
//! What it needs to begin again stands in [`Plan`] and outlives it: the listeners stay open, and who connects meanwhile
//! waits.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use mnemon_otp::{Context, ExitReason, Message, SpawnOptions};
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use crate::connection::Waiter;
use crate::metrics::HttpStats;

/// How long to wait when the process has no more file descriptors.
const RETRY_AFTER: Duration = Duration::from_millis(50);

/// What the process begins with.
pub(crate) struct Plan {
    pub(crate) listeners: Mutex<Option<Listeners>>,
    pub(crate) waiter: Waiter,
    pub(crate) stats: Arc<HttpStats>,
    /// A place for each connection.
    pub(crate) places: Arc<Semaphore>,
}

/// What is listened at, until the server has stopped.
pub(crate) struct Listeners {
    pub(crate) first: std::net::TcpListener,
    /// A second one, where TLS is spoken beside the first.
    pub(crate) beside: Option<std::net::TcpListener>,
}

impl Plan {
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

    /// Starts the connection's process; whether there is one.
    fn admit(&self, me: &Context, waiter: Waiter, stream: TcpStream, peer: SocketAddr, secure: bool) -> bool {
        let secure = secure && waiter.hands.is_some();
        let Ok(place) = self.places.clone().try_acquire_owned() else {
            self.reject(&stream, secure);
            return false;
        };
        let options = SpawnOptions::new().link().kind("http::Connection");
        let body = move |_| async move {
            let _place = place;
            waiter.serve(stream, peer, secure).await;
        };
        me.spawn_with(options, body).is_ok()
    }
}

/// Accepts until its supervisor ends it; then waits for the answers under way, at most as long as one may take.
pub(crate) async fn accept(plan: Arc<Plan>, mut me: Context) -> ExitReason {
    me.trap_exit(true);
    let (first, beside) = match plan.open() {
        Ok(Some(listeners)) => listeners,
        Ok(None) => return ExitReason::Shutdown,
        Err(cause) => return ExitReason::error(format!("the HTTP listener cannot be watched: {cause}")),
    };
    let is_only = beside.is_none();
    let (stop, stopped) = watch::channel(false);
    let mut connections = 0_usize;
    loop {
        let (accepted, may_be_secure) = tokio::select! {
            biased;
            message = me.receive() => match message {
                Message::Exit { from, .. } if me.parent() == Some(from) => break,
                Message::Exit { .. } => {
                    connections = connections.saturating_sub(1);
                    continue;
                }
                _ => continue,
            },
            accepted = first.accept() => (accepted, is_only),
            accepted = accept_at(beside.as_ref()) => (accepted, true),
        };
        match accepted {
            Ok((stream, peer)) => {
                let waiter = Waiter { stopped: stopped.clone(), ..plan.waiter.clone() };
                connections += usize::from(plan.admit(&me, waiter, stream, peer, may_be_secure));
            }
            Err(error) => {
                tracing::warn!(%error, "could not accept an HTTP connection; trying again");
                tokio::time::sleep(RETRY_AFTER).await;
            }
        }
    }
    drop((first, beside));
    stop.send_replace(true);
    let all = async {
        while connections > 0 {
            if let Message::Exit { .. } = me.receive().await {
                connections -= 1;
            }
        }
    };
    // Whoever has not ended by then is cut off by the link.
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
