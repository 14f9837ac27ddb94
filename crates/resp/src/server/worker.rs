//! An I/O thread: a runtime of its own, and the process on it that takes sockets over and looks after their clients.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use mnemon_otp::{Context, ExitReason, Message, SpawnOptions};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Handle};
use tokio::sync::{mpsc, oneshot};

use crate::connection::Connection;
use crate::error::RespError;
use crate::server::acceptor::Arrival;
use crate::server::tree::Plan;

/// Queries of this thread's clients that may run aside at once; others wait for one to end.
const QUERY_THREADS: usize = 4;
/// How long a stopping worker gives its clients to read the answers to what has arrived.
pub(super) const GOODBYE_WITHIN: Duration = Duration::from_secs(2);
/// How long a stopping thread waits for such queries.
const QUERIES_WITHIN: Duration = Duration::from_secs(2);

/// Starts the thread with this number. It runs the processes that are put on its runtime until the server stops; `alive` is
/// dropped when it ends.
pub(super) fn start_thread(
    number: usize,
    plan: oneshot::Receiver<Arc<Plan>>,
    alive: mpsc::Sender<()>,
) -> Result<(JoinHandle<()>, Handle), RespError> {
    let name = format!("resp-{number}");
    let failed = |cause| RespError::Thread { name: name.clone(), cause };
    let runtime = Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(QUERY_THREADS)
        .thread_name(format!("{name}-query"))
        .build()
        .map_err(failed)?;
    let handle = runtime.handle().clone();
    let run = move || {
        runtime.block_on(async {
            // Dropped: the server could not be started.
            let Ok(plan) = plan.await else { return };
            let mut stopped = plan.stopped.clone();
            // Told to, or the server was dropped.
            drop(stopped.wait_for(|stopped| *stopped).await);
            if let Some(seat) = plan.seats.get(number) {
                // The worker holds it until it has said goodbye to its clients.
                let gone = seat.inbox.lock();
                drop(tokio::time::timeout(GOODBYE_WITHIN, gone).await);
            }
        });
        runtime.shutdown_timeout(QUERIES_WITHIN);
        drop(alive);
    };
    let thread = std::thread::Builder::new().name(name.clone()).spawn(run).map_err(failed)?;
    Ok((thread, handle))
}

/// Takes over the sockets that are handed to the thread, until it is told to stop. Its clients are linked to it.
pub(super) async fn work(plan: Arc<Plan>, number: usize, mut me: Context) -> ExitReason {
    me.trap_exit(true);
    let Some(seat) = plan.seats.get(number) else {
        return ExitReason::error(format!("there is no I/O thread {number}"));
    };
    let mut inbox = seat.inbox.lock().await;
    let mut stopped = plan.stopped.clone();
    let mut clients = 0_usize;
    loop {
        tokio::select! {
            biased;
            _ = stopped.wait_for(|stopped| *stopped) => break,
            message = me.receive() => match message {
                Message::Exit { from, .. } if me.parent() == Some(from) => break,
                Message::Exit { .. } => clients = clients.saturating_sub(1),
                _ => {}
            },
            arrival = inbox.recv() => match arrival {
                Some(arrival) => clients += usize::from(serve(&plan, arrival, &seat.runtime, &me)),
                None => break,
            },
        }
    }
    plan.host.roster.iter().for_each(|client| client.ask_to_leave());
    let all = async {
        while clients > 0 {
            if let Message::Exit { .. } = me.receive().await {
                clients -= 1;
            }
        }
    };
    // Who has not gone by then is cut off by the link.
    drop(tokio::time::timeout(GOODBYE_WITHIN, all).await);
    ExitReason::Shutdown
}

/// Starts the client's process; whether there is one.
fn serve(plan: &Arc<Plan>, arrival: Arrival, runtime: &Handle, me: &Context) -> bool {
    let Arrival { stream, place, secure } = arrival;
    let stream = match TcpStream::from_std(stream) {
        Ok(stream) => stream,
        Err(error) => {
            tracing::warn!(%error, "could not take over a connection");
            return false;
        }
    };
    let shown =
        |addr: std::io::Result<SocketAddr>| addr.map_or_else(|_| "?".to_owned(), |addr| addr.to_string());
    let ends = [shown(stream.peer_addr()), shown(stream.local_addr())];
    let limits = plan.limits;
    let options = SpawnOptions::new().link().kind("resp::Connection").on(runtime.clone());
    let spawned = match plan.tls.clone().filter(|_| secure) {
        None => me.spawn_with(options, |_| Connection::new(stream, ends, place, limits).serve()),
        Some(acceptor) => me.spawn_with(options, |_| async move {
            let [peer, _] = &ends;
            if let Some(stream) = acceptor.shake_hands(stream, peer).await {
                Connection::new(stream, ends, place, limits).serve().await;
            }
        }),
    };
    spawned.inspect_err(|cause| tracing::warn!(%cause, "a client was sent away")).is_ok()
}
