//! Accepts connections and gives each to the thread that has the fewest.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use mnemon_otp::ExitReason;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::bounds::Bounds;
use crate::host::Host;
use crate::limit::Limit;
use crate::server::place::Place;
use crate::server::tree::Plan;

/// A socket that waits for its thread.
pub(super) struct Arrival {
    pub(super) stream: std::net::TcpStream,
    pub(super) place: Place,
    /// It speaks TLS.
    pub(super) secure: bool,
}

/// A listener, and whether its clients speak TLS.
pub(super) type Door = (TcpListener, bool);

/// The ways to the threads.
pub(super) type Inboxes = Arc<[mpsc::Sender<Arrival>]>;

/// How long to wait when the process has no more file descriptors.
const RETRY_AFTER: Duration = Duration::from_millis(50);

/// Accepts at the door with this number, for ever. The listener stays open when this ends: who connects meanwhile waits.
pub(super) async fn accept(plan: Arc<Plan>, number: usize) -> ExitReason {
    let opened = plan.doors.lock().get(number).map(|(listener, secure)| (listener.try_clone(), *secure));
    let Some((listener, secure)) = opened else { return ExitReason::Shutdown };
    let listener = match listener.and_then(tokio::net::TcpListener::from_std) {
        Ok(listener) => listener,
        Err(error) => return ExitReason::error(format!("the RESP listener cannot be watched: {error}")),
    };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => dispatch(stream, secure, &plan.inboxes, &plan.host).await,
            Err(error) => {
                tracing::warn!(%error, "could not accept a RESP connection; trying again");
                tokio::time::sleep(RETRY_AFTER).await;
            }
        }
    }
}

async fn dispatch(stream: TcpStream, secure: bool, inboxes: &Inboxes, host: &Arc<Host>) {
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
    let Some((number, _)) = fewest else { return };
    let (Some(inbox), Ok(stream)) = (inboxes.get(number), stream.into_std()) else { return };
    let place = Place::take(host.clone(), number);
    // While the thread's worker is started again, sockets wait here. If the thread has ended, so has the place.
    drop(inbox.send(Arrival { stream, place, secure }).await);
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
