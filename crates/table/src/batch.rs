//! Many records in one commit, for imports.

use mnemon_store::{Check, Commit, Op, TableOp, When};
use mnemon_term::Record;

use crate::error::TableError;
use crate::key_buffer::KeyBuffer;
use crate::table::Table;

impl Table {
    /// Writes records as one commit, all of them or none, each with the table's own time to live. Of equal keys the last one
    /// stays; a bag takes all. O(records), with the locks of the rows' shards held: some hundreds are a good number.
    ///
    /// # Errors
    /// `BadRecord`, `ReadOnly`, `NoTable`, `Transforming`, `Loading`, `DiscFull`, `Conflict` when the schema changes under the
    /// commit.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), mnemon_table::TableError> {
    /// # use mnemon_table::{Catalog, schema::Schema};
    /// # use mnemon_store::SystemClock;
    /// use mnemon_term::{Record, Term};
    /// # let catalog = Catalog::local(Box::new(SystemClock));
    /// let table = catalog.create(Schema::builder("t").build()?).await?;
    /// let record = |key: i64| Record::new(&[Term::from(key), Term::from("value")]);
    /// table.write_all(&[record(1)?, record(2)?]).await?;
    /// assert_eq!(table.size(), 2);
    /// # Ok(()) }
    /// ```
    pub async fn write_all(&self, records: &[Record]) -> Result<(), TableError> {
        self.check_writable()?;
        // Records are held against this schema, so it must still be that one when they are written.
        let version = self.copy().schema_version();
        let keys: Vec<KeyBuffer> =
            records.iter().map(|record| self.record_key(record.as_ref())).collect::<Result<_, _>>()?;
        let expiry = self.default_expiry();
        let table = self.id();
        let put = |(key, record): (&KeyBuffer, &Record)| TableOp {
            table,
            op: Op::Put {
                key: key.to_vec().into(),
                body: record.as_bytes().to_vec().into(),
                expiry,
                when: When::Always,
                over_bytes_only: false,
            },
        };
        if self.copy().is_sealed() {
            return Err(TableError::Transforming(self.name()));
        }
        let commit = Commit {
            time_ms: self.store().now_ms(),
            checks: vec![Check::Schema { table, version }],
            ops: keys.iter().zip(records).map(put).collect(),
            with_before: false,
        };
        let outcomes = self.replica().commit(&commit).await.map_err(|error| self.explain(error))?;
        for outcome in outcomes.outcomes {
            outcome.map_err(|cause| TableError::Refused { table: self.name(), cause })?;
        }
        keys.iter().for_each(|key| self.make_room(Some(key)));
        Ok(())
    }
}
