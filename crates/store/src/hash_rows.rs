//! Rows of one shard of a `set` or `bag`, found by the hash of their key: extendible hashing over small tables.
//!
//! A segment holds the rows whose hashes share a prefix and splits in two when it is full. So growth costs one
//! segment at a time (at most [`SEGMENT_ROWS`] rows moved, some tens of microseconds, however large the table is),
//! and a scan that remembers the hash where it stopped meets every row that stays exactly once, splits or not.

use hashbrown::HashTable;

use crate::row::Row;

/// Rows of a full segment: what a table of 256 buckets takes. Also the most rows that a scan visits a lock hold.
pub(crate) const SEGMENT_ROWS: usize = 224;
/// The directory holds at most this many entries a segment; beyond, a full segment grows in place. Only keys whose
/// hashes collide on purpose get there, and they must not buy memory with it.
const DIRECTORY_SPARSENESS: usize = 8;
const DEPTH_MAX: u8 = 32;

/// Hashes a key; the same hasher must be used for all calls on one `HashRows`.
pub(crate) type Hasher = ahash::RandomState;

struct Segment {
    rows: HashTable<Row>,
    /// How many bits of the hash, after the shard's, all rows in here share.
    depth: u8,
}

impl Segment {
    fn new(depth: u8) -> Self {
        Self {
            rows: HashTable::new(),
            depth,
        }
    }
}

/// The rows of one shard.
pub(crate) struct HashRows {
    /// The hash's prefix of `depth` bits (after the shard's bits) → segment.
    directory: Vec<u32>,
    segments: Vec<Segment>,
    depth: u8,
    /// Leading bits of the hash that chose the shard.
    shard_bits: u8,
    first_hash: u64,
    len: usize,
    hasher: Hasher,
}

/// Rows of one segment from a scan position on, and where to go on.
pub(crate) struct Page<'a> {
    rows: &'a HashTable<Row>,
    hasher: &'a Hasher,
    from: u64,
    /// The first hash behind this page; `None` at the end of the shard.
    pub(crate) next: Option<u64>,
}

impl<'a> Page<'a> {
    /// The rows, in no order within the page.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (u64, &'a Row)> + '_ {
        self.rows
            .iter()
            .map(|row| (self.hasher.hash_one(row.key()), row))
            .filter(|(hash, _)| *hash >= self.from)
    }
}

/// The table inside a segment must not look at the bits that all its rows share.
fn bucket_hash(hash: u64) -> u64 {
    hash.rotate_left(32)
}

impl HashRows {
    /// Rows whose hashes begin with the `shard_bits` bits of the number `shard`.
    pub(crate) fn new(shard: u64, shard_bits: u8, hasher: Hasher) -> Self {
        let first_hash = if shard_bits == 0 {
            0
        } else {
            shard << (64 - shard_bits)
        };
        let segments = vec![Segment::new(0)];
        Self {
            directory: vec![0],
            segments,
            depth: 0,
            shard_bits,
            first_hash,
            len: 0,
            hasher,
        }
    }

    /// The same shard without rows.
    pub(crate) fn emptied(&self) -> Self {
        let segments = vec![Segment::new(0)];
        Self {
            directory: vec![0],
            segments,
            depth: 0,
            len: 0,
            hasher: self.hasher.clone(),
            shard_bits: self.shard_bits,
            first_hash: self.first_hash,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    fn slot(&self, hash: u64) -> usize {
        if self.depth == 0 {
            0
        } else {
            ((hash << self.shard_bits) >> (64 - u32::from(self.depth))) as usize
        }
    }

    fn segment_at(&self, hash: u64) -> usize {
        self.directory[self.slot(hash)] as usize
    }

    pub(crate) fn get(&self, hash: u64, key: &[u8]) -> Option<&Row> {
        self.segments[self.segment_at(hash)]
            .rows
            .find(bucket_hash(hash), |row| row.key() == key)
    }

    /// A row whose key has this hash.
    pub(crate) fn any_with_hash(&self, hash: u64) -> Option<&Row> {
        let same = |row: &Row| self.hasher.hash_one(row.key()) == hash;
        self.segments[self.segment_at(hash)]
            .rows
            .find(bucket_hash(hash), same)
    }

    /// Puts the row in the place of its key's; returns the row that was there.
    pub(crate) fn insert(&mut self, hash: u64, row: Row) -> Option<Row> {
        let mut at = self.segment_at(hash);
        if let Some(place) = self.segments[at]
            .rows
            .find_mut(bucket_hash(hash), |old| old.key() == row.key())
        {
            return Some(std::mem::replace(place, row));
        }
        while self.segments[at].rows.len() >= SEGMENT_ROWS && self.may_split(at) {
            self.split(at, hash);
            at = self.segment_at(hash);
        }
        let hasher = &self.hasher;
        let rehash = |row: &Row| bucket_hash(hasher.hash_one(row.key()));
        self.segments[at]
            .rows
            .insert_unique(bucket_hash(hash), row, rehash);
        self.len += 1;
        None
    }

    pub(crate) fn remove(&mut self, hash: u64, key: &[u8]) -> Option<Row> {
        let at = self.segment_at(hash);
        let rows = &mut self.segments[at].rows;
        let (row, _) = rows
            .find_entry(bucket_hash(hash), |row| row.key() == key)
            .ok()?
            .remove();
        if rows.is_empty() {
            *rows = HashTable::new();
        }
        self.len -= 1;
        Some(row)
    }

    fn may_split(&self, at: usize) -> bool {
        let depth = self.segments[at].depth;
        depth < self.depth
            || (depth < DEPTH_MAX && self.directory.len() < DIRECTORY_SPARSENESS * (self.segments.len() + 1))
    }

    /// Splits the segment that `hash` falls into by the next bit of the hash.
    fn split(&mut self, at: usize, hash: u64) {
        let depth = self.segments[at].depth + 1;
        if depth > self.depth {
            self.directory = self
                .directory
                .iter()
                .flat_map(|segment| [*segment, *segment])
                .collect();
            self.depth = depth;
        }
        let old = std::mem::replace(&mut self.segments[at], Segment::new(depth)).rows;
        let bit = 1u64 << (64 - u32::from(self.shard_bits) - u32::from(depth));
        let upper_len = old
            .iter()
            .filter(|row| self.hasher.hash_one(row.key()) & bit != 0)
            .count();
        let mut lower = HashTable::with_capacity(old.len() - upper_len);
        let mut upper = HashTable::with_capacity(upper_len);
        let rehash = |row: &Row| bucket_hash(self.hasher.hash_one(row.key()));
        for row in old {
            let hash = self.hasher.hash_one(row.key());
            let half = if hash & bit == 0 { &mut lower } else { &mut upper };
            half.insert_unique(bucket_hash(hash), row, rehash);
        }
        self.segments[at].rows = lower;
        let new = u32::try_from(self.segments.len())
            .expect("a directory of at most 2^32 entries names fewer segments");
        self.segments.push(Segment { rows: upper, depth });
        // The directory's entries for this segment are neighbours; the upper half of them moves to the new one.
        let span = 1usize << (self.depth - depth);
        let first = self.slot(hash) / (2 * span) * (2 * span);
        self.directory[first + span..first + 2 * span].fill(new);
    }

    /// The least hash that falls into this shard.
    pub(crate) fn first_hash(&self) -> u64 {
        self.first_hash
    }

    /// The rows of the segment that holds `from`, which have hashes of at least `from`.
    pub(crate) fn page(&self, from: u64) -> Page<'_> {
        let segment = &self.segments[self.segment_at(from)];
        let shared_bits = u32::from(self.shard_bits) + u32::from(segment.depth);
        let last = if shared_bits == 0 {
            u64::MAX
        } else {
            from | (u64::MAX >> shared_bits)
        };
        let shard_last = if self.shard_bits == 0 {
            u64::MAX
        } else {
            from | (u64::MAX >> self.shard_bits)
        };
        let next = if last >= shard_last {
            None
        } else {
            last.checked_add(1)
        };
        Page {
            rows: &segment.rows,
            hasher: &self.hasher,
            from,
            next,
        }
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
            seen.extend(
                page.rows()
                    .map(|(_, row)| u32::from_be_bytes(row.key().try_into().unwrap())),
            );
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
            assert!(
                rows.segments
                    .iter()
                    .all(|segment| segment.rows.len() <= SEGMENT_ROWS)
            );
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
            seen.extend(
                page.rows()
                    .map(|(_, row)| u32::from_be_bytes(row.key().try_into().unwrap())),
            );
            from = page.next;
            for _ in 0..500 {
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
        let mut rows = HashRows::new(0, 0, Hasher::with_seeds(1, 2, 3, 4));
        for i in 0..1_000u32 {
            rows.len += 1;
            let row = Row::bytes(1, None, &i.to_be_bytes(), b"v");
            let at = rows.segment_at(42);
            rows.segments[at]
                .rows
                .insert_unique(bucket_hash(42), row, |_| bucket_hash(42));
        }
        assert!((0..1_000u32).all(|i| rows.get(42, &i.to_be_bytes()).is_some()));
    }
}
