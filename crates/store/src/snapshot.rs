//! Snapshots: a clock value that readers hold on to while writers go on.
//!
//! Opening one raises `active` *before* it reads the clock; a committer ticks the clock *before* it looks at
//! `active`. Both are sequentially consistent, so a commit younger than the snapshot always sees it and keeps
//! before-images, and a commit that is not younger holds its locks until its rows can be read. Hence a snapshot
//! needs no pause of writers. It has a deadline and shares a bound of bytes; past either it is closed and says so.
//!
//! A row that is younger than every open snapshot needs no image: nobody can see it. So a row that changes often while
//! a snapshot is open is kept once, not once a change. Committers learn the youngest snapshot's clock from `newest`,
//! which is set before the snapshot stops counting as `opening`; while any is opening, all images are kept.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::error::StoreError;

/// By their clocks.
type Open = BTreeMap<u64, Vec<Arc<State>>>;

/// The open snapshots of a group.
#[derive(Default)]
pub(crate) struct Snapshots {
    /// Open ones, and those about to be.
    active: AtomicUsize,
    /// Those about to be open: their clocks are not known yet.
    opening: AtomicUsize,
    /// The youngest open snapshot's clock, or a later one.
    newest: AtomicU64,
    open: Mutex<Open>,
    /// Set when a snapshot was closed and images may be left over.
    closed_some: AtomicBool,
}

struct State {
    deadline_ms: u64,
    expired: AtomicBool,
}

/// A state of all tables of a group, as of one clock value. Cheap to open; close it (drop it) soon, since every row
/// that changes meanwhile is kept twice.
pub struct Snapshot {
    clock: u64,
    state: Arc<State>,
    registry: Arc<Snapshots>,
}

impl Snapshots {
    pub(crate) fn open(self: &Arc<Self>, clock: &AtomicU64, deadline_ms: u64) -> Snapshot {
        self.announce();
        let mut open = self.open.lock();
        let clock = clock.load(Ordering::SeqCst);
        self.register(&mut open, clock, deadline_ms)
    }

    /// Makes all commits that tick from now on keep before-images. Must be followed by `open_announced`.
    pub(crate) fn announce(&self) {
        self.opening.fetch_add(1, Ordering::SeqCst);
        self.active.fetch_add(1, Ordering::SeqCst);
    }

    /// Opens a snapshot at a clock value that was reached after `announce`.
    pub(crate) fn open_announced(self: &Arc<Self>, clock: u64, deadline_ms: u64) -> Snapshot {
        self.register(&mut self.open.lock(), clock, deadline_ms)
    }

    fn register(self: &Arc<Self>, open: &mut Open, clock: u64, deadline_ms: u64) -> Snapshot {
        let state = Arc::new(State { deadline_ms, expired: AtomicBool::new(false) });
        open.entry(clock).or_default().push(state.clone());
        self.newest.fetch_max(clock, Ordering::SeqCst);
        self.opening.fetch_sub(1, Ordering::SeqCst);
        Snapshot { clock, state, registry: self.clone() }
    }

    /// What the commit of this version must keep; to be asked after it has ticked the clock.
    pub(crate) fn keeping(&self, version: u64) -> Option<Keeping> {
        if self.active.load(Ordering::SeqCst) == 0 {
            return None;
        }
        let known = self.opening.load(Ordering::SeqCst) == 0;
        let seen_up_to = if known { self.newest.load(Ordering::SeqCst) } else { u64::MAX };
        Some(Keeping { until: version, seen_up_to })
    }

    fn close(&self, clock: u64, state: &Arc<State>) {
        let mut open = self.open.lock();
        if let Some(states) = open.get_mut(&clock)
            && let Some(at) = states.iter().position(|other| Arc::ptr_eq(other, state))
        {
            states.swap_remove(at);
            if states.is_empty() {
                open.remove(&clock);
                let newest = open.last_key_value().map_or(0, |(clock, _)| *clock);
                self.newest.store(newest, Ordering::SeqCst);
            }
            self.closed_some.store(true, Ordering::SeqCst);
            self.active.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// Closes the snapshots whose deadline has passed and, when `images_bytes` exceeds `bytes_max`, the oldest.
    pub(crate) fn expire(&self, now_ms: u64, images_bytes: usize, bytes_max: usize) {
        let mut over: Vec<(u64, Arc<State>)> = Vec::new();
        {
            let open = self.open.lock();
            let all = open.iter().flat_map(|(clock, states)| states.iter().map(move |state| (*clock, state)));
            over.extend(
                all.clone().filter(|(_, state)| state.deadline_ms <= now_ms).map(|(c, s)| (c, s.clone())),
            );
            if images_bytes > bytes_max && over.is_empty() {
                over.extend(all.take(1).map(|(clock, state)| (clock, state.clone())));
            }
        }
        for (clock, state) in over {
            state.expired.store(true, Ordering::SeqCst);
            self.close(clock, &state);
        }
    }

    /// Which images must stay, when some may go. `clock`: the group's.
    pub(crate) fn to_purge(&self, clock: &AtomicU64) -> Option<Retention> {
        if !self.closed_some.swap(false, Ordering::SeqCst) {
            return None;
        }
        let open = self.open.lock();
        let registered: usize = open.values().map(Vec::len).sum();
        if self.active.load(Ordering::SeqCst) != registered {
            // One is about to be opened, perhaps at a clock value of the past. Next time, then.
            self.closed_some.store(true, Ordering::SeqCst);
            return None;
        }
        Some(Retention { open: open.keys().copied().collect(), horizon: clock.load(Ordering::SeqCst) })
    }

    /// Whether no snapshot of before this clock can be read any more, nor will be.
    pub(crate) fn are_all_since(&self, clock: u64) -> bool {
        let open = self.open.lock();
        let registered: usize = open.values().map(Vec::len).sum();
        // Else one is about to be opened, perhaps at a clock value of the past.
        self.active.load(Ordering::SeqCst) == registered
            && open.keys().next().is_none_or(|first| *first >= clock)
    }

    pub(crate) fn count(&self) -> usize {
        self.active.load(Ordering::SeqCst)
    }
}

/// Which before-images a commit must leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Keeping {
    /// The commit's clock, up to which the images are valid.
    pub(crate) until: u64,
    /// No open snapshot sees rows younger than this.
    pub(crate) seen_up_to: u64,
}

impl Keeping {
    /// Whether a snapshot may see a row of this version. One that the same commit made is seen by none, and must not
    /// stand before what a snapshot does see.
    pub(crate) fn wants(&self, version: u64) -> bool {
        version < self.until && version <= self.seen_up_to
    }
}

/// Which before-images must stay: those that an open snapshot sees, and all that were made after the list of open
/// snapshots was, since they may be for a snapshot that is not in it.
pub(crate) struct Retention {
    /// Clocks of open snapshots, ascending.
    open: Vec<u64>,
    /// No snapshot that was opened later has an older clock.
    horizon: u64,
}

impl Retention {
    /// Whether a row of this version, superseded by the commit `until`, must stay.
    pub(crate) fn keeps(&self, version: u64, until: u64) -> bool {
        let first_that_sees = self.open.partition_point(|clock| *clock < version);
        until > self.horizon || self.open.get(first_that_sees).is_some_and(|clock| *clock < until)
    }

    /// Whether all that was superseded up to `until` may go.
    pub(crate) fn keeps_nothing_up_to(&self, until: u64) -> bool {
        self.open.is_empty() && until <= self.horizon
    }
}

impl Snapshot {
    /// The clock of the last commit that this snapshot sees.
    #[must_use]
    pub fn clock(&self) -> u64 {
        self.clock
    }

    /// Whether the snapshot can still be read.
    ///
    /// # Errors
    /// `SnapshotExpired` after its deadline, or when its before-images outgrew their bound.
    pub fn check(&self) -> Result<(), StoreError> {
        if self.state.expired.load(Ordering::SeqCst) {
            return Err(StoreError::SnapshotExpired(
                "its deadline passed or its before-images grew too large",
            ));
        }
        Ok(())
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        self.registry.close(self.clock, &self.state);
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").field("clock", &self.clock).finish_non_exhaustive()
    }
}
