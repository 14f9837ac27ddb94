//! What a commit's checks of scans find under its locks.

use std::ops::Bound;

use mnemon_disc::DiscError;

use super::Held;
use crate::commit::Seen;
use crate::copy::borrowed;
use crate::error::StoreError;
use crate::row::Row;
use crate::rows::{Position, Rows, Span};
use crate::versioned::Versioned;

impl Held<'_, '_> {
    pub(super) fn row_scan(
        &self,
        place: usize,
        from: &Bound<Box<[u8]>>,
        to: &Bound<Box<[u8]>>,
        now_ms: u64,
        expected: usize,
    ) -> Result<Vec<Seen>, StoreError> {
        let mut seen = Vec::with_capacity(expected);
        for shard in 0..self.copies[place].shard_count() {
            if let Some(shard) = self.shards.get(place, shard) {
                walk(&shard.rows, from, to, |row| {
                    if !row.is_expired(now_ms) {
                        seen.push((row.key().into(), row.version()));
                    }
                    seen.len() <= expected
                })
                .map_err(|cause| self.copies[place].read_failed(&cause))?;
            }
        }
        Ok(seen)
    }

    pub(super) fn index_scan(
        &self,
        place: usize,
        attribute: u16,
        from: &Bound<Box<[u8]>>,
        to: &Bound<Box<[u8]>>,
        now_ms: u64,
    ) -> Result<Vec<Seen>, StoreError> {
        let table = self.copies[place].id();
        let (_, entries) = self
            .indexes
            .get(place)
            .and_then(|indexes| indexes.iter().find(|(index, _)| index.attribute == attribute))
            .ok_or(StoreError::NoIndex { table, attribute })?;
        let mut seen = Vec::new();
        walk(entries, from, to, |row| {
            if !row.is_expired(now_ms) {
                seen.push((row.key().into(), row.version()));
            }
            true
        })
        .map_err(|cause| self.copies[place].read_failed(&cause))?;
        Ok(seen)
    }
}

/// Visits the present rows of a span until `visit` has had enough.
fn walk(
    rows: &Versioned,
    from: &Bound<Box<[u8]>>,
    to: &Bound<Box<[u8]>>,
    mut visit: impl FnMut(&Row) -> bool,
) -> Result<(), DiscError> {
    // The bounds are keys; rows of a `set` have no order of keys, so there a check covers them all.
    let hashed = match &rows.rows {
        Rows::Hashed(_) => true,
        Rows::Cold(rows) => !rows.is_ordered,
        Rows::Ordered(_) | Rows::Index(_) => false,
    };
    let to = if hashed { Bound::Unbounded } else { borrowed(to) };
    let mut position: Option<Position> = None;
    loop {
        let from = match &position {
            Some(position) => Bound::Excluded(&**position),
            None if hashed => Bound::Unbounded,
            None => borrowed(from),
        };
        let page = rows.page(Span { from, to, reverse: false }, usize::MAX, None)?;
        if !page.rows.iter().all(&mut visit) {
            return Ok(());
        }
        match page.stopped_at {
            Some(stopped_at) => position = Some(stopped_at),
            None => return Ok(()),
        }
    }
}

/// Whether two scans saw the same, in whatever order.
pub(super) fn same(mut now: Vec<Seen>, seen: &[Seen]) -> bool {
    if now.len() != seen.len() {
        return false;
    }
    let mut seen: Vec<&Seen> = seen.iter().collect();
    now.sort_unstable();
    seen.sort_unstable();
    now.iter().eq(seen)
}
