//! One row under its lock, as an operation sees it: every change of a row goes through here, so that indexes,
//! before-images, expiry, eviction, counters and events are always in step with the rows.

use std::sync::Arc;

use parking_lot::RwLockWriteGuard;
use smallvec::SmallVec;

use crate::collection::Collection;
use crate::copy::{Kind, TableCopy};
use crate::event::{Cause, Change, FieldChange};
use crate::index::{self, Index};
use crate::large::{self, Large};
use crate::op::Expiry;
use crate::row::Row;
use crate::rows::At;
use crate::shard::Shard;
use crate::snapshot::Keeping;
use crate::versioned::Versioned;

/// An index with its lock held.
pub(crate) type LockedIndex<'g> = (&'g Index, RwLockWriteGuard<'g, Versioned>);
/// All indexes of a table, locked.
pub(crate) type LockedIndexes<'g> = SmallVec<[LockedIndex<'g>; 2]>;

/// What holds for all operations of one commit.
pub(crate) struct Stamp {
    /// The commit's clock; the version of the rows it writes.
    pub(crate) version: u64,
    pub(crate) now_ms: u64,
    /// Which before-images to leave, when a snapshot is open.
    pub(crate) keeping: Option<Keeping>,
    /// Where to report changes of a table that is watched.
    pub(crate) changes: Vec<Change>,
    /// Report the changes of all tables, watched or not.
    pub(crate) report_all: bool,
    /// How many pairs of tables the commit has exchanged so far.
    pub(crate) exchanges: u32,
    /// Values too large to be copied or freed under the locks.
    pub(crate) large: Option<Box<Large>>,
}

impl Stamp {
    /// Whether an open snapshot may see a row of this version.
    fn is_seen(&self, version: u64) -> bool {
        self.keeping.is_some_and(|keeping| keeping.wants(version))
    }
}

/// The place of one key, locked for writing.
pub(crate) struct Cell<'c, 'g> {
    pub(crate) copy: &'c TableCopy,
    pub(crate) shard: &'c mut Shard,
    pub(crate) indexes: &'c mut [LockedIndex<'g>],
    pub(crate) at: At<'c>,
    pub(crate) stamp: &'c mut Stamp,
    pub(crate) subscribed: bool,
}

impl Cell<'_, '_> {
    /// Deletes the row when its time has passed, so that what follows sees only live rows.
    pub(crate) fn expire(&mut self) {
        if self.shard.expiring() > 0
            && self.shard.get(self.at).is_some_and(|row| row.is_expired(self.stamp.now_ms))
        {
            let expired = self.remove(Cause::Expired);
            self.free(expired);
        }
    }

    /// Whether nothing but the rows and their expiry has to be kept in step.
    pub(crate) fn is_plain_set(&self) -> bool {
        self.copy.spec().kind != Kind::Bag && !self.subscribed && self.indexes.is_empty()
    }

    pub(crate) fn row(&self) -> Option<&Row> {
        self.shard.get(self.at)
    }

    /// The row for a change of its bytes in place, where that may be done: nothing but the rows has to be kept in step, no
    /// open snapshot may see it, and it does not expire.
    pub(crate) fn row_in_place(&mut self) -> Option<&mut Row> {
        if !self.is_plain_set() {
            return None;
        }
        let seen_up_to = self.stamp.keeping.map_or(0, |keeping| keeping.seen_up_to);
        let row = self.shard.rows.rows.get_mut(self.at)?;
        (row.version() > seen_up_to && row.expires_at().is_none()).then_some(row)
    }

    /// The expiry of the row to be written.
    pub(crate) fn expiry(&self, wanted: Expiry) -> Option<u64> {
        match wanted {
            Expiry::Never => None,
            Expiry::At(at_ms) => Some(at_ms),
            Expiry::Keep => self.row().and_then(Row::expires_at),
        }
    }

    /// Writes a value of plain bytes: in place where it can be, which saves the allocation of a row and a cache line
    /// that nobody has touched for long.
    pub(crate) fn put_bytes(&mut self, body: &[u8], expires_at: Option<u64>) {
        let version = self.stamp.version;
        if let Some(row) = large::built(&mut self.stamp.large, version, expires_at, self.at.key, body) {
            let old = self.put(row);
            return self.free(old);
        }
        let in_place = if expires_at.is_none() { self.row_in_place() } else { None };
        if !in_place.is_some_and(|row| row.overwrite(version, body)) {
            let old = self.put(Row::bytes(version, expires_at, self.at.key, body));
            self.free(old);
        }
    }

    /// Changes the bytes of the row's value, which stays as long as it is, where that can be done in place. `false`, and
    /// nothing is done, where it cannot: then the caller writes the whole value.
    pub(crate) fn alter_bytes(&mut self, change: impl FnOnce(&mut [u8])) -> bool {
        let version = self.stamp.version;
        self.row_in_place().is_some_and(|row| row.alter(version, change))
    }

    /// Writes a value of plain bytes and gives the row that was there.
    pub(crate) fn replace_bytes(&mut self, body: &[u8], expires_at: Option<u64>) -> Option<Row> {
        let (version, key) = (self.stamp.version, self.at.key);
        let built = large::built(&mut self.stamp.large, version, expires_at, key, body);
        self.put(built.unwrap_or_else(|| Row::bytes(version, expires_at, key, body)))
    }

    /// Frees what was replaced, a large row when the locks are gone.
    pub(crate) fn free(&mut self, old: Option<Row>) {
        if let Some(old) = old {
            large::free(&mut self.stamp.large, old);
        }
    }

    pub(crate) fn put(&mut self, row: Row) -> Option<Row> {
        let watched = (self.subscribed || !self.indexes.is_empty()).then(|| row.clone());
        let before = self.shard.bytes();
        let old = self.shard.put(self.at, row, self.stamp.keeping);
        self.count(i64::from(old.is_none()), before);
        if let Some(new) = watched {
            self.reindex(old.as_ref(), Some(&new));
            self.report(Cause::Write, old.as_ref(), Some(new));
        }
        old
    }

    pub(crate) fn remove(&mut self, cause: Cause) -> Option<Row> {
        let before = self.shard.bytes();
        let old = self.shard.remove(self.at, self.stamp.keeping, self.stamp.version)?;
        self.count(-1, before);
        self.reindex(Some(&old), None);
        self.report(cause, Some(&old), None);
        Some(old)
    }

    /// Changes the row's collection, or a new one made by `empty`. A collection that ends up empty takes the row
    /// along. `fields` says what subscribers of a hash are told.
    pub(crate) fn change_collection<R>(
        &mut self,
        empty: impl FnOnce() -> Collection,
        change: impl FnOnce(&mut Collection) -> R,
        fields: impl FnOnce() -> Vec<FieldChange>,
    ) -> R {
        let change = match self.change_in_place(|_| true, change) {
            Ok(result) => return result,
            Err(change) => change,
        };
        let is_bag =
            matches!(self.row().and_then(Row::as_collection).map(|c| &**c), Some(Collection::Bag(_)));
        let is_seen = self.row().is_some_and(|row| self.stamp.is_seen(row.version()));
        let needs_old = is_seen || !self.indexes.is_empty() || (self.subscribed && is_bag);
        let expires_at = self.row().and_then(Row::expires_at);
        let before = self.shard.bytes();
        let old = if needs_old { self.row().cloned() } else { self.shard.take(self.at) };
        let existed = old.is_some();
        let kept = needs_old.then(|| old.clone()).flatten();
        let mut collection = old.and_then(Row::into_collection).unwrap_or_else(|| Arc::new(empty()));
        // `into_collection` handed out the only reference unless the old row is still needed.
        let value = Arc::make_mut(&mut collection);
        let result = change(value);
        let is_hash = matches!(value, Collection::Hash(_));
        let new = (!value.is_empty())
            .then(|| Row::collection(self.stamp.version, expires_at, self.at.key, collection));
        match &new {
            Some(row) => drop(self.shard.put(self.at, row.clone(), self.stamp.keeping)),
            None => drop(self.shard.remove(self.at, self.stamp.keeping, self.stamp.version)),
        }
        self.count(i64::from(new.is_some()) - i64::from(existed), before);
        self.reindex(kept.as_ref(), new.as_ref());
        if self.subscribed && is_hash {
            let (table, key) = (self.copy.id(), self.at.key.into());
            self.stamp.changes.push(Change::Fields { table, key, fields: fields() });
        } else if new.is_some() {
            self.report(Cause::Write, kept.as_ref(), new);
        } else {
            self.report(Cause::Delete, kept.as_ref(), None);
        }
        result
    }

    /// Changes the row's collection where it is, when it `is_wanted`, nothing but the rows has to be kept in step and
    /// nobody else holds it. Saves building a row anew for each change of a field.
    pub(crate) fn change_in_place<R, F>(
        &mut self,
        is_wanted: impl FnOnce(&Collection) -> bool,
        change: F,
    ) -> Result<R, F>
    where
        F: FnOnce(&mut Collection) -> R,
    {
        if self.subscribed || !self.indexes.is_empty() {
            return Err(change);
        }
        let before = self.shard.bytes();
        let (keeping, version) = (self.stamp.keeping, self.stamp.version);
        let seen_up_to = keeping.map_or(0, |keeping| keeping.seen_up_to);
        let (result, is_empty) =
            self.shard.change_collection(self.at, seen_up_to, version, is_wanted, change)?;
        if is_empty {
            self.shard.remove(self.at, keeping, version);
        }
        self.count(-i64::from(is_empty), before);
        Ok(result)
    }

    fn count(&self, entries: i64, bytes_before: usize) {
        self.copy.count(entries, self.shard.bytes() as i64 - bytes_before as i64);
    }

    fn reindex(&mut self, old: Option<&Row>, new: Option<&Row>) {
        let (keeping, version) = (self.stamp.keeping, self.stamp.version);
        for (index, entries) in self.indexes.iter_mut() {
            index::replace(index, entries, old, new, keeping, version);
        }
    }

    fn report(&mut self, cause: Cause, old: Option<&Row>, new: Option<Row>) {
        if self.subscribed {
            let table = self.copy.id();
            self.stamp.changes.push(Change::Row { table, cause, old: old.cloned(), new });
        }
    }
}
