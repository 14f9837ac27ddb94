//! Moving the rows of a table: to the disc alone, back, and to a new shape there.
//!
//! They lie differently there, and may be more than the memory holds, so they are copied, some at a time, into a table that
//! nobody sees, which then takes the place of the old one in one entry of the log: a crash finds the one or the other. Writers are
//! refused meanwhile, readers go on. Handles and subscriptions go over to the new one; the old rows are kept for the snapshots that see them.

use std::sync::Arc;

use mnemon_store::{Course, Row, Scan, StoreError, TableId};
use tokio::sync::MutexGuard;

use super::changes::Listed;
use super::{Catalog, Refill};
use crate::error::TableError;
use crate::schema::{Schema, Storage};
use crate::table::Table;

/// A table whose rows have moved.
pub(super) struct Moved {
    /// The clock of the last commit before; `None` while they are about to move.
    clock: Option<u64>,
    /// The number that it had.
    id: TableId,
    table: Arc<Table>,
}

/// What becomes of a row on its way.
pub(crate) type Recast = Box<dyn Fn(&Row) -> Result<Row, TableError> + Send>;

/// Whether a table's rows have to be copied to be stored so.
pub(super) fn copies_rows(from: Storage, to: Storage) -> bool {
    from != to && (from == Storage::DiscOnly || to == Storage::DiscOnly)
}

impl Catalog {
    /// Copies the rows of a table into one of this schema, which takes its place. Gives how many records there were.
    pub(crate) async fn move_table(
        &self,
        changing: MutexGuard<'_, ()>,
        schema: Schema,
        recast: Option<Recast>,
        listed: &Listed<'_>,
    ) -> Result<u64, TableError> {
        let old = self.user_table(schema.name())?;
        let is_reshaped = recast.is_some();
        let mut refill = self.begin_move(changing, schema).await?;
        listed.begin()?;
        // Ends the commits under way; from here on nobody writes.
        self.set_version(&old, old.next_schema_version(), true).await?;
        if is_reshaped {
            refill.table().begin_shape(&refill.table().schema());
        }
        let course = listed.course();
        let moved = match copy_rows(&old, &mut refill, recast, course).await {
            Ok(rows) => refill.complete(course).await.map(|()| rows),
            refused => refused,
        };
        if moved.is_err() {
            // A log that takes nothing has refused the move, which is what is told.
            drop(self.set_version(&old, old.next_schema_version(), false).await);
        }
        moved
    }

    /// Notes that rows are about to move, so that whoever asks for the old number meanwhile is told.
    pub(super) fn expect_move(&self, old: &Arc<Table>) {
        self.moved.lock().push(Moved { clock: None, id: old.id(), table: old.clone() });
    }

    /// The rows have stayed.
    pub(super) fn forget_move(&self, old: &Arc<Table>) {
        self.moved.lock().retain(|moved| !Arc::ptr_eq(&moved.table, old));
    }

    /// Lets the handles and subscriptions of a table go over to the one that has its rows. Nobody writes to either.
    pub(super) fn lead_on(&self, name: &str, old: &Arc<Table>, new: &Arc<Table>) {
        let clock = self.store().clock();
        // What was removed from the old one is not known to the new one.
        new.copy().note_removals(clock);
        new.begin_here(old, clock);
        old.hand_over_subscribers(new);
        for moved in self.moved.lock().iter_mut().filter(|moved| Arc::ptr_eq(&moved.table, old)) {
            moved.clock = Some(clock);
        }
        self.store().forgo_pending(old.copy());
        old.lead_to(new.clone());
        self.show(|tables| tables.insert(name.to_owned(), new.clone()));
    }

    /// Frees the rows of moved tables that no snapshot sees any more.
    pub(super) fn retire_moved(&self) {
        let retired: Vec<Arc<Table>> = {
            let mut moved = self.moved.lock();
            let is_unseen =
                |moved: &mut Moved| moved.clock.is_some_and(|clock| self.store().sees_nothing_before(clock));
            moved.extract_if(.., is_unseen).map(|moved| moved.table).collect()
        };
        retired.iter().for_each(|table| table.retire());
    }

    /// The name of a table that had this number a moment ago, and has another one now.
    pub(super) fn name_of_moved(&self, id: TableId) -> Option<String> {
        self.moved.lock().iter().find(|moved| moved.id == id).map(|moved| moved.table.name())
    }
}

/// Brings all rows of a table that nobody writes.
async fn copy_rows(
    old: &Arc<Table>,
    refill: &mut Refill<'_>,
    mut recast: Option<Recast>,
    course: &Course,
) -> Result<u64, TableError> {
    let phase = if recast.is_some() { "transforming" } else { "copying records" };
    course.enter(phase, old.size() as u64);
    let (mut scan, mut count) = (Scan::all(), 0);
    loop {
        let (source, mut own) = (old.clone(), scan);
        // The disc may have to be waited for, and what is done to a row may take its time.
        let page = tokio::task::spawn_blocking(move || {
            let page = own.next_page(source.store(), source.copy(), None);
            let rows = page.map(|page| page.map(|page| recast_all(page.rows, recast.as_ref())));
            (own, recast, rows)
        });
        let page = page.await.map_err(|stopped| TableError::Aborted(stopped.to_string()))?;
        let rows: Result<_, StoreError>;
        (scan, recast, rows) = page;
        let Some(rows) = rows? else { return Ok(count) };
        let (rows, records) = rows?;
        refill.put(&rows).await?;
        count += records;
        course.advance(rows.len() as u64);
        course.check()?;
    }
}

/// The rows as they go on, and how many records there were: a transformation may make some of them equal.
fn recast_all(rows: Vec<Row>, recast: Option<&Recast>) -> Result<(Vec<Row>, u64), TableError> {
    let count = rows.iter().map(records).sum();
    let rows = match recast {
        Some(recast) => rows.iter().map(recast).collect::<Result<_, _>>()?,
        None => rows,
    };
    Ok((rows, count))
}

/// How many records a row holds.
fn records(row: &Row) -> u64 {
    row.as_collection().map_or(1, |collection| collection.len() as u64)
}
