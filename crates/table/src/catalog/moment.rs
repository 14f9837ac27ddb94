//! One moment of all tables: what a backup holds.
//!
//! What must stay true: the schemas are those of the snapshot's rows, because no schema changes while it is opened.

use std::sync::Arc;

use mnemon_store::{Row, Scan, Snapshot};

use super::Catalog;
use crate::error::TableError;
use crate::schema::Schema;
use crate::table::Table;

/// The tables as they were at one commit clock. Writers go on; what they replace is kept until this is dropped.
#[derive(Debug)]
pub struct Moment {
    snapshot: Snapshot,
    time_ms: u64,
    tables: Vec<Still>,
}

/// A table at a [`Moment`].
#[derive(Clone, Debug)]
pub struct Still {
    /// The table; it may have been dropped since.
    pub table: Arc<Table>,
    /// Its schema at that moment.
    pub schema: Arc<Schema>,
}

impl Catalog {
    /// Opens one moment of all tables: the databases in use, then the users', by name. Waits for a change of a schema that
    /// is under way, not for writers. It can be read for `ttl_ms`, and until what writers replaced exceeds the store's
    /// bound.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), mnemon_table::TableError> {
    /// # use mnemon_table::{Catalog, schema::Schema};
    /// # use mnemon_store::SystemClock;
    /// # use mnemon_term::{Record, Term};
    /// let catalog = Catalog::local(Box::new(SystemClock));
    /// let table = catalog.create(Schema::builder("t").build()?).await?;
    /// table.write(Record::new(&[Term::from(1), Term::from("a")])?.as_ref()).await?;
    /// let moment = catalog.moment(60_000).await;
    /// table.write(Record::new(&[Term::from(2), Term::from("b")])?.as_ref()).await?;
    /// let mut rows = 0;
    /// for page in moment.pages(&moment.tables()[0]) {
    ///     rows += page?.len();
    /// }
    /// assert_eq!(rows, 1);
    /// # Ok(()) }
    /// ```
    pub async fn moment(&self, ttl_ms: u64) -> Moment {
        let _changing = self.changing.lock().await;
        let still = |table: Arc<Table>| Still { schema: table.schema().clone(), table };
        let tables = self.tables().into_iter().map(still).collect();
        let snapshot = self.store().snapshot(ttl_ms);
        Moment { time_ms: self.store().now_ms(), snapshot, tables }
    }
}

impl Moment {
    /// The commit clock.
    #[must_use]
    pub fn clock(&self) -> u64 {
        self.snapshot.clock()
    }

    /// When it was opened, in milliseconds since the epoch.
    #[must_use]
    pub fn time_ms(&self) -> u64 {
        self.time_ms
    }

    /// The tables.
    #[must_use]
    pub fn tables(&self) -> &[Still] {
        &self.tables
    }

    /// The rows of a table, some hundreds at a time; no lock outlives a page. Ends after an error, which is
    /// `SnapshotExpired`.
    pub fn pages<'m>(&'m self, of: &'m Still) -> impl Iterator<Item = Result<Vec<Row>, TableError>> + 'm {
        let mut scan = Some(Scan::all());
        std::iter::from_fn(move || {
            let page = self.next_page(of, scan.as_mut()?);
            if page.is_err() {
                scan = None;
            }
            page.transpose()
        })
    }

    /// From where the rows were at that moment.
    fn next_page(&self, of: &Still, scan: &mut Scan) -> Result<Option<Vec<Row>>, TableError> {
        let form = of.table.as_of(&self.snapshot)?;
        let page = scan.next_page(form.store(), form.copy(), Some(&self.snapshot))?;
        Ok(page.map(|page| page.rows))
    }
}
