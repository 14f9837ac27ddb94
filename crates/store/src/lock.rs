//! The locks of one commit: every shard it touches, in order of table and shard, then the indexes.
//!
//! All commits lock in this order, so none waits for another in a circle.

use std::sync::Arc;

use parking_lot::{RwLockReadGuard, RwLockWriteGuard};
use smallvec::SmallVec;

use crate::cell::{LockedIndex, LockedIndexes};
use crate::copy::TableCopy;
use crate::index::Index;
use crate::shard::Shard;

/// A shard that a commit needs: the place of its copy among the commit's copies, its number, whether to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Need {
    pub(crate) copy: usize,
    pub(crate) shard: usize,
    pub(crate) write: bool,
}

pub(crate) enum ShardGuard<'g> {
    Read(RwLockReadGuard<'g, Shard>),
    Write(RwLockWriteGuard<'g, Shard>),
}

impl ShardGuard<'_> {
    pub(crate) fn shard(&self) -> &Shard {
        match self {
            Self::Read(shard) => shard,
            Self::Write(shard) => shard,
        }
    }

    pub(crate) fn shard_mut(&mut self) -> Option<&mut Shard> {
        match self {
            Self::Read(_) => None,
            Self::Write(shard) => Some(shard),
        }
    }
}

/// The shards a commit holds.
pub(crate) struct ShardLocks<'g> {
    needs: SmallVec<[Need; 4]>,
    guards: SmallVec<[ShardGuard<'g>; 4]>,
}

impl<'g> ShardLocks<'g> {
    /// Locks what is needed; `copies` are in the order of their numbers.
    pub(crate) fn take(copies: &'g [&'g TableCopy], mut needs: SmallVec<[Need; 4]>) -> Self {
        needs.sort_unstable();
        // A shard that is read and written is locked for writing.
        needs.dedup_by(|later, kept| {
            let same = (later.copy, later.shard) == (kept.copy, kept.shard);
            if same {
                kept.write |= later.write;
            }
            same
        });
        let mut guards = SmallVec::with_capacity(needs.len());
        for need in &needs {
            let lock = &copies[need.copy].shards[need.shard];
            guards.push(if need.write {
                ShardGuard::Write(lock.write())
            } else {
                ShardGuard::Read(lock.read())
            });
        }
        Self { needs, guards }
    }

    fn place(&self, copy: usize, shard: usize) -> Option<usize> {
        if let [only] = &*self.needs {
            return ((only.copy, only.shard) == (copy, shard)).then_some(0);
        }
        self.needs.binary_search_by_key(&(copy, shard), |need| (need.copy, need.shard)).ok()
    }

    pub(crate) fn get(&self, copy: usize, shard: usize) -> Option<&Shard> {
        Some(self.guards[self.place(copy, shard)?].shard())
    }

    /// Exchanges the rows of the shards of this number of two copies, which the commit holds for writing.
    pub(crate) fn exchange(&mut self, copies: (usize, usize), shard: usize, version: u64) {
        let first = self.place(copies.0.min(copies.1), shard);
        let (Some(first), Some(second)) = (first, self.place(copies.0.max(copies.1), shard)) else { return };
        let (before, behind) = self.guards.split_at_mut(second);
        let one = before.get_mut(first).and_then(ShardGuard::shard_mut);
        let other = behind.first_mut().and_then(ShardGuard::shard_mut);
        if let (Some(one), Some(other)) = (one, other) {
            one.exchange(other, version);
        }
    }

    pub(crate) fn get_mut(&mut self, copy: usize, shard: usize) -> Option<&mut Shard> {
        let place = self.place(copy, shard)?;
        self.guards[place].shard_mut()
    }
}

/// Locks all indexes of a table. To be called with the table's shards locked, so that the list cannot be missing one
/// that a building thread relies on.
#[inline]
pub(crate) fn lock_indexes(indexes: Option<&Vec<Arc<Index>>>) -> LockedIndexes<'_> {
    // Most tables have none, and this is on the way of every write.
    let Some(indexes) = indexes else { return LockedIndexes::new() };
    indexes.iter().map(|index| -> LockedIndex<'_> { (&**index, index.entries.write()) }).collect()
}
