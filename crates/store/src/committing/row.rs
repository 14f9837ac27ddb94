//! The way of a commit on one row: one lock, no lists. A plain write takes it, and a transaction that writes the row it has read.

use crate::apply::apply;
use crate::cell::Cell;
use crate::commit::{Applied, Check, Commit};
use crate::copy::TableCopy;
use crate::error::StoreError;
use crate::journal::Noted;
use crate::large::Large;
use crate::lock::lock_indexes;
use crate::op::Op;
use crate::replica::Single;
use crate::row::Row;
use crate::rows::At;
use crate::store::{Store, Tables};

/// Whether a commit writes one row, and has read nothing but that row and what holds for its table.
fn is_on_one_row(commit: &Commit<'_>) -> bool {
    let [op] = &*commit.ops else { return false };
    let Some(key) = op.op.key().filter(|_| !op.op.is_read()) else { return false };
    !commit.with_before
        && commit.checks.iter().all(|check| {
            let of_row = match check {
                Check::Key { key: read, .. } => **read == *key,
                Check::Schema { .. } | Check::Exchanged { .. } => true,
                Check::Scan { .. } => false,
            };
            of_row && check.table() == op.table
        })
}

/// Whether what was read of a row, or what holds for its table, is still so. A scan takes more than that to tell.
pub(super) fn still_holds(check: &Check<'_>, copy: &TableCopy, live: Option<&Row>) -> bool {
    match check {
        Check::Key { version, .. } => live.map_or(0, Row::version) == *version,
        Check::Schema { version, .. } => copy.schema_version() == *version,
        Check::Exchanged { clock, .. } => copy.exchanged() == *clock,
        Check::Scan { .. } => false,
    }
}

impl Store {
    /// Applies the commit if it is on one row that is in memory; `None`: it is not.
    #[inline]
    pub(super) fn commit_on_row(
        &self,
        commit: &Commit<'_>,
        tables: &Tables,
    ) -> Option<Result<(Applied, Noted), StoreError>> {
        if !is_on_one_row(commit) {
            return None;
        }
        let op = commit.ops.first()?;
        let copy = tables.get(&op.table).filter(|copy| !copy.is_disc_only())?;
        let at = copy.at(op.op.key()?);
        let answer = self.commit_row(copy, at, commit.time_ms, &op.op, &commit.checks);
        Some(answer.map(|((clock, outcome), noted)| {
            (Applied { clock, outcomes: smallvec::smallvec![outcome], before: None }, noted)
        }))
    }

    /// Applies an operation on a row in memory, if the checks, all of this row or its table, still hold.
    pub(crate) fn commit_row(
        &self,
        copy: &TableCopy,
        at: At<'_>,
        time_ms: u64,
        op: &Op<'_>,
        checks: &[Check<'_>],
    ) -> Result<(Single, Noted), StoreError> {
        let large = Large::build(std::iter::once((copy.spec().kind, op)));
        let journal = self.journal();
        let (draft, mut shard) = loop {
            let draft = journal.map_or(Ok(None), |journal| journal.draft_one(copy, time_ms, op))?;
            let shard = copy.shards[copy.shard_of(at)].write();
            // The table may have moved to the disc since the entry was not written.
            if draft.is_some() || journal.is_none() || copy.noting().is_none() {
                break (draft, shard);
            }
        };
        if checks.is_empty() {
            copy.check_writable()?;
        } else {
            copy.check_open()?;
            let live = shard.get(at).filter(|row| !row.is_expired(time_ms));
            if let Some(broken) = checks.iter().find(|check| !still_holds(check, copy, live)) {
                return Err(StoreError::Conflict { table: copy.id(), key: broken.key().map(Into::into) });
            }
            // A sealed copy is written only by who knows the version of its sealing.
            if copy.is_sealed() && !checks.iter().any(|check| matches!(check, Check::Schema { .. })) {
                return Err(StoreError::Sealed(copy.id()));
            }
        }
        let indexes = copy.indexes_to_keep();
        let mut indexes = lock_indexes(indexes.as_deref());
        let subscribed = copy.is_subscribed();
        let sequence = self.sequence(subscribed);
        let mut stamp = self.stamp(time_ms);
        stamp.large = large;
        let noted = match draft {
            Some(draft) => draft.note(stamp.version)?,
            None => None,
        };
        let shard_ref = &mut shard;
        let mut cell =
            Cell { copy, shard: shard_ref, indexes: &mut indexes, at, stamp: &mut stamp, subscribed };
        let outcome = apply(&mut cell, op);
        self.publish(sequence, &mut stamp);
        drop(indexes);
        drop(shard);
        Ok(((stamp.version, outcome), noted))
    }
}
