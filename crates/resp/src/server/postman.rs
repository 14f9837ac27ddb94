//! The process of an I/O thread that tells its clients of their mail.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::host::Host;

/// Tells the clients of the thread with this number, for ever. Begins with those whom nobody has told yet.
pub(super) async fn deliver(host: Arc<Host>, number: usize) {
    let thread = host.stats.thread(number);
    let mut next = Vec::new();
    let mut seen = thread.commands.load(Relaxed);
    loop {
        let commands = thread.commands.load(Relaxed);
        let since = usize::try_from(commands.wrapping_sub(seen)).unwrap_or(usize::MAX);
        seen = commands;
        let more = thread.post.take(since, &mut next);
        next.drain(..).for_each(|client| client.wake());
        if more {
            // The runtime runs whom this has woken, and looks what has arrived at sockets, before it comes back.
            tokio::task::yield_now().await;
        } else {
            thread.post.arrival().await;
        }
    }
}
