//! Time that only goes forward, for intervals and latencies. It enters as a value, so that tests need none.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Microseconds since some fixed moment; never goes back.
pub trait Ticker: std::fmt::Debug + Send + Sync + 'static {
    /// The present reading.
    fn now_us(&self) -> u64;
}

/// The operating system's monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct SystemTicker(Instant);

impl SystemTicker {
    /// Counts from now on.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place in this crate that asks for the time")]
    pub fn new() -> Self {
        Self(Instant::now())
    }
}

impl Default for SystemTicker {
    fn default() -> Self {
        Self::new()
    }
}

impl Ticker for SystemTicker {
    fn now_us(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// A ticker that stands still until it is moved; for tests.
#[derive(Debug, Default)]
pub struct ManualTicker(AtomicU64);

impl ManualTicker {
    /// Moves it forward.
    pub fn advance_us(&self, by_us: u64) {
        self.0.fetch_add(by_us, Ordering::SeqCst);
    }
}

impl Ticker for ManualTicker {
    fn now_us(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

impl<T: Ticker + ?Sized> Ticker for std::sync::Arc<T> {
    fn now_us(&self) -> u64 {
        (**self).now_us()
    }
}
