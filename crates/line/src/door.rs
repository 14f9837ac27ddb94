//! The process that accepts clients and gives each a process of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use mnemon_otp::{
    ChildSpec, Context, DynamicSupervisor, Error, ExitReason, Restart, Result, Shutdown, SpawnOptions, System,
};
use parking_lot::Mutex;
use tokio::net::TcpStream;

use crate::buckets::Buckets;
use crate::connection::Connection;
use crate::server::Limits;

/// The name under which the supervisor of the clients runs.
pub(crate) const CLIENTS: &str = "line.clients";
/// How long to wait when the process has no more file descriptors, or a part is just being started again.
const RETRY_AFTER: Duration = Duration::from_millis(50);
/// How long a client may take to stop.
const STOP_WITHIN: Duration = Duration::from_secs(1);

/// What accepting needs.
pub(crate) struct Door {
    /// Stays open while the process that accepts is started again: who connects meanwhile waits.
    pub(crate) listener: std::net::TcpListener,
    pub(crate) buckets: Buckets,
    pub(crate) limits: Limits,
    /// Clients so far.
    pub(crate) clients: AtomicU64,
}

/// How the door stands among the server's children.
pub(crate) fn child(door: Arc<Door>) -> ChildSpec {
    ChildSpec::new("door", move |me| {
        let door = door.clone();
        async move {
            let options = SpawnOptions::new().link().module("line::Door");
            let spawned = me.spawn_with(options, move |me| accept(door, me))?;
            me.system().register_name("line.door", spawned.pid)?;
            Ok(spawned.pid)
        }
    })
    .shutdown(Shutdown::Brutal)
}

async fn accept(door: Arc<Door>, me: Context) -> ExitReason {
    let listener = match door.listener.try_clone().and_then(tokio::net::TcpListener::from_std) {
        Ok(listener) => listener,
        Err(error) => return ExitReason::error(format!("the listener cannot be watched: {error}")),
    };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => admit(&door, stream, me.system()).await,
            Err(error) => {
                tracing::warn!(%error, "could not accept a client of the line protocol; trying again");
                tokio::time::sleep(RETRY_AFTER).await;
            }
        }
    }
}

/// Starts the client's process, or says `ERROR` and closes.
async fn admit(door: &Arc<Door>, stream: TcpStream, system: &System) {
    // Replies are sent in whole batches, so waiting for more to send only costs time.
    drop(stream.set_nodelay(true));
    let socket = Arc::new(Mutex::new(Some(stream)));
    let (given, own) = (socket.clone(), door.clone());
    let number = door.clients.fetch_add(1, Relaxed) + 1;
    let client = ChildSpec::new(format!("client-{number}"), move |me| {
        let (stream, door) = (given.lock().take(), own.clone());
        async move {
            let stream = stream.ok_or(Error::Ignored)?;
            let options = SpawnOptions::new().link().module("line::Connection");
            let connection = Connection::new(stream, door.buckets.clone(), door.limits);
            Ok(me.spawn_with(options, move |_| connection.serve())?.pid)
        }
    });
    let client = client.restart(Restart::Temporary).shutdown(Shutdown::Timeout(STOP_WITHIN));
    let started = async { clients(system)?.start_child(client).await };
    if let Err(cause) = started.await {
        tracing::warn!(%cause, "a client of the line protocol was sent away");
        if let Some(stream) = socket.lock().take() {
            // A socket that was just opened takes so little at once.
            drop(stream.try_write(b"ERROR\r\n"));
        }
    }
}

fn clients(system: &System) -> Result<DynamicSupervisor> {
    DynamicSupervisor::of(system, system.whereis(CLIENTS).ok_or(Error::NoProcess)?)
}
