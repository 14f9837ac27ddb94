//! The one place where a benchmark reads the clock and waits. A wait always has a deadline and looks at a condition.

use std::thread;
use std::time::{Duration, Instant};

/// How long a condition is left alone before it is looked at again.
const POLL: Duration = Duration::from_millis(5);

/// The time now, for measuring how long something took.
#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark measures real time; this is its only reading of it"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// A moment by which something must have happened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    end: Instant,
    limit: Duration,
}

impl Deadline {
    /// The moment `limit` from now.
    pub(crate) fn after(limit: Duration) -> Self {
        Self { end: now() + limit, limit }
    }

    /// How long was given in all.
    pub(crate) fn limit(&self) -> Duration {
        self.limit
    }

    /// Looks at `condition` until it yields a value; `None` when the deadline passes first. It is looked at at least once.
    ///
    /// # Errors
    /// The first error of `condition` ends the wait.
    pub(crate) fn wait_for<T, E>(
        &self,
        mut condition: impl FnMut() -> Result<Option<T>, E>,
    ) -> Result<Option<T>, E> {
        loop {
            if let Some(value) = condition()? {
                return Ok(Some(value));
            }
            let Some(left) = self.end.checked_duration_since(now()) else {
                return Ok(None);
            };
            // A spurious wake-up only means one look more.
            thread::park_timeout(POLL.min(left));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_that_never_holds_ends_at_the_deadline() {
        let started = now();
        let limit = Duration::from_millis(20);
        let mut looks = 0;
        let outcome: Result<Option<()>, ()> = Deadline::after(limit).wait_for(|| {
            looks += 1;
            Ok(None)
        });
        assert_eq!(outcome, Ok(None));
        assert!(looks >= 1);
        assert!(now() - started >= limit);
    }

    #[test]
    fn a_past_deadline_still_looks_once() {
        let outcome: Result<Option<u8>, ()> = Deadline::after(Duration::ZERO).wait_for(|| Ok(Some(1)));
        assert_eq!(outcome, Ok(Some(1)));
    }
}
