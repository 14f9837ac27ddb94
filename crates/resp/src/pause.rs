//! `CLIENT PAUSE`: a time in which clients wait, all of them or those that write.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// What is paused, and until when.
#[derive(Debug, Default)]
pub(crate) struct Pause {
    /// By the server's clock; 0: nothing is paused.
    until_ms: AtomicU64,
    everything: AtomicBool,
    changed: Notify,
}

impl Pause {
    /// Whether there may be a pause. One load.
    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        self.until_ms.load(Ordering::Relaxed) != 0
    }

    /// Whether commands wait that do not write.
    pub(crate) fn is_of_everything(&self) -> bool {
        self.everything.load(Ordering::Relaxed)
    }

    /// Pauses. Of two pauses at once the longer and the stricter holds, as in Redis.
    pub(crate) fn begin(&self, until_ms: u64, everything: bool) {
        self.everything.fetch_or(everything, Ordering::Relaxed);
        self.until_ms.fetch_max(until_ms, Ordering::Relaxed);
        self.changed.notify_waiters();
    }

    /// Ends the pause.
    pub(crate) fn end(&self) {
        self.until_ms.store(0, Ordering::Relaxed);
        self.everything.store(false, Ordering::Relaxed);
        self.changed.notify_waiters();
    }

    /// Milliseconds to go. A pause whose time is over ends with this call.
    pub(crate) fn left_ms(&self, now_ms: u64) -> u64 {
        let until_ms = self.until_ms.load(Ordering::Relaxed);
        if until_ms == 0 {
            return 0;
        }
        let left = until_ms.saturating_sub(now_ms);
        let over = left == 0
            && self.until_ms.compare_exchange(until_ms, 0, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if over {
            self.everything.store(false, Ordering::Relaxed);
        }
        left
    }

    /// Ends when the pause has been changed.
    ///
    /// A change counts from the call on, not from the first poll.
    pub(crate) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_and_stricter_pause_holds() {
        let pause = Pause::default();
        pause.begin(100, true);
        pause.begin(50, false);
        assert_eq!((pause.left_ms(10), pause.is_of_everything()), (90, true));
        assert_eq!((pause.left_ms(100), pause.is_on(), pause.is_of_everything()), (0, false, false));
        pause.begin(200, false);
        assert!(pause.is_on() && !pause.is_of_everything());
        pause.end();
        assert!(!pause.is_on());
    }
}
