//! The boundary to sorted rows on disc: those of tables that may exceed the memory.
//!
//! A tree holds the keys of one table in the order of their bytes. It is written in batches, each of which is there as a whole
//! or not at all and is durable when [`RowTree::ingest`] returns, so that whoever keeps the log knows what may be purged.
//! Each tree has a generation: emptying a table is beginning a new one.

mod block;
mod contents;
mod lsm;
mod salvage;

use std::fmt::Debug;
use std::ops::Bound;
use std::sync::Arc;

use crate::error::DiscError;

pub use lsm::LsmTrees;

/// The longest key of a tree.
pub const MAX_ROW_KEY_BYTES: usize = u16::MAX as usize;

/// A key and its new value; `None`: it goes.
pub type RowChange = (Vec<u8>, Option<Vec<u8>>);

/// A part of a tree and the direction to walk it.
#[derive(Clone, Copy, Debug)]
pub struct RowSpan<'a> {
    /// Where it begins.
    pub from: Bound<&'a [u8]>,
    /// Where it ends.
    pub to: Bound<&'a [u8]>,
    /// From the end to the beginning.
    pub reverse: bool,
}

impl<'a> RowSpan<'a> {
    /// Whether the bounds cross. `BTreeMap::range` panics on such; an empty span is a plain answer here.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match (self.from, self.to) {
            (Bound::Included(from), Bound::Included(to)) => from > to,
            (Bound::Included(from) | Bound::Excluded(from), Bound::Excluded(to))
            | (Bound::Excluded(from), Bound::Included(to)) => from >= to,
            _ => false,
        }
    }

    /// The same part of any tree, by bounds that may be keys. No key is as long as one that is cut, so those that are equal to what is
    /// left of it are before it.
    fn within_keys(self) -> Self {
        let cut = |bound: Bound<&'a [u8]>| match bound {
            Bound::Included(key) | Bound::Excluded(key) if key.len() > MAX_ROW_KEY_BYTES => {
                key.get(..MAX_ROW_KEY_BYTES)
            }
            _ => None,
        };
        Self {
            from: cut(self.from).map_or(self.from, Bound::Excluded),
            to: cut(self.to).map_or(self.to, Bound::Included),
            reverse: self.reverse,
        }
    }

    /// Whether a key is in it.
    #[must_use]
    pub fn contains(&self, key: &[u8]) -> bool {
        let above = match self.from {
            Bound::Included(from) => key >= from,
            Bound::Excluded(from) => key > from,
            Bound::Unbounded => true,
        };
        let below = match self.to {
            Bound::Included(to) => key <= to,
            Bound::Excluded(to) => key < to,
            Bound::Unbounded => true,
        };
        above && below
    }
}

/// Sorted keys with values on disc. All methods may be called from several threads; readers see whole batches.
pub trait RowTree: Debug + Send + Sync + 'static {
    /// The value of a key; none of one that is too long.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    fn get(&self, key: &[u8]) -> Result<Option<Box<[u8]>>, DiscError>;

    /// Shows keys and values in order until `visit` has had enough, which it says by `false`.
    ///
    /// # Errors
    /// `Corrupt`, `Io`; what was shown before is right.
    fn walk(&self, span: RowSpan<'_>, visit: &mut dyn FnMut(&[u8], &[u8]) -> bool) -> Result<(), DiscError>;

    /// Writes changes, which come in ascending order of their keys. Afterwards all of them are durable. Blocks.
    ///
    /// # Errors
    /// `Io`, also when there is no room; `TooLarge` for a key: then none of them is there.
    fn ingest(&self, changes: &mut dyn Iterator<Item = RowChange>) -> Result<(), DiscError>;

    /// Drops what was overwritten, as far as it is due, or until `go_on`, asked between its steps, says no. Readers and writers go
    /// on. Blocks.
    ///
    /// # Errors
    /// `Corrupt`, `Io`; the rows are as before.
    fn compact(&self, go_on: &dyn Fn() -> bool) -> Result<(), DiscError>;

    /// Bytes on disc.
    fn bytes(&self) -> u64;
}

/// The trees of a node, by table and generation.
pub trait RowTrees: Debug + Send + Sync + 'static {
    /// Makes an empty tree, in place of one of that name.
    ///
    /// # Errors
    /// `Io`.
    fn create(&self, table: u64, generation: u64) -> Result<Arc<dyn RowTree>, DiscError>;

    /// Opens a tree that is there.
    ///
    /// # Errors
    /// `Corrupt`, `Missing`, `Io`.
    fn open(&self, table: u64, generation: u64) -> Result<Arc<dyn RowTree>, DiscError>;

    /// Shows the intact keys and values of a tree in order, also of one that cannot be opened: nothing that is damaged, and nothing
    /// that was overwritten or removed later.
    ///
    /// # Errors
    /// When nothing can be made out; what was shown before is right.
    fn salvage(
        &self,
        table: u64,
        generation: u64,
        visit: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<(), DiscError> {
        let all = RowSpan { from: Bound::Unbounded, to: Bound::Unbounded, reverse: false };
        self.open(table, generation)?.walk(all, &mut |key, value| {
            visit(key, value);
            true
        })
    }

    /// Removes all trees but these (table and generation). One that is still read stays for its reader; it goes with the last
    /// one when a newer generation is among these, else with the next call, as it may be named by then.
    ///
    /// # Errors
    /// `Io`.
    fn retain(&self, kept: &[(u64, u64)]) -> Result<(), DiscError>;
}
