//! Interrupt coalescing, as network cards do it, for an I/O thread that many busy clients share.
//!
//! A thread without work sleeps until one of its sockets has something. Being woken is dear, to the thread and, where it shares
//! a machine with the client, to the client: it costs as much as a plain command. While many clients keep a thread busy, the
//! next commands are on their way when it runs out of work; so it rests for some microseconds in which nobody wakes it, and
//! then finds the commands of several.
//!
//! What must stay true: nobody waits for nothing. A thread rests only when several clients have been served since it rested
//! last, and these are at most a third of those that it serves lately: the others have read their answers, or will, and what they
//! send next arrives during the rest. Few clients, and those that have all been answered, are served at once; and while answers
//! wait for a sync, its end is not kept waiting.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// How long a rest is.
const REST: Duration = Duration::from_micros(30);
/// So many clients must have been served since the last rest or sleep.
const LEAST: u64 = 4;
/// And at most one in so many of those that the thread serves lately.
const AMONG: u64 = 3;
/// Rests and sleeps in which the clients that a thread serves lately are counted.
const WINDOW: u64 = 64;

/// What one I/O thread knows of its clients' arrivals. Only that thread writes it, so loads and stores are enough.
#[derive(Debug, Default)]
pub(crate) struct Coalescing {
    /// Batches of commands served since the thread ran out of work last.
    served: AtomicU64,
    /// Times it has run out of work.
    waits: AtomicU64,
    /// Clients served in this window, and in the one before.
    clients: AtomicU64,
    lately: AtomicU64,
    /// Clients whose answers wait for another thread.
    unresting: AtomicU64,
}

/// Keeps a thread from resting until this is dropped.
#[must_use]
pub(crate) struct Unresting<'c>(&'c Coalescing);

impl Drop for Unresting<'_> {
    fn drop(&mut self) {
        self.0.unresting.fetch_sub(1, Relaxed);
    }
}

impl Coalescing {
    /// Notes that a client's commands were run; `seen` is the client's own, and says in which window it was seen last.
    #[inline]
    pub(crate) fn serve(&self, seen: &mut u64) {
        add(&self.served);
        // From 1 on, so that a new client has been seen in none.
        let window = 1 + self.waits.load(Relaxed) / WINDOW;
        if *seen != window {
            *seen = window;
            add(&self.clients);
        }
    }

    /// Keeps the thread awake: another one is about to have something for it.
    pub(crate) fn unresting(&self) -> Unresting<'_> {
        self.unresting.fetch_add(1, Relaxed);
        Unresting(self)
    }

    /// Rests, if that pays, as the thread has run out of work and is about to sleep.
    #[expect(
        clippy::disallowed_methods,
        reason = "nothing is waited for: that nobody can end it is what a rest is for"
    )]
    pub(crate) fn out_of_work(&self) {
        if let Some(rest) = self.rest() {
            std::thread::sleep(rest);
        }
    }

    fn rest(&self) -> Option<Duration> {
        let served = self.served.load(Relaxed);
        self.served.store(0, Relaxed);
        add(&self.waits);
        if self.waits.load(Relaxed).is_multiple_of(WINDOW) {
            self.lately.store(self.clients.load(Relaxed), Relaxed);
            self.clients.store(0, Relaxed);
        }
        let pays = served >= LEAST && served * AMONG <= self.lately.load(Relaxed);
        (pays && self.unresting.load(Relaxed) == 0).then_some(REST)
    }
}

fn add(counter: &AtomicU64) {
    counter.store(counter.load(Relaxed) + 1, Relaxed);
}

/// Lets short rests of the calling thread be as short as they are meant: by default Linux adds up to 50 µs to each.
pub(crate) fn rest_precisely() {
    // Refused, rests are longer.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::set_current_timer_slack(std::num::NonZero::new(1));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Serves so many of `clients` clients in turn, rest by rest, and gives how many rests there were.
    fn rests(clients: usize, at_once: usize, waits: usize) -> usize {
        let coalescing = Coalescing::default();
        let mut seen = vec![0; clients];
        let mut next = (0..clients).cycle();
        let round = |_: &usize| {
            (0..at_once).for_each(|_| coalescing.serve(&mut seen[next.next().expect("a cycle has no end")]));
            coalescing.rest().is_some()
        };
        (0..waits).filter(round).count()
    }

    #[test]
    fn a_thread_rests_while_some_of_many_clients_arrive() {
        let warm = usize::try_from(WINDOW).expect("it is small");
        for (clients, at_once) in [(12, 4), (50, 6), (50, 16), (1_000, 200)] {
            assert_eq!(rests(clients, at_once, 1_000), 1_000 - warm + 1, "{at_once} of {clients}");
        }
    }

    #[test]
    fn few_clients_and_those_who_all_wait_are_never_kept_waiting() {
        for (clients, at_once) in [(1, 1), (2, 2), (4, 4), (11, 4), (50, 3), (50, 17), (50, 50), (1_000, 1)] {
            assert_eq!(rests(clients, at_once, 1_000), 0, "{at_once} of {clients}");
        }
    }

    #[test]
    fn nobody_rests_while_answers_wait_for_another_thread() {
        let coalescing = Coalescing::default();
        let mut seen = [0; 50];
        let mut rests = |waiting: bool| {
            let unresting = waiting.then(|| coalescing.unresting());
            let mut rests = 0;
            for _ in 0..4 * WINDOW {
                for seen in &mut seen[..6] {
                    coalescing.serve(seen);
                }
                seen.rotate_left(6);
                rests += u64::from(coalescing.rest().is_some());
            }
            drop(unresting);
            rests
        };
        assert_eq!(rests(true), 0);
        assert_eq!(rests(false), 4 * WINDOW);
    }

    #[test]
    fn clients_that_have_gone_silent_count_no_more_after_a_while() {
        let coalescing = Coalescing::default();
        let mut seen = [0; 50];
        for _ in 0..WINDOW {
            seen.iter_mut().for_each(|seen| coalescing.serve(seen));
            coalescing.rest();
        }
        // Four of fifty remain.
        let mut rests = 0;
        for _ in 0..10 * WINDOW {
            seen.iter_mut().take(4).for_each(|seen| coalescing.serve(seen));
            rests += u64::from(coalescing.rest().is_some());
        }
        assert!(rests <= 2 * WINDOW, "{rests}");
    }
}
