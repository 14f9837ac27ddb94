//! A secondary index: attribute value → rows, changed under the same locks as the rows themselves.
//!
//! An entry's key is the attribute's key bytes followed by the primary key's, and it holds the row, so that
//! an index read takes one lock and gives rows of one state, each with its version.

use std::sync::atomic::{AtomicU64, Ordering};

use mnemon_term::RecordRef;
use mnemon_term::key::{self, Keying};
use parking_lot::RwLock;
use smallvec::SmallVec;

use crate::cold::ColdRows;
use crate::collection::Collection;
use crate::row::{Row, Value};
use crate::rows::{At, Position, Rows};
use crate::snapshot::Keeping;
use crate::versioned::Versioned;

const BUILDING: u64 = u64::MAX;

/// The index of one attribute.
pub(crate) struct Index {
    pub(crate) attribute: u16,
    pub(crate) entries: RwLock<Versioned>,
    /// The clock from which on the index is complete.
    since: AtomicU64,
}

impl Index {
    pub(crate) fn new(attribute: u16) -> Self {
        Self::of(attribute, Rows::Index(std::collections::BTreeMap::new()))
    }

    /// An index whose entries are on disc.
    pub(crate) fn cold(attribute: u16, entries: ColdRows) -> Self {
        Self::of(attribute, Rows::Cold(Box::new(entries)))
    }

    fn of(attribute: u16, entries: Rows) -> Self {
        let entries = RwLock::new(Versioned::new(entries));
        Self { attribute, entries, since: AtomicU64::new(BUILDING) }
    }

    pub(crate) fn set_complete(&self, clock: u64) {
        self.since.store(clock, Ordering::SeqCst);
    }

    /// Whether all rows as of `clock` are found through the index.
    pub(crate) fn serves(&self, clock: u64) -> bool {
        self.since.load(Ordering::SeqCst) <= clock && clock != BUILDING
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.since.load(Ordering::SeqCst) != BUILDING
    }
}

/// The index keys under which a row is found: one, or for a bag one a distinct value among its objects.
#[must_use]
pub fn entry_keys(row: &Row, attribute: u16) -> SmallVec<[SmallVec<[u8; 40]>; 1]> {
    let mut keys = SmallVec::new();
    match row.value() {
        Value::Bytes(body) => keys.extend(entry_key(body, attribute, row.key())),
        Value::Collection(Collection::Bag(bag)) => {
            keys.extend(bag.iter().filter_map(|body| entry_key(body, attribute, row.key())));
            keys.sort_unstable();
            keys.dedup();
        }
        Value::Collection(Collection::Hash(_)) => {}
    }
    keys
}

fn entry_key(body: &[u8], attribute: u16, primary: &[u8]) -> Option<Position> {
    let value = RecordRef::trusted(body).get(usize::from(attribute))?;
    let mut bytes = Vec::with_capacity(32 + primary.len());
    key::encode(value, Keying::Numeric, &mut bytes);
    bytes.extend_from_slice(primary);
    Some(Position::from_vec(bytes))
}

/// Puts the entries of a changed row in the place of those it had.
pub(crate) fn replace(
    index: &Index,
    entries: &mut Versioned,
    old: Option<&Row>,
    new: Option<&Row>,
    keeping: Option<Keeping>,
    version: u64,
) {
    let old_keys = old.map(|row| entry_keys(row, index.attribute)).unwrap_or_default();
    let new_keys = new.map(|row| entry_keys(row, index.attribute)).unwrap_or_default();
    if let (Rows::Cold(rows), Some(old)) = (&mut entries.rows, old) {
        old_keys.iter().for_each(|key| rows.hold(key, old));
    }
    for key in old_keys.iter().filter(|key| !new_keys.contains(key)) {
        entries.remove(At { hash: 0, key }, keeping, version);
    }
    if let Some(new) = new {
        for key in &new_keys {
            entries.insert(At { hash: 0, key }, new.clone(), keeping);
        }
    }
}
