//! The place that a connection takes among the clients of its thread.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};

use crate::host::Host;
use crate::stats::ThreadStats;

/// A place; it is free again when this is dropped.
pub(crate) struct Place {
    pub(crate) host: Arc<Host>,
    /// Of the thread.
    pub(crate) number: usize,
    /// The client's number, never given twice.
    pub(crate) client: u64,
}

impl Place {
    /// Takes a place with the thread of this number.
    pub(crate) fn take(host: Arc<Host>, number: usize) -> Self {
        let thread = host.stats.thread(number);
        thread.connected.fetch_add(1, Relaxed);
        thread.accepted.fetch_add(1, Relaxed);
        let client = host.next_client();
        Self { host, number, client }
    }

    /// The counters of the thread.
    #[inline]
    pub(crate) fn stats(&self) -> &ThreadStats {
        self.host.stats.thread(self.number)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.stats().connected.fetch_sub(1, SeqCst) == 1 {
            self.host.emptied.notify_waiters();
        }
    }
}

impl Host {
    /// Waits until nobody has a place with the thread of this number, or with any.
    pub(crate) async fn vacated(&self, thread: Option<usize>) {
        loop {
            let mut emptied = pin!(self.emptied.notified());
            // From here on no end of a place is missed.
            emptied.as_mut().enable();
            let all = self.stats.threads().iter().enumerate();
            let mut meant = all.filter(|(number, _)| thread.is_none_or(|thread| thread == *number));
            if meant.all(|(_, stats)| stats.connected.load(SeqCst) == 0) {
                return;
            }
            emptied.await;
        }
    }
}
