//! Giving a table the rows of a backup, as a whole.
//!
//! Two ways. *Aside*: a table that nobody sees is filled, and takes its name, and the place of the table of that name, in one
//! step that is one entry of the log; readers see all of the old rows or all of the new ones, and so does a restart after a
//! crash. Handles of the old table end; those of one that is only moved go on. *In place*: writers are refused while the rows of the table are replaced or joined,
//! readers may meet both; handles and subscriptions stay. A refill in place that is given up half way leaves the table
//! refusing writes, because what it holds is neither the one nor the other.

use std::sync::Arc;

use mnemon_store::{
    Check, Collection, Commit, Course, Expiry, Op, Row, SchemaChange, StoreError, TableId, TableOp, Value,
    When,
};
use tokio::sync::MutexGuard;

use super::{Catalog, Ordering, database_number, definition};
use crate::error::TableError;
use crate::schema::Schema;
use crate::table::Table;

/// Rows that one commit brings.
const BATCH_ROWS: usize = 256;
/// Bytes that one commit brings, one row at least.
const BATCH_BYTES: usize = 1 << 20;

/// A table that is being filled. No other schema changes meanwhile. Dropped before [`Refill::finish`], it leaves nothing if
/// it went on aside; in place see the module's head.
#[must_use = "nothing is there before it is finished"]
pub struct Refill<'c> {
    catalog: &'c Catalog,
    _changing: MutexGuard<'c, ()>,
    table: Arc<Table>,
    way: Way,
    finished: bool,
}

enum Way {
    Aside { schema: Schema, replaces: Option<Arc<Table>>, moves: bool },
    InPlace { sealed: u64, begun: bool },
}

impl Catalog {
    /// Begins to fill a new table that will stand in the place of the one of its name, if there is one.
    ///
    /// # Errors
    /// `Unsupported` for a table on disc without a data directory and for `db0`…`db15`, `Loading`, `DiscFull`, `Store`.
    pub async fn refill_aside(&self, schema: Schema) -> Result<Refill<'_>, TableError> {
        let changing = self.changing.lock().await;
        self.begin_aside(changing, schema, false).await
    }

    /// The same for the rows of the table of this name: its handles mean the new one afterwards. Nobody writes to it meanwhile.
    pub(super) async fn begin_move<'c>(
        &'c self,
        changing: MutexGuard<'c, ()>,
        schema: Schema,
    ) -> Result<Refill<'c>, TableError> {
        self.begin_aside(changing, schema, true).await
    }

    async fn begin_aside<'c>(
        &'c self,
        changing: MutexGuard<'c, ()>,
        schema: Schema,
        moves: bool,
    ) -> Result<Refill<'c>, TableError> {
        let name = schema.name().to_owned();
        if database_number(&name).is_some() {
            let cause = "the databases db0…db15 keep their shape; fill them in place";
            return Err(TableError::Unsupported { table: name, cause });
        }
        if !self.has_place_for(schema.storage()) {
            let cause = "it is kept on disc and this node has no data directory; start it with one";
            return Err(TableError::Unsupported { table: name, cause });
        }
        let replaces = self.tables.load().get(&name).cloned();
        replaces.as_ref().map_or(Ok(()), |old| old.check_replaceable())?;
        // Versions that transactions may have noted of the old table are none of this one.
        let version = replaces.as_ref().map_or(1, |old| old.next_schema_version());
        let schema = schema.alter().version(version).build()?;
        let id = TableId(self.next_id.fetch_add(1, Ordering::SeqCst));
        self.replica.change_schema(&SchemaChange::create(id, schema.copy_spec())).await?;
        let copy = self.store().copy(id)?;
        let table = match &replaces {
            Some(old) if moves => Table::after(old, schema.clone(), copy),
            _ => Table::new(schema.clone(), copy, self.replica.clone(), self.feed.clone()),
        };
        let way = Way::Aside { schema, replaces, moves };
        let refill =
            Refill { catalog: self, _changing: changing, table: Arc::new(table), way, finished: false };
        if refill.table.copy().is_disc_only() {
            // Kept up to date while it is filled: to read all of it once more would take as long.
            for attribute in refill.table.schema().indexes() {
                self.build_index(&refill.table, *attribute, &Arc::default()).await?;
            }
        }
        Ok(refill)
    }

    /// Begins to fill a table that is there: rows that come join those it has, or take the place of those with the same
    /// key. From here on writers are refused with `Transforming`.
    ///
    /// # Errors
    /// `NoTable`, `Loading`, `DiscFull`, `Store`.
    pub async fn refill_in_place(&self, name: &str) -> Result<Refill<'_>, TableError> {
        let changing = self.changing.lock().await;
        let table = self.table(name)?;
        // A damaged one is to be cleared first.
        table.check_replaceable()?;
        let sealed = table.next_schema_version();
        self.set_version(&table, sealed, true).await?;
        let way = Way::InPlace { sealed, begun: false };
        Ok(Refill { catalog: self, _changing: changing, table, way, finished: false })
    }
}

impl Refill<'_> {
    /// The table.
    #[must_use]
    pub fn table(&self) -> &Arc<Table> {
        &self.table
    }

    /// Takes out all rows.
    ///
    /// # Errors
    /// As [`Refill::put`].
    pub async fn clear(&mut self) -> Result<(), TableError> {
        let op = TableOp { table: self.table.id(), op: Op::Clear };
        self.submit(vec![op]).await
    }

    /// Brings rows; those whose time has passed are left out, the versions they had are not kept. Records must fit the
    /// table's schema: they are not looked at here.
    ///
    /// # Errors
    /// `DiscFull`, `Store`, `OutcomeUnknown`.
    pub async fn put(&mut self, rows: &[Row]) -> Result<(), TableError> {
        let now_ms = self.catalog.store().now_ms();
        let (mut ops, mut count, mut bytes) = (Vec::new(), 0, 0);
        for row in rows.iter().filter(|row| !row.is_expired(now_ms)) {
            put_row(self.table.id(), row, &mut ops);
            count += 1;
            bytes += row.memory();
            if count >= BATCH_ROWS || bytes >= BATCH_BYTES {
                self.submit(std::mem::take(&mut ops)).await?;
                (count, bytes) = (0, 0);
            }
        }
        if ops.is_empty() { Ok(()) } else { self.submit(ops).await }
    }

    async fn submit(&mut self, ops: Vec<TableOp<'_>>) -> Result<(), TableError> {
        let mut checks = Vec::new();
        if let Way::InPlace { sealed, .. } = &self.way {
            checks.push(Check::Schema { table: self.table.id(), version: *sealed });
        }
        let time_ms = self.catalog.store().now_ms();
        let commit = Commit { time_ms, checks, ops, with_before: false };
        let applied = self.catalog.replica.commit(&commit).await;
        if let Way::InPlace { begun, .. } = &mut self.way {
            *begun |= matches!(applied, Ok(_) | Err(StoreError::OutcomeUnknown(_)));
        }
        match applied {
            // Nobody may write but who knows the version, so this is a table that was dropped.
            Err(StoreError::Conflict { .. } | StoreError::NoTable(_)) => {
                Err(TableError::NoTable(self.table.name()))
            }
            answer => Ok(answer.map(drop)?),
        }
    }

    /// Lets the table be what was brought. O(n log n) when it was filled aside and has indexes.
    ///
    /// # Errors
    /// `DiscFull`, `Store`: what was filled aside is gone, what was filled in place still refuses writes.
    /// `OutcomeUnknown`.
    pub async fn finish(mut self) -> Result<Arc<Table>, TableError> {
        // Nobody cancels a part of a refill.
        self.complete(&Arc::default()).await?;
        Ok(self.table.clone())
    }

    /// The same for whoever has something to undo, while no other schema changes, when it fails. Decides the course.
    pub(super) async fn complete(&mut self, course: &Arc<Course>) -> Result<(), TableError> {
        match &self.way {
            Way::InPlace { sealed, .. } => {
                let open = sealed + 1;
                self.catalog.set_version(&self.table, open, false).await?;
            }
            Way::Aside { schema, replaces, moves } => {
                self.index(schema, course).await?;
                course.decide()?;
                match replaces {
                    Some(old) if *moves => self.replace_moved(schema, old).await?,
                    _ => self.install(schema, replaces.as_deref()).await?,
                }
            }
        }
        self.finished = true;
        Ok(())
    }

    async fn index(&self, schema: &Schema, course: &Arc<Course>) -> Result<(), TableError> {
        let known = self.table.copy().indexed();
        for attribute in schema.indexes().iter().filter(|attribute| !known.contains(attribute)) {
            self.catalog.build_index(&self.table, *attribute, course).await?;
        }
        Ok(())
    }

    /// Puts the table in the place of the one whose rows it has, which is sealed.
    async fn replace_moved(&self, schema: &Schema, old: &Arc<Table>) -> Result<(), TableError> {
        let (catalog, id) = (self.catalog, self.table.id());
        let definition = definition(schema)?;
        let replace = SchemaChange::Replace { table: id, definition, replaces: old.id() };
        catalog.expect_move(old);
        if let Err(refused) = catalog.replica.change_schema(&replace).await {
            catalog.forget_move(old);
            return Err(refused.into());
        }
        catalog.lead_on(schema.name(), old, &self.table);
        Ok(())
    }

    async fn install(&self, schema: &Schema, replaces: Option<&Table>) -> Result<(), TableError> {
        let (catalog, id) = (self.catalog, self.table.id());
        let definition = definition(schema)?;
        let define = match replaces {
            Some(old) => SchemaChange::Replace { table: id, definition, replaces: old.id() },
            None => SchemaChange::Define { table: id, definition },
        };
        if let Some(old) = replaces {
            // Nobody may be told of a write to it that the next line takes away.
            catalog.set_version(old, old.next_schema_version(), true).await?;
        }
        if let Err(cause) = catalog.replica.change_schema(&define).await {
            if let Some(old) = replaces {
                catalog.set_version(old, old.next_schema_version(), false).await?;
            }
            return Err(cause.into());
        }
        catalog.show(|tables| tables.insert(schema.name().to_owned(), self.table.clone()));
        if let Some(old) = replaces {
            old.mark_dropped();
            catalog.feed.close(old.id());
        }
        Ok(())
    }
}

impl Drop for Refill<'_> {
    fn drop(&mut self) {
        let table = self.table.id();
        let undo = match &self.way {
            _ if self.finished => return,
            Way::Aside { .. } => SchemaChange::Drop { table },
            Way::InPlace { begun: true, .. } => return,
            Way::InPlace { sealed, .. } => {
                SchemaChange::Version { table, version: sealed + 1, sealed: false }
            }
        };
        // Where the log takes nothing, a table that was never defined goes at the next start, and a seal as well.
        drop(self.catalog.replica.change_schema(&undo));
    }
}

impl std::fmt::Debug for Refill<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Refill").field("table", &self.table).finish_non_exhaustive()
    }
}

/// The operations that make this row.
fn put_row<'a>(table: TableId, row: &'a Row, ops: &mut Vec<TableOp<'a>>) {
    let expiry = row.expires_at().map_or(Expiry::Never, Expiry::At);
    let put = |body: &'a [u8]| Op::Put {
        key: row.key().into(),
        body: body.into(),
        expiry,
        when: When::Always,
        over_bytes_only: false,
    };
    let mut add = |op| ops.push(TableOp { table, op });
    match (row.value(), row.as_collection()) {
        (Value::Bytes(body), _) => add(put(body)),
        (Value::Collection(Collection::Bag(bag)), _) => bag.iter().for_each(|body| add(put(body))),
        (Value::Collection(_), Some(whole)) => {
            add(Op::PutCollection { key: row.key().into(), collection: whole.clone(), expiry });
        }
        (Value::Collection(_), None) => {}
    }
}
