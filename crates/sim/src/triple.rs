//! A replica over three stores that hash and shard differently, one of which has its rows on disc, each of which gets every
//! commit as bytes.
//!
//! It proves the boundary: that a commit is data (nothing reaches a store that did not go through
//! [`Commit::encode`]) and that applying one is deterministic (the three answer alike and end equal). Reads and
//! subscriptions are the first store's.
//!
//! [`Triple::new`] gives each commit to all three before the next one begins, so the first difference is reported
//! where it arises. [`Triple::concurrent`] lets commits run on the first store as they come, side by side, and
//! replays them afterwards on the other two in the order of their clocks: if the locks of the first store did not make
//! its commits equivalent to that order, the replay ends differently.

use std::sync::Arc;

use mnemon_disc::testing::MemoryTrees;
use mnemon_store::{
    Applied, Check, Clock, Commit, CopySpec, ManualClock, Op, Replica, SchemaChange, Single, Store,
    StoreConfig, StoreError, TableCopy, TableOp, Verdict,
};
use mnemon_table::{Catalog, DATABASES};
use parking_lot::Mutex;

use crate::difference::{answer_text, same_answer};
use crate::state::TableState;

/// Bytes of changes after which the store on disc writes them: those of a few rows.
const PENDING_BYTES: usize = 600;

/// Three stores under one order of commits.
pub struct Triple {
    first: Store,
    others: [Store; 2],
    concurrent: bool,
    /// Tables of this number and above have their rows on disc in one of the stores.
    on_disc_from: u32,
    /// Commits that only the first store has seen. Held during a whole commit unless `concurrent`.
    log: Mutex<Vec<Entry>>,
    /// Drops of tables that have to wait for the log.
    drops: Mutex<Vec<SchemaChange>>,
}

struct Entry {
    bytes: Vec<u8>,
    applied: Applied,
}

impl Triple {
    /// A replica whose commits are applied to all three stores, one at a time. The first is made as `config` says,
    /// the others with other hash keys and other numbers of shards.
    #[must_use]
    pub fn new(config: StoreConfig) -> Self {
        let clock: Arc<dyn Clock> = Arc::from(config.clock);
        let like = |shards: usize, twist: u64| StoreConfig {
            clock: Box::new(clock.clone()),
            sink: None,
            shards,
            hash_seed: config.hash_seed.map(|seed| seed ^ twist),
            snapshot_bytes_max: config.snapshot_bytes_max,
        };
        let others = [
            like(if config.shards == 1 { 2 } else { 1 }, 0x5bd1_e995_9bd1_e995),
            like(config.shards.saturating_mul(4), 0xc2b2_ae3d_27d4_eb4f),
        ];
        let first = StoreConfig { sink: config.sink.clone(), ..like(config.shards, 0) };
        let others = others.map(Store::new);
        // One of them has its rows on disc, and next to nothing of them in memory.
        others[0].set_rows(Arc::new(MemoryTrees::default()), PENDING_BYTES);
        Self {
            first: Store::new(first),
            others,
            concurrent: false,
            on_disc_from: 0,
            log: Mutex::default(),
            drops: Mutex::default(),
        }
    }

    /// A replica whose first store takes commits side by side; the others get them in [`Triple::assert_equal`].
    #[must_use]
    pub fn concurrent(config: StoreConfig) -> Self {
        Self { concurrent: true, ..Self::new(config) }
    }

    /// The same with tables of lower numbers in memory everywhere: those that are exchanged, as rows on disc cannot be.
    #[must_use]
    pub fn on_disc_from(self, table: u32) -> Self {
        Self { on_disc_from: table, ..self }
    }

    /// A catalog over a triple made by `make`, one of [`Triple::new`] and [`Triple::concurrent`], with a clock that
    /// stands still.
    #[must_use]
    pub fn catalog(make: fn(StoreConfig) -> Self, clock: &Arc<ManualClock>) -> (Arc<Catalog>, Arc<Self>) {
        let config = StoreConfig { shards: 16, ..StoreConfig::new(Box::new(clock.clone())) };
        let mut made = None;
        let catalog = Catalog::with_replica(config, |config| {
            let triple = Arc::new(make(config).on_disc_from(DATABASES as u32));
            made = Some(triple.clone());
            triple
        });
        (Arc::new(catalog), made.expect("the catalog asks for its replica at once"))
    }

    /// Brings all three stores to one place and compares them: clocks, rows, indexes, counts; and of each the indexes
    /// with the rows. To be called when no commit is under way.
    ///
    /// # Panics
    /// With a description of the first difference.
    pub fn assert_equal(&self) {
        self.replay(|_, _| ());
        for (place, other) in self.others.iter().enumerate() {
            let name = ["second", "third"][place];
            assert_eq!(self.first.clock(), other.clock(), "the first store's clock and the {name}'s");
            assert_eq!(tables(&self.first), tables(other), "the first store's tables and the {name}'s");
        }
        for copy in self.first.copies() {
            let state = TableState::of(&self.first, &copy);
            if let Err(difference) = state.check_indexes() {
                panic!("table {:?}: {difference}", copy.id());
            }
            for (place, other) in self.others.iter().enumerate() {
                let theirs = other.copy(copy.id()).expect("the lists of tables were compared above");
                if let Some(difference) = state.difference(&TableState::of(other, &theirs)) {
                    let name = ["second", "third"][place];
                    panic!("table {:?} of the first store and the {name}: {difference}", copy.id());
                }
            }
        }
    }

    /// Applies a commit, which has become bytes, to the first store by `apply` and to the others as a commit.
    fn apply(
        &self,
        commit: &Commit<'_>,
        apply: impl FnOnce(&Store, &Commit<'_>) -> Result<Applied, StoreError>,
    ) -> Result<Applied, StoreError> {
        let bytes = commit.encode().expect("a commit can be encoded");
        let decoded = Commit::decode(&bytes).expect("what was encoded can be decoded");
        if self.concurrent {
            let answer = apply(&self.first, &decoded);
            if let Ok(applied) = &answer
                && !decoded.ops.iter().all(|op| op.op.is_read())
            {
                let entry = Entry { applied: seen(applied), bytes: bytes.clone() };
                self.log.lock().push(entry);
            }
            return answer;
        }
        let _one_at_a_time = self.log.lock();
        let answer = apply(&self.first, &decoded);
        self.repeat(decoded, &answer);
        answer
    }

    /// Applies a commit to the other stores, which must answer as the first did.
    fn repeat(&self, mut commit: Commit<'_>, answer: &Result<Applied, StoreError>) {
        // The state before a commit is for readers, and those are with the first store.
        commit.with_before = false;
        for other in &self.others {
            compare(&commit, answer, &other.commit(&commit));
        }
    }

    /// Gives the commits that only the first store has seen to the others, in the order of their clocks, then lets
    /// them catch up with the schemas. After each commit `observe` is shown its clock and the second store: the
    /// state that a snapshot with this clock must have shown. To be called when no commit is under way.
    ///
    /// # Panics
    /// When a store answers otherwise than the first did.
    pub fn replay(&self, mut observe: impl FnMut(u64, &Store)) {
        let mut log = std::mem::take(&mut *self.log.lock());
        log.sort_by_key(|entry| entry.applied.clock);
        for entry in log {
            let mut commit = Commit::decode(&entry.bytes).expect("it could be decoded before");
            // Schemas change beside the order of commits, so only rows are checked again.
            commit
                .checks
                .retain(|check| matches!(check, Check::Key { .. } | Check::Scan { index: None, .. }));
            let clock = entry.applied.clock;
            self.repeat(commit, &Ok(entry.applied));
            observe(clock, &self.others[0]);
        }
        if self.concurrent {
            for change in std::mem::take(&mut *self.drops.lock()) {
                self.change_others(&change).expect("the first store could do it");
            }
            self.others.iter().for_each(|other| follow_schemas(&self.first, other));
        }
    }

    fn change_others(&self, change: &SchemaChange) -> Result<(), StoreError> {
        let bytes = postcard::to_stdvec(change).expect("a change of a schema can be encoded");
        let decoded: SchemaChange = postcard::from_bytes(&bytes).expect("what was encoded can be decoded");
        let [second, third] = &self.others;
        let (second, third) = (second.change_schema(&self.on_disc(&decoded)), third.change_schema(&decoded));
        assert_eq!(second, third, "two stores answer {decoded:?} differently");
        second
    }

    /// The change as the store on disc makes it.
    fn on_disc(&self, change: &SchemaChange) -> SchemaChange {
        match change {
            SchemaChange::Create { table, spec } if table.0 >= self.on_disc_from => {
                let spec = CopySpec { disc_only: true, max_entries: None, max_bytes: None, ..spec.clone() };
                SchemaChange::Create { table: *table, spec }
            }
            other => other.clone(),
        }
    }

    fn change(&self, change: &SchemaChange) -> Result<(), StoreError> {
        if self.concurrent {
            let answer = self.first.change_schema(change);
            if answer.is_ok() {
                match change {
                    SchemaChange::Create { .. } => self.change_others(change)?,
                    SchemaChange::Drop { .. } => self.drops.lock().push(change.clone()),
                    // What is left of these is the first store's state, which the others take over later.
                    _ => {}
                }
            }
            return answer;
        }
        // An index is built while commits go on. Since commits may check it, the others have it before the first
        // does and lose it after.
        if let SchemaChange::AddIndex { .. } = change {
            let theirs = self.change_others(change);
            let answer = self.first.change_schema(change);
            assert_eq!(answer, theirs, "the stores answer {change:?} differently");
            return answer;
        }
        let _no_commit = self.log.lock();
        let answer = self.first.change_schema(change);
        assert_eq!(answer, self.change_others(change), "the stores answer {change:?} differently");
        answer
    }
}

impl Replica for Triple {
    fn store(&self) -> &Store {
        &self.first
    }

    fn commit(&self, commit: &Commit<'_>) -> Verdict<Result<Applied, StoreError>> {
        Verdict::Ready(self.apply(commit, Store::commit))
    }

    fn commit_one(&self, copy: &TableCopy, time_ms: u64, op: &Op<'_>) -> Verdict<Result<Single, StoreError>> {
        let (table, op) = (copy.id(), op.clone());
        let commit =
            Commit { time_ms, checks: Vec::new(), ops: vec![TableOp { table, op }], with_before: false };
        // The first store goes the short way, the others the long one: both must come to the same.
        let answer = self.apply(&commit, |store, commit| {
            let copy = store.copy(table)?;
            let op = &commit.ops.first().expect("it was put in above").op;
            let (clock, outcome) = store.commit_one(&copy, commit.time_ms, op)?;
            Ok(Applied { clock, outcomes: std::iter::once(outcome).collect(), before: None })
        });
        Verdict::Ready(answer.map(|mut applied| {
            let outcome = applied.outcomes.pop().expect("one operation has one outcome");
            (applied.clock, outcome)
        }))
    }

    fn change_schema(&self, change: &SchemaChange) -> Verdict<Result<(), StoreError>> {
        Verdict::Ready(self.change(change))
    }
}

impl std::fmt::Debug for Triple {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Triple")
            .field("first", &self.first)
            .field("concurrent", &self.concurrent)
            .finish_non_exhaustive()
    }
}

/// What is to be compared of an answer.
fn seen(applied: &Applied) -> Applied {
    Applied { clock: applied.clock, outcomes: applied.outcomes.clone(), before: None }
}

fn compare(commit: &Commit<'_>, here: &Result<Applied, StoreError>, there: &Result<Applied, StoreError>) {
    assert!(
        same_answer(here, there),
        "two stores answer one commit differently:\n  here  {}\n  there {}\n  {commit:?}",
        answer_text(here),
        answer_text(there)
    );
}

fn tables(store: &Store) -> Vec<u32> {
    let mut tables: Vec<u32> = store.copies().iter().map(|copy| copy.id().0).collect();
    tables.sort_unstable();
    tables
}

/// Gives a store the indexes and schema versions of another.
fn follow_schemas(leader: &Store, follower: &Store) {
    for copy in leader.copies() {
        let theirs = follower.copy(copy.id()).expect("tables are created in all stores");
        let (wanted, present) = (copy.indexed(), theirs.indexed());
        for attribute in present.iter().filter(|attribute| !wanted.contains(attribute)) {
            follower.del_index(&theirs, *attribute).expect("it is there");
        }
        for attribute in wanted.iter().filter(|attribute| !present.contains(attribute)) {
            follower.add_index(&theirs, *attribute).expect("it is not there");
        }
        follower.set_schema_version(&theirs, copy.schema_version(), false);
    }
}
