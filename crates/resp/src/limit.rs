//! What happens when a client meets a limit: it is counted, and told to the log once a second for each limit.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// The limits that clients meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    /// Too many clients.
    Clients,
    /// A request, an argument or an inline line that is too long, or no request at all.
    Request,
    /// Too much waits for a client that does not read.
    Output,
    /// A client takes nothing of its answers.
    Stalled,
    /// A client says nothing.
    Idle,
    /// Rows take more memory than they may.
    Memory,
    /// The buffers of all clients take more memory than they may.
    ClientMemory,
}

const COUNT: usize = 7;

#[derive(Debug, Default)]
struct Counter {
    hits: AtomicU64,
    /// When it was last told.
    told_ms: AtomicU64,
    /// Hits since then.
    untold: AtomicU64,
}

/// How often each limit was met.
#[derive(Debug, Default)]
pub(crate) struct LimitCounters([Counter; COUNT]);

/// How long a limit that was told is not told again.
const TELL_EVERY_MS: u64 = 1_000;

impl LimitCounters {
    fn of(&self, limit: Limit) -> &Counter {
        let [clients, request, output, stalled, idle, memory, client_memory] = &self.0;
        match limit {
            Limit::Clients => clients,
            Limit::Request => request,
            Limit::Output => output,
            Limit::Stalled => stalled,
            Limit::Idle => idle,
            Limit::Memory => memory,
            Limit::ClientMemory => client_memory,
        }
    }

    /// How often a limit was met.
    pub(crate) fn hits(&self, limit: Limit) -> u64 {
        self.of(limit).hits.load(Relaxed)
    }

    /// Forgets how often.
    pub(crate) fn reset(&self) {
        self.0.iter().for_each(|counter| counter.hits.store(0, Relaxed));
    }

    /// Counts that `who` has met a limit, and tells the log unless it was told of the same limit just now.
    pub(crate) fn hit(&self, limit: Limit, who: &dyn std::fmt::Display, now_ms: u64) {
        let counter = self.of(limit);
        counter.hits.fetch_add(1, Relaxed);
        let told_ms = counter.told_ms.load(Relaxed);
        let turn = told_ms == 0 || now_ms.saturating_sub(told_ms) >= TELL_EVERY_MS;
        if !turn || counter.told_ms.compare_exchange(told_ms, now_ms, Relaxed, Relaxed).is_err() {
            counter.untold.fetch_add(1, Relaxed);
            return;
        }
        let untold = counter.untold.swap(0, Relaxed);
        let what = match limit {
            Limit::Clients => "refused a client: there are maxclients already",
            Limit::Request => "closed a client: its request breaks the protocol or a limit",
            Limit::Output => "cut off a client that lets its answers or messages pile up",
            Limit::Stalled => "cut off a client that has stopped reading",
            Limit::Idle => "closed a client that said nothing for the time-out",
            Limit::Memory => "refused a command: rows take more than maxmemory",
            Limit::ClientMemory => {
                "sent a client away: what clients have sent and not read takes more than maxmemory-clients"
            }
        };
        tracing::warn!(client = %who, also = untold, "{what}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hit_is_counted_and_few_are_told() {
        let counters = LimitCounters::default();
        for now_ms in [1, 2, 3, 1_500, 1_600] {
            counters.hit(Limit::Idle, &"test", now_ms);
        }
        let idle = counters.of(Limit::Idle);
        assert_eq!(
            (counters.hits(Limit::Idle), idle.told_ms.load(Relaxed), idle.untold.load(Relaxed)),
            (5, 1_500, 1)
        );
        assert_eq!(counters.hits(Limit::Memory), 0);
        counters.reset();
        assert_eq!(counters.hits(Limit::Idle), 0);
    }
}
