//! The process of an I/O thread that tells its clients of their mail.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::host::Host;
use crate::post::KEPT_ROOM;

/// Tells the clients of the thread with this number, for ever. Begins with those whom nobody has told yet.
pub(super) async fn deliver(host: Arc<Host>, number: usize) {
    let thread = host.stats.thread(number);
    let commands = || thread.commands.load(Relaxed);
    let mut next = Vec::new();
    let mut seen = commands();
    loop {
        let now = commands();
        // The counter may have been reset.
        let since = usize::try_from(now.saturating_sub(seen)).unwrap_or(usize::MAX);
        seen = now;
        let more = thread.post.take(since, &mut next);
        next.drain(..).for_each(|client| client.wake());
        next.shrink_to(KEPT_ROOM);
        if more {
            // The runtime runs whom this has woken, and looks what has arrived at sockets, before it comes back.
            tokio::task::yield_now().await;
        } else {
            thread.post.arrival().await;
            // What was run while nobody had mail has kept nobody waiting.
            seen = commands();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use mnemon_store::SystemClock;
    use mnemon_table::Catalog;

    use super::*;
    use crate::host::Settings;
    use crate::presence::Presence;
    use crate::wakes::Wakes;

    #[test]
    fn commands_of_before_a_message_do_not_hasten_it() {
        let catalog = Arc::new(Catalog::local(Box::new(SystemClock)));
        let host = Arc::new(Host::new(catalog, Settings::default()));
        let (thread, wakes) = (host.stats.thread(0), Arc::<Wakes>::default());
        let client = |id| {
            let client = Presence::numbered(id);
            client.set_waker(&wakes.waker());
            client
        };
        let mut delivering = pin!(deliver(host.clone(), 0));
        let mut turn = || {
            assert!(delivering.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            wakes.take()
        };
        thread.commands.store(1_000, Relaxed);
        assert_eq!(turn(), 0);
        thread.commands.store(9_000, Relaxed);
        thread.post.put((0..80).map(client).collect::<Vec<_>>().into_iter());
        assert_eq!(turn(), 10, "an eighth");
        thread.commands.store(9_030, Relaxed);
        assert_eq!(turn(), 30, "as many as there were commands");
        // As `CONFIG RESETSTAT` does.
        thread.commands.store(0, Relaxed);
        assert_eq!((turn(), turn(), turn(), turn()), (8, 8, 8, 8));
        assert_eq!(turn(), 8);
        assert_eq!(turn(), 0);
    }
}
