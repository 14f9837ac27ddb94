//! A small hash table of rows, laid out so that finding one costs two cache misses: a chunk and the row.
//!
//! A chunk is one cache line: seven rows and a byte of each one's hash, compared all at once. A row that finds its
//! chunk full goes to the next one and leaves a count behind, so that a search knows when it may stop; removing a
//! row takes the count back, so there are no tombstones.
//!
//! Chunks stand in the order of the hashes, so that a scan of a few rows looks at a few chunks. Not so in a segment that had to
//! grow over its size: rows that come in the order of their hashes, as they do from a scan of another table, would crowd there.

use crate::prefetch::{LINE, fetch_line};
use crate::row::Row;

const SLOTS: usize = 7;
/// Chunks of a segment of full size.
const CHUNKS_MAX: usize = 32;
/// Rows of a full segment: nine tenths of its slots. Also the most rows that a scan visits a lock hold.
pub(crate) const SEGMENT_ROWS: usize = CHUNKS_MAX * SLOTS * 9 / 10;
/// Where in `marks` the count of rows that went on to the next chunk stands.
const PASSED: usize = 7;
/// A count this high is never taken back: it may have been higher.
const PASSED_MAX: u8 = u8::MAX;

#[derive(Default)]
#[repr(align(64))]
struct Chunk {
    /// A byte of each row's hash, never 0; 0: the slot is free. The last byte counts the rows that passed by.
    marks: [u8; 8],
    rows: [Option<Row>; SLOTS],
}

/// Up to [`SEGMENT_ROWS`] rows, more when their hashes collide.
pub(crate) struct Segment {
    /// A power of two of them, or none.
    chunks: Box<[Chunk]>,
    len: u32,
    /// Leading bits that all its hashes share.
    prefix_bits: u8,
    /// By how many bits a hash is rotated, and then shifted, after one more, to be a chunk's number.
    rotation: u8,
    shift: u8,
}

/// Neighbouring chunks that hold all rows whose hashes are at least `from` and below `end`, and some others.
pub(crate) struct Run<'s> {
    chunks: &'s [Chunk],
    /// Where rows went that found no place in the segment's last chunks.
    wrapped: &'s [Chunk],
    /// `None`: the segment's end.
    pub(crate) end: Option<u64>,
}

impl<'s> Run<'s> {
    pub(crate) fn rows(&self) -> impl Iterator<Item = &'s Row> + use<'s> {
        self.chunks.iter().chain(self.wrapped).flat_map(|chunk| &chunk.rows).flatten()
    }
}

fn mark(hash: u64) -> u8 {
    ((hash >> 8) as u8).max(1)
}

/// A bit for each slot whose mark may equal this one; false alarms are rare and harmless.
fn candidates(marks: [u8; 8], mark: u8) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS_OF_SLOTS: u64 = 0x0080_8080_8080_8080;
    let difference = u64::from_le_bytes(marks) ^ (u64::from(mark) * ONES);
    difference.wrapping_sub(ONES) & !difference & HIGHS_OF_SLOTS
}

fn empty_chunks(count: usize) -> Box<[Chunk]> {
    (0..count).map(|_| Chunk::default()).collect()
}

impl Segment {
    /// An empty segment for hashes that share so many leading bits, 63 at most.
    pub(crate) fn new(prefix_bits: u8) -> Self {
        Self::of_chunks(0, prefix_bits)
    }

    /// The same, which need not grow before it is full.
    pub(crate) fn full_size(prefix_bits: u8) -> Self {
        Self::of_chunks(CHUNKS_MAX, prefix_bits)
    }

    fn of_chunks(count: usize, prefix_bits: u8) -> Self {
        let bits = count.checked_ilog2().unwrap_or(0) as u8;
        // What follows the prefix, or the lowest bits.
        let rotation = if count <= CHUNKS_MAX { prefix_bits } else { 64 - bits };
        Self { chunks: empty_chunks(count), len: 0, prefix_bits, rotation, shift: 63 - bits }
    }

    pub(crate) fn len(&self) -> usize {
        self.len as usize
    }

    /// The chunk where the rows of a hash begin; 0 where there is none.
    fn home(&self, hash: u64) -> usize {
        ((hash.rotate_left(self.rotation.into()) >> 1) >> self.shift) as usize
    }

    /// The least hash with this home, or one shortly before it, where `like` has the same prefix.
    fn first_of(&self, home: usize, like: u64) -> u64 {
        let prefix = like & !(u64::MAX >> self.prefix_bits);
        prefix | ((home as u64) << self.shift << 1) >> self.prefix_bits
    }

    /// The rows from a hash on, in as few chunks as hold none that belong further ahead. Runs that follow each other
    /// give every row once.
    pub(crate) fn run(&self, from: u64) -> Run<'_> {
        if self.chunks.len() > CHUNKS_MAX {
            return Run { chunks: &self.chunks, wrapped: &[], end: None };
        }
        let first = self.home(from);
        let last = self.chunks.len().saturating_sub(1);
        for at in first..last {
            let end = self.first_of(at + 1, from);
            if self.chunks[at].marks[PASSED] == 0 && end > from {
                return Run { chunks: &self.chunks[first..=at], wrapped: &[], end: Some(end) };
            }
        }
        let mut wrapped = 0;
        while wrapped < first && self.chunks[wrapped.checked_sub(1).unwrap_or(last)].marks[PASSED] > 0 {
            wrapped += 1;
        }
        Run { chunks: &self.chunks[first..], wrapped: &self.chunks[..wrapped], end: None }
    }

    fn place(&self, hash: u64, is_it: impl Fn(&Row) -> bool) -> Option<(usize, usize)> {
        let mask = self.chunks.len().wrapping_sub(1);
        let mut at = self.home(hash);
        for _ in 0..self.chunks.len() {
            let chunk = &self.chunks[at];
            let mut found = candidates(chunk.marks, mark(hash));
            while found != 0 {
                let slot = found.trailing_zeros() as usize / 8;
                if let Some(row) = &chunk.rows[slot] {
                    // The key is found to be the right one on the first line or two; who asks for the row reads on.
                    fetch_line(row.address().wrapping_add(LINE));
                    if is_it(row) {
                        return Some((at, slot));
                    }
                }
                found &= found - 1;
            }
            if chunk.marks[PASSED] == 0 {
                return None;
            }
            at = (at + 1) & mask;
        }
        None
    }

    /// Where a search for this hash begins; null where there are no rows. Nothing is read.
    pub(crate) fn chunk_address(&self, hash: u64) -> *const u8 {
        self.chunks.get(self.home(hash)).map_or(std::ptr::null(), |chunk| std::ptr::from_ref(chunk).cast())
    }

    /// Where the row is that probably has this hash, null if there seems to be none. Only the first chunk is read.
    pub(crate) fn row_address(&self, hash: u64) -> *const u8 {
        let Some(chunk) = self.chunks.get(self.home(hash)) else { return std::ptr::null() };
        let slot = candidates(chunk.marks, mark(hash)).trailing_zeros() as usize / 8;
        let row = chunk.rows.get(slot).and_then(Option::as_ref);
        row.map_or(std::ptr::null(), Row::address)
    }

    /// The row of this hash that `is_it`.
    pub(crate) fn find(&self, hash: u64, is_it: impl Fn(&Row) -> bool) -> Option<&Row> {
        let (chunk, slot) = self.place(hash, is_it)?;
        self.chunks[chunk].rows[slot].as_ref()
    }

    pub(crate) fn find_mut(&mut self, hash: u64, is_it: impl Fn(&Row) -> bool) -> Option<&mut Row> {
        let (chunk, slot) = self.place(hash, is_it)?;
        self.chunks[chunk].rows[slot].as_mut()
    }

    /// Adds a row whose key is not there yet. `hash_of` is asked when the segment has to grow.
    pub(crate) fn insert_new(&mut self, hash: u64, row: Row, hash_of: impl Fn(&Row) -> u64) {
        if self.len() >= self.chunks.len() * SLOTS * 9 / 10 {
            self.grow(hash_of);
        }
        self.put(hash, row);
    }

    fn grow(&mut self, hash_of: impl Fn(&Row) -> u64) {
        let larger = Self::of_chunks((self.chunks.len() * 2).max(1), self.prefix_bits);
        let old = std::mem::replace(self, larger);
        for row in old.into_rows() {
            self.put(hash_of(&row), row);
        }
    }

    /// Puts a row into the first free slot on its way; there is one.
    fn put(&mut self, hash: u64, row: Row) {
        let mask = self.chunks.len() - 1;
        let mut at = self.home(hash);
        loop {
            let chunk = &mut self.chunks[at];
            if let Some(slot) = chunk.rows.iter().position(Option::is_none) {
                chunk.marks[slot] = mark(hash);
                chunk.rows[slot] = Some(row);
                self.len += 1;
                return;
            }
            chunk.marks[PASSED] = chunk.marks[PASSED].saturating_add(1);
            at = (at + 1) & mask;
        }
    }

    pub(crate) fn remove(&mut self, hash: u64, is_it: impl Fn(&Row) -> bool) -> Option<Row> {
        let (found, slot) = self.place(hash, is_it)?;
        let row = self.chunks[found].rows[slot].take()?;
        self.chunks[found].marks[slot] = 0;
        self.len -= 1;
        if self.len == 0 {
            *self = Self::new(self.prefix_bits);
            return Some(row);
        }
        let mask = self.chunks.len() - 1;
        let mut at = self.home(hash);
        while at != found {
            let passed = &mut self.chunks[at].marks[PASSED];
            if *passed != PASSED_MAX {
                *passed -= 1;
            }
            at = (at + 1) & mask;
        }
        Some(row)
    }

    pub(crate) fn into_rows(self) -> impl Iterator<Item = Row> {
        self.chunks.into_iter().flat_map(|chunk| chunk.rows).flatten()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn row(key: u16) -> Row {
        Row::bytes(1, None, &key.to_be_bytes(), &[])
    }

    fn is(key: u16) -> impl Fn(&Row) -> bool {
        move |row| row.key() == key.to_be_bytes()
    }

    #[test]
    fn a_chunk_is_one_cache_line() {
        assert_eq!(size_of::<Chunk>(), 64);
    }

    #[test]
    fn rows_in_the_order_of_their_hashes_do_not_crowd_a_segment_that_outgrows_its_size() {
        const ROWS: u64 = 20_000;
        // All in the first thousandth of the hashes that the segment is for.
        let hash = |number: u64| number * (u64::MAX / 1_000 / ROWS);
        let row_of = |number: u64| Row::bytes(1, None, &number.to_be_bytes(), &[]);
        let hash_of = |row: &Row| hash(u64::from_be_bytes(row.key().try_into().unwrap()));
        let mut segment = Segment::new(0);
        for number in 0..ROWS {
            segment.insert_new(hash(number), row_of(number), hash_of);
        }
        let mask = segment.chunks.len() - 1;
        let chunks = segment.chunks.iter().enumerate();
        let ways = chunks.flat_map(|(at, chunk)| chunk.rows.iter().flatten().map(move |row| (at, row)));
        let longest = ways.map(|(at, row)| at.wrapping_sub(segment.home(hash_of(row))) & mask).max();
        assert!(longest < Some(64), "{longest:?} chunks are searched for a row");
        let run = segment.run(hash(ROWS / 2));
        assert_eq!((run.rows().count() as u64, run.end), (ROWS, None));
    }

    proptest! {
        /// Few distinct hashes, so that rows pass full chunks, come back, and meet false alarms.
        #[test]
        fn a_segment_is_a_map(steps in prop::collection::vec((any::<bool>(), 0u16..300), 0..1_500), spread in 1u64..40) {
            let hash = |key: u16| (u64::from(key) % spread).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let hash_of = |row: &Row| hash(u16::from_be_bytes(row.key().try_into().unwrap()));
            let mut segment = Segment::new(0);
            let mut model: HashMap<u16, ()> = HashMap::new();
            for (insert, key) in steps {
                if insert && !model.contains_key(&key) {
                    segment.insert_new(hash(key), row(key), hash_of);
                    model.insert(key, ());
                } else {
                    let there = model.remove(&key).is_some();
                    prop_assert_eq!(segment.remove(hash(key), is(key)).is_some(), there);
                }
                prop_assert_eq!(segment.len(), model.len());
            }
            for key in 0..300 {
                prop_assert_eq!(segment.find(hash(key), is(key)).is_some(), model.contains_key(&key));
            }
            prop_assert_eq!(segment.into_rows().count(), model.len());
        }

        /// Every row whose hash has the segment's prefix is in one run, and in the order of the hashes but for a run's
        /// own.
        #[test]
        fn runs_give_each_row_from_a_hash_on_once(
            bytes in prop::collection::vec(any::<u8>(), 0..400),
            removed in prop::collection::vec(any::<prop::sample::Index>(), 0..100),
            prefix_bits in prop::sample::select(vec![0_u8, 3, 12, 44, 62]),
            from in any::<u8>(),
        ) {
            let prefix = 0xa5a5_a5a5_a5a5_a5a5 & !(u64::MAX >> prefix_bits);
            // Few bits, so that homes are crowded, and some of those behind the last bit that can tell chunks apart.
            let hash_of_byte = |byte: u8| prefix | (u64::from(byte) << 56 | u64::from(byte)) >> prefix_bits;
            let hash = |key: u16| hash_of_byte(bytes[usize::from(key)]);
            let hash_of = |row: &Row| hash(u16::from_be_bytes(row.key().try_into().unwrap()));
            let mut segment = Segment::new(prefix_bits);
            let mut left: Vec<u16> = (0..bytes.len() as u16).collect();
            for key in &left {
                segment.insert_new(hash(*key), row(*key), hash_of);
            }
            for index in removed {
                if !left.is_empty() {
                    let key = left.swap_remove(index.index(left.len()));
                    prop_assert!(segment.remove(hash(key), is(key)).is_some());
                }
            }
            let start = hash_of_byte(from);
            let mut expected: Vec<u64> = left.iter().map(|key| hash(*key)).filter(|hash| *hash >= start).collect();
            expected.sort_unstable();
            let (mut found, mut next) = (Vec::new(), Some(start));
            while let Some(from) = next {
                let run = segment.run(from);
                let is_of_run = |hash: &u64| *hash >= from && run.end.is_none_or(|end| *hash < end);
                let mut hashes: Vec<u64> = run.rows().map(hash_of).filter(is_of_run).collect();
                hashes.sort_unstable();
                found.extend(hashes);
                prop_assert!(run.end.is_none_or(|end| end > from));
                next = run.end;
            }
            prop_assert_eq!(found, expected);
        }
    }
}
