//! S3-FIFO: three queues that keep a scan from washing out what is really used.
//!
//! A new row enters the small queue (a tenth of the rows). If nobody reads it again before it reaches the end, it
//! goes; if somebody does, it moves to the main queue, where each read buys a further round. Names of rows that left
//! the small queue are remembered as ghosts: a row that comes back soon enters the main queue at once. A scan's
//! rows are read once, so they pass through the small queue and push nothing else out.
//!
//! The queues hold names, not rows: a row that was deleted leaves its name behind until a walk meets it.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// The small queue's share of the rows, as a divisor.
const SMALL_SHARE: usize = 10;
/// Names kept beyond the rows that exist, before the dead ones are swept out.
const SLACK: usize = 64;

/// What the policy learns of a name it considers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    /// No such row any more.
    Gone,
    /// The row was written just now: not this one.
    Spared,
    /// The row was read this often since it was last considered.
    Heat(u8),
}

/// The three queues.
pub(crate) struct S3Fifo<T> {
    small: VecDeque<T>,
    main: VecDeque<T>,
    ghosts: VecDeque<T>,
    ghost_count: HashMap<T, u32>,
}

impl<T: Clone + Eq + Hash> S3Fifo<T> {
    pub(crate) fn new() -> Self {
        Self {
            small: VecDeque::new(),
            main: VecDeque::new(),
            ghosts: VecDeque::new(),
            ghost_count: HashMap::new(),
        }
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::new();
    }

    /// Notes a row that is new to the shard.
    pub(crate) fn insert(&mut self, name: T) {
        if self.ghost_count.contains_key(&name) {
            self.main.push_back(name);
        } else {
            self.small.push_back(name);
        }
    }

    fn remember(&mut self, name: T) {
        *self.ghost_count.entry(name.clone()).or_insert(0) += 1;
        self.ghosts.push_back(name);
        while self.ghosts.len() > self.main.len().max(self.small.len()).max(1) {
            let Some(oldest) = self.ghosts.pop_front() else {
                break;
            };
            if let Some(count) = self.ghost_count.get_mut(&oldest) {
                *count -= 1;
                if *count == 0 {
                    self.ghost_count.remove(&oldest);
                }
            }
        }
    }

    /// The row to give up. `probe` tells of a name whether its row exists and how warm it is; `cool` sets that.
    /// Spared rows keep their places; when there are no others, there is no victim.
    /// Amortised O(1): each step takes a name off a queue or spends one of its reads.
    pub(crate) fn victim(&mut self, probe: impl Fn(&T) -> Probe, cool: impl Fn(&T, u8)) -> Option<T> {
        let mut spared = [Vec::new(), Vec::new()];
        let victim = self.next_victim(&mut spared, probe, cool);
        for (queue, names) in [&mut self.small, &mut self.main].into_iter().zip(spared) {
            names.into_iter().rev().for_each(|name| queue.push_front(name));
        }
        victim
    }

    /// Looks for the victim; puts the names of spared rows aside, those of the small queue first.
    fn next_victim(
        &mut self,
        [spared_small, spared_main]: &mut [Vec<T>; 2],
        probe: impl Fn(&T) -> Probe,
        cool: impl Fn(&T, u8),
    ) -> Option<T> {
        loop {
            let names = self.small.len() + self.main.len();
            let from_small = self.small.len() * SMALL_SHARE >= names;
            if from_small && let Some(name) = self.small.pop_front() {
                match probe(&name) {
                    Probe::Gone => {}
                    Probe::Spared => spared_small.push(name),
                    Probe::Heat(0) => {
                        self.remember(name.clone());
                        return Some(name);
                    }
                    Probe::Heat(_) => {
                        cool(&name, 0);
                        self.main.push_back(name);
                    }
                }
                continue;
            }
            let name = self.main.pop_front()?;
            match probe(&name) {
                Probe::Gone => {}
                Probe::Spared => spared_main.push(name),
                Probe::Heat(0) => return Some(name),
                Probe::Heat(heat) => {
                    cool(&name, heat - 1);
                    self.main.push_back(name);
                }
            }
        }
    }

    /// Sweeps out the names of rows that are gone, once they outnumber the `live` rows. Amortised O(1) a deletion.
    pub(crate) fn sweep(&mut self, live: usize, exists: impl Fn(&T) -> bool) {
        if self.small.len() + self.main.len() <= 2 * live + SLACK {
            return;
        }
        let mut seen = std::collections::HashSet::new();
        // A key deleted and written again has two names; the older place is the one that counts.
        let mut keep = |name: &T| exists(name) && seen.insert(name.clone());
        self.main.retain(&mut keep);
        self.small.retain(&mut keep);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// Hits of a cache of `capacity` rows on a trace, under S3-FIFO.
    fn s3fifo_hits(trace: &[u64], capacity: usize) -> usize {
        let heat: RefCell<HashMap<u64, u8>> = RefCell::default();
        let mut queues = S3Fifo::new();
        let mut hits = 0;
        for name in trace {
            if let Some(heat) = heat.borrow_mut().get_mut(name) {
                *heat = (*heat + 1).min(3);
                hits += 1;
                continue;
            }
            if heat.borrow().len() >= capacity {
                let victim = queues.victim(
                    |name| heat.borrow().get(name).map_or(Probe::Gone, |heat| Probe::Heat(*heat)),
                    |name, value| {
                        heat.borrow_mut().insert(*name, value);
                    },
                );
                heat.borrow_mut().remove(&victim.expect("a full cache has a victim"));
            }
            heat.borrow_mut().insert(*name, 0);
            queues.insert(*name);
        }
        hits
    }

    fn lru_hits(trace: &[u64], capacity: usize) -> usize {
        let mut order: Vec<u64> = Vec::new();
        let mut hits = 0;
        for name in trace {
            if let Some(at) = order.iter().position(|other| other == name) {
                order.remove(at);
                hits += 1;
            } else if order.len() >= capacity {
                order.remove(0);
            }
            order.push(*name);
        }
        hits
    }

    /// Skewed reads of 1,000 names, with a scan over names never seen again every 500 reads.
    fn scan_polluted_trace() -> Vec<u64> {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let mut trace = Vec::new();
        let mut scanned = 1_000_000;
        for round in 0..30_000u64 {
            let uniform = (next() % 1_000_000) as f64 / 1_000_000.0;
            trace.push((uniform.powi(3) * 1_000.0) as u64);
            if round % 500 == 0 {
                trace.extend(scanned..scanned + 300);
                scanned += 300;
            }
        }
        trace
    }

    #[test]
    fn a_scan_polluted_trace_hits_more_often_than_with_lru() {
        let trace = scan_polluted_trace();
        let (ours, lru) = (s3fifo_hits(&trace, 200), lru_hits(&trace, 200));
        println!("hits of {} reads: s3-fifo {ours}, lru {lru}", trace.len());
        assert!(ours * 100 > lru * 110, "s3-fifo {ours}, lru {lru}");
    }

    #[test]
    fn names_of_deleted_rows_do_not_pile_up() {
        let mut queues = S3Fifo::new();
        for name in 0..10_000u64 {
            queues.insert(name);
            queues.sweep(0, |_| false);
        }
        assert!(queues.small.len() + queues.main.len() <= SLACK + 1);
    }

    #[test]
    fn a_spared_row_keeps_its_place() {
        let mut queues = S3Fifo::new();
        (1..=3u64).for_each(|name| queues.insert(name));
        let sparing =
            |spared: u64| move |name: &u64| if *name == spared { Probe::Spared } else { Probe::Heat(0) };
        let mut victim = |spared| queues.victim(sparing(spared), |_, _| ());
        assert_eq!(
            [victim(1), victim(3), victim(3), victim(3), victim(0)],
            [Some(2), Some(1), None, None, Some(3)]
        );
    }

    #[test]
    fn an_empty_policy_has_no_victim() {
        assert_eq!(S3Fifo::<u64>::new().victim(|_| Probe::Gone, |_, _| ()), None);
    }
}
