//! Runs steps against the engine and the model side by side, and compares all there is to see after each.

use std::sync::Arc;

use mnemon_disc::testing::MemoryTrees;
use mnemon_sim::{TableState, Triple};
use mnemon_store::{
    Cause, Check, Commit, CopySpec, Expiry, Kind, ManualClock, Op, Replica, SchemaChange, StoreConfig,
    StoreError, TableCopy, TableId, TableOp, When,
};

use crate::model::{Answer, Model, ModelRow, Rows, index, live};
use crate::step::{CheckStep, START_MS, Step, record};
use crate::truth::Refusal;
use crate::walk::{Indexes, Opened, Route, Walk};
use crate::watcher::Watcher;

pub(crate) const TABLE: TableId = TableId(7);
/// Rows that a bounded table may hold.
const BOUND: u64 = 30;
/// Bytes of changes of rows on disc that stay in memory.
const PENDING_BYTES: usize = 900;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) kind: Kind,
    pub(crate) shards: usize,
    pub(crate) watched: bool,
    pub(crate) bounded: bool,
    pub(crate) on_disc: bool,
}

pub(crate) struct Machine {
    pub(crate) shape: Shape,
    time: Arc<ManualClock>,
    triple: Triple,
    copy: Arc<TableCopy>,
    pub(crate) model: Model,
    clock: u64,
    pub(crate) now_ms: u64,
    pub(crate) schema: u64,
    /// Only commits that check the schema may write.
    sealed: bool,
    pub(crate) indexes: Indexes,
    opened: Vec<Opened>,
    numbers: usize,
    walks: Vec<Walk>,
    watcher: Watcher,
}

impl Machine {
    pub(crate) fn new(shape: Shape) -> Self {
        let time = Arc::new(ManualClock::at(START_MS));
        let watcher = Watcher::default();
        let triple = Triple::new(StoreConfig {
            sink: Some(watcher.inbox.clone()),
            shards: shape.shards,
            hash_seed: [1, 2, 3, 4],
            ..StoreConfig::new(Box::new(time.clone()))
        });
        // Rows on disc have no bounds; a few bytes of changes are all that stays in memory.
        let max_entries = (shape.bounded && !shape.on_disc).then_some(BOUND);
        let spec = CopySpec { max_entries, disc_only: shape.on_disc, ..CopySpec::new(shape.kind) };
        if shape.on_disc {
            triple.store().set_rows(Arc::new(MemoryTrees::default()), PENDING_BYTES);
        }
        change(&triple, &SchemaChange::Create { table: TABLE, spec }).expect("a new table");
        let copy = triple.store().copy(TABLE).expect("it was just made");
        triple.store().set_subscribed(&copy, shape.watched);
        Self {
            shape,
            time,
            triple,
            copy,
            model: Model { kind: shape.kind, rows: Rows::new() },
            clock: 0,
            now_ms: START_MS,
            schema: 0,
            sealed: false,
            indexes: Indexes::new(),
            opened: Vec::new(),
            numbers: 0,
            walks: Vec::new(),
            watcher,
        }
    }

    pub(crate) fn run(mut self, steps: &[Step]) {
        for step in steps {
            self.step(step);
            self.compare();
        }
        for place in 0..self.opened.len() {
            self.read_snapshot(place);
        }
        while !self.walks.is_empty() {
            self.advance_walk(0);
        }
        self.opened.clear();
        self.triple.store().maintain_snapshots();
        assert_eq!(self.triple.store().open_snapshots(), 0);
        self.compare();
        self.triple.assert_equal();
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::One(op) => self.one(op),
            Step::Commit(checks, ops) => self.commit(checks, ops),
            Step::Bulk { first, count, delete } => self.commit(&[], &bulk(*first, *count, *delete)),
            Step::Advance(by_ms) => {
                self.time.advance(*by_ms);
                self.now_ms += by_ms;
            }
            Step::Expire => self.expire(),
            Step::Maintain => {
                self.triple.store().maintain_snapshots();
                for opened in &mut self.opened {
                    opened.expired |= opened.deadline_ms <= self.now_ms;
                }
            }
            Step::AddIndex(attribute) => self.add_index(*attribute),
            Step::DelIndex(attribute) => self.del_index(*attribute),
            Step::SetSchema { version, sealed } => {
                let (table, version, sealed) = (TABLE, *version, *sealed);
                let to = SchemaChange::Version { table, version, sealed };
                change(&self.triple, &to).expect("the table is there");
                (self.schema, self.sealed) = (version, sealed);
            }
            Step::OpenSnapshot { ttl_ms } => self.open_snapshot(*ttl_ms),
            Step::ReadSnapshot(place) if !self.opened.is_empty() => {
                self.read_snapshot(place % self.opened.len());
            }
            Step::CloseSnapshot(place) if !self.opened.is_empty() => {
                let closed = self.opened.swap_remove(place % self.opened.len());
                self.walks.retain(|walk| walk.snapshot != Some(closed.number));
            }
            Step::OpenWalk { index, snapshot, reverse } => self.open_walk(*index, *snapshot, *reverse),
            Step::AdvanceWalk(place) if !self.walks.is_empty() => {
                self.advance_walk(place % self.walks.len());
            }
            Step::ReadSnapshot(_) | Step::CloseSnapshot(_) | Step::AdvanceWalk(_) => {}
        }
        if self.shape.bounded && !self.shape.on_disc && !self.sealed {
            self.make_room();
        }
        for walk in &mut self.walks {
            walk.note(&self.model.rows, self.now_ms);
        }
    }

    /// One operation the short way.
    fn one(&mut self, op: &Op<'_>) {
        let answer = self.triple.commit_one(&self.copy, self.now_ms, op);
        let answer = answer.ready().expect("local");
        if self.sealed && !op.is_read() {
            assert!(matches!(answer, Err(StoreError::Sealed(TABLE))), "a sealed table answers {answer:?}");
            return;
        }
        let (clock, outcome) = answer.expect("the table is there");
        if !op.is_read() {
            self.clock += 1;
        }
        assert_eq!(clock, self.clock, "the clock of {op:?}");
        let expected = self.model.apply(op, clock, self.now_ms);
        assert_eq!(outcome.as_ref().map(Answer::of).map_err(|error| *error), expected, "{op:?}");
    }

    fn commit(&mut self, checks: &[CheckStep], ops: &[Op<'static>]) {
        let knows_schema = checks.iter().any(|check| matches!(check, CheckStep::Schema { .. }));
        let (checks, truths): (Vec<Check<'static>>, Vec<Result<(), Refusal>>) =
            checks.iter().map(|check| self.check(check)).unzip();
        let writes = ops.iter().any(|op| !op.is_read());
        let barred = (self.sealed && writes && !knows_schema).then_some(Refusal::Sealed);
        let expected = truths.into_iter().find_map(Result::err).or(barred);
        let table_ops = ops.iter().map(|op| TableOp { table: TABLE, op: op.clone() });
        let commit = Commit { time_ms: self.now_ms, checks, ops: table_ops.collect(), with_before: false };
        let answer = self.triple.commit(&commit).ready().expect("local");
        match (answer, expected) {
            (Err(StoreError::Conflict { .. }), Some(Refusal::Conflict))
            | (Err(StoreError::NoIndex { .. }), Some(Refusal::NoIndex))
            | (Err(StoreError::Sealed(_)), Some(Refusal::Sealed)) => {}
            (Ok(applied), None) => {
                if writes {
                    self.clock += 1;
                }
                assert_eq!(applied.clock, self.clock, "the clock of {commit:?}");
                for (op, outcome) in ops.iter().zip(&applied.outcomes) {
                    let expected = self.model.apply(op, applied.clock, self.now_ms);
                    assert_eq!(outcome.as_ref().map(Answer::of).map_err(|error| *error), expected, "{op:?}");
                }
            }
            (answer, expected) => panic!("expected the refusal {expected:?} of {commit:?}, found {answer:?}"),
        }
    }

    /// Deletes expired rows as tables do: what the first store's queues say is due, in commits.
    fn expire(&mut self) {
        if self.sealed {
            return;
        }
        for shard in 0..self.copy.shard_count() {
            for row in self.copy.due(shard, self.now_ms, 256) {
                assert!(row.is_expired(self.now_ms), "a row is due too early: {row:?}");
                self.one(&delete(&row, Cause::Expired));
            }
        }
        let left = self.model.rows.values().filter(|row| !row.is_live(self.now_ms)).count();
        assert_eq!(left, 0, "rows that have expired and are not due");
    }

    fn make_room(&mut self) {
        while self.copy.is_over_bounds() {
            let victim = self.copy.victim(b"k0").expect("a table over its bounds has a victim");
            self.one(&delete(&victim, Cause::Evicted));
        }
        assert!(self.copy.len() as u64 <= BOUND, "more rows than the bound allows");
    }

    fn add_index(&mut self, attribute: u16) {
        let answer = change(&self.triple, &SchemaChange::AddIndex { table: TABLE, attribute });
        if self.indexes.contains_key(&attribute) {
            assert!(matches!(answer, Err(StoreError::Exists(_))), "{answer:?}");
        } else {
            assert_eq!(answer, Ok(()));
            self.indexes.insert(attribute, self.clock);
        }
    }

    fn del_index(&mut self, attribute: u16) {
        let answer = change(&self.triple, &SchemaChange::DelIndex { table: TABLE, attribute });
        assert_eq!(answer.is_ok(), self.indexes.remove(&attribute).is_some(), "{answer:?}");
    }

    fn open_snapshot(&mut self, ttl_ms: u64) {
        let snapshot = self.triple.store().snapshot(ttl_ms);
        assert_eq!(snapshot.clock(), self.clock);
        self.numbers += 1;
        self.opened.push(Opened {
            snapshot,
            rows: self.model.rows.clone(),
            deadline_ms: self.now_ms + ttl_ms,
            expired: false,
            number: self.numbers,
        });
    }

    /// Reads all of a snapshot: by key, by scans in both directions, through the indexes.
    fn read_snapshot(&mut self, place: usize) {
        let opened = &self.opened[place];
        let mut keys: Vec<Vec<u8>> = (0..10u8).map(|number| format!("k{number}").into_bytes()).collect();
        keys.extend(opened.rows.keys().cloned());
        for key in &keys {
            let found = self.triple.store().get_at(&self.copy, key, &opened.snapshot);
            if opened.expired {
                assert!(matches!(found, Err(StoreError::SnapshotExpired(_))), "{found:?}");
                continue;
            }
            let expected = opened.rows.get(key).filter(|row| row.is_live(self.now_ms));
            let found = found.expect("an open snapshot");
            assert_eq!(found.as_ref().map(ModelRow::of).as_ref(), expected, "in a snapshot: {key:?}");
        }
        for index in [None, Some(1), Some(2)] {
            for reverse in [false, true] {
                let route = self.route(index, reverse, Some(opened.number));
                let mut walk = Walk::open(route, &self.indexes, &self.model.rows, self.now_ms);
                while !walk.advance((self.triple.store(), &self.copy), Some(opened), &self.indexes) {}
            }
        }
    }

    fn route(&self, index: Option<u16>, reverse: bool, snapshot: Option<usize>) -> Route {
        Route { index, reverse, ordered: self.shape.kind == Kind::OrderedSet, snapshot }
    }

    fn open_walk(&mut self, index: Option<u16>, snapshot: Option<usize>, reverse: bool) {
        let count = self.opened.len();
        let snapshot = snapshot.filter(|_| count > 0).map(|place| self.opened[place % count].number);
        let route = self.route(index, reverse, snapshot);
        self.walks.push(Walk::open(route, &self.indexes, &self.model.rows, self.now_ms));
    }

    fn advance_walk(&mut self, place: usize) {
        let walk = &mut self.walks[place];
        let opened =
            walk.snapshot.and_then(|number| self.opened.iter().find(|opened| opened.number == number));
        if walk.advance((self.triple.store(), &self.copy), opened, &self.indexes) {
            self.walks.swap_remove(place);
        }
    }

    /// All there is to see, in the engine and in the model.
    fn compare(&mut self) {
        let store = self.triple.store();
        assert_eq!(store.clock(), self.clock);
        let state = TableState::of(store, &self.copy);
        let found: Rows = state.rows().iter().map(|row| (row.key().to_vec(), ModelRow::of(row))).collect();
        let expected = live(&self.model.rows, self.now_ms);
        assert_eq!(found.len(), state.rows().len(), "a scan met a row twice");
        assert_eq!(found, expected, "the rows");
        for number in 0..10u8 {
            let key = format!("k{number}").into_bytes();
            let (row, last_removal) = store.get_versioned(&self.copy, &key).expect("the row can be read");
            assert_eq!(row.as_ref().map(ModelRow::of).as_ref(), expected.get(&key), "{key:?}");
            assert!(last_removal <= self.clock);
        }
        assert_eq!(self.copy.len(), self.model.rows.len(), "the number of rows");
        let expiring = self.model.rows.values().filter(|row| row.expires_at.is_some()).count();
        assert_eq!(self.copy.expiring(), expiring, "the number of rows with a time to live");
        assert_eq!(self.copy.row_bytes() == 0, self.model.rows.is_empty(), "the bytes of the rows");
        self.compare_indexes(&state, &expected);
        if self.shape.watched {
            self.watcher.follow();
            assert_eq!(self.watcher.rows, self.model.rows, "the table as its events tell it");
        }
    }

    fn compare_indexes(&self, state: &TableState, rows: &Rows) {
        let mut indexed = self.copy.indexed();
        indexed.sort_unstable();
        assert!(indexed.iter().eq(self.indexes.keys()), "the indexes");
        if let Err(difference) = state.check_indexes() {
            panic!("{difference}");
        }
        for attribute in self.indexes.keys() {
            let found = state.index_rows(*attribute).iter().map(|row| row.key().to_vec());
            let expected = index(rows, *attribute).into_iter().map(|(_, key)| key);
            assert!(found.eq(expected), "the index on attribute {attribute}");
        }
    }
}

fn change(triple: &Triple, change: &SchemaChange) -> Result<(), StoreError> {
    triple.change_schema(change).ready().expect("local")
}

fn delete(row: &mnemon_store::Row, cause: Cause) -> Op<'static> {
    Op::Delete { key: row.key().to_vec().into(), cause, version: row.version() }
}

fn bulk(first: u16, count: u16, delete: bool) -> Vec<Op<'static>> {
    let key = |number: u16| format!("w{:03}", number % 600).into_bytes();
    (first..first + count)
        .map(|number| {
            let key_bytes = key(number);
            if delete {
                return Op::Delete { key: key_bytes.into(), cause: Cause::Delete, version: 0 };
            }
            Op::Put {
                body: record(&key_bytes, i64::from(number % 4), 0).into(),
                key: key_bytes.into(),
                expiry: Expiry::Never,
                when: When::Always,
                over_bytes_only: false,
            }
        })
        .collect()
}
