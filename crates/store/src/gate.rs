//! Whether a copy takes readers and writers: it may be loading, damaged, or sealed for writers.
//!
//! What must stay true: a reader and a plain writer ask one word of memory and no more; a damaged copy answers nobody until
//! its rows are cleared as a whole or it is dropped; what stands in the log for it is kept until then.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::copy::TableCopy;
use crate::error::StoreError;
use crate::recovery::LoadProgress;

/// Takes only commits that have the present schema version in their checks.
const SEALED: u8 = 1;
/// Rows are being read from the disc.
const LOADING: u8 = 2;
/// Rows cannot be read from the disc.
const DAMAGED: u8 = 4;
/// The rows were moved elsewhere, and what is here was freed.
const GONE: u8 = 8;
/// Nobody may read or write.
const CLOSED: u8 = LOADING | DAMAGED;

/// Who may use a copy. Looked at under a shard's lock by those who write.
pub(crate) struct Gate {
    bits: AtomicU8,
    /// Held while the bit is changed that says so.
    damage: Mutex<Option<Arc<Damage>>>,
    load_done: AtomicU64,
    load_total: AtomicU64,
    /// How many copies of the store nobody may use.
    closed: Arc<AtomicUsize>,
}

/// Why a copy is damaged.
pub(crate) struct Damage {
    cause: String,
    /// What stands in the log for it and is in no checkpoint; `None`: nobody has read that, so the log has to stay.
    pub(crate) carried: Option<Vec<Arc<[u8]>>>,
}

impl Gate {
    pub(crate) fn new(closed: Arc<AtomicUsize>) -> Self {
        Self {
            bits: AtomicU8::new(0),
            damage: Mutex::default(),
            load_done: AtomicU64::new(0),
            load_total: AtomicU64::new(0),
            closed,
        }
    }

    fn has(&self, bits: u8) -> bool {
        self.bits.load(Ordering::SeqCst) & bits != 0
    }

    fn set(&self, bits: u8) {
        let before = self.bits.fetch_or(bits, Ordering::SeqCst);
        if before & CLOSED == 0 && bits & CLOSED != 0 {
            self.closed.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn unset(&self, bits: u8) {
        let before = self.bits.fetch_and(!bits, Ordering::SeqCst);
        if before & CLOSED != 0 && before & !bits & CLOSED == 0 {
            self.closed.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.unset(CLOSED);
    }
}

impl TableCopy {
    /// Whether the copy takes only commits that know its schema version.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.gate.has(SEALED)
    }

    pub(crate) fn seal(&self, sealed: bool) {
        if sealed { self.gate.set(SEALED) } else { self.gate.unset(SEALED) }
    }

    /// Whether the rows can be read: they are neither being loaded nor damaged. Reads that cannot fail would show a part of
    /// them, so whoever reads by [`crate::Store::get`] asks this first; scans and commits refuse by themselves.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.gate.has(CLOSED | GONE)
    }

    /// Whether the rows were moved elsewhere and freed here. To be asked by whoever has found none, under the lock or after it.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.gate.has(GONE)
    }

    pub(crate) fn mark_gone(&self) {
        self.gate.set(GONE);
    }

    /// # Errors
    /// `Loading`, `Damaged`, `NoTable` when the rows are gone.
    pub fn check_open(&self) -> Result<(), StoreError> {
        if self.is_open() { Ok(()) } else { Err(self.refusal()) }
    }

    /// For a writer that knows no schema version.
    ///
    /// # Errors
    /// `Loading`, `Damaged`, `Sealed`.
    pub(crate) fn check_writable(&self) -> Result<(), StoreError> {
        if self.gate.has(SEALED | CLOSED | GONE) { Err(self.refusal()) } else { Ok(()) }
    }

    /// Why a copy that is not open, or sealed, refuses.
    #[cold]
    fn refusal(&self) -> StoreError {
        match self.damaged() {
            Some(damage) => StoreError::Damaged { table: self.id(), cause: damage.cause.clone() },
            None if self.is_loading() => StoreError::Loading(self.id()),
            None if self.is_gone() => StoreError::NoTable(self.id()),
            None => StoreError::Sealed(self.id()),
        }
    }

    /// Whether the rows are still being read from the disc.
    #[must_use]
    pub fn is_loading(&self) -> bool {
        self.gate.has(LOADING)
    }

    /// Why the rows cannot be read from the disc, with the file, if that is so.
    #[must_use]
    pub fn damage(&self) -> Option<String> {
        self.damaged().map(|damage| damage.cause.clone())
    }

    pub(crate) fn damaged(&self) -> Option<Arc<Damage>> {
        if self.gate.has(DAMAGED) { self.gate.damage.lock().clone() } else { None }
    }

    /// Closes a copy of which a read of the disc has failed: from here on readers and writers are refused with `Damaged`,
    /// and the log keeps what no checkpoint of it has. A second cause is not noted. Clearing the table opens it again.
    pub fn mark_damaged(&self, cause: impl Into<String>) {
        self.close_for(Damage { cause: cause.into(), carried: None });
    }

    pub(crate) fn close_for(&self, damage: Damage) {
        let mut known = self.gate.damage.lock();
        if known.is_none() {
            *known = Some(Arc::new(damage));
            self.gate.set(DAMAGED);
        }
    }

    /// Opens a damaged copy whose rows were given up, with its shards locked.
    pub(crate) fn heal(&self) {
        if self.gate.has(DAMAGED) {
            let mut known = self.gate.damage.lock();
            *known = None;
            self.gate.unset(DAMAGED);
        }
    }

    /// How far the loading is, while it lasts.
    #[must_use]
    pub fn load_progress(&self) -> Option<LoadProgress> {
        self.is_loading().then(|| LoadProgress {
            done: self.gate.load_done.load(Ordering::Relaxed),
            total: self.gate.load_total.load(Ordering::Relaxed),
        })
    }

    pub(crate) fn begin_load(&self, total: u64) {
        self.gate.load_total.store(total, Ordering::Relaxed);
        self.gate.set(LOADING | SEALED);
    }

    pub(crate) fn advance_load(&self, by: u64) {
        self.gate.load_done.fetch_add(by, Ordering::Relaxed);
    }

    pub(crate) fn end_load(&self) {
        self.gate.unset(LOADING | SEALED);
    }
}

impl Damage {
    /// `carried`: see [`Damage`].
    pub(crate) fn of_load(cause: &StoreError, carried: Option<Vec<Arc<[u8]>>>) -> Self {
        let cause = match cause {
            StoreError::Disc(cause) | StoreError::Encoding(cause) => cause.clone(),
            other => other.to_string(),
        };
        Self { cause, carried }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::copy::{CopySpec, Kind};
    use crate::{ManualClock, Op, Store, StoreConfig, TableId};

    #[test]
    fn a_copy_marked_as_damaged_refuses_until_it_is_cleared() {
        let store = Store::new(StoreConfig::new(Box::new(ManualClock::at(1))));
        let copy = store.create(TableId(3), CopySpec::new(Kind::Set)).unwrap();
        assert!(copy.is_open() && store.closed_copies() == 0);
        copy.mark_damaged("rows/3.1: a checksum is wrong");
        copy.mark_damaged("something else");
        let error = StoreError::Damaged { table: TableId(3), cause: "rows/3.1: a checksum is wrong".into() };
        assert_eq!(copy.check_open(), Err(error.clone()));
        let put = Op::Increment { key: b"k"[..].into(), by: 1 };
        assert_eq!(store.commit_one(&copy, 1, &put).err(), Some(error.clone()));
        assert_eq!((copy.damage().is_some(), store.closed_copies()), (true, 1));
        // The end of a change of schema opens nothing.
        store.set_schema_version(&copy, 2, false);
        assert_eq!(store.commit_one(&copy, 1, &put).err(), Some(error));
        store.commit_one(&copy, 1, &Op::Clear).unwrap().1.unwrap();
        assert_eq!((copy.damage(), store.closed_copies()), (None, 0));
        store.commit_one(&copy, 1, &put).unwrap().1.unwrap();
        copy.mark_damaged("again");
        drop(copy);
        store.drop_copy(TableId(3)).unwrap();
        assert_eq!(store.closed_copies(), 0);
    }
}
