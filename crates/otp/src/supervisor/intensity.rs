//! How many restarts a supervisor bears.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// At most so many restarts in any span of this length.
///
/// With 3 in 5 seconds, the fourth restart within 5 seconds is refused and the supervisor ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intensity {
    /// Restarts that are borne. Zero: the first is too many.
    pub restarts: u32,
    /// The span in which they are counted.
    pub within: Duration,
}

impl Default for Intensity {
    fn default() -> Self {
        Self { restarts: 3, within: Duration::from_secs(5) }
    }
}

/// The restarts that count at present.
#[derive(Debug)]
pub(crate) struct Restarts {
    limit: Intensity,
    recent: VecDeque<Instant>,
}

impl Restarts {
    pub(crate) fn new(limit: Intensity) -> Self {
        Self { limit, recent: VecDeque::new() }
    }

    /// Counts a restart at `now`; `false` where it is one too many. O(those that no longer count), so never more than
    /// the limit are kept.
    pub(crate) fn allow(&mut self, now: Instant) -> bool {
        while self.recent.front().is_some_and(|at| now.saturating_duration_since(*at) > self.limit.within) {
            self.recent.pop_front();
        }
        if self.recent.len() >= self.limit.restarts as usize {
            return false;
        }
        self.recent.push_back(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_restart_past_the_limit_is_refused_and_time_forgives() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut restarts = Restarts::new(Intensity { restarts: 2, within: Duration::from_millis(100) });
        assert!(restarts.allow(at(0)) && restarts.allow(at(50)));
        assert!(!restarts.allow(at(100)), "the first is just within the span");
        assert!(restarts.allow(at(101)));
        assert!(!restarts.allow(at(102)));
        let mut none = Restarts::new(Intensity { restarts: 0, within: Duration::from_secs(1) });
        assert!(!none.allow(at(0)));
    }
}
