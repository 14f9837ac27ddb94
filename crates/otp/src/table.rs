//! The table of processes: from pid to process, without a process hop.
//!
//! Sharded, so that spawning on one core does not wait for another. A place is used again with its next generation.

use std::sync::Arc;

use crate::pid::Pid;
use crate::process::Process;
use crate::sync::{AtomicU32, Ordering, RwLock};

/// A power of two.
pub(crate) const SHARDS: u32 = 16;

struct Place {
    generation: u32,
    process: Option<Arc<Process>>,
}

#[derive(Default)]
struct Shard {
    places: Vec<Place>,
    free: Vec<u32>,
}

pub(crate) struct Table {
    shards: Vec<RwLock<Shard>>,
    next: AtomicU32,
    live: AtomicU32,
    limit: u32,
}

impl Table {
    /// A table of at most `limit` processes.
    pub(crate) fn new(limit: u32) -> Self {
        let shards = (0..SHARDS).map(|_| RwLock::new(Shard::default())).collect();
        // The index is a place times the shards: the limit keeps it within 32 bits.
        let limit = limit.min(u32::MAX / SHARDS / 2);
        Self { shards, next: AtomicU32::new(0), live: AtomicU32::new(0), limit }
    }

    pub(crate) fn limit(&self) -> u32 {
        self.limit
    }

    /// Adds the process that `make` makes for its pid; `None` where the table is full.
    pub(crate) fn insert(&self, make: impl FnOnce(Pid) -> Process) -> Option<Arc<Process>> {
        if self.live.fetch_add(1, Ordering::Relaxed) >= self.limit {
            self.live.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed) % SHARDS;
        let mut shard = self.shards.get(number as usize)?.write();
        let at = match shard.free.pop() {
            Some(at) => at,
            None => {
                shard.places.push(Place { generation: 1, process: None });
                u32::try_from(shard.places.len() - 1).ok()?
            }
        };
        let place = shard.places.get_mut(at as usize)?;
        let process = Arc::new(make(Pid::new(at * SHARDS + number, place.generation)?));
        place.process = Some(process.clone());
        Some(process)
    }

    /// The live process `pid`.
    pub(crate) fn get(&self, pid: Pid) -> Option<Arc<Process>> {
        let shard = self.shards.get((pid.index() % SHARDS) as usize)?.read();
        let place = shard.places.get((pid.index() / SHARDS) as usize)?;
        place.process.clone().filter(|_| place.generation == pid.generation())
    }

    /// A process has ended: it counts no longer, from before anybody is told.
    pub(crate) fn note_end(&self) {
        self.live.fetch_sub(1, Ordering::Relaxed);
    }

    /// Removes `pid`, whose end was noted; its place may be used again.
    pub(crate) fn remove(&self, pid: Pid) {
        let Some(shard) = self.shards.get((pid.index() % SHARDS) as usize) else { return };
        let at = pid.index() / SHARDS;
        let mut shard = shard.write();
        let Some(place) = shard.places.get_mut(at as usize) else { return };
        if place.generation != pid.generation() {
            return;
        }
        let gone = place.process.take();
        place.generation = place.generation.wrapping_add(1).max(1);
        shard.free.push(at);
        drop(shard);
        drop(gone);
    }

    /// How many processes live.
    pub(crate) fn len(&self) -> u32 {
        self.live.load(Ordering::Relaxed)
    }

    /// All live processes, in no order that means anything.
    pub(crate) fn all(&self) -> Vec<Arc<Process>> {
        let mut found = Vec::new();
        for shard in &self.shards {
            found.extend(shard.read().places.iter().filter_map(|place| place.process.clone()));
        }
        found
    }
}
