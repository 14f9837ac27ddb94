//! The place that a connection takes among the clients of its thread.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::host::Host;
use crate::stats::ThreadStats;

/// A place; it is free again when this is dropped.
pub(crate) struct Place {
    pub(crate) host: Arc<Host>,
    number: usize,
}

impl Place {
    /// Takes a place with the thread of this number.
    pub(crate) fn take(host: Arc<Host>, number: usize) -> Self {
        let thread = host.stats.thread(number);
        thread.connected.fetch_add(1, Relaxed);
        thread.accepted.fetch_add(1, Relaxed);
        Self { host, number }
    }

    /// The counters of the thread.
    #[inline]
    pub(crate) fn stats(&self) -> &ThreadStats {
        self.host.stats.thread(self.number)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.stats().connected.fetch_sub(1, Relaxed);
    }
}
