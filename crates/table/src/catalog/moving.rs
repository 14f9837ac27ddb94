//! Moving a table to the disc alone, and back.
//!
//! Its rows lie differently there, so they are copied into a table that nobody sees, which then takes the place of the old one in
//! one entry of the log: a crash finds the one or the other. Writers are refused meanwhile, readers go on. Handles and
//! subscriptions of the old table end with it.

use std::sync::Arc;

use mnemon_store::{Course, Durability, Row, Scan};

use super::changes::Listed;
use super::{Catalog, Refill};
use crate::error::TableError;
use crate::schema::Storage;
use crate::table::Table;

/// Whether a table's rows have to be copied to be stored so.
pub(super) fn copies_rows(from: Storage, to: Storage) -> bool {
    from != to && (from == Storage::DiscOnly || to == Storage::DiscOnly)
}

impl Catalog {
    pub(super) async fn move_table(
        &self,
        table: &Arc<Table>,
        storage: Storage,
        durability: Durability,
        listed: &Listed<'_>,
    ) -> Result<(), TableError> {
        let mut refill = loop {
            let known = table.schema().version();
            let schema = table.schema().alter().storage(storage).durability(durability).build()?;
            let refill = self.refill_aside(schema).await?;
            // From here on no other schema changes. One may have, while this waited for its turn.
            table.check_exists()?;
            if table.schema().version() == known {
                break refill;
            }
        };
        listed.begin()?;
        self.set_version(table, table.next_schema_version(), true).await?;
        let course = listed.course();
        let moved = match copy_rows(table, &mut refill, course).await.and_then(|()| Ok(course.decide()?)) {
            Ok(()) => refill.complete().await,
            refused => refused,
        };
        if moved.is_err() {
            self.set_version(table, table.next_schema_version(), false).await?;
        }
        moved
    }
}

/// Brings all rows of a table that nobody writes.
async fn copy_rows(table: &Arc<Table>, refill: &mut Refill<'_>, course: &Course) -> Result<(), TableError> {
    course.enter("copying records", table.size() as u64);
    let mut scan = Scan::all();
    loop {
        // The disc may have to be waited for.
        let (source, mut own) = (table.clone(), scan);
        let page = tokio::task::spawn_blocking(move || {
            let page = own.next_page(source.store(), source.copy(), None);
            (own, page)
        });
        let (rest, page) = page.await.map_err(|stopped| TableError::Aborted(stopped.to_string()))?;
        scan = rest;
        let rows: Vec<Row> = match page? {
            Some(page) => page.rows,
            None => return Ok(()),
        };
        refill.put(&rows).await?;
        course.advance(rows.len() as u64);
        course.check()?;
    }
}
