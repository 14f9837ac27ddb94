//! Adding indexes to a table that goes on being read and written, and dropping them.

use std::ops::Bound;
use std::sync::Arc;

use mnemon_disc::DiscError;

use crate::copy::{TableCopy, borrowed};
use crate::course::Course;
use crate::error::StoreError;
use crate::index::{self, Index};
use crate::rows::{Rows, Span};
use crate::store::Store;

impl Store {
    /// Builds an index while the table goes on being read and written. Returns when it serves.
    ///
    /// # Errors
    /// `Exists`; of rows on disc `Disc`, `DiscFull`, `KeyTooLong`, then there is no index.
    pub fn add_index(&self, copy: &TableCopy, attribute: u16) -> Result<(), StoreError> {
        self.build_index(copy, attribute, &Course::default())
    }

    /// The same, watched. An index that is cancelled is gone.
    ///
    /// # Errors
    /// As [`Store::add_index`], `Cancelled`.
    pub(crate) fn build_index(
        &self,
        copy: &TableCopy,
        attribute: u16,
        course: &Course,
    ) -> Result<(), StoreError> {
        let index = {
            let _changing = self.changing_copies.lock();
            if copy.index(attribute).is_some() {
                return Err(StoreError::Exists(format!("the index on attribute {attribute}")));
            }
            copy.attach_index(attribute)
        };
        // From here on every commit keeps the index up to date; what was there before is added page by page.
        copy.quiesce();
        if let Err(cause) = copy.fill_index(self, &index, course) {
            self.del_index(copy, attribute)?;
            return Err(cause);
        }
        index.set_complete(self.clock());
        if let Some(cold) = copy.cold_part() {
            cold.note_complete();
        }
        Ok(())
    }

    /// Drops an index.
    ///
    /// # Errors
    /// `NoIndex`.
    pub fn del_index(&self, copy: &TableCopy, attribute: u16) -> Result<(), StoreError> {
        let _changing = self.changing_copies.lock();
        let mut all = Vec::clone(&copy.indexes());
        let place = all.iter().position(|index| index.attribute == attribute);
        let place = place.ok_or(StoreError::NoIndex { table: copy.id(), attribute })?;
        let gone = all.remove(place);
        copy.set_indexes(all);
        if let Some(cold) = copy.cold_part() {
            copy.quiesce();
            cold.bury(&gone);
        }
        Ok(())
    }
}

impl TableCopy {
    /// Adds an index without entries, which commits keep up to date from here on.
    pub(crate) fn attach_index(&self, attribute: u16) -> Arc<Index> {
        let shard = self.shards.first().filter(|_| self.cold.is_some()).map(|shard| shard.write());
        let index = Arc::new(match (&self.cold, shard.as_ref().map(|shard| &shard.rows.rows)) {
            // Under the lock, so that a flush in between cannot leave it over another tree than the rows.
            (Some(cold), Some(Rows::Cold(rows))) => Index::cold(attribute, cold.entries(rows)),
            _ => Index::new(attribute),
        });
        let mut all = Vec::clone(&self.indexes());
        all.push(index.clone());
        self.set_indexes(all);
        index
    }

    /// Adds the entries of all rows to an index that commits keep up to date already. A page a lock hold.
    ///
    /// # Errors
    /// `Cancelled`; of rows on disc: of reading them, of writing the entries, `KeyTooLong`.
    pub(crate) fn fill_index(&self, store: &Store, index: &Index, course: &Course) -> Result<(), StoreError> {
        for shard in &self.shards {
            let mut from = Bound::Unbounded;
            loop {
                let span = Span { from: borrowed(&from), to: Bound::Unbounded, reverse: false };
                let failed = |cause: DiscError| self.read_failed(&cause);
                let beneath = if self.is_disc_only() { shard.read().rows.rows.beneath() } else { None };
                let ahead = beneath.map(|beneath| beneath.read(span, usize::MAX)).transpose();
                let ahead = ahead.map_err(failed)?;
                let shard = shard.read();
                let page = shard.rows.page(span, usize::MAX, ahead).map_err(failed)?;
                let mut entries = index.entries.write();
                for row in &page.rows {
                    if self.is_disc_only() {
                        self.check_entries(row)?;
                    }
                    index::replace(index, &mut entries, None, Some(row), None, 0);
                }
                drop((entries, shard));
                course.advance(page.rows.len() as u64);
                course.check()?;
                if self.is_loading() {
                    store.flush_loading(self, store.clock())?;
                } else if self.is_disc_only() {
                    store.make_rows_room();
                    store.wait_for_room()?;
                }
                match page.stopped_at {
                    Some(position) => from = Bound::Excluded(position),
                    None => break,
                }
            }
        }
        Ok(())
    }
}
