//! What a table is and how full it is.

use std::sync::Arc;

use mnemon_table::TableInfo;
use mnemon_table::schema::Schema;

use super::Table;

impl<T> Table<T> {
    /// The table's name.
    #[must_use]
    pub fn name(&self) -> String {
        self.untyped().name()
    }

    /// The schema in force.
    #[must_use]
    pub fn schema(&self) -> Arc<Schema> {
        Arc::clone(&self.untyped().schema())
    }

    /// How many records there are, those included whose time has passed and that are not deleted yet; in a bag, how
    /// many keys. O(shards).
    #[must_use]
    pub fn size(&self) -> usize {
        self.untyped().size()
    }

    /// Sizes and counts: records, bytes, records with a time to live, subscribers. O(shards).
    #[must_use]
    pub fn info(&self) -> TableInfo {
        self.untyped().info()
    }
}
