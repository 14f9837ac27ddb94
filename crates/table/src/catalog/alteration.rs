//! Changes of a table's schema that leave its records as they are: indexes, and who may write.

use std::sync::Arc;

use mnemon_store::{Course, StoreError};

use super::Catalog;
use crate::error::TableError;
use crate::schema::AccessMode;

impl Catalog {
    /// Adds an index to a table that goes on being used. Returns when it serves; [`Catalog::changes`] tells how far it is, and
    /// it can be cancelled. It goes on to its end when the caller is dropped. O(n log n), off this task's thread. Must be called
    /// inside a tokio runtime.
    ///
    /// # Errors
    /// `NoTable`, `BadSchema` for an unknown attribute, `IndexExists`, `Cancelled`, `DiscFull`: there is no such index.
    pub async fn add_table_index(self: &Arc<Self>, name: &str, attribute: &str) -> Result<(), TableError> {
        let (catalog, name, attribute) = (self.clone(), name.to_owned(), attribute.to_owned());
        let adding = tokio::spawn(async move {
            let listed = catalog.list_change(&name, format!("add index {attribute}"));
            let _changing = catalog.changing.lock().await;
            listed.begin()?;
            listed.end(catalog.add_index(&name, &attribute, listed.course()).await)
        });
        adding.await.unwrap_or_else(|stopped| Err(TableError::Aborted(stopped.to_string())))
    }

    async fn add_index(&self, name: &str, attribute: &str, course: &Arc<Course>) -> Result<(), TableError> {
        let table = self.user_table(name)?;
        if table.schema().place_of(attribute).is_some_and(|place| table.schema().indexes().contains(&place)) {
            return Err(TableError::IndexExists { table: name.to_owned(), attribute: attribute.to_owned() });
        }
        let schema = table.schema().alter().index(attribute).version(table.next_schema_version()).build()?;
        let Some(place) = schema.place_of(attribute) else {
            return Ok(());
        };
        match self.build_index(&table, place, course).await {
            // A crash came between the index and the schema that names it.
            Err(TableError::Store(StoreError::Exists(_))) => {}
            other => other?,
        }
        let installed = match course.decide() {
            Ok(()) => self.install(&table, schema).await,
            Err(cancelled) => Err(cancelled.into()),
        };
        if installed.is_err() && !table.schema().indexes().contains(&place) {
            // Where the log takes nothing the index stays, unseen, and the next one takes it over.
            drop(self.drop_index(&table, place).await);
        }
        installed
    }

    /// Drops an index.
    ///
    /// # Errors
    /// `NoTable`, `NoIndex`.
    pub async fn del_table_index(&self, name: &str, attribute: &str) -> Result<(), TableError> {
        let _changing = self.changing.lock().await;
        let table = self.user_table(name)?;
        let place = table.indexed_place(attribute)?;
        let schema =
            table.schema().alter().unindex(attribute).version(table.next_schema_version()).build()?;
        self.install(&table, schema).await?;
        self.drop_index(&table, place).await
    }

    /// Makes a table read-only, or writable again.
    ///
    /// # Errors
    /// `NoTable`.
    pub async fn change_table_access_mode(&self, name: &str, access: AccessMode) -> Result<(), TableError> {
        let _changing = self.changing.lock().await;
        let table = self.user_table(name)?;
        let schema = table.schema().alter().access(access).version(table.next_schema_version()).build()?;
        self.install(&table, schema).await
    }
}
