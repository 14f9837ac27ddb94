//! How often each command was called, by one thread.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::command::COMMANDS;

/// The counters of one command.
#[derive(Debug, Default)]
struct Row {
    calls: AtomicU64,
    failed: AtomicU64,
    rejected: AtomicU64,
    time_ns: AtomicU64,
}

/// The counters of all commands. Only the thread they belong to counts, so a load and a store are enough.
#[derive(Debug)]
pub(crate) struct CommandCounters(Box<[Row]>);

/// What is known of the calls of one command.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CommandTotals {
    /// The command's name.
    pub name: &'static str,
    /// Calls that ran.
    pub calls: u64,
    /// Of these, such as were answered by an error.
    pub failed: u64,
    /// Calls that were refused before they ran.
    pub rejected: u64,
    /// The time they took, in nanoseconds; for commands of constant cost estimated from one in 64.
    pub time_ns: u64,
}

impl Default for CommandCounters {
    fn default() -> Self {
        Self(COMMANDS.iter().map(|_| Row::default()).collect())
    }
}

fn add(counter: &AtomicU64, by: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(by), Relaxed);
}

impl CommandCounters {
    /// Counts a call of the command at `place`; an unknown one is not counted.
    #[inline]
    pub(crate) fn count(&self, place: usize, error: bool, refused: bool) {
        let Some(row) = self.0.get(place) else { return };
        if !error {
            add(&row.calls, 1);
        } else if refused {
            add(&row.rejected, 1);
        } else {
            add(&row.calls, 1);
            add(&row.failed, 1);
        }
    }

    /// Adds to the time of the command at `place`.
    pub(crate) fn add_time(&self, place: usize, time_ns: u64) {
        if let Some(row) = self.0.get(place) {
            add(&row.time_ns, time_ns);
        }
    }

    /// Forgets everything. Counts that run meanwhile may survive.
    pub(crate) fn reset(&self) {
        for row in &self.0 {
            [&row.calls, &row.failed, &row.rejected, &row.time_ns].iter().for_each(|it| it.store(0, Relaxed));
        }
    }

    /// The sums over several threads, of commands that were called.
    pub(crate) fn sum<'a>(sets: impl Iterator<Item = &'a Self> + Clone) -> Vec<CommandTotals> {
        let totals = COMMANDS.iter().enumerate().map(|(place, command)| {
            let mut total = CommandTotals { name: command.name, ..CommandTotals::default() };
            for row in sets.clone().filter_map(|set| set.0.get(place)) {
                total.calls += row.calls.load(Relaxed);
                total.failed += row.failed.load(Relaxed);
                total.rejected += row.rejected.load(Relaxed);
                total.time_ns = total.time_ns.saturating_add(row.time_ns.load(Relaxed));
            }
            total
        });
        totals.filter(|total| total.calls + total.rejected > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_calls_are_no_calls() {
        let (one, other) = (CommandCounters::default(), CommandCounters::default());
        one.count(0, false, false);
        other.count(0, true, false);
        other.count(0, true, true);
        other.add_time(0, 7);
        other.count(usize::MAX, false, false);
        let name = COMMANDS[0].name;
        let expected = CommandTotals { name, calls: 2, failed: 1, rejected: 1, time_ns: 7 };
        assert_eq!(CommandCounters::sum([&one, &other].into_iter()), [expected]);
        other.reset();
        assert_eq!(CommandCounters::sum([&other].into_iter()), []);
    }
}
