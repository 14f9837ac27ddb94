//! Counters of what the server does, one set a thread, so that counting shares no cache line between threads. Beside them stands
//! what the clients of a thread have in common.

mod commands;
mod latency;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use crate::coalescing::Coalescing;
use crate::limit::{Limit, LimitCounters};
use crate::post::Post;
use crate::syncing::Syncing;
pub(crate) use commands::CommandCounters;
pub use commands::CommandTotals;
pub use latency::FamilyLatency;
use latency::Latencies;

/// The counters of one I/O thread, and what its clients have in common. Padded to lines of their own.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct ThreadStats {
    pub(crate) commands: AtomicU64,
    pub(crate) accepted: AtomicU64,
    pub(crate) connected: AtomicUsize,
    pub(crate) bytes_in: AtomicU64,
    pub(crate) bytes_out: AtomicU64,
    pub(crate) hits: AtomicU64,
    pub(crate) misses: AtomicU64,
    pub(crate) per_command: CommandCounters,
    pub(crate) latencies: Latencies,
    pub(crate) coalescing: Coalescing,
    pub(crate) syncing: Syncing,
    pub(crate) post: Post,
}

impl ThreadStats {
    /// Counts one batch. Only the thread itself writes, so a load and a store are enough and cost no bus lock.
    pub(crate) fn count(counter: &AtomicU64, by: u64) {
        counter.store(counter.load(Relaxed).wrapping_add(by), Relaxed);
    }
}

/// The counters of a server.
#[derive(Debug)]
pub struct Stats {
    threads: Box<[ThreadStats]>,
    pub(crate) limits: LimitCounters,
    /// When the rate was last asked for, in milliseconds since the epoch, and how many commands there were then.
    sampled: std::sync::Mutex<(u64, u64, u64)>,
}

/// Sums over all threads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Commands executed since the start.
    pub commands: u64,
    /// Connections accepted since the start.
    pub accepted: u64,
    /// Connections that are open.
    pub connected: usize,
    /// Bytes read from clients.
    pub bytes_in: u64,
    /// Bytes written to clients.
    pub bytes_out: u64,
    /// Reads of a key that was there.
    pub hits: u64,
    /// Reads of a key that was not.
    pub misses: u64,
    /// Clients that were cut off because too much waited for them.
    pub overflowed: u64,
    /// Clients that were cut off because they took nothing of what waited for them.
    pub stalled: u64,
    /// Clients that were closed because they said nothing.
    pub idle: u64,
    /// Clients that were sent away because the buffers of all took too much memory, and theirs the most.
    pub evicted: u64,
    /// Connections refused because there were too many.
    pub rejected: u64,
    /// Clients that were closed because of a request that is too large or no request.
    pub bad_requests: u64,
    /// Commands refused because rows take more memory than they may.
    pub out_of_memory: u64,
}

impl Stats {
    /// Counters for this many threads, at least one.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        Self {
            threads: (0..threads.max(1)).map(|_| ThreadStats::default()).collect(),
            limits: LimitCounters::default(),
            sampled: std::sync::Mutex::new((0, 0, 0)),
        }
    }

    /// The counters of the thread of this number; of the first one when there is none.
    pub(crate) fn thread(&self, number: usize) -> &ThreadStats {
        self.threads.get(number).or(self.threads.first()).expect("there is at least one")
    }

    pub(crate) fn threads(&self) -> &[ThreadStats] {
        &self.threads
    }

    /// The sums. O(threads); the counters go on meanwhile.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let mut totals = Totals {
            overflowed: self.limits.hits(Limit::Output),
            stalled: self.limits.hits(Limit::Stalled),
            idle: self.limits.hits(Limit::Idle),
            evicted: self.limits.hits(Limit::ClientMemory),
            rejected: self.limits.hits(Limit::Clients),
            bad_requests: self.limits.hits(Limit::Request),
            out_of_memory: self.limits.hits(Limit::Memory),
            ..Totals::default()
        };
        for thread in &self.threads {
            totals.commands += thread.commands.load(Relaxed);
            totals.accepted += thread.accepted.load(Relaxed);
            totals.connected += thread.connected.load(Relaxed);
            totals.bytes_in += thread.bytes_in.load(Relaxed);
            totals.bytes_out += thread.bytes_out.load(Relaxed);
            totals.hits += thread.hits.load(Relaxed);
            totals.misses += thread.misses.load(Relaxed);
        }
        totals
    }

    /// The commands that were called, and how often. O(threads × commands).
    #[must_use]
    pub fn commands(&self) -> Vec<CommandTotals> {
        CommandCounters::sum(self.threads.iter().map(|thread| &thread.per_command))
    }

    /// How long commands took, by family, since the start. O(threads × families).
    #[must_use]
    pub fn latencies(&self) -> Vec<FamilyLatency> {
        Latencies::sum(self.threads.iter().map(|thread| &thread.latencies))
    }

    /// Forgets what `INFO` counts since the start; what is connected stays.
    pub(crate) fn reset(&self) {
        self.limits.reset();
        for thread in &self.threads {
            let plain = [&thread.commands, &thread.accepted, &thread.bytes_in, &thread.bytes_out];
            plain.iter().chain(&[&thread.hits, &thread.misses]).for_each(|counter| counter.store(0, Relaxed));
            thread.per_command.reset();
        }
    }

    /// Commands a second since the last call that was at least 100 ms ago.
    pub(crate) fn commands_per_second(&self, now_ms: u64) -> u64 {
        let commands = self.totals().commands;
        let mut sampled = self.sampled.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (then_ms, before, rate) = *sampled;
        let elapsed_ms = now_ms.saturating_sub(then_ms);
        if elapsed_ms < 100 {
            return rate;
        }
        let rate = if then_ms == 0 { 0 } else { commands.saturating_sub(before) * 1000 / elapsed_ms };
        *sampled = (now_ms, commands, rate);
        rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_since_the_last_question() {
        let stats = Stats::new(2);
        assert_eq!(stats.commands_per_second(1_000), 0);
        ThreadStats::count(&stats.thread(0).commands, 50);
        ThreadStats::count(&stats.thread(1).commands, 150);
        assert_eq!(stats.commands_per_second(1_050), 0);
        assert_eq!(stats.commands_per_second(1_500), 400);
        assert_eq!(stats.commands_per_second(1_550), 400);
        assert_eq!(stats.commands_per_second(2_500), 0);
        assert_eq!(stats.totals().commands, 200);
    }
}
