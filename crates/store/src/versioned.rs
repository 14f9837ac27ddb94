//! Rows with their before-images: reads of the present and of a snapshot's past, point by point or page by page.

use std::collections::BTreeMap;

use mnemon_disc::DiscError;

use crate::cold::Ahead;
use crate::images::Images;
use crate::removals::Removals;
use crate::row::Row;
use crate::rows::{At, Position, Rows, Span};
use crate::snapshot::Keeping;

/// A map of rows that open snapshots can still read as it was.
pub(crate) struct Versioned {
    pub(crate) rows: Rows,
    pub(crate) images: Images,
    /// The clock of the last commit that took a row away. A reader that finds none compares it with its own clock.
    pub(crate) last_removal: u64,
    /// Of hashed rows.
    removals: Removals,
}

/// Some rows of a span, in its direction.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) rows: Vec<Row>,
    /// The last position that the page covers; `None` at the end of the span.
    pub(crate) stopped_at: Option<Position>,
    pub(crate) last_removal: u64,
}

impl Versioned {
    pub(crate) fn new(rows: Rows) -> Self {
        Self { rows, images: Images::default(), last_removal: 0, removals: Removals::default() }
    }

    /// Puts a row in its place. The one that was there is kept for open snapshots that may see it.
    pub(crate) fn insert(&mut self, at: At<'_>, row: Row, keeping: Option<Keeping>) -> Option<Row> {
        let old = self.rows.insert(at, row)?;
        self.keep_image(at, &old, keeping);
        Some(old)
    }

    /// Takes a row away, as `insert` replaces it.
    pub(crate) fn remove(&mut self, at: At<'_>, keeping: Option<Keeping>, version: u64) -> Option<Row> {
        let old = self.rows.remove(at)?;
        self.last_removal = version;
        if matches!(self.rows, Rows::Hashed(_) | Rows::Cold(_)) {
            self.removals.note(at.hash, version);
        }
        self.keep_image(at, &old, keeping);
        Some(old)
    }

    fn keep_image(&mut self, at: At<'_>, old: &Row, keeping: Option<Keeping>) {
        if let Some(keeping) = keeping
            && keeping.wants(old.version())
        {
            self.images.keep(self.rows.position(at), old.clone(), keeping.until);
        }
    }

    /// Takes all rows away, in O(1); the caller frees them when its lock is gone.
    pub(crate) fn clear(&mut self, keeping: Option<Keeping>, version: u64, bytes: usize) -> Option<Rows> {
        let empty = self.rows.emptied();
        let rows = std::mem::replace(&mut self.rows, empty);
        self.last_removal = version;
        self.removals.note_all(version);
        match keeping {
            Some(keeping) => {
                self.images.keep_cleared(rows, keeping.until, bytes);
                None
            }
            None => Some(rows),
        }
    }

    /// Any row may have been removed up to this clock.
    pub(crate) fn note_removals(&mut self, clock: u64) {
        self.last_removal = self.last_removal.max(clock);
        self.removals.note_all(clock);
    }

    /// Whether a commit after `clock` may have written or removed the row. Never `false` when one has.
    pub(crate) fn may_have_changed(&self, at: At<'_>, clock: u64) -> Result<bool, DiscError> {
        let removed = match self.rows {
            Rows::Hashed(_) | Rows::Cold(_) => self.removals.any_since(at.hash, clock),
            Rows::Ordered(_) | Rows::Index(_) => self.last_removal > clock,
        };
        let is_newer = |row: &Row| row.version() > clock;
        Ok(removed
            || match &self.rows {
                Rows::Cold(rows) => rows.find(at.key)?.as_ref().is_some_and(is_newer),
                rows => rows.get(at).is_some_and(is_newer),
            })
    }

    /// Whether there was a row at `clock`, or may have been since.
    pub(crate) fn may_have_held(&self, at: At<'_>, clock: u64, now_ms: u64) -> bool {
        let is_there = self.rows.get(at).is_some_and(|row| !row.is_expired(now_ms));
        is_there || self.removals.any_since(at.hash, clock)
    }

    /// The row as it was at `clock`.
    pub(crate) fn get_at(&self, at: At<'_>, clock: u64) -> Result<Option<Row>, DiscError> {
        match self.rows.find(at)? {
            Some(row) if row.version() <= clock => Ok(Some(row)),
            _ if self.images.is_empty() => Ok(None),
            _ => self.images.at(&self.rows.position(at), clock),
        }
    }

    /// The present rows of the span's first page, at most `most` of hashed ones.
    pub(crate) fn page(&self, span: Span<'_>, most: usize, ahead: Option<Ahead>) -> Result<Page, DiscError> {
        let (rows, stopped_at) = self.rows.first(span, most, ahead)?;
        Ok(Page { rows, stopped_at, last_removal: self.last_removal })
    }

    /// The rows that the span's first page held at `clock`.
    pub(crate) fn page_at(
        &self,
        span: Span<'_>,
        clock: u64,
        ahead: Option<Ahead>,
    ) -> Result<Page, DiscError> {
        let present = self.rows.walk(span, ahead)?;
        if self.images.is_empty() {
            let rows = present.found.into_iter().map(|(_, row)| row).filter(|row| row.version() <= clock);
            let rows = rows.collect();
            return Ok(Page { rows, stopped_at: present.stopped_at, last_removal: self.last_removal });
        }
        let mut walks = self.images.walk(span)?;
        // The present rows last, so that they are seen by who looks whether one was there at the time.
        walks.push(present);
        // The page covers what every walk has covered.
        let stops = walks.iter().filter_map(|walk| walk.stopped_at.as_ref());
        let stopped_at = if span.reverse { stops.max() } else { stops.min() }.cloned();
        let covered = |position: &Position| match &stopped_at {
            None => true,
            Some(stop) if span.reverse => position >= stop,
            Some(stop) => position <= stop,
        };
        let present = walks.pop().map(|walk| walk.found).unwrap_or_default();
        let mut rows: BTreeMap<Position, Option<Row>> = BTreeMap::new();
        let images = walks.into_iter().flat_map(|walk| walk.found).map(|(position, _)| position);
        rows.extend(images.filter(covered).map(|position| (position, None)));
        for (position, row) in present.into_iter().filter(|(position, _)| covered(position)) {
            let is_old = row.version() <= clock;
            rows.insert(position, is_old.then_some(row));
        }
        for (position, row) in &mut rows {
            if row.is_none() {
                *row = self.images.at(position, clock)?;
            }
        }
        let mut rows: Vec<Row> = rows.into_values().flatten().collect();
        if span.reverse {
            rows.reverse();
        }
        Ok(Page { rows, stopped_at, last_removal: self.last_removal })
    }
}
