//! Where a table is kept, changed while it is used: Mnesia's `change_table_copy_type`.
//!
//! The catalog knows no directory. Whoever owns it, the node, is the [`Keeper`] that the catalog asks.

use std::sync::{Arc, Weak};

use mnemon_store::{Course, Durability, StorageChange, StoreError, TableId};

use super::moving::copies_rows;
use super::{Catalog, definition};
use crate::error::TableError;
use crate::schema::{Schema, Storage, durability_text};
use crate::table::Table;

/// Owns the data directory. Its calls block for as long as the disc takes.
pub trait Keeper: Send + Sync {
    /// As [`mnemon_store::Store::change_storage`].
    ///
    /// # Errors
    /// Its errors.
    fn change_storage(&self, change: StorageChange, course: &Course) -> Result<(), StoreError>;

    /// As [`mnemon_store::Store::publish_rewrite`].
    ///
    /// # Errors
    /// Its errors.
    fn publish_rewrite(&self, table: TableId, definition: Vec<u8>, course: &Course)
    -> Result<(), StoreError>;
}

impl Catalog {
    /// Names who owns the data directory. The first call counts.
    pub fn set_keeper(&self, keeper: Weak<dyn Keeper>) {
        // There is one directory, and its owner names itself once.
        let _ = self.keeper.set(keeper);
    }

    /// Whether this node can store tables like this.
    #[must_use]
    pub fn has_place_for(&self, storage: Storage) -> bool {
        match storage {
            Storage::Ram => true,
            Storage::Disc => self.store().has_log(),
            Storage::DiscOnly => self.store().has_log() && self.store().has_rows_on_disc(),
        }
    }

    /// Keeps a table's rows in RAM alone, or on disc too, from now on, and says how safely. Readers and writers go on
    /// meanwhile. What a crash finds is the table as it was kept before or as it is to be kept; a table that is in RAM alone
    /// comes back without rows. Returns when that is so; [`Catalog::changes`] tells how far it is. O(rows) of disc when it moves there. It goes on to its end when the
    /// caller is dropped. Must be called inside a tokio runtime.
    ///
    /// To the disc alone, and from there, the rows are copied: writers are refused with `Transforming` until they are. Handles and
    /// subscriptions go on. The old rows stay in memory until no snapshot sees them. O(rows) of log.
    ///
    /// # Errors
    /// `Unsupported` without a data directory and for `db0`…`db15`; `BadSchema` for bounds that do not go with it; `NoTable`,
    /// `Loading`, `DiscFull`, `Store`, `Cancelled`: nothing was changed.
    pub async fn change_table_storage(
        self: &Arc<Self>,
        name: &str,
        storage: Storage,
        durability: Durability,
    ) -> Result<(), TableError> {
        let table = self.user_table(name)?;
        let catalog = self.clone();
        let changed = tokio::spawn(async move {
            let what = match storage {
                Storage::Ram => "storage ram".to_owned(),
                other => format!("storage {other}, durability {}", durability_text(durability)),
            };
            let listed = catalog.list_change(&table.name(), what);
            let changing = catalog.changing.lock().await;
            if copies_rows(table.schema().storage(), storage) {
                let schema = table.schema().alter().storage(storage).durability(durability).build();
                let moved = match schema {
                    Ok(schema) => catalog.move_table(changing, schema, None, &listed).await,
                    Err(refused) => Err(refused),
                };
                return listed.end(moved.map(drop));
            }
            listed.begin()?;
            listed.end(catalog.change_storage(&table, storage, durability, listed.course()).await)
        });
        changed.await.unwrap_or_else(|stopped| Err(TableError::Aborted(stopped.to_string())))
    }

    async fn change_storage(
        &self,
        table: &Table,
        storage: Storage,
        durability: Durability,
        course: &Arc<Course>,
    ) -> Result<(), TableError> {
        table.check_exists()?;
        let old = table.schema().clone();
        if old.storage() == storage && (storage == Storage::Ram || old.durability() == durability) {
            return Ok(());
        }
        let keeper = self.keeper_of(table)?;
        let schema = old.alter().storage(storage).durability(durability);
        let schema = schema.version(table.next_schema_version()).build()?;
        let disc = storage.is_on_disc().then_some(durability);
        let change = StorageChange { table: table.id(), disc, definition: definition(&schema)? };
        let course = course.clone();
        blocking(move || keeper.change_storage(change, &course)).await?;
        self.install(table, schema).await
    }

    /// # Errors
    /// `Unsupported` on a node without a data directory.
    pub(crate) fn keeper_of(&self, table: &Table) -> Result<Arc<dyn Keeper>, TableError> {
        let cause = "this node has no data directory; start it with one";
        let keeper = self.keeper.get().and_then(Weak::upgrade);
        keeper.ok_or_else(|| TableError::Unsupported { table: table.name(), cause })
    }

    /// Makes what a table was rewritten to its state on disc.
    pub(crate) async fn publish_rewrite(
        &self,
        table: &Table,
        schema: &Schema,
        course: &Arc<Course>,
    ) -> Result<(), TableError> {
        let keeper = self.keeper_of(table)?;
        let (id, definition, course) = (table.id(), definition(schema)?, course.clone());
        blocking(move || keeper.publish_rewrite(id, definition, &course)).await
    }
}

async fn blocking(work: impl FnOnce() -> Result<(), StoreError> + Send + 'static) -> Result<(), TableError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Ok(done?),
        Err(stopped) => Err(TableError::Aborted(format!("the change of the storage stopped: {stopped}"))),
    }
}
