//! Many records in one commit, for imports.

use mnemon_store::{Check, Commit, Expiry, Op, TableOp, When};
use mnemon_term::{Record, RecordRef};

use crate::error::TableError;
use crate::form::TableForm;

impl TableForm {
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
        let records: Vec<_> = records.iter().map(|record| (record.as_ref(), None)).collect();
        self.write_each(&records).await
    }

    /// As [`TableForm::write_all`], each with its own expiry where there is one. One that is past leaves no record.
    ///
    /// # Errors
    /// As [`TableForm::write_all`].
    pub async fn write_each(&self, records: &[(RecordRef<'_>, Option<Expiry>)]) -> Result<(), TableError> {
        self.check_writable()?;
        // Records are held against this schema, so it must still be that one when they are written.
        let version = self.copy().schema_version();
        let own = self.default_expiry();
        let put = |(record, expiry): &(RecordRef<'_>, Option<Expiry>)| {
            Ok(Op::Put {
                key: self.record_key(*record)?.to_vec().into(),
                body: record.as_bytes().to_vec().into(),
                expiry: expiry.unwrap_or(own),
                when: When::Always,
                over_bytes_only: false,
            })
        };
        let ops = records.iter().map(put).collect::<Result<_, TableError>>()?;
        self.submit_checked(version, ops).await
    }

    /// Submits operations as one commit, all of them or none; they are not held against the schema, so they must fit it. For
    /// imports into `db0`…`db15`.
    ///
    /// # Errors
    /// `Refused` for the first operation that its value refuses; otherwise as [`TableForm::write_all`].
    pub async fn submit_all(&self, ops: Vec<Op<'_>>) -> Result<(), TableError> {
        self.check_writable()?;
        self.submit_checked(self.copy().schema_version(), ops).await
    }

    async fn submit_checked(&self, version: u64, ops: Vec<Op<'_>>) -> Result<(), TableError> {
        if self.copy().is_sealed() {
            return Err(TableError::Transforming(self.name()));
        }
        let table = self.id();
        let keys: Vec<Vec<u8>> = ops.iter().filter_map(|op| op.key().map(<[u8]>::to_vec)).collect();
        let commit = Commit {
            time_ms: self.store().now_ms(),
            checks: vec![Check::Schema { table, version }],
            ops: ops.into_iter().map(|op| TableOp { table, op }).collect(),
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
