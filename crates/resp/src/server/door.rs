//! The process that accepts connections. Each gets a process of its own on the thread that has the fewest.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use mnemon_otp::{
    ChildSpec, Context, DynamicSupervisor, Error, ExitReason, Me, Message, Pid, Restart, Result, Shutdown,
    SpawnOptions, System,
};
use parking_lot::Mutex;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

use crate::bounds::Bounds;
use crate::connection::Connection;
use crate::host::Host;
use crate::limit::Limit;
use crate::server::place::Place;
use crate::server::tree::{CLIENTS, Plan};

/// How long a stopping server gives its clients to read the answers to what has arrived.
pub(super) const GOODBYE_WITHIN: Duration = Duration::from_secs(2);
/// How long to wait when the process has no more file descriptors.
const RETRY_AFTER: Duration = Duration::from_millis(50);
/// How long to wait for the supervisor of the clients, when it is just being started again, before looking once more.
const LOOK_AFTER: Duration = Duration::from_millis(5);
/// How often it is looked for.
const LOOKS: u32 = 400;
/// How long a client may take to stop that has not left when it was asked to.
const STOP_WITHIN: Duration = Duration::from_secs(1);

/// A listener, and whether its clients speak TLS.
pub(super) type Listener = (TcpListener, bool);

/// A socket that waits for its process.
struct Arrival {
    stream: std::net::TcpStream,
    place: Place,
    /// It speaks TLS.
    secure: bool,
}

/// Accepts until its supervisor ends it, or the server stops; then has the clients leave and waits for them. The listeners stay
/// open when this fails: who connects meanwhile waits.
pub(super) async fn accept(plan: Arc<Plan>, mut me: Context) -> ExitReason {
    me.trap_exit(true);
    let (first, beside) = match open(&plan) {
        Ok(Some(listeners)) => listeners,
        Ok(None) => return ExitReason::Shutdown,
        Err(error) => return ExitReason::error(format!("the RESP listener cannot be watched: {error}")),
    };
    let mut stopped = plan.stopped.clone();
    loop {
        let (accepted, secure) = tokio::select! {
            biased;
            _ = stopped.wait_for(|stopped| *stopped) => break,
            message = me.receive() => match message {
                Message::Exit { from, .. } if me.parent() == Some(from) => break,
                _ => continue,
            },
            accepted = first.0.accept() => (accepted, first.1),
            accepted = accept_at(beside.as_ref()) => (accepted, true),
        };
        match accepted {
            Ok((stream, _)) => admit(&plan, stream, secure, me.system()).await,
            Err(error) => {
                tracing::warn!(%error, "could not accept a RESP connection; trying again");
                tokio::time::sleep(RETRY_AFTER).await;
            }
        }
    }
    drop((first, beside));
    say_goodbye(&plan.host, None).await;
    ExitReason::Shutdown
}

/// Has all clients leave once what has arrived of them is answered, and waits for those of a thread, or of all, for
/// [`GOODBYE_WITHIN`] at most.
pub(super) async fn say_goodbye(host: &Host, thread: Option<usize>) {
    host.roster.iter().for_each(|client| client.ask_to_leave());
    drop(tokio::time::timeout(GOODBYE_WITHIN, host.vacated(thread)).await);
}

type Opened = (tokio::net::TcpListener, bool);

/// The listeners, for this process: the first one, and the one for TLS beside it. `None` once the server has stopped.
fn open(plan: &Plan) -> std::io::Result<Option<(Opened, Option<tokio::net::TcpListener>)>> {
    let doors = plan.doors.lock();
    let opened = |(listener, secure): &Listener| {
        let listener = tokio::net::TcpListener::from_std(listener.try_clone()?)?;
        Ok::<_, std::io::Error>((listener, *secure))
    };
    let Some(first) = doors.first().map(opened).transpose()? else { return Ok(None) };
    let beside = doors.get(1).map(opened).transpose()?;
    Ok(Some((first, beside.map(|(listener, _)| listener))))
}

/// Accepts at a listener; without one, waits for ever.
async fn accept_at(listener: Option<&tokio::net::TcpListener>) -> std::io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

/// Starts the client's process.
async fn admit(plan: &Arc<Plan>, stream: TcpStream, secure: bool, system: &System) {
    let host = &plan.host;
    let connected: usize = host.stats.threads().iter().map(|thread| thread.connected.load(Relaxed)).sum();
    let bounds = host.bounds();
    if connected >= bounds.max_clients {
        host.stats.limits.hit(Limit::Clients, &Peer(&stream), host.heartbeat_ms());
        if !secure {
            // A socket that was just opened takes so little at once.
            let _ = stream.try_write(b"-ERR max number of clients reached\r\n");
        }
        return;
    }
    prepare(&stream, &bounds);
    let fewest =
        host.stats.threads().iter().enumerate().min_by_key(|(_, thread)| thread.connected.load(Relaxed));
    let (Some((number, _)), Ok(stream)) = (fewest, stream.into_std()) else { return };
    let place = Place::take(host.clone(), number);
    let id = place.client;
    let arrival = Arc::new(Mutex::new(Some(Arrival { stream, place, secure })));
    let started = async {
        for _ in 0..LOOKS {
            let clients = system.whereis(CLIENTS).and_then(|pid| DynamicSupervisor::of(system, pid).ok());
            if let Some(clients) = clients {
                let started = clients.start_child(client(plan, id, arrival.clone())).await;
                // Killed before it came to this one, the next supervisor is asked.
                if started.is_ok() || arrival.lock().is_none() {
                    return started.map(drop);
                }
            }
            tokio::time::sleep(LOOK_AFTER).await;
        }
        Err(Error::NoProcess)
    };
    let gone = async {
        // A server that stops waits for nobody who has only just come.
        drop(plan.stopped.clone().wait_for(|stopped| *stopped).await);
        Err(Error::NoProcess)
    };
    let started = tokio::select! { started = started => started, gone = gone => gone };
    if let Err(cause) = started {
        tracing::warn!(%cause, "a client was sent away");
    }
}

/// The client with this number, as a child of the supervisor of all.
fn client(plan: &Arc<Plan>, id: u64, arrival: Arc<Mutex<Option<Arrival>>>) -> ChildSpec {
    let plan = plan.clone();
    let client = ChildSpec::new(format!("client-{id}"), move |me| {
        let started =
            arrival.lock().take().ok_or(Error::Ignored).and_then(|arrival| serve(&plan, arrival, &me));
        std::future::ready(started)
    });
    client.restart(Restart::Temporary).shutdown(Shutdown::Timeout(STOP_WITHIN))
}

/// Starts the process on the thread of its place.
fn serve(plan: &Plan, arrival: Arrival, me: &Me) -> Result<Pid> {
    let Arrival { stream, place, secure } = arrival;
    let runtime = plan.runtimes.get(place.number).ok_or(Error::NoProcess)?;
    // The socket is watched by the thread that serves it.
    let entered = runtime.enter();
    let stream = TcpStream::from_std(stream)
        .map_err(|error| Error::Start(ExitReason::error(format!("the socket cannot be watched: {error}"))))?;
    drop(entered);
    let shown =
        |addr: std::io::Result<SocketAddr>| addr.map_or_else(|_| "?".to_owned(), |addr| addr.to_string());
    let ends = [shown(stream.peer_addr()), shown(stream.local_addr())];
    let limits = plan.limits;
    let options = SpawnOptions::new().link().module("resp::Connection").on(runtime.clone());
    let spawned = match plan.tls.clone().filter(|_| secure) {
        None => me.spawn_with(options, |_| Connection::new(stream, ends, place, limits).serve()),
        Some(acceptor) => me.spawn_with(options, |_| async move {
            let [peer, _] = &ends;
            if let Some(stream) = acceptor.shake_hands(stream, peer).await {
                Connection::new(stream, ends, place, limits).serve().await;
            }
        }),
    };
    spawned.map(|spawned| spawned.pid)
}

/// Sets what can be set of a socket. Where that fails, the connection works all the same.
fn prepare(stream: &TcpStream, bounds: &Bounds) {
    // Answers are written in whole batches, so waiting for more to send only costs time.
    let _ = stream.set_nodelay(true);
    if bounds.tcp_keepalive_s > 0 {
        let after = Duration::from_secs(bounds.tcp_keepalive_s);
        // Asked again after each third of it, as Redis does.
        let keepalive = TcpKeepalive::new().with_time(after).with_interval(after.div_f32(3.0));
        let _ = SockRef::from(stream).set_tcp_keepalive(&keepalive);
    }
}

/// The address of the other side, asked for when it is shown.
struct Peer<'a>(&'a TcpStream);

impl std::fmt::Display for Peer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.peer_addr() {
            Ok(peer) => write!(f, "{peer}"),
            Err(_) => f.write_str("?"),
        }
    }
}
