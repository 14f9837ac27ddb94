//! Time: the wall clock that stamps commits, and the commit clock that orders them.
//!
//! Both enter as values, so that a test replays them. Nothing else in Mnemon asks the operating system for the time.

use std::sync::atomic::{AtomicU64, Ordering};

/// Milliseconds since the Unix epoch. Implementations need not be monotone; [`GroupTime`] makes them so.
pub trait Clock: Send + Sync + 'static {
    /// The present time.
    fn now_ms(&self) -> u64;
}

/// The operating system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the operating system's clock")]
    fn now_ms(&self) -> u64 {
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |elapsed| u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
    }
}

/// A clock that stands still until it is told to move; for tests and replays.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicU64);

impl ManualClock {
    /// A clock that shows `now_ms`.
    #[must_use]
    pub fn at(now_ms: u64) -> Self {
        Self(AtomicU64::new(now_ms))
    }

    /// Moves the clock forward.
    pub fn advance(&self, by_ms: u64) {
        self.0.fetch_add(by_ms, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

impl<C: Clock + ?Sized> Clock for std::sync::Arc<C> {
    fn now_ms(&self) -> u64 {
        (**self).now_ms()
    }
}

/// A group's time: a [`Clock`] held monotone, so that a row that has expired stays so when the system's clock steps
/// back.
pub struct GroupTime {
    source: Box<dyn Clock>,
    latest: AtomicU64,
}

impl GroupTime {
    /// Takes its readings from `source`.
    #[must_use]
    pub fn new(source: Box<dyn Clock>) -> Self {
        Self { source, latest: AtomicU64::new(0) }
    }

    /// The present time, never less than an earlier answer.
    pub fn now_ms(&self) -> u64 {
        let now = self.source.now_ms();
        let latest = self.latest.load(Ordering::Relaxed);
        if now <= latest {
            return latest;
        }
        // Written about once a millisecond, so the line stays shared among the cores.
        self.latest.fetch_max(now, Ordering::Relaxed).max(now)
    }

    /// From here on the time is at least this: it was so before a restart.
    pub fn observe(&self, time_ms: u64) {
        self.latest.fetch_max(time_ms, Ordering::Relaxed);
    }

    /// The last answer of `now_ms`. For whoever has many operations at once and asks the clock for the first.
    pub fn recent_ms(&self) -> u64 {
        self.latest.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn group_time_does_not_step_back() {
        struct Stepping(AtomicU64);
        impl Clock for Stepping {
            fn now_ms(&self) -> u64 {
                self.0.load(Ordering::SeqCst)
            }
        }
        let source = Arc::new(Stepping(AtomicU64::new(50)));
        let time = GroupTime::new(Box::new(source.clone()));
        assert_eq!(time.now_ms(), 50);
        source.0.store(20, Ordering::SeqCst);
        assert_eq!(time.now_ms(), 50);
    }
}
