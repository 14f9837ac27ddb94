//! The way of a commit with several rows, checks or tables: lock, validate, tick, apply, publish, unlock.

mod exchange;
mod row;
mod scanned;

pub(crate) use exchange::Exchanges;
use row::still_holds;

use std::sync::Arc;

use smallvec::SmallVec;

use crate::apply::apply;
use crate::cell::{Cell, LockedIndexes, Stamp};
use crate::cold::{ColdRows, Peek};
use crate::commit::{Applied, Check, Commit, TableOp};
use crate::copy::TableCopy;
use crate::error::StoreError;
use crate::event::{Change, TableId};
use crate::index::Index;
use crate::journal::{Draft, Noted};
use crate::large::Large;
use crate::lock::{Need, ShardLocks, lock_indexes};
use crate::op::{Op, OpError, Outcome};
use crate::row::Row;
use crate::rows::{At, Rows};
use crate::shard::ClearedShard;
use crate::store::{Store, Tables};

/// The copies of a commit, in the order of their numbers, which is the order of locking.
type Copies<'c> = SmallVec<[&'c TableCopy; 2]>;

/// Where an operation or a check of a commit has its row. Found once: hashing a key costs as much as comparing one.
#[derive(Clone, Copy)]
struct Spot {
    /// The place of the copy among the commit's.
    copy: usize,
    /// The key's hash and shard; 0 where there is no key.
    hash: u64,
    shard: usize,
}

/// What a commit concerns.
struct Spots<'c> {
    copies: Copies<'c>,
    checks: SmallVec<[Spot; 2]>,
    ops: SmallVec<[Spot; 1]>,
}

/// A commit's locks.
struct Held<'g, 'i> {
    copies: &'g [&'g TableCopy],
    shards: ShardLocks<'g>,
    /// By the place of the copy; empty when no table of the commit has an index.
    indexes: Vec<LockedIndexes<'i>>,
}

impl Store {
    /// Validates and applies a commit, as a whole or not at all. O(operations + rows checked).
    ///
    /// # Errors
    /// `Conflict` when something read has changed, `NoTable`, `NoIndex`, `Loading`, `Damaged`. Then nothing was applied.
    pub fn commit(&self, commit: &Commit<'_>) -> Result<Applied, StoreError> {
        self.commit_noted(commit).map(|(applied, _)| applied)
    }

    pub(crate) fn commit_noted(&self, commit: &Commit<'_>) -> Result<(Applied, Noted), StoreError> {
        // Borrowed, not counted: all commits on a table would count on the same cache line.
        let tables = self.tables();
        if let Some(answer) = self.commit_on_row(commit, &tables) {
            return answer;
        }
        let spots = Spots::find(commit, &tables)?;
        // Rows on disc are looked for before the locks are taken, and brought in before anything is noted.
        let is_cold = spots.is_cold();
        let peeks = if is_cold { self.peek(commit, &spots)? } else { Vec::new() };
        let kinds = spots.ops.iter().map(|spot| spots.copies[spot.copy].spec().kind);
        let large = Large::build(kinds.zip(commit.ops.iter().map(|op| &op.op)));
        let journal = self.journal();
        let (draft, shards) = loop {
            let copies = spots.ops.iter().map(|spot| spots.copies[spot.copy]);
            let draft = journal.map_or(Ok(None), |journal| journal.draft(commit, copies, &spots.copies))?;
            let shards = ShardLocks::take(&spots.copies, spots.needs(commit));
            if journal.is_none() || spots.are_noted(commit, draft.as_ref()) {
                break (draft, shards);
            }
        };
        let lists = index_lists(&spots.copies);
        let indexes = lists.iter().map(|list| lock_indexes(list.as_deref())).collect();
        let mut held = Held { copies: &spots.copies, shards, indexes };
        held.check_open(commit, &spots)?;
        held.bring_in(&peeks)?;
        for (check, spot) in commit.checks.iter().zip(&spots.checks) {
            held.validate(check, *spot, commit.time_ms)?;
        }
        held.check_seals(commit, &spots.ops)?;
        held.prepare_exchanges(commit, &spots, self.clock())?;
        if commit.with_before {
            self.announce_snapshot();
        }
        if commit.ops.iter().all(|op| op.op.is_read()) {
            let reads = commit.ops.iter().zip(&spots.ops);
            let outcomes = reads.map(|(op, spot)| Ok(held.read(op, *spot, commit.time_ms))).collect();
            let clock = self.clock();
            let before = commit.with_before.then(|| self.before(clock, Vec::new()));
            return Ok((Applied { clock, outcomes, before }, None));
        }
        let subscribed = spots.copies.iter().any(|copy| copy.is_subscribed());
        let sequence = self.sequence(subscribed);
        let mut stamp = self.stamp(commit.time_ms);
        stamp.report_all = commit.with_before;
        stamp.large = large;
        let noted = match draft.map(|draft| draft.note(stamp.version)).transpose() {
            Ok(noted) => noted.flatten(),
            Err(error) => {
                if commit.with_before {
                    // It was announced, so somebody has to open and close it.
                    drop(self.before(stamp.version, Vec::new()));
                }
                return Err(error);
            }
        };
        let mut cleared = Vec::new();
        let mut changes = Vec::new();
        let mut outcomes = SmallVec::new();
        for (place, (op, spot)) in commit.ops.iter().zip(&spots.ops).enumerate() {
            outcomes.push(held.apply(op, *spot, &mut stamp, &mut cleared));
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
        held.let_go(&peeks);
        drop(held);
        if is_cold {
            self.make_rows_room();
        }
        // Freed here, when no lock is held any more.
        drop((cleared, stamp.large.take()));
        Ok((Applied { clock: stamp.version, outcomes, before }, noted))
    }

    /// Looks for the rows of a commit that are on disc, when there is room for what it changes.
    fn peek<'k>(&self, commit: &'k Commit<'_>, spots: &Spots<'_>) -> Result<Vec<Peek<'k>>, StoreError> {
        let mut peeks = Vec::new();
        let mut look = |copy: usize, key: &'k [u8]| -> Result<(), StoreError> {
            let of = spots.copies[copy];
            if of.is_disc_only() && of.is_open() {
                peeks.push(Peek { copy, key, peeked: of.peek(key)? });
            }
            Ok(())
        };
        for (check, spot) in commit.checks.iter().zip(&spots.checks) {
            if let Some(key) = check.key() {
                look(spot.copy, key)?;
            }
        }
        for (op, spot) in commit.ops.iter().zip(&spots.ops) {
            if spots.copies[spot.copy].is_disc_only() {
                spots.copies[spot.copy].check_keys(&op.op)?;
            }
            if let Some(key) = op.op.key() {
                look(spot.copy, key)?;
            }
        }
        self.wait_for_room()?;
        Ok(peeks)
    }
}

/// The indexes of each copy, to be locked when the shards are; nothing when there is none at all.
fn index_lists(copies: &[&TableCopy]) -> Vec<Option<Arc<Vec<Arc<Index>>>>> {
    if copies.iter().all(|copy| !copy.has_indexes()) {
        return Vec::new();
    }
    copies.iter().map(|copy| copy.indexes_to_keep()).collect()
}

impl<'c> Spots<'c> {
    fn find(commit: &Commit<'_>, tables: &'c Tables) -> Result<Self, StoreError> {
        let copies = copies_of(commit, tables)?;
        let spot = |table: TableId, key: Option<&[u8]>| {
            let copy = copies
                .iter()
                .position(|copy| copy.id() == table)
                .expect("the commit's tables were all resolved");
            let Some(key) = key else { return Spot { copy, hash: 0, shard: 0 } };
            let at = copies[copy].at(key);
            Spot { copy, hash: at.hash, shard: copies[copy].shard_of(at) }
        };
        let mut checks: SmallVec<[Spot; 2]> = SmallVec::with_capacity(commit.checks.len());
        for check in &commit.checks {
            checks.push(spot(check.table(), check.key()));
        }
        let mut ops = SmallVec::with_capacity(commit.ops.len());
        // What is written was mostly read just before.
        let read = commit.checks.last().zip(checks.last()).filter(|(check, _)| check.key().is_some());
        for op in &commit.ops {
            let key = op.op.key();
            let known = read.filter(|(check, _)| check.table() == op.table && check.key() == key);
            ops.push(known.map_or_else(|| spot(op.table, key), |(_, known)| *known));
        }
        Ok(Self { copies, checks, ops })
    }

    /// Whether rows of the commit are on disc.
    fn is_cold(&self) -> bool {
        self.copies.iter().any(|copy| copy.is_disc_only())
    }

    /// Whether the entry holds all that must be noted. A table may have moved to the disc since it was written, so this is
    /// asked under the locks.
    fn are_noted(&self, commit: &Commit<'_>, draft: Option<&Draft<'_>>) -> bool {
        let writes = commit.ops.iter().zip(&self.ops).filter(|(op, _)| !op.op.is_read());
        let exchanged = self.exchanges(commit).map(|(_, other)| other);
        writes.map(|(_, spot)| spot.copy).chain(exchanged).all(|place| {
            let copy = self.copies[place];
            copy.noting().is_none() || draft.is_some_and(|draft| draft.is_of(copy))
        })
    }

    /// The shards that the commit reads and writes.
    fn needs(&self, commit: &Commit<'_>) -> SmallVec<[Need; 4]> {
        let mut needs: SmallVec<[Need; 4]> = SmallVec::new();
        let mut add = |spot: &Spot, has_key: bool, write: bool| {
            let Spot { copy, shard, .. } = *spot;
            // Rows that are only read are brought in too.
            let write = write || self.copies[copy].is_disc_only();
            if !has_key {
                let all = 0..self.copies[copy].shard_count();
                needs.extend(all.map(|shard| Need { copy, shard, write }));
            } else if let Some(last) =
                needs.last_mut().filter(|last| (last.copy, last.shard) == (copy, shard))
            {
                last.write |= write;
            } else {
                needs.push(Need { copy, shard, write });
            }
        };
        for (op, spot) in commit.ops.iter().zip(&self.ops) {
            add(spot, op.op.key().is_some(), !op.op.is_read());
        }
        for (_, copy) in self.exchanges(commit) {
            add(&Spot { copy, hash: 0, shard: 0 }, false, true);
        }
        for (check, spot) in commit.checks.iter().zip(&self.checks) {
            match check {
                Check::Key { .. } => add(spot, true, false),
                // An index's lock alone is enough for a scan of the index: rows change under both.
                Check::Scan { index: None, .. } => add(spot, false, false),
                Check::Scan { .. } | Check::Schema { .. } | Check::Exchanged { .. } => {}
            }
        }
        needs
    }
}

fn copies_of<'c>(commit: &Commit<'_>, tables: &'c Tables) -> Result<Copies<'c>, StoreError> {
    let mut copies: Copies<'c> = SmallVec::new();
    let exchanged = commit.ops.iter().filter_map(|op| op.op.other_table());
    let ids = commit.ops.iter().map(|op| op.table).chain(commit.checks.iter().map(Check::table));
    for id in ids.chain(exchanged) {
        // Most commits are on one table, and those on many name each a few times in a row.
        if copies.iter().rev().any(|copy| copy.id() == id) {
            continue;
        }
        copies.push(tables.get(&id).map(|copy| &**copy).ok_or(StoreError::NoTable(id))?);
    }
    copies.sort_unstable_by_key(|copy| copy.id());
    Ok(copies)
}

impl Held<'_, '_> {
    /// Of a copy that is being loaded or damaged nothing is there to be checked or read. One that is damaged can be cleared.
    fn check_open(&self, commit: &Commit<'_>, spots: &Spots<'_>) -> Result<(), StoreError> {
        for (place, copy) in self.copies.iter().enumerate() {
            let Err(refusal) = copy.check_open() else { continue };
            let mut ops = commit.ops.iter().zip(&spots.ops).filter(|(_, spot)| spot.copy == place);
            let mut checks = commit.checks.iter().zip(&spots.checks).filter(|(_, spot)| spot.copy == place);
            let is_cleared = ops.all(|(op, _)| matches!(op.op, Op::Clear))
                && checks.all(|(check, _)| matches!(check, Check::Schema { .. }));
            if copy.is_loading() || !is_cleared {
                return Err(refusal);
            }
        }
        Ok(())
    }

    /// Brings in the rows on disc that the commit reads or changes: from here on it cannot fail for them.
    fn bring_in(&mut self, peeks: &[Peek<'_>]) -> Result<(), StoreError> {
        self.let_go(peeks);
        for Peek { copy, key, peeked } in peeks {
            let brought = self.cold_shard(*copy).map(|rows| rows.bring_in(key, peeked));
            if let Some(Err(cause)) = brought {
                return Err(self.copies[*copy].read_failed(&cause));
            }
        }
        Ok(())
    }

    fn let_go(&mut self, peeks: &[Peek<'_>]) {
        for peek in peeks {
            if let Some(rows) = self.cold_shard(peek.copy) {
                rows.let_go();
            }
        }
    }

    fn cold_shard(&mut self, copy: usize) -> Option<&mut ColdRows> {
        match &mut self.shards.get_mut(copy, 0)?.rows.rows {
            Rows::Cold(rows) => Some(rows),
            _ => None,
        }
    }

    /// A sealed copy is written only by who knows the version of its sealing.
    fn check_seals(&self, commit: &Commit<'_>, spots: &[Spot]) -> Result<(), StoreError> {
        if self.copies.iter().all(|copy| !copy.is_sealed()) {
            return Ok(());
        }
        let knows = |table| {
            commit.checks.iter().any(|check| matches!(check, Check::Schema { .. }) && check.table() == table)
        };
        let writes = commit.ops.iter().zip(spots).filter(|(op, _)| !op.op.is_read());
        let mut sealed = writes.filter(|(_, spot)| self.copies[spot.copy].is_sealed());
        sealed.find(|(op, _)| !knows(op.table)).map_or(Ok(()), |(op, _)| Err(StoreError::Sealed(op.table)))
    }

    fn validate(&self, check: &Check<'_>, spot: Spot, now_ms: u64) -> Result<(), StoreError> {
        let table = check.table();
        let place = spot.copy;
        let conflict = |key: Option<&[u8]>| StoreError::Conflict { table, key: key.map(Into::into) };
        match check {
            Check::Scan { index, from, to, seen, .. } => {
                let now = match index {
                    Some(attribute) => self.index_scan(place, *attribute, from, to, now_ms)?,
                    None => self.row_scan(place, from, to, now_ms, seen.len())?,
                };
                if scanned::same(now, seen) { Ok(()) } else { Err(conflict(None)) }
            }
            Check::Key { .. } | Check::Schema { .. } | Check::Exchanged { .. } => {
                let live = check.key().and_then(|key| self.live(spot, key, now_ms));
                if still_holds(check, self.copies[place], live) { Ok(()) } else { Err(conflict(check.key())) }
            }
        }
    }

    fn live(&self, spot: Spot, key: &[u8], now_ms: u64) -> Option<&Row> {
        let shard = self.shards.get(spot.copy, spot.shard)?;
        shard.get(At { hash: spot.hash, key }).filter(|row| !row.is_expired(now_ms))
    }

    fn read(&self, op: &TableOp<'_>, spot: Spot, now_ms: u64) -> Outcome {
        match op.op.key() {
            Some(key) => Outcome::Row(self.live(spot, key, now_ms).cloned()),
            None => Outcome::Int(self.count(spot.copy)),
        }
    }

    /// The rows of a copy whose shards are all locked.
    fn count(&self, place: usize) -> i64 {
        let shards = 0..self.copies[place].shard_count();
        shards.filter_map(|shard| self.shards.get(place, shard)).map(|shard| shard.len() as i64).sum()
    }

    fn apply(
        &mut self,
        op: &TableOp<'_>,
        spot: Spot,
        stamp: &mut Stamp,
        cleared: &mut Vec<ClearedShard>,
    ) -> Result<Outcome, OpError> {
        let copy = self.copies[spot.copy];
        let Some(key) = op.op.key() else {
            if op.op.is_read() {
                return Ok(self.read(op, spot, stamp.now_ms));
            }
            if let Op::Exchange { with } = op.op {
                return Ok(self.exchange(spot.copy, with, stamp));
            }
            return Ok(self.clear(spot.copy, stamp, cleared));
        };
        let at = At { hash: spot.hash, key };
        let subscribed = stamp.report_all || copy.is_subscribed();
        let indexes = self.indexes.get_mut(spot.copy).map(|all| &mut **all).unwrap_or_default();
        match self.shards.get_mut(spot.copy, spot.shard) {
            Some(shard) => apply(&mut Cell { copy, shard, indexes, at, stamp, subscribed }, &op.op),
            // Locked for reading only, so the operation reads.
            None => Ok(self.read(op, spot, stamp.now_ms)),
        }
    }

    fn clear(&mut self, place: usize, stamp: &mut Stamp, cleared: &mut Vec<ClearedShard>) -> Outcome {
        let copy = self.copies[place];
        let mut count = 0;
        for number in 0..copy.shard_count() {
            if let Some(shard) = self.shards.get_mut(place, number) {
                count += shard.len() as i64;
                copy.count(-(shard.len() as i64), -(shard.bytes() as i64));
                cleared.push(shard.clear(stamp.keeping, stamp.version));
            }
        }
        for (_, entries) in self.indexes.get_mut(place).into_iter().flatten() {
            let rows = entries.clear(stamp.keeping, stamp.version, 0);
            cleared.push(ClearedShard::of_index(rows));
        }
        copy.heal();
        if stamp.report_all || copy.is_subscribed() {
            stamp.changes.push(Change::Cleared { table: copy.id() });
        }
        Outcome::Int(count)
    }
}
