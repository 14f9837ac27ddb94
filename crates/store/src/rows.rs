//! The ways rows are found, behind one face: by hash, by key order, by an index's composite key, and on disc.
//!
//! Every row has a *position*: bytes that order the scans of its map. For hashed rows it is the hash (big-endian)
//! and the key, for ordered rows the key, for an index the attribute's and the primary key's bytes. Positions
//! are what cursors, before-images and range checks speak of.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use mnemon_disc::DiscError;
/// A part of a map's positions and the direction to walk it.
pub(crate) use mnemon_disc::rows::RowSpan as Span;
use smallvec::SmallVec;

use crate::cold::{Ahead, Beneath, ColdRows};
use crate::hash_rows::{HashRows, Hasher};
use crate::row::Row;
use crate::segment::SEGMENT_ROWS;

/// Rows that a scan visits a lock hold, at most.
pub(crate) const PAGE_ROWS: usize = 256;
const HASH_LEN: usize = 8;
/// Stands between hash and key, so that a bare hash is a position before every row that has it.
const KEY_MARK: u8 = 1;

/// Bytes that place a row in the order of its map.
pub(crate) type Position = SmallVec<[u8; 40]>;

/// Which row of a map is meant. The hash is 0 where the map is ordered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At<'a> {
    pub(crate) hash: u64,
    pub(crate) key: &'a [u8],
}

/// A row in a tree of rows, ordered by its key.
pub(crate) struct ByKey(Row);

impl Borrow<[u8]> for ByKey {
    fn borrow(&self) -> &[u8] {
        self.0.key()
    }
}
impl PartialEq for ByKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.key() == other.0.key()
    }
}
impl Eq for ByKey {}
impl PartialOrd for ByKey {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for ByKey {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.key().cmp(other.0.key())
    }
}

/// Rows by position.
pub(crate) enum Rows {
    /// Of one shard of a `set` or `bag`.
    Hashed(HashRows),
    /// Of an `ordered_set`.
    Ordered(BTreeSet<ByKey>),
    /// Of an index: composite key → the row it leads to.
    Index(BTreeMap<Box<[u8]>, Row>),
    /// On disc: of a table of any kind, or of its index. What takes a row out of it for a commit must have brought it in.
    Cold(Box<ColdRows>),
}

/// What one step of a walk found.
pub(crate) struct Walked {
    /// In the walk's direction.
    pub(crate) found: Vec<(Position, Row)>,
    /// The last position that is covered; `None` when the walk reached the end of its span.
    pub(crate) stopped_at: Option<Position>,
}

impl Rows {
    pub(crate) fn hashed(shard: u64, shard_bits: u8, hasher: Hasher) -> Self {
        Self::Hashed(HashRows::new(shard, shard_bits, hasher))
    }

    /// An empty map of the same form.
    pub(crate) fn emptied(&self) -> Self {
        match self {
            Self::Hashed(rows) => Self::Hashed(rows.emptied()),
            Self::Ordered(_) => Self::Ordered(BTreeSet::new()),
            Self::Index(_) => Self::Index(BTreeMap::new()),
            Self::Cold(rows) => Self::Cold(Box::new(rows.emptied())),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Hashed(rows) => rows.len(),
            Self::Ordered(rows) => rows.len(),
            Self::Index(rows) => rows.len(),
            Self::Cold(rows) => rows.len(),
        }
    }

    pub(crate) fn position(&self, at: At<'_>) -> Position {
        match self {
            Self::Hashed(_) => hashed_position(at.hash, at.key),
            Self::Ordered(_) | Self::Index(_) | Self::Cold(_) => Position::from_slice(at.key),
        }
    }

    /// The row at a key; for an index, at a composite key.
    #[inline]
    pub(crate) fn get(&self, at: At<'_>) -> Option<&Row> {
        match self {
            Self::Hashed(rows) => rows.get(at.hash, at.key),
            Self::Ordered(rows) => rows.get(at.key).map(|row| &row.0),
            Self::Index(rows) => rows.get(at.key),
            Self::Cold(rows) => rows.here(at.key),
        }
    }

    /// Of rows on disc: the tree under them.
    pub(crate) fn beneath(&self) -> Option<Beneath> {
        match self {
            Self::Cold(rows) => Some(rows.beneath()),
            _ => None,
        }
    }

    /// The row at a key, on disc too.
    pub(crate) fn find(&self, at: At<'_>) -> Result<Option<Row>, DiscError> {
        match self {
            Self::Cold(rows) => rows.find(at.key),
            _ => Ok(self.get(at).cloned()),
        }
    }

    /// The row at a key for changing what no order depends on; `None` too where the map gives no way to do that.
    pub(crate) fn get_mut(&mut self, at: At<'_>) -> Option<&mut Row> {
        match self {
            Self::Hashed(rows) => rows.get_mut(at.hash, at.key),
            Self::Ordered(_) | Self::Index(_) | Self::Cold(_) => None,
        }
    }

    pub(crate) fn at_position(&self, position: &[u8]) -> Result<Option<Row>, DiscError> {
        let row = match self {
            Self::Hashed(rows) => {
                let at = position.split_first_chunk::<HASH_LEN>();
                let at = at.and_then(|(hash, key)| Some((u64::from_be_bytes(*hash), key.split_first()?.1)));
                at.and_then(|(hash, key)| rows.get(hash, key))
            }
            Self::Ordered(rows) => rows.get(position).map(|row| &row.0),
            Self::Index(rows) => rows.get(position),
            Self::Cold(rows) => return rows.find(position),
        };
        Ok(row.cloned())
    }

    /// Puts a row in its place; returns the one that was there.
    pub(crate) fn insert(&mut self, at: At<'_>, row: Row) -> Option<Row> {
        match self {
            Self::Hashed(rows) => rows.insert(at.hash, row),
            Self::Ordered(rows) => rows.replace(ByKey(row)).map(|old| old.0),
            Self::Index(rows) => rows.insert(at.key.into(), row),
            Self::Cold(rows) => rows.insert(at.key, row),
        }
    }

    pub(crate) fn remove(&mut self, at: At<'_>) -> Option<Row> {
        match self {
            Self::Hashed(rows) => rows.remove(at.hash, at.key),
            Self::Ordered(rows) => rows.take(at.key).map(|row| row.0),
            Self::Index(rows) => rows.remove(at.key),
            Self::Cold(rows) => rows.remove(at.key),
        }
    }

    /// The first rows of the span, upwards, and the last position that they cover: what `walk` finds, at most `most` of hashed
    /// rows, without their positions.
    pub(crate) fn first(
        &self,
        span: Span<'_>,
        most: usize,
        ahead: Option<Ahead>,
    ) -> Result<(Vec<Row>, Option<Position>), DiscError> {
        let walked = match self {
            Self::Hashed(rows) if !span.is_empty() => return Ok(first_hashed(rows, span, most.max(1))),
            Self::Cold(rows) => rows.walk(span, most, ahead)?,
            _ => self.walk(span, None)?,
        };
        Ok((walked.found.into_iter().map(|(_, row)| row).collect(), walked.stopped_at))
    }

    /// Visits at most about [`PAGE_ROWS`] rows of the span. Hashed rows are walked upwards only.
    pub(crate) fn walk(&self, span: Span<'_>, ahead: Option<Ahead>) -> Result<Walked, DiscError> {
        if span.is_empty() {
            return Ok(Walked { found: Vec::new(), stopped_at: None });
        }
        Ok(match self {
            Self::Hashed(rows) => walk_hashed(rows, span),
            Self::Ordered(rows) => {
                let range = rows.range::<[u8], _>((span.from, span.to));
                walk_ordered(range.map(|row| (row.0.key(), &row.0)), span.reverse)
            }
            Self::Index(rows) => {
                let range = rows.range::<[u8], _>((span.from, span.to));
                walk_ordered(range.map(|(position, row)| (&**position, row)), span.reverse)
            }
            Self::Cold(rows) => rows.walk(span, PAGE_ROWS, ahead)?,
        })
    }
}

fn hashed_position(hash: u64, key: &[u8]) -> Position {
    let mut position = Position::from_slice(&hash.to_be_bytes());
    position.push(KEY_MARK);
    position.extend_from_slice(key);
    position
}

/// The rows of a span in order, of one segment at most and about `most`, with their hashes; and the hash to go on from.
fn hashed_rows<'r>(rows: &'r HashRows, span: Span<'_>, most: usize) -> (Vec<(u64, &'r Row)>, Option<u64>) {
    let mut found: Vec<(u64, &Row)> = Vec::with_capacity(most.min(SEGMENT_ROWS).min(rows.len()));
    let mut from = first_hash(rows, span);
    loop {
        let page = rows.page(from);
        let before = found.len();
        found.extend(page.rows().filter(|(hash, row)| is_within(span, *hash, row.key())));
        found[before..]
            .sort_unstable_by(|one, other| one.0.cmp(&other.0).then_with(|| one.1.key().cmp(other.1.key())));
        match page.next {
            Some(next) if !page.ends_segment() && found.len() < most => from = next,
            next => return (found, next),
        }
    }
}

fn first_hashed(rows: &HashRows, span: Span<'_>, most: usize) -> (Vec<Row>, Option<Position>) {
    let (mut found, next) = hashed_rows(rows, span, most);
    let is_cut = found.len() > most;
    found.truncate(most);
    let stopped_at = match (is_cut, found.last()) {
        (true, Some((hash, row))) => Some(hashed_position(*hash, row.key())),
        _ => next.map(bare_position),
    };
    (found.into_iter().map(|(_, row)| row.clone()).collect(), stopped_at)
}

/// The position before all rows of a hash.
fn bare_position(hash: u64) -> Position {
    Position::from_slice(&hash.to_be_bytes())
}

/// Whether a span holds a hashed row. Seldom more than a look at the hash.
fn is_within(span: Span<'_>, hash: u64, key: &[u8]) -> bool {
    let is_above = match span.from {
        Bound::Included(from) | Bound::Excluded(from) => hash > leading_hash(from),
        Bound::Unbounded => true,
    };
    is_above && matches!(span.to, Bound::Unbounded) || span.contains(&hashed_position(hash, key))
}

/// The least hash that a span of hashed rows may hold.
fn first_hash(rows: &HashRows, span: Span<'_>) -> u64 {
    match span.from {
        Bound::Included(from) | Bound::Excluded(from) => leading_hash(from),
        Bound::Unbounded => rows.first_hash(),
    }
}

fn walk_hashed(rows: &HashRows, span: Span<'_>) -> Walked {
    const { assert!(SEGMENT_ROWS <= PAGE_ROWS) };
    let (found, next) = hashed_rows(rows, span, usize::MAX);
    let found = found.into_iter().map(|(hash, row)| (hashed_position(hash, row.key()), row.clone()));
    Walked { found: found.collect(), stopped_at: next.map(bare_position) }
}

/// The hash that a position of hashed rows begins with.
pub(crate) fn leading_hash(position: &[u8]) -> u64 {
    let mut hash = [0; HASH_LEN];
    let len = position.len().min(HASH_LEN);
    hash[..len].copy_from_slice(&position[..len]);
    u64::from_be_bytes(hash)
}

fn walk_ordered<'a>(range: impl DoubleEndedIterator<Item = (&'a [u8], &'a Row)>, reverse: bool) -> Walked {
    let copy = |(position, row): (&[u8], &Row)| (Position::from_slice(position), row.clone());
    let found: Vec<(Position, Row)> = if reverse {
        range.rev().take(PAGE_ROWS).map(copy).collect()
    } else {
        range.take(PAGE_ROWS).map(copy).collect()
    };
    let stopped_at = if found.len() == PAGE_ROWS { found.last().map(|last| last.0.clone()) } else { None };
    Walked { found, stopped_at }
}
