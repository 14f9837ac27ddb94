//! Rows that stand on disc and may exceed the memory: those of a `disc_only` table, of its indexes and of its expiry queue.
//!
//! What is here is what has changed since the last flush (`dirty`), over what a flush is writing (`flushing`), over the tree. A
//! writer has the rows of its keys brought in before it changes anything (`residents`), so that from then on nothing can fail.
//! What must stay true: all maps of a table are frozen under the same locks and written as one batch with the clock of that
//! moment, so that a tree is always the table's state after some commit. Positions are key bytes whatever the table's kind.

mod flush;
mod merge;
mod meta;
mod space;
mod table;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mnemon_disc::DiscError;
use mnemon_disc::rows::{MAX_ROW_KEY_BYTES, RowTree};
use parking_lot::Mutex;
use smallvec::SmallVec;

use crate::row::Row;
use crate::row_image;

pub use flush::FlushReport;
pub(crate) use merge::{Ahead, Beneath, Saved, check_all, saved_of};
pub(crate) use meta::Meta;
pub(crate) use space::Space;
pub(crate) use table::{Cold, Found, Peek};

/// Changes by position; `None`: the row is gone.
pub(crate) type Changes = BTreeMap<Box<[u8]>, Option<Row>>;
/// A key as it stands in the tree.
pub(crate) type TreeKey = SmallVec<[u8; 64]>;

/// What a change costs in memory beside its key and row.
const CHANGE_OVERHEAD: usize = 80;
/// Bytes of the longest key of a row on disc only, and of the longest entry of an index there ([`entry_keys`](crate::entry_keys)).
/// Leaves room for what tells them apart in the tree.
pub const MAX_KEY_BYTES: usize = MAX_ROW_KEY_BYTES - 16;
/// Bytes of a record, up to which neither its key nor an entry of an index is longer than that: key bytes are less than four times as
/// many as those of the terms that they stand for.
pub const SHORT_RECORD_BYTES: usize = MAX_KEY_BYTES / 4;

/// What a map holds, which is also where in the table's tree it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    Rows,
    /// Keys of rows after the time they expire.
    Expiry,
    /// Entries of an index, by the index's number in this table: never used again, so that what a dropped index has left in
    /// the tree is none of the next one's.
    Entries(u32),
}

impl Holds {
    /// What all keys of the map begin with.
    pub(crate) fn prefix(self) -> TreeKey {
        let mut prefix = TreeKey::new();
        match self {
            Self::Rows => prefix.push(1),
            Self::Expiry => prefix.push(2),
            Self::Entries(number) => {
                prefix.push(3);
                prefix.extend_from_slice(&number.to_be_bytes());
            }
        }
        prefix
    }

    /// The first key behind all of the map's.
    fn end(self) -> TreeKey {
        let mut end = self.prefix();
        for place in (0..end.len()).rev() {
            if let Some(next) = end[place].checked_add(1) {
                end[place] = next;
                end.truncate(place + 1);
                return end;
            }
        }
        end
    }
}

/// Bytes of changes that are not on disc yet: of one table, and of all.
#[derive(Debug)]
pub(crate) struct Pending {
    own: Mutex<Own>,
    all: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct Own {
    bytes: usize,
    /// They are among those of all.
    counted: bool,
}

impl Pending {
    pub(crate) fn of_all(all: Arc<AtomicUsize>) -> Self {
        Self { own: Mutex::new(Own { bytes: 0, counted: true }), all }
    }

    pub(crate) fn own(&self) -> usize {
        self.own.lock().bytes
    }

    fn add(&self, bytes: usize) {
        let mut own = self.own.lock();
        own.bytes += bytes;
        if own.counted {
            self.all.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    fn sub(&self, bytes: usize) {
        let mut own = self.own.lock();
        own.bytes = own.bytes.saturating_sub(bytes);
        if own.counted {
            self.all.fetch_sub(bytes, Ordering::Relaxed);
        }
    }

    /// From here on they count no more: nobody writes them to the disc, they are gone with the last reader.
    pub(crate) fn leave(&self) {
        let mut own = self.own.lock();
        if std::mem::take(&mut own.counted) {
            self.all.fetch_sub(own.bytes, Ordering::Relaxed);
        }
    }
}

/// Changes that a flush writes.
#[derive(Clone)]
pub(crate) struct Frozen {
    pub(crate) changes: Arc<Changes>,
    bytes: usize,
}

/// One map of rows that may exceed the memory.
pub(crate) struct ColdRows {
    holds: Holds,
    /// Whether bounds of a check are positions: the keys of a `set` have no order that anybody may rely on.
    pub(crate) is_ordered: bool,
    tree: Option<Arc<dyn RowTree>>,
    dirty: Changes,
    dirty_bytes: usize,
    flushing: Option<Frozen>,
    residents: BTreeMap<Box<[u8]>, Row>,
    len: usize,
    /// Counts what may make a row that was read from the tree an old one.
    turns: u64,
    pending: Arc<Pending>,
}

/// A row that was looked for without its lock.
pub(crate) struct Peeked {
    turns: u64,
    /// From the tree; `None` in a `Some`: it is not there. Outer `None`: the change was in memory.
    found: Option<Option<Row>>,
}

/// What memory knows of a row.
pub(crate) enum Known<'r> {
    Row(&'r Row),
    Gone,
    /// The tree has to be asked.
    Nothing,
}

impl ColdRows {
    pub(crate) fn new(
        holds: Holds,
        is_ordered: bool,
        tree: Option<Arc<dyn RowTree>>,
        pending: Arc<Pending>,
    ) -> Self {
        Self {
            holds,
            is_ordered,
            tree,
            dirty: Changes::new(),
            dirty_bytes: 0,
            flushing: None,
            residents: BTreeMap::new(),
            len: 0,
            turns: 0,
            pending,
        }
    }

    /// A map of the same place without rows, over no tree.
    pub(crate) fn emptied(&self) -> Self {
        let mut empty = Self::new(self.holds, self.is_ordered, None, self.pending.clone());
        empty.turns = self.turns + 1;
        empty
    }

    /// Rows of the table. Of an index it is not counted.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn set_len(&mut self, len: usize) {
        self.len = len;
    }

    pub(crate) fn holds(&self) -> Holds {
        self.holds
    }

    pub(crate) fn tree(&self) -> Option<&Arc<dyn RowTree>> {
        self.tree.as_ref()
    }

    /// Bytes of this map that are in memory.
    pub(crate) fn pending_bytes(&self) -> usize {
        self.dirty_bytes + self.flushing.as_ref().map_or(0, |frozen| frozen.bytes)
    }

    /// What is in memory of a row, rows that were brought in left out.
    fn changed(&self, key: &[u8]) -> Known<'_> {
        let flushing = || self.flushing.as_ref().and_then(|frozen| frozen.changes.get(key));
        match self.dirty.get(key).or_else(flushing) {
            Some(Some(row)) => Known::Row(row),
            Some(None) => Known::Gone,
            None => Known::Nothing,
        }
    }

    /// The row as a commit that has brought it in sees it.
    pub(crate) fn here(&self, key: &[u8]) -> Option<&Row> {
        match self.changed(key) {
            Known::Row(row) => Some(row),
            Known::Gone => None,
            Known::Nothing => self.residents.get(key),
        }
    }

    /// The row, wherever it is. Reads the disc under the caller's lock.
    pub(crate) fn find(&self, key: &[u8]) -> Result<Option<Row>, DiscError> {
        match self.changed(key) {
            Known::Row(row) => Ok(Some(row.clone())),
            Known::Gone => Ok(None),
            Known::Nothing => self.tree.as_ref().map_or(Ok(None), |tree| read(&**tree, self.holds, key)),
        }
    }

    /// What has to be known to look for a row without the lock: the row itself when memory has it.
    pub(crate) fn place(&self, key: &[u8]) -> Place {
        let turns = self.turns;
        match self.changed(key) {
            Known::Row(row) => Place::Here(Some(row.clone()), turns),
            Known::Gone => Place::Here(None, turns),
            Known::Nothing => Place::Tree(self.tree.clone(), turns),
        }
    }

    /// Whether what was peeked is still so.
    pub(crate) fn confirm(&self, key: &[u8], peeked: &Peeked) -> Option<Option<Row>> {
        match self.changed(key) {
            Known::Row(row) => Some(Some(row.clone())),
            Known::Gone => Some(None),
            Known::Nothing if peeked.turns == self.turns => peeked.found.clone(),
            Known::Nothing => None,
        }
    }

    /// Brings a row in for the commit that holds the lock.
    ///
    /// # Errors
    /// Of the tree, which is asked again if it was written since.
    pub(crate) fn bring_in(&mut self, key: &[u8], peeked: &Peeked) -> Result<(), DiscError> {
        if !matches!(self.changed(key), Known::Nothing) {
            return Ok(());
        }
        let row = match self.confirm(key, peeked) {
            Some(row) => row,
            None => self.find(key)?,
        };
        if let Some(row) = row {
            self.residents.insert(key.into(), row);
        }
        Ok(())
    }

    /// Notes that this row stands at a key, for an index whose row is known.
    pub(crate) fn hold(&mut self, key: &[u8], row: &Row) {
        if matches!(self.changed(key), Known::Nothing) {
            self.residents.insert(key.into(), row.clone());
        }
    }

    /// Forgets rows that were brought in.
    pub(crate) fn let_go(&mut self) {
        self.residents.clear();
    }

    pub(crate) fn insert(&mut self, key: &[u8], row: Row) -> Option<Row> {
        let old = self.here(key).cloned();
        self.len += usize::from(old.is_none());
        self.change(key, Some(row));
        old
    }

    pub(crate) fn remove(&mut self, key: &[u8]) -> Option<Row> {
        let old = self.here(key).cloned()?;
        self.len = self.len.saturating_sub(1);
        self.change(key, None);
        Some(old)
    }

    fn change(&mut self, key: &[u8], row: Option<Row>) {
        self.residents.remove(key);
        let cost = |row: Option<&Row>| {
            let own = if self.holds == Holds::Rows { row.map_or(0, Row::memory) } else { 0 };
            key.len() + CHANGE_OVERHEAD + own
        };
        let more = cost(row.as_ref());
        let less = match self.dirty.insert(key.into(), row) {
            Some(old) => cost(old.as_ref()),
            None => 0,
        };
        self.dirty_bytes = (self.dirty_bytes + more).saturating_sub(less);
        self.pending.add(more);
        self.pending.sub(less);
    }

    /// Sets the changes aside for a flush. `None` when there are none. Nothing is set aside at present.
    pub(crate) fn freeze(&mut self) -> Arc<Changes> {
        let bytes = std::mem::take(&mut self.dirty_bytes);
        let changes = Arc::new(std::mem::take(&mut self.dirty));
        self.flushing = Some(Frozen { changes: changes.clone(), bytes });
        changes
    }

    /// Whether these are the changes that are set aside.
    pub(crate) fn is_flushing(&self, changes: &Arc<Changes>) -> bool {
        self.flushing.as_ref().is_some_and(|frozen| Arc::ptr_eq(&frozen.changes, changes))
    }

    /// What was set aside is in this tree now.
    pub(crate) fn thaw(&mut self, tree: &Arc<dyn RowTree>) -> Option<Frozen> {
        self.turns += 1;
        self.tree = Some(tree.clone());
        let frozen = self.flushing.take();
        self.pending.sub(frozen.as_ref().map_or(0, |frozen| frozen.bytes));
        frozen
    }
}

impl Drop for ColdRows {
    fn drop(&mut self) {
        self.pending.sub(self.pending_bytes());
    }
}

/// Where a row is.
pub(crate) enum Place {
    Here(Option<Row>, u64),
    Tree(Option<Arc<dyn RowTree>>, u64),
}

impl Place {
    /// Looks for the row, on disc if need be.
    pub(crate) fn look(self, holds: Holds, key: &[u8]) -> Result<Peeked, DiscError> {
        Ok(match self {
            Self::Here(_, turns) => Peeked { turns, found: None },
            Self::Tree(None, turns) => Peeked { turns, found: Some(None) },
            Self::Tree(Some(tree), turns) => Peeked { turns, found: Some(read(&*tree, holds, key)?) },
        })
    }
}

/// A key of a map as it stands in the tree.
pub(crate) fn tree_key(holds: Holds, key: &[u8]) -> TreeKey {
    let mut full = holds.prefix();
    full.extend_from_slice(key);
    full
}

fn read(tree: &dyn RowTree, holds: Holds, key: &[u8]) -> Result<Option<Row>, DiscError> {
    tree.get(&tree_key(holds, key))?.map(|bytes| decode(&bytes)).transpose()
}

/// A row of the tree. Its checksum was right, so anything else is a mistake of who wrote it.
pub(crate) fn decode(bytes: &[u8]) -> Result<Row, DiscError> {
    row_image::decode(bytes).map_err(|cause| DiscError::Corrupt {
        file: "rows".to_owned(),
        offset: 0,
        what: cause.to_string(),
    })
}
