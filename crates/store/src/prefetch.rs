//! Bringing rows near the processor before they are asked for.
//!
//! A row that is in no cache costs two waits for memory: one for the chunk that leads to it, one for itself. Whoever knows
//! several keys beforehand, as a front door does that has read a pipeline of commands, lets the processor wait for all of
//! them at once.

use smallvec::SmallVec;

use crate::collection::Collection;
use crate::copy::{Kind, TableCopy};
use crate::hash_rows::HashRows;
use crate::row::Row;
use crate::rows::{At, Rows};

/// Keys that are fetched at once, at most: few enough that the first are still there when they are used.
pub(crate) const KEYS_MAX: usize = 32;
/// The rows of a smaller table are likely to be in a cache anyway.
const ROWS_MIN: usize = 8 * 1024;
/// Bytes of a cache line.
pub(crate) const LINE: usize = 64;

impl TableCopy {
    /// Whether [`prefetch`](Self::prefetch) may be worth its while: rows are found by hash, in RAM, and are more than a cache
    /// holds. O(1), estimated.
    #[must_use]
    pub fn outgrows_caches(&self) -> bool {
        self.spec().kind != Kind::OrderedSet
            && !self.is_disc_only()
            && self.shards[0].read().len().saturating_mul(self.shard_count()) >= ROWS_MIN
    }

    /// Tells the processor that the rows of these keys, 32 at most, will be read or written soon. Nothing that can be seen
    /// depends on it, but that they are then found faster, if the table [outgrows the caches](Self::outgrows_caches). O(keys).
    ///
    /// ```
    /// use mnemon_store::{CopySpec, Kind, Store, StoreConfig, SystemClock, TableId};
    ///
    /// let store = Store::new(StoreConfig::new(Box::new(SystemClock)));
    /// let copy = store.create(TableId(1), CopySpec::new(Kind::Set))?;
    /// let keys = [&b"one"[..], b"two"];
    /// copy.prefetch(keys);
    /// let rows = keys.map(|key| store.get(&copy, key));
    /// assert!(rows.iter().all(Option::is_none));
    /// # Ok::<(), mnemon_store::StoreError>(())
    /// ```
    pub fn prefetch<'k>(&self, keys: impl IntoIterator<Item = &'k [u8]>) {
        let places = keys.into_iter().take(KEYS_MAX).map(|key| self.at(key));
        let mut places: SmallVec<[At<'_>; KEYS_MAX]> = places.collect();
        places.dedup_by_key(|at| at.hash);
        // The chunks of all before the first row: by then they have arrived.
        self.fetch(&places, HashRows::chunk_address);
        self.fetch(&places, HashRows::row_address);
    }

    /// The same for fields of one row, 32 at most; where that is a large hash. O(fields).
    ///
    /// ```
    /// # use mnemon_store::{CopySpec, Kind, Store, StoreConfig, SystemClock, TableId};
    /// # let store = Store::new(StoreConfig::new(Box::new(SystemClock)));
    /// # let copy = store.create(TableId(1), CopySpec::new(Kind::Set))?;
    /// copy.prefetch_fields(b"hash", [&b"one"[..], b"two"]);
    /// # Ok::<(), mnemon_store::StoreError>(())
    /// ```
    pub fn prefetch_fields<'f>(&self, key: &[u8], fields: impl IntoIterator<Item = &'f [u8]>) {
        let at = self.at(key);
        let shard = self.shard(at).read();
        let collection = shard.get(at).and_then(Row::as_collection);
        if let Some(Collection::Hash(hash)) = collection.map(|collection| &**collection)
            && hash.len() >= ROWS_MIN
        {
            hash.prefetch(fields.into_iter());
        }
    }

    fn fetch(&self, places: &[At<'_>], address: impl Fn(&HashRows, u64) -> *const u8) {
        for at in places {
            if let Rows::Hashed(rows) = &self.shard(*at).read().rows.rows {
                let address = address(rows, at.hash);
                fetch_line(address);
                // Where a row's key ends; or the chunk to which rows go on from a full one.
                fetch_line(address.wrapping_add(LINE));
            }
        }
    }
}

/// A hint that the cache line of an address, which may be any, will be read soon.
#[inline]
pub(crate) fn fetch_line(address: *const u8) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    #[expect(
        unsafe_code,
        reason = "worth a fifth of a pipelined command on a large table; there is no safe form yet"
    )]
    // SAFETY: the instruction loads nothing that a program can see and cannot fault, whatever the address; and SSE, of which
    // it is a part, every x86-64 processor has.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(address.cast());
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = address;
}
