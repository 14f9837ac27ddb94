//! Counts and times the commands of a connection.
//!
//! A reading of the clock costs a tenth of a plain GET, so commands of constant cost are timed one in
//! [`SAMPLE_EVERY`], and that one counts for all; commands that may take long, and large ones, are timed each. When the
//! slow log looks for commands faster than a millisecond, every command is timed.

use std::time::Duration;

use tokio::time::Instant;

use crate::answer::Answer;
use crate::bounds::Bounds;
use crate::command::{COMMANDS, Found, flag};
use crate::protocol::Args;
use crate::session::{Execution, Session};
use crate::slowlog;
use crate::stats::ThreadStats;

/// One command of constant cost in so many is timed.
const SAMPLE_EVERY: u8 = 64;
/// A request of so many bytes is timed, whatever its command.
const LARGE: usize = 64 * 1024;
/// Below this the slow log wants every command timed.
const EVERY_BELOW_US: i64 = 1_000;

/// When a command began that is timed, and for how many it counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timing {
    started: Instant,
    weight: u64,
}

/// A command whose answer is still to come.
#[derive(Debug)]
pub(super) struct Slow {
    timing: Timing,
    args: Vec<Vec<u8>>,
}

/// The clock of one connection.
#[derive(Debug, Default)]
pub(super) struct Meter {
    /// Commands of constant cost until the next one that is timed.
    left: u8,
}

impl Meter {
    /// A command begins; `None`: it is not timed.
    #[inline]
    pub(super) fn begin(&mut self, found: Found, consumed: usize, bounds: &Bounds) -> Option<Timing> {
        let us = bounds.slowlog_slower_than_us;
        let brisk = || found.is_none_or(|(_, command)| command.has(flag::FAST | flag::BRISK));
        if consumed >= LARGE || (0..EVERY_BELOW_US).contains(&us) || !brisk() {
            return Some(Timing { started: Instant::now(), weight: 1 });
        }
        if self.left > 0 {
            self.left -= 1;
            return None;
        }
        self.left = SAMPLE_EVERY - 1;
        Some(Timing { started: Instant::now(), weight: u64::from(SAMPLE_EVERY) })
    }

    /// A command has run; what is left to do if its answer is still to come.
    #[inline]
    pub(super) fn end(
        &self,
        timing: Option<Timing>,
        session: &Session,
        args: Args<'_>,
        execution: &Execution,
        stats: &ThreadStats,
        bounds: &Bounds,
    ) -> Option<Slow> {
        let (place, _) = session.last_command();
        match execution {
            Execution::Done(answer) => {
                stats.per_command.count(place, answer.is_error(), session.was_refused());
                if let Some(timing) = timing {
                    let took = timing.started.elapsed();
                    note(timing, took, session, stats, bounds, || slowlog::shorten(args));
                }
                None
            }
            Execution::Later(_) => {
                let timing = timing.unwrap_or_else(|| Timing { started: Instant::now(), weight: 1 });
                Some(Slow { timing, args: slowlog::shorten(args) })
            }
        }
    }

    /// The answer has come.
    pub(super) fn end_later(
        &self,
        slow: Option<Slow>,
        session: &Session,
        answer: &Answer,
        stats: &ThreadStats,
        bounds: &Bounds,
    ) {
        let Some(Slow { timing, args }) = slow else { return };
        let (place, _) = session.last_command();
        stats.per_command.count(place, answer.is_error(), session.was_refused());
        note(timing, timing.started.elapsed(), session, stats, bounds, || args);
    }
}

/// Notes how long a command took, in the slow log too if it was long.
fn note(
    timing: Timing,
    took: Duration,
    session: &Session,
    stats: &ThreadStats,
    bounds: &Bounds,
    args: impl FnOnce() -> Vec<Vec<u8>>,
) {
    let (place, _) = session.last_command();
    if let Some(command) = COMMANDS.get(place) {
        stats.latencies.record(command.family, took, timing.weight);
    }
    let took_ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
    stats.per_command.add_time(place, took_ns.saturating_mul(timing.weight));
    let took_us = took_ns / 1_000;
    let Ok(limit_us) = u64::try_from(bounds.slowlog_slower_than_us) else { return };
    let skipped = COMMANDS.get(place).is_some_and(|command| command.has(flag::SKIP_SLOWLOG));
    if took_us >= limit_us && bounds.slowlog_max_len > 0 && !skipped {
        let presence = session.presence();
        let (host, name) = (session.host(), presence.name());
        host.slowlog.add(args(), took_us, host.now_ms(), (&presence.peer, &name), bounds.slowlog_max_len);
    }
}
