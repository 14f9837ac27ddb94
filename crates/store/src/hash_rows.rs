//! Rows of one shard of a `set` or `bag`, found by the hash of their key: extendible hashing over small tables.
//!
//! A segment holds the rows whose hashes share a prefix and splits in two when it is full. So growth costs one
//! segment at a time (at most [`SEGMENT_ROWS`] rows moved, some tens of microseconds, however large the table is),
//! and a scan that remembers the hash where it stopped meets every row that stays exactly once, splits or not.

use crate::row::Row;
use crate::segment::{Run, SEGMENT_ROWS, Segment};

/// The directory holds at most this many entries a segment; beyond, a full segment grows in place. Only keys whose
/// hashes collide on purpose get there, and they must not buy memory with it.
const DIRECTORY_SPARSENESS: usize = 8;
const DEPTH_MAX: u8 = 32;

/// Hashes a key; the same hasher must be used for all calls on one `HashRows`.
pub(crate) type Hasher = ahash::RandomState;

/// A segment with the length of the prefix that its rows' hashes share, after the shard's bits.
struct Leaf {
    segment: Segment,
    depth: u8,
}

/// The rows of one shard.
pub(crate) struct HashRows {
    /// The hash's prefix of `depth` bits (after the shard's bits) → leaf.
    directory: Vec<u32>,
    leaves: Vec<Leaf>,
    depth: u8,
    /// Leading bits of the hash that chose the shard.
    shard_bits: u8,
    first_hash: u64,
    len: usize,
    hasher: Hasher,
}

/// Rows of one segment from a scan position on, a few of them or none, and where to go on.
pub(crate) struct Page<'a> {
    run: Run<'a>,
    hasher: &'a Hasher,
    from: u64,
    /// The first hash behind this page; `None` at the end of the shard.
    pub(crate) next: Option<u64>,
}

impl<'a> Page<'a> {
    /// The rows with their hashes, in no order within the page.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (u64, &'a Row)> + '_ {
        let hashed = self.run.rows().map(|row| (self.hasher.hash_one(row.key()), row));
        hashed.filter(|(hash, _)| *hash >= self.from && self.run.end.is_none_or(|end| *hash < end))
    }

    /// Whether the next page is of another segment.
    pub(crate) fn ends_segment(&self) -> bool {
        self.run.end.is_none()
    }
}

impl HashRows {
    /// Rows whose hashes begin with the `shard_bits` bits of the number `shard`.
    pub(crate) fn new(shard: u64, shard_bits: u8, hasher: Hasher) -> Self {
        let first_hash = if shard_bits == 0 { 0 } else { shard << (64 - shard_bits) };
        let leaves = vec![Leaf { segment: Segment::new(shard_bits), depth: 0 }];
        Self { directory: vec![0], leaves, depth: 0, shard_bits, first_hash, len: 0, hasher }
    }

    /// The same shard without rows.
    pub(crate) fn emptied(&self) -> Self {
        let shard = self.first_hash.checked_shr(64 - u32::from(self.shard_bits)).unwrap_or(0);
        Self::new(shard, self.shard_bits, self.hasher.clone())
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    fn slot(&self, hash: u64) -> usize {
        if self.depth == 0 { 0 } else { ((hash << self.shard_bits) >> (64 - u32::from(self.depth))) as usize }
    }

    fn leaf_at(&self, hash: u64) -> usize {
        self.directory[self.slot(hash)] as usize
    }

    fn segment_at(&self, hash: u64) -> &Segment {
        &self.leaves[self.leaf_at(hash)].segment
    }

    pub(crate) fn get(&self, hash: u64, key: &[u8]) -> Option<&Row> {
        self.segment_at(hash).find(hash, |row| row.is_of(key))
    }

    pub(crate) fn get_mut(&mut self, hash: u64, key: &[u8]) -> Option<&mut Row> {
        let at = self.leaf_at(hash);
        self.leaves[at].segment.find_mut(hash, |row| row.is_of(key))
    }

    /// As [`Segment::chunk_address`].
    pub(crate) fn chunk_address(&self, hash: u64) -> *const u8 {
        self.segment_at(hash).chunk_address(hash)
    }

    /// As [`Segment::row_address`].
    pub(crate) fn row_address(&self, hash: u64) -> *const u8 {
        self.segment_at(hash).row_address(hash)
    }

    /// A row whose key has this hash.
    pub(crate) fn any_with_hash(&self, hash: u64) -> Option<&Row> {
        self.segment_at(hash).find(hash, |row| self.hasher.hash_one(row.key()) == hash)
    }

    /// Puts the row in the place of its key's; returns the row that was there.
    pub(crate) fn insert(&mut self, hash: u64, row: Row) -> Option<Row> {
        let mut at = self.leaf_at(hash);
        if let Some(place) = self.leaves[at].segment.find_mut(hash, |old| old.is_of(row.key())) {
            return Some(std::mem::replace(place, row));
        }
        while self.leaves[at].segment.len() >= SEGMENT_ROWS && self.may_split(at) {
            self.split(at, hash);
            at = self.leaf_at(hash);
        }
        let hasher = &self.hasher;
        self.leaves[at].segment.insert_new(hash, row, |row| hasher.hash_one(row.key()));
        self.len += 1;
        None
    }

    pub(crate) fn remove(&mut self, hash: u64, key: &[u8]) -> Option<Row> {
        let at = self.leaf_at(hash);
        let row = self.leaves[at].segment.remove(hash, |row| row.is_of(key))?;
        self.len -= 1;
        Some(row)
    }

    fn may_split(&self, at: usize) -> bool {
        let depth = self.leaves[at].depth;
        depth < self.depth
            || (depth < DEPTH_MAX && self.directory.len() < DIRECTORY_SPARSENESS * (self.leaves.len() + 1))
    }

    /// Splits the leaf that `hash` falls into by the next bit of the hash.
    fn split(&mut self, at: usize, hash: u64) {
        let depth = self.leaves[at].depth + 1;
        if depth > self.depth {
            self.directory = self.directory.iter().flat_map(|leaf| [*leaf, *leaf]).collect();
            self.depth = depth;
        }
        let bit = 1u64 << (64 - u32::from(self.shard_bits) - u32::from(depth));
        let hasher = &self.hasher;
        // Both halves have the full size from the start: segments that grew on the way would leave holes in the
        // heap, all of one size and at the same time, because segments fill at the same pace.
        let prefix_bits = self.shard_bits + depth;
        let (mut lower, mut upper) = (Segment::full_size(prefix_bits), Segment::full_size(prefix_bits));
        let full = std::mem::replace(&mut self.leaves[at].segment, Segment::new(prefix_bits));
        for row in full.into_rows() {
            let hash = hasher.hash_one(row.key());
            let half = if hash & bit == 0 { &mut lower } else { &mut upper };
            half.insert_new(hash, row, |row| hasher.hash_one(row.key()));
        }
        self.leaves[at] = Leaf { segment: lower, depth };
        let new =
            u32::try_from(self.leaves.len()).expect("a directory of at most 2^32 entries names fewer leaves");
        self.leaves.push(Leaf { segment: upper, depth });
        // The directory's entries for this leaf are neighbours; the upper half of them moves to the new one.
        let span = 1usize << (self.depth - depth);
        let first = self.slot(hash) / (2 * span) * (2 * span);
        self.directory[first + span..first + 2 * span].fill(new);
    }

    /// The least hash that falls into this shard.
    pub(crate) fn first_hash(&self) -> u64 {
        self.first_hash
    }

    /// Rows of the segment that holds `from`, which have hashes of at least `from`.
    pub(crate) fn page(&self, from: u64) -> Page<'_> {
        let leaf = &self.leaves[self.leaf_at(from)];
        let run = leaf.segment.run(from);
        let below = |bits: u32| if bits == 0 { u64::MAX } else { u64::MAX >> bits };
        let last = from | below(u32::from(self.shard_bits) + u32::from(leaf.depth));
        let shard_last = from | below(u32::from(self.shard_bits));
        let behind = if last >= shard_last { None } else { last.checked_add(1) };
        Page { next: run.end.or(behind), run, hasher: &self.hasher, from }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(count: u32, shard_bits: u8) -> HashRows {
        let mut rows = HashRows::new(0, shard_bits, Hasher::with_seeds(1, 2, 3, 4));
        for i in 0..count {
            let row = Row::bytes(1, None, &i.to_be_bytes(), b"v");
            let hash = rows.hasher.hash_one(row.key());
            if shard_bits == 0 || hash >> (64 - shard_bits) == 0 {
                rows.insert(hash, row);
            }
        }
        rows
    }

    fn scan(rows: &HashRows, mut between: impl FnMut()) -> Vec<u32> {
        let mut seen = Vec::new();
        let mut from = Some(0);
        while let Some(position) = from {
            let page = rows.page(position);
            seen.extend(page.rows().map(|(_, row)| u32::from_be_bytes(row.key().try_into().unwrap())));
            from = page.next;
            between();
        }
        seen
    }

    #[test]
    fn every_row_is_found_after_many_splits() {
        let mut rows = filled(50_000, 0);
        assert_eq!(rows.len(), 50_000);
        for i in 0..50_000u32 {
            let key = i.to_be_bytes();
            let hash = rows.hasher.hash_one(&key[..]);
            assert_eq!(rows.get(hash, &key).unwrap().key(), key);
            if i % 2 == 0 {
                assert!(rows.remove(hash, &key).is_some());
                assert!(rows.get(hash, &key).is_none());
            }
        }
        assert_eq!(rows.len(), 25_000);
    }

    #[test]
    fn a_scan_visits_each_row_once_and_small_pages() {
        for shard_bits in [0, 3] {
            let rows = filled(20_000, shard_bits);
            let mut seen = scan(&rows, || ());
            seen.sort_unstable();
            let all = seen.len();
            seen.dedup();
            assert_eq!(seen.len(), all);
            assert_eq!(all, rows.len());
            assert!(rows.leaves.iter().all(|leaf| leaf.segment.len() <= SEGMENT_ROWS));
        }
    }

    #[test]
    fn a_scan_that_is_overtaken_by_splits_misses_nothing() {
        let mut rows = filled(2_000, 0);
        let mut seen = Vec::new();
        let mut from = Some(0);
        let mut extra = 1_000_000u32;
        while let Some(position) = from {
            let page = rows.page(position);
            seen.extend(page.rows().map(|(_, row)| u32::from_be_bytes(row.key().try_into().unwrap())));
            from = page.next;
            // Not so many that the scan never gets to the end: a page has some ten rows.
            for _ in 0..30 {
                let row = Row::bytes(1, None, &extra.to_be_bytes(), b"v");
                rows.insert(rows.hasher.hash_one(row.key()), row);
                extra += 1;
            }
        }
        let all = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), all, "a row was visited twice");
        assert_eq!(seen.iter().filter(|i| **i < 2_000).count(), 2_000);
    }

    #[test]
    fn equal_hashes_grow_one_segment_and_stay_correct() {
        let mut segment = Segment::new(0);
        for i in 0..1_000u32 {
            segment.insert_new(42, Row::bytes(1, None, &i.to_be_bytes(), b"v"), |_| 42);
        }
        assert!((0..1_000u32).all(|i| segment.find(42, |row| row.key() == i.to_be_bytes()).is_some()));
    }
}
