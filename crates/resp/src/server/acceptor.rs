//! Accepts connections and gives each to the thread that has the fewest.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::host::Host;

/// The listener, and one way to each thread.
pub(super) type Parts = (TcpListener, Vec<mpsc::Sender<std::net::TcpStream>>);

/// How long to wait when the process has no more file descriptors.
const RETRY_AFTER: Duration = Duration::from_millis(50);

/// Accepts for ever.
pub(super) async fn accept((listener, inboxes): Parts, host: Arc<Host>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "the RESP listener cannot be watched; no client is accepted");
            return;
        }
    };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => dispatch(stream, &inboxes, &host).await,
            Err(error) => {
                tracing::warn!(%error, "could not accept a RESP connection; trying again");
                tokio::time::sleep(RETRY_AFTER).await;
            }
        }
    }
}

async fn dispatch(stream: TcpStream, inboxes: &[mpsc::Sender<std::net::TcpStream>], host: &Host) {
    let connected: usize = host.stats.threads().iter().map(|thread| thread.connected.load(Relaxed)).sum();
    if connected >= host.settings.max_clients {
        host.stats.rejected.fetch_add(1, Relaxed);
        // A socket that was just opened takes so little at once.
        let _ = stream.try_write(b"-ERR max number of clients reached\r\n");
        return;
    }
    // Answers are written in whole batches, so waiting for more to send only costs time.
    let _ = stream.set_nodelay(true);
    let fewest =
        host.stats.threads().iter().enumerate().min_by_key(|(_, thread)| thread.connected.load(Relaxed));
    let Some((number, thread)) = fewest else { return };
    let (Some(inbox), Ok(stream)) = (inboxes.get(number), stream.into_std()) else { return };
    thread.connected.fetch_add(1, Relaxed);
    thread.accepted.fetch_add(1, Relaxed);
    if inbox.send(stream).await.is_err() {
        release(host, number);
    }
}

/// Takes back the place of a connection that came to nothing.
pub(super) fn release(host: &Host, number: usize) {
    host.stats.thread(number).connected.fetch_sub(1, Relaxed);
}
