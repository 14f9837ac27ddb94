//! The way of a commit with several rows, checks or tables: lock, validate, tick, apply, publish, unlock.

use std::ops::Bound;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::apply::apply;
use crate::cell::{Cell, LockedIndexes, Stamp};
use crate::commit::{Applied, Check, Commit, Seen, TableOp};
use crate::copy::{TableCopy, borrowed};
use crate::error::StoreError;
use crate::event::{Change, TableId};
use crate::index::Index;
use crate::lock::{Need, ShardLocks, lock_indexes};
use crate::op::{OpError, Outcome};
use crate::row::Row;
use crate::rows::{At, Position, Rows, Span};
use crate::shard::ClearedShard;
use crate::store::{Store, Tables};
use crate::versioned::Versioned;

/// The copies of a commit, in the order of their numbers, which is the order of locking.
type Copies<'c> = SmallVec<[&'c TableCopy; 2]>;
type IndexLists = SmallVec<[Option<Arc<Vec<Arc<Index>>>>; 2]>;

/// A commit's locks.
struct Held<'g, 'i> {
    copies: &'g [&'g TableCopy],
    shards: ShardLocks<'g>,
    indexes: SmallVec<[LockedIndexes<'i>; 2]>,
}

impl Store {
    /// Validates and applies a commit, as a whole or not at all. O(operations + rows checked).
    ///
    /// # Errors
    /// `Conflict` when something read has changed, `NoTable`, `NoIndex`. Then nothing was applied.
    pub fn commit(&self, commit: &Commit<'_>) -> Result<Applied, StoreError> {
        // Borrowed, not counted: all commits on a table would count on the same cache line.
        let tables = self.tables();
        let copies = copies_of(commit, &tables)?;
        let shards = ShardLocks::take(&copies, needs(commit, &copies));
        let lists: IndexLists = copies.iter().map(|copy| copy.indexes_to_keep()).collect();
        let indexes = lists.iter().map(|list| lock_indexes(list.as_deref())).collect();
        let mut held = Held { copies: &copies, shards, indexes };
        for check in &commit.checks {
            held.validate(check, commit.time_ms)?;
        }
        held.check_seals(commit)?;
        if commit.with_before {
            self.announce_snapshot();
        }
        if commit.ops.iter().all(|op| op.op.is_read()) {
            let outcomes = commit.ops.iter().map(|op| Ok(held.read(op, commit.time_ms))).collect();
            let clock = self.clock();
            let before = commit.with_before.then(|| self.before(clock, Vec::new()));
            return Ok(Applied { clock, outcomes, before });
        }
        let subscribed = copies.iter().any(|copy| copy.is_subscribed());
        let sequence = self.sequence(subscribed);
        let mut stamp = self.stamp(commit.time_ms);
        stamp.report_all = commit.with_before;
        let mut cleared = Vec::new();
        let mut changes = Vec::new();
        let mut outcomes = SmallVec::new();
        for (place, op) in commit.ops.iter().enumerate() {
            outcomes.push(held.apply(op, &mut stamp, &mut cleared));
            if commit.with_before {
                let known = changes.len();
                changes.extend(stamp.changes[known..].iter().map(|change| (place, change.clone())));
            }
        }
        let before = commit.with_before.then(|| self.before(stamp.version - 1, changes));
        if !subscribed {
            stamp.changes.clear();
        }
        self.publish(sequence, &mut stamp);
        drop(held);
        // Freed here, when no lock is held any more.
        drop(cleared);
        Ok(Applied { clock: stamp.version, outcomes, before })
    }
}

fn copies_of<'c>(commit: &Commit<'_>, tables: &'c Tables) -> Result<Copies<'c>, StoreError> {
    let mut ids: SmallVec<[TableId; 4]> = commit.ops.iter().map(|op| op.table).collect();
    ids.extend(commit.checks.iter().map(Check::table));
    ids.sort_unstable();
    ids.dedup();
    ids.into_iter().map(|id| tables.get(&id).map(|copy| &**copy).ok_or(StoreError::NoTable(id))).collect()
}

fn place(copies: &[&TableCopy], table: TableId) -> usize {
    copies.iter().position(|copy| copy.id() == table).expect("the commit's tables were all resolved")
}

/// The shards that a commit reads and writes.
fn needs(commit: &Commit<'_>, copies: &[&TableCopy]) -> SmallVec<[Need; 4]> {
    let mut needs = SmallVec::new();
    let mut add = |table: TableId, key: Option<&[u8]>, write: bool| {
        let copy = place(copies, table);
        match key {
            Some(key) => {
                let shard = copies[copy].shard_of(copies[copy].at(key));
                needs.push(Need { copy, shard, write });
            }
            None => needs.extend((0..copies[copy].shard_count()).map(|shard| Need { copy, shard, write })),
        }
    };
    for op in &commit.ops {
        add(op.table, op.op.key(), !op.op.is_read());
    }
    for check in &commit.checks {
        match check {
            Check::Key { table, key, .. } => add(*table, Some(key), false),
            // An index's lock alone is enough for a scan of the index: rows change under both.
            Check::Scan { table, index: None, .. } => add(*table, None, false),
            Check::Scan { .. } | Check::Schema { .. } => {}
        }
    }
    needs
}

impl Held<'_, '_> {
    /// A sealed copy is written only by who knows the version of its sealing.
    fn check_seals(&self, commit: &Commit<'_>) -> Result<(), StoreError> {
        let knows = |table| {
            commit.checks.iter().any(|check| matches!(check, Check::Schema { .. }) && check.table() == table)
        };
        let writes = commit.ops.iter().filter(|op| !op.op.is_read());
        let mut sealed = writes.filter(|op| self.copies[place(self.copies, op.table)].is_sealed());
        sealed.find(|op| !knows(op.table)).map_or(Ok(()), |op| Err(StoreError::Sealed(op.table)))
    }

    fn validate(&self, check: &Check<'_>, now_ms: u64) -> Result<(), StoreError> {
        let table = check.table();
        let place = place(self.copies, table);
        let conflict = |key: Option<&[u8]>| StoreError::Conflict { table, key: key.map(Into::into) };
        match check {
            Check::Key { key, version, .. } => {
                let found = self.live(place, key, now_ms).map_or(0, Row::version);
                if found == *version { Ok(()) } else { Err(conflict(Some(key))) }
            }
            Check::Scan { index, from, to, seen, .. } => {
                let now = match index {
                    Some(attribute) => self.index_scan(place, *attribute, from, to, now_ms)?,
                    None => self.row_scan(place, from, to, now_ms, seen.len()),
                };
                if same(now, seen) { Ok(()) } else { Err(conflict(None)) }
            }
            Check::Schema { version, .. } => {
                if self.copies[place].schema_version() == *version {
                    Ok(())
                } else {
                    Err(conflict(None))
                }
            }
        }
    }

    fn live(&self, place: usize, key: &[u8], now_ms: u64) -> Option<&Row> {
        let copy = self.copies[place];
        let at = copy.at(key);
        let shard = self.shards.get(place, copy.shard_of(at))?;
        shard.get(at).filter(|row| !row.is_expired(now_ms))
    }

    fn row_scan(
        &self,
        place: usize,
        from: &Bound<Box<[u8]>>,
        to: &Bound<Box<[u8]>>,
        now_ms: u64,
        expected: usize,
    ) -> Vec<Seen> {
        let mut seen = Vec::with_capacity(expected);
        for shard in 0..self.copies[place].shard_count() {
            if let Some(shard) = self.shards.get(place, shard) {
                walk(&shard.rows, from, to, |row| {
                    if !row.is_expired(now_ms) {
                        seen.push((row.key().into(), row.version()));
                    }
                    seen.len() <= expected
                });
            }
        }
        seen
    }

    fn index_scan(
        &self,
        place: usize,
        attribute: u16,
        from: &Bound<Box<[u8]>>,
        to: &Bound<Box<[u8]>>,
        now_ms: u64,
    ) -> Result<Vec<Seen>, StoreError> {
        let table = self.copies[place].id();
        let (_, entries) = self.indexes[place]
            .iter()
            .find(|(index, _)| index.attribute == attribute)
            .ok_or(StoreError::NoIndex { table, attribute })?;
        let mut seen = Vec::new();
        walk(entries, from, to, |row| {
            if !row.is_expired(now_ms) {
                seen.push((row.key().into(), row.version()));
            }
            true
        });
        Ok(seen)
    }

    fn read(&self, op: &TableOp<'_>, now_ms: u64) -> Outcome {
        let row = op.op.key().and_then(|key| self.live(place(self.copies, op.table), key, now_ms));
        Outcome::Row(row.cloned())
    }

    fn apply(
        &mut self,
        op: &TableOp<'_>,
        stamp: &mut Stamp,
        cleared: &mut Vec<ClearedShard>,
    ) -> Result<Outcome, OpError> {
        let place = place(self.copies, op.table);
        let copy = self.copies[place];
        let Some(key) = op.op.key() else {
            return Ok(self.clear(place, stamp, cleared));
        };
        let at: At<'_> = copy.at(key);
        let subscribed = stamp.report_all || copy.is_subscribed();
        let indexes = &mut self.indexes[place];
        match self.shards.get_mut(place, copy.shard_of(at)) {
            Some(shard) => apply(&mut Cell { copy, shard, indexes, at, stamp, subscribed }, &op.op),
            // Locked for reading only, so the operation reads.
            None => Ok(self.read(op, stamp.now_ms)),
        }
    }

    fn clear(&mut self, place: usize, stamp: &mut Stamp, cleared: &mut Vec<ClearedShard>) -> Outcome {
        let copy = self.copies[place];
        let mut count = 0;
        for number in 0..copy.shard_count() {
            if let Some(shard) = self.shards.get_mut(place, number) {
                count += shard.len() as i64;
                copy.count(-(shard.len() as i64), -(shard.bytes() as i64));
                cleared.push(shard.clear(stamp.until(), stamp.version));
            }
        }
        for (_, entries) in &mut self.indexes[place] {
            let rows = entries.clear(stamp.until(), stamp.version, 0);
            cleared.push(ClearedShard::of_index(rows));
        }
        if stamp.report_all || copy.is_subscribed() {
            stamp.changes.push(Change::Cleared { table: copy.id() });
        }
        Outcome::Int(count)
    }
}

/// Visits the present rows of a span until `visit` has had enough.
fn walk(
    rows: &Versioned,
    from: &Bound<Box<[u8]>>,
    to: &Bound<Box<[u8]>>,
    mut visit: impl FnMut(&Row) -> bool,
) {
    // The bounds are keys; hashed rows have no order of keys, so there a check covers them all.
    let hashed = matches!(rows.rows, Rows::Hashed(_));
    let to = if hashed { Bound::Unbounded } else { borrowed(to) };
    let mut position: Option<Position> = None;
    loop {
        let from = match &position {
            Some(position) => Bound::Excluded(&**position),
            None if hashed => Bound::Unbounded,
            None => borrowed(from),
        };
        let page = rows.page(Span { from, to, reverse: false });
        if !page.rows.iter().all(&mut visit) {
            return;
        }
        match page.stopped_at {
            Some(stopped_at) => position = Some(stopped_at),
            None => return,
        }
    }
}

/// Whether two scans saw the same, in whatever order.
fn same(mut now: Vec<Seen>, seen: &[Seen]) -> bool {
    if now.len() != seen.len() {
        return false;
    }
    let mut seen: Vec<&Seen> = seen.iter().collect();
    now.sort_unstable();
    seen.sort_unstable();
    now.iter().eq(seen)
}
