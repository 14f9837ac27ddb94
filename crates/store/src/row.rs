//! One row: a version, a key, a value, perhaps an expiry time, in a single shared allocation.
//!
//! A `Row` is immutable and cheap to clone (one reference count), so readers take it out of a shard and work on
//! it after the lock is gone, and a before-image or an event costs no copy. A changed row is a new `Row`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use triomphe::ThinArc;

use crate::collection::Collection;

/// Bytes an allocation of a row holds besides its key and value: reference count, header, length.
const OVERHEAD: usize = 8 + size_of::<Header>() + 8;
const EXPIRY_LEN: usize = 8;
const HAS_EXPIRY: u8 = 1;
/// Reads that the eviction policy remembers of a row, at most.
const HEAT_MAX: u8 = 3;
/// Payloads up to here are put together on the stack.
const SHORT: usize = 256;

struct Header {
    version: u64,
    /// Set for a value that is addressed element by element; then the payload holds the key alone.
    collection: Option<Arc<Collection>>,
    key_len: u32,
    flags: u8,
    /// How often the row was read lately. Only bounded tables count it.
    heat: AtomicU8,
}

/// Copies parts one behind the other; together they are as long as `into`.
#[inline]
fn join(parts: [&[u8]; 3], mut into: &mut [u8]) {
    for part in parts {
        let (place, rest) = into.split_at_mut(part.len());
        place.copy_from_slice(part);
        into = rest;
    }
}

/// `one == other`, without a call for what most keys are: short.
#[inline]
fn same_bytes(one: &[u8], other: &[u8]) -> bool {
    const HALF: usize = 4;
    const WORD: usize = 8;
    let half_ends = |bytes: &[u8]| Some((*bytes.first_chunk::<HALF>()?, *bytes.last_chunk::<HALF>()?));
    let ends = |bytes: &[u8]| Some((*bytes.first_chunk::<WORD>()?, *bytes.last_chunk::<WORD>()?));
    one.len() == other.len()
        && match one.len() {
            HALF..WORD => half_ends(one) == half_ends(other),
            WORD..=16 => ends(one) == ends(other),
            _ => one == other,
        }
}

/// A row of a table: key bytes and value, with the commit clock of its last change.
///
/// The payload is `[expiry: 8 bytes, when flagged] key [body]`. Rows without a time to live, most of them, thus pay
/// nothing for it.
#[derive(Clone)]
pub struct Row(ThinArc<Header, u8>);

/// What a row holds.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// A string of `db0`…`db15`, or the encoded record of a user's table.
    Bytes(&'a [u8]),
    /// A hash of `db0`…`db15`, or the objects of a bag's key.
    Collection(&'a Collection),
}

impl Row {
    /// A row whose value is plain bytes. Keys are at most `u32::MAX` bytes long; front doors refuse longer ones.
    #[must_use]
    pub fn bytes(version: u64, expires_at: Option<u64>, key: &[u8], body: &[u8]) -> Self {
        Self::build(version, expires_at, key, body, None)
    }

    /// A row whose value is a collection.
    #[must_use]
    pub fn collection(version: u64, expires_at: Option<u64>, key: &[u8], value: Arc<Collection>) -> Self {
        Self::build(version, expires_at, key, &[], Some(value))
    }

    fn build(
        version: u64,
        expires_at: Option<u64>,
        key: &[u8],
        body: &[u8],
        collection: Option<Arc<Collection>>,
    ) -> Self {
        let header = Header {
            version,
            collection,
            key_len: u32::try_from(key.len()).expect("front doors limit a key's length far below 4 GiB"),
            flags: if expires_at.is_some() { HAS_EXPIRY } else { 0 },
            heat: AtomicU8::new(0),
        };
        let expiry = expires_at.map(u64::to_le_bytes);
        let parts = [expiry.as_ref().map_or(&[][..], |bytes| bytes), key, body];
        let len = parts.iter().map(|part| part.len()).sum();
        let mut short = [0; SHORT];
        match short.get_mut(..len) {
            Some(payload) => {
                join(parts, payload);
                Row(ThinArc::from_header_and_slice(header, payload))
            }
            None => Row(ThinArc::from_header_and_slice(header, &parts.concat())),
        }
    }

    /// The same key and value with another version and expiry.
    #[must_use]
    pub fn restamped(&self, version: u64, expires_at: Option<u64>) -> Self {
        Self::build(version, expires_at, self.key(), self.body(), self.header().collection.clone())
    }

    /// Where the row is in memory; nothing is read.
    pub(crate) fn address(&self) -> *const u8 {
        self.0.heap_ptr().cast()
    }

    fn header(&self) -> &Header {
        &self.0.header.header
    }

    fn key_start(&self) -> usize {
        if self.header().flags & HAS_EXPIRY != 0 { EXPIRY_LEN } else { 0 }
    }

    /// The commit clock of the commit that wrote this row. Never 0: 0 stands for "absent".
    #[must_use]
    pub fn version(&self) -> u64 {
        self.header().version
    }

    /// Whether the row is of this key.
    #[inline]
    pub(crate) fn is_of(&self, key: &[u8]) -> bool {
        same_bytes(self.key(), key)
    }

    /// The key's bytes.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        let start = self.key_start();
        &self.0.slice[start..start + self.header().key_len as usize]
    }

    /// The value's bytes; empty when the value is a collection.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.0.slice[self.key_start() + self.header().key_len as usize..]
    }

    /// The value.
    #[must_use]
    pub fn value(&self) -> Value<'_> {
        match &self.header().collection {
            Some(collection) => Value::Collection(collection),
            None => Value::Bytes(self.body()),
        }
    }

    /// The collection, when the value is one.
    #[must_use]
    pub fn as_collection(&self) -> Option<&Arc<Collection>> {
        self.header().collection.as_ref()
    }

    /// When the row expires, in milliseconds since the epoch; `None`: never.
    #[must_use]
    pub fn expires_at(&self) -> Option<u64> {
        if self.header().flags & HAS_EXPIRY == 0 {
            return None;
        }
        let bytes: [u8; EXPIRY_LEN] =
            self.0.slice[..EXPIRY_LEN].try_into().expect("the flag says they are there");
        Some(u64::from_le_bytes(bytes))
    }

    /// Whether the row's time had passed at `now_ms`. A row lives up to, not including, its expiry.
    #[must_use]
    pub fn is_expired(&self, now_ms: u64) -> bool {
        self.expires_at().is_some_and(|at| at <= now_ms)
    }

    /// Bytes this row takes: its allocation and, for a collection, an estimate of the elements'.
    #[must_use]
    pub fn memory(&self) -> usize {
        OVERHEAD + self.0.slice.len() + self.header().collection.as_ref().map_or(0, |c| c.memory())
    }

    /// Writes another value of the same length over this one, in place. `false`, and nothing is done, unless nobody
    /// else holds the row, so that no reader, snapshot or event can see it change.
    pub(crate) fn overwrite(&mut self, version: u64, body: &[u8]) -> bool {
        if self.expires_at().is_some() || self.as_collection().is_some() || self.body().len() != body.len() {
            return false;
        }
        self.alter(version, |own| own.copy_from_slice(body))
    }

    /// Changes the value's bytes in place. `false`, and nothing is done, unless nobody else holds the row.
    pub(crate) fn alter(&mut self, version: u64, change: impl FnOnce(&mut [u8])) -> bool {
        let start = self.key_start() + self.header().key_len as usize;
        self.0.with_arc_mut(|shared| match triomphe::Arc::get_mut(shared) {
            Some(own) => {
                own.header_mut().version = version;
                change(&mut own.slice_mut()[start..]);
                true
            }
            None => false,
        })
    }

    /// Changes the collection in place, when it `is_wanted`; the result tells also whether it is empty then. Gives the change back, and
    /// nothing is done, unless nobody else holds the row or the collection, so that no reader, snapshot or event can
    /// see it change.
    pub(crate) fn change_collection<R, F>(
        &mut self,
        version: u64,
        is_wanted: impl FnOnce(&Collection) -> bool,
        change: F,
    ) -> Result<(R, bool), F>
    where
        F: FnOnce(&mut Collection) -> R,
    {
        self.0.with_arc_mut(|shared| {
            let Some(own) = triomphe::Arc::get_mut(shared) else { return Err(change) };
            let header = own.header_mut();
            let Some(collection) = header.collection.as_mut().and_then(Arc::get_mut) else {
                return Err(change);
            };
            if !is_wanted(collection) {
                return Err(change);
            }
            header.version = version;
            Ok((change(collection), collection.is_empty()))
        })
    }

    /// Takes the collection out for changing it. In place when nobody else holds the row; else a copy that shares
    /// its elements, so a snapshot's before-image costs a path of the tree and not the whole value.
    pub(crate) fn into_collection(self) -> Option<Arc<Collection>> {
        let mut shared = triomphe::Arc::from_thin(self.0);
        match triomphe::Arc::get_mut(&mut shared) {
            Some(own) => own.header.header.collection.take(),
            None => shared.header.header.collection.clone(),
        }
    }

    /// Notes a read for the eviction policy. Writes only while the count can still rise, so a hot row's cache line
    /// stays shared among readers.
    pub(crate) fn warm(&self) {
        let heat = &self.header().heat;
        let seen = heat.load(Ordering::Relaxed);
        if seen < HEAT_MAX {
            heat.store(seen + 1, Ordering::Relaxed);
        }
    }

    pub(crate) fn heat(&self) -> u8 {
        self.header().heat.load(Ordering::Relaxed)
    }

    pub(crate) fn set_heat(&self, heat: u8) {
        self.header().heat.store(heat.min(HEAT_MAX), Ordering::Relaxed);
    }
}

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Row")
            .field("key", &self.key())
            .field("version", &self.version())
            .field("expires_at", &self.expires_at())
            .field("value", &self.value())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_body_and_expiry_come_back() {
        let plain = Row::bytes(7, None, b"key", b"body");
        assert_eq!((plain.key(), plain.body(), plain.expires_at()), (&b"key"[..], &b"body"[..], None));
        let timed = plain.restamped(8, Some(1_000));
        assert_eq!((timed.key(), timed.body(), timed.version()), (&b"key"[..], &b"body"[..], 8));
        assert!(!timed.is_expired(999) && timed.is_expired(1_000));
    }

    #[test]
    fn a_row_is_overwritten_only_while_nobody_else_holds_it() {
        let mut row = Row::bytes(7, None, b"key", b"body");
        assert!(row.overwrite(8, b"new!") && !row.overwrite(9, b"longer"));
        let held = row.clone();
        assert!(!row.overwrite(9, b"more"));
        assert_eq!((held.body(), held.version()), (&b"new!"[..], 8));
        drop(held);
        assert!(row.overwrite(9, b"more"));
        assert_eq!((row.key(), row.body(), row.version()), (&b"key"[..], &b"more"[..], 9));
    }

    #[test]
    fn a_collection_is_changed_in_place_only_while_nobody_else_holds_it() {
        let set = |value: &'static [u8]| {
            move |collection: &mut Collection| match collection {
                Collection::Hash(hash) => hash.insert(b"f", value),
                Collection::Bag(_) => false,
            }
        };
        let value = |row: &Row| match row.value() {
            Value::Collection(Collection::Hash(hash)) => hash.get(b"f").map(<[u8]>::to_vec),
            _ => None,
        };
        let hash = Arc::new(Collection::Hash(crate::collection::Hash::default()));
        let mut row = Row::collection(7, None, b"key", hash);
        assert!(matches!(row.change_collection(8, |_| true, set(b"one")), Ok((true, false))));
        let held = row.clone();
        assert!(row.change_collection(9, |_| true, set(b"two")).is_err());
        drop(held);
        let restamped = row.restamped(9, None);
        assert!(row.change_collection(10, |_| true, set(b"two")).is_err(), "the collection is shared");
        assert_eq!(
            (value(&row), value(&restamped), row.version()),
            (Some(b"one".to_vec()), Some(b"one".to_vec()), 8)
        );
        drop(restamped);
        let refused = row.change_collection(10, |_| false, set(b"two")).is_err();
        assert!(refused && row.version() == 8, "it is not the one that is wanted");
        assert!(matches!(row.change_collection(10, |_| true, set(b"two")), Ok((false, false))));
        assert_eq!((value(&row), row.version()), (Some(b"two".to_vec()), 10));
    }

    #[test]
    fn a_row_of_56_bytes_fits_the_96_byte_size_class() {
        assert_eq!(Row::bytes(1, None, &[b'k'; 16], &[b'v'; 40]).memory(), 96);
        assert_eq!(size_of::<Option<Row>>(), 8);
    }
}
