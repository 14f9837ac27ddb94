//! Changes of a table's schema that leave its records as they are: indexes, and who may write.

use mnemon_store::SchemaChange;

use super::Catalog;
use crate::error::TableError;
use crate::schema::AccessMode;

impl Catalog {
    /// Adds an index to a table that goes on being used. Returns when it serves. O(n log n), off this task's thread.
    ///
    /// # Errors
    /// `NoTable`, `BadSchema` for an unknown attribute, `IndexExists`.
    pub async fn add_table_index(&self, name: &str, attribute: &str) -> Result<(), TableError> {
        let _changing = self.changing.lock().await;
        let table = self.user_table(name)?;
        if table.schema().place_of(attribute).is_some_and(|place| table.schema().indexes().contains(&place)) {
            return Err(TableError::IndexExists { table: name.to_owned(), attribute: attribute.to_owned() });
        }
        let schema = table.schema().alter().index(attribute).version(table.next_schema_version()).build()?;
        let Some(place) = schema.place_of(attribute) else {
            return Ok(());
        };
        self.change_in_background(SchemaChange::AddIndex { table: table.id(), attribute: place }).await?;
        self.install(&table, schema).await
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
        let del = SchemaChange::DelIndex { table: table.id(), attribute: place };
        Ok(self.replica.change_schema(&del).await?)
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
