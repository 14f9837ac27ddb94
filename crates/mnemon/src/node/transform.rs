//! `transform_table` with Rust types: every record becomes a value of another type.

use mnemon_table::TableError as Error;
use mnemon_table::schema::{Attribute, AttributeType, Schema};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Node;
use crate::shape::{Shape, shape_of};
use crate::table::{Table, fits};

impl Node {
    /// Rewrites every record of a table by `change` and gives the table the shape of `New`. Attributes are named after
    /// its fields; those that keep their name keep type and index. `change` must give each record the key it had. For
    /// when a program has a new version of its type and the table is to live on.
    ///
    /// Meanwhile readers go on, and writers are refused with [`Error::Transforming`] (transactions wait). A reader may meet
    /// both shapes, so handles of the old type answer [`Error::Term`] from some moment on; the new handle is the answer
    /// of this call. O(n), twice the table's memory while it runs; it goes on when the caller is dropped.
    ///
    /// # Errors
    /// [`Error::BadRecord`] when `change` gives a record another key, [`Error::BadSchema`] when `New` is no record, has
    /// no field names for another number of attributes, or lacks an attribute that has an index (drop it first),
    /// [`Error::Term`] for a record that is not an `Old`, [`Error::Aborted`] when `change` panics: nothing was changed.
    /// [`Error::NoTable`]; [`Error::Unsupported`] for `db0`…`db15`.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use mnemon::Node;
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Serialize, Deserialize)]
    /// struct User { id: u32, name: String }
    /// #[derive(Debug, PartialEq, Serialize, Deserialize)]
    /// struct UserV2 { id: u32, name: String, email: Option<String> }
    ///
    /// let node = Node::builder().start().await?;
    /// let users = node.create_table::<User>("users").index("name").await?;
    /// users.write(&User { id: 1, name: "Ada".into() }).await?;
    ///
    /// let users = node
    ///     .transform_table("users", |old: User| UserV2 { id: old.id, name: old.name, email: None })
    ///     .await?;
    /// assert_eq!(users.index_read("name", "Ada").await?, [UserV2 { id: 1, name: "Ada".into(), email: None }]);
    /// # Ok(()) }
    /// ```
    pub async fn transform_table<Old, New, F>(&self, name: &str, change: F) -> Result<Table<New>, Error>
    where
        Old: DeserializeOwned,
        New: Serialize + DeserializeOwned,
        F: Fn(Old) -> New + Send + 'static,
    {
        let schema = reshaped::<New>(&Schema::clone(&self.catalog().table(name)?.schema()))?;
        let change = move |record: mnemon_term::RecordRef<'_>| {
            let new = change(mnemon_term::from_record(record)?);
            Ok(mnemon_term::to_record(&new)?)
        };
        self.catalog().transform_table(name, schema, change).await?;
        Ok(Table::new(self.catalog().table(name)?))
    }
}

/// The schema with the attributes of a type.
fn reshaped<T: DeserializeOwned>(old: &Schema) -> Result<Schema, Error> {
    let mut schema = old.alter();
    if let Shape::Struct(fields) = shape_of::<T>() {
        let takes = |name: &str| {
            let known = old.attributes().iter().find(|attribute| attribute.name() == name);
            known.map_or(AttributeType::Any, Attribute::attribute_type)
        };
        schema = schema.attributes(fields.iter().map(|name| Attribute::new(*name, takes(name))));
    }
    let schema = schema.build()?;
    fits::<T>(&schema)?;
    Ok(schema)
}
