//! Scans: walking a copy or an index page by page, in the present or in a snapshot. No lock outlives a page.

use std::ops::Bound;

use mnemon_disc::DiscError;
use smallvec::SmallVec;

use crate::cold::{Ahead, Beneath};
use crate::copy::{TableCopy, borrowed};
use crate::error::StoreError;
use crate::row::Row;
use crate::rows::{PAGE_ROWS, Position, Rows, Span};
use crate::shard::Shard;
use crate::snapshot::Snapshot;
use crate::store::Store;
use crate::versioned::{Page, Versioned};

/// What a scan walks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The rows: an `ordered_set` in the order of its keys, others shard by shard in the order of their hashes.
    Rows,
    /// The index of this attribute, in the order of its values, then of the keys.
    Index(u16),
}

/// A walk over a part of a copy. Rows that stay are met exactly once, however much is written meanwhile.
#[derive(Clone, Debug)]
pub struct Scan {
    source: Source,
    from: Bound<Position>,
    to: Bound<Position>,
    reverse: bool,
    /// Rows of a page of hashed rows in the present.
    most: usize,
    /// The shard being walked; `None` before the first page.
    shard: Option<usize>,
    done: bool,
}

/// Some rows of a scan.
#[derive(Debug, Default)]
pub struct ScanPage {
    /// Live rows, at most some hundreds. May be empty before the end.
    pub rows: Vec<Row>,
    /// The clock of the last commit that removed a row from this part: an absence may be as young as that.
    pub last_removal: u64,
}

impl Scan {
    /// A scan of all rows.
    #[must_use]
    pub fn all() -> Self {
        Self::new(Source::Rows, Bound::Unbounded, Bound::Unbounded, false)
    }

    /// A scan of the positions between two bounds: keys of an `ordered_set`, composite keys of an index, or what
    /// [`TableCopy::position`] gives.
    #[must_use]
    pub fn new(source: Source, from: Bound<&[u8]>, to: Bound<&[u8]>, reverse: bool) -> Self {
        let own = |bound: Bound<&[u8]>| bound.map(SmallVec::from_slice);
        Self { source, from: own(from), to: own(to), reverse, most: usize::MAX, shard: None, done: false }
    }

    /// With pages of at most so many rows, for who wants only a few: where rows are hashed, a page of the present then
    /// costs less. Other pages are as large as ever.
    #[must_use]
    pub fn at_most(self, most: usize) -> Self {
        Self { most, ..self }
    }

    /// Where the scan goes on, in its direction; `None` at its end. What lies before has been walked.
    #[must_use]
    pub fn rest(&self) -> Option<Bound<&[u8]>> {
        if self.done {
            return None;
        }
        Some(borrowed(if self.reverse { &self.to } else { &self.from }))
    }

    /// The next rows; `None` at the end. `at`: as of this snapshot, else the present.
    ///
    /// # Errors
    /// `NoIndex` when the index is gone or does not reach back to the snapshot, `SnapshotExpired`, `Loading`, `Damaged`.
    pub fn next_page(
        &mut self,
        store: &Store,
        copy: &TableCopy,
        at: Option<&Snapshot>,
    ) -> Result<Option<ScanPage>, StoreError> {
        if self.done {
            return Ok(None);
        }
        copy.check_open()?;
        let failed = |cause: DiscError| copy.read_failed(&cause);
        let (page, hashed) = match self.source {
            Source::Rows => {
                let number = *self.shard.get_or_insert_with(|| copy.first_shard(borrowed(&self.from)));
                let beneath = || copy.shards[number].read().rows.rows.beneath();
                let ahead = self.ahead_of(copy, at, beneath).map_err(failed)?;
                let read = |shard: &Shard| {
                    let page = self.page_of(&shard.rows, at, ahead);
                    (page, matches!(shard.rows.rows, Rows::Hashed(_)))
                };
                let (page, hashed) = match at {
                    Some(snapshot) => store.shard_as_of(copy, number, snapshot.clock(), read)?,
                    None => read(&copy.shards[number].read()),
                };
                (page.map_err(failed)?, hashed)
            }
            Source::Index(attribute) => {
                let no_index = || StoreError::NoIndex { table: copy.id(), attribute };
                let index = copy.index(attribute).ok_or_else(no_index)?;
                let clock = at.map_or_else(|| store.clock(), Snapshot::clock);
                if !index.serves(clock) {
                    return Err(no_index());
                }
                let beneath = || index.entries.read().rows.beneath();
                let ahead = self.ahead_of(copy, at, beneath).map_err(failed)?;
                (self.page_of(&index.entries.read(), at, ahead).map_err(failed)?, false)
            }
        };
        // Rows that were freed meanwhile are not absent.
        copy.check_open()?;
        if let Some(snapshot) = at {
            snapshot.check()?;
        }
        match page.stopped_at {
            Some(stop) if self.reverse => self.to = Bound::Excluded(stop),
            Some(stop) => self.from = Bound::Excluded(stop),
            None => match self.shard {
                Some(shard) if hashed && shard + 1 < copy.shard_count() => {
                    self.shard = Some(shard + 1);
                    // Never unbounded: `rest` must tell what has been walked between two shards too.
                    self.from = Bound::Excluded(copy.before_shard(shard + 1));
                }
                _ => self.done = true,
            },
        }
        let now_ms = page.rows.iter().any(|row| row.expires_at().is_some()).then(|| store.now_ms());
        let mut rows = page.rows;
        if let Some(now_ms) = now_ms {
            rows.retain(|row| !row.is_expired(now_ms));
        }
        Ok(Some(ScanPage { rows, last_removal: page.last_removal }))
    }

    fn span(&self) -> Span<'_> {
        Span { from: borrowed(&self.from), to: borrowed(&self.to), reverse: self.reverse }
    }

    fn page_of(
        &self,
        rows: &Versioned,
        at: Option<&Snapshot>,
        ahead: Option<Ahead>,
    ) -> Result<Page, DiscError> {
        match at {
            Some(snapshot) => rows.page_at(self.span(), snapshot.clock(), ahead),
            None => rows.page(self.span(), self.most, ahead),
        }
    }

    /// Of rows on disc: what their tree has of the page, which no writer waits for.
    fn ahead_of(
        &self,
        copy: &TableCopy,
        at: Option<&Snapshot>,
        beneath: impl FnOnce() -> Option<Beneath>,
    ) -> Result<Option<Ahead>, DiscError> {
        if !copy.is_disc_only() {
            return Ok(None);
        }
        let most = if at.is_some() { PAGE_ROWS } else { self.most };
        beneath().map(|beneath| beneath.read(self.span(), most)).transpose()
    }
}
