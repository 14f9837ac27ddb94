//! A running node as an embedder sees it: tables by type, transactions, and an orderly end.

mod backup;
mod builder;
mod transform;

pub use builder::NodeBuilder;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mnemon_table::schema::{AccessMode, Schema};
use mnemon_table::{Catalog, TableChange, TableError as Error, TransactionOptions};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;

use crate::table::{Table, TableBuilder, fits};
use crate::transaction::Transaction;

/// A running Mnemon inside this program. Cheap to clone; all clones are the same node.
///
/// Nothing of it is global: any number of nodes run in one process, each with its own tables. The node ends with
/// [`shutdown`](Self::shutdown), or when its last clone is dropped; its data, which is in RAM, ends with the last
/// handle of its tables.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use mnemon::Node;
///
/// let node = Node::builder().name("shop1").start().await?;
/// let stock = node.create_table::<(String, u64)>("stock").await?;
/// stock.write(&("nuts".into(), 40)).await?;
///
/// // Elsewhere in the program:
/// let stock = node.table::<(String, u64)>("stock")?;
/// assert_eq!(stock.read("nuts").await?, Some(("nuts".into(), 40)));
/// node.shutdown().await;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Node(Arc<Running>);

struct Running {
    name: String,
    resp: Option<SocketAddr>,
    catalog: Arc<Catalog>,
    backups: Arc<mnemon_backup::Backups>,
    /// Taken by the first who shuts the node down; others wait here until it is done.
    node: Mutex<Option<mnemon_node::Node>>,
}

impl Node {
    /// Settings for a new node.
    pub fn builder() -> NodeBuilder {
        NodeBuilder::new(mnemon_node::Node::builder())
    }

    pub(crate) fn new(node: mnemon_node::Node) -> Self {
        Self(Arc::new(Running {
            name: node.name().to_owned(),
            resp: node.resp_addr(),
            catalog: node.catalog().clone(),
            backups: node.backups().clone(),
            node: Mutex::new(Some(node)),
        }))
    }

    /// The node's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Where Redis clients connect, with the port that was really taken; `None` when the node serves none.
    #[must_use]
    pub fn resp_addr(&self) -> Option<SocketAddr> {
        self.0.resp
    }

    /// Defines a new table of `T`s; await the definition to create it. The schema's attributes take the names of
    /// `T`'s fields, which are found without a value of it.
    ///
    /// # Errors
    /// When awaited: [`Error::TableExists`], also for `db0`…`db15`; [`Error::BadSchema`].
    pub fn create_table<T: Serialize + DeserializeOwned>(&self, name: impl Into<String>) -> TableBuilder<T> {
        TableBuilder::new(self.0.catalog.clone(), name.into())
    }

    /// Creates a table of `T`s from a schema that was built elsewhere.
    ///
    /// # Errors
    /// [`Error::TableExists`]; [`Error::BadSchema`] when `T` has another number of fields than the schema has attributes.
    pub async fn create_table_with<T>(&self, schema: Schema) -> Result<Table<T>, Error>
    where
        T: Serialize + DeserializeOwned,
    {
        fits::<T>(&schema)?;
        self.0.catalog.create(schema).await.map(Table::new)
    }

    /// A table that exists, as a table of `T`s.
    ///
    /// # Errors
    /// [`Error::NoTable`]; [`Error::BadSchema`] when `T` has another number of fields than the table has attributes;
    /// [`Error::Unsupported`] for `db0`…`db15`, which hold strings and hashes instead of records.
    pub fn table<T: Serialize + DeserializeOwned>(&self, name: &str) -> Result<Table<T>, Error> {
        let table = self.0.catalog.table(name)?;
        if table.is_database() {
            let cause =
                "the databases db0…db15 hold strings and hashes, not records; make a table of your own";
            return Err(Error::Unsupported { table: name.to_owned(), cause });
        }
        fits::<T>(&table.schema())?;
        Ok(Table::new(table))
    }

    /// Waits until these tables can be used, Mnesia's `wait_for_tables`. Only for a node with a data directory that was told to
    /// [load in the background](NodeBuilder::load_in_background) there is anything to wait for.
    ///
    /// # Errors
    /// [`Error::Loading`] with the first that is not there when `timeout` has passed, [`Error::NotLoaded`] when one cannot be
    /// brought back from the disc, [`Error::NoTable`].
    pub async fn wait_for_tables(&self, names: &[&str], timeout: Duration) -> Result<(), Error> {
        self.0.catalog.wait_for_tables(names, timeout).await
    }

    /// The names of all tables, in alphabetical order; `db0`…`db15` are not among them.
    #[must_use]
    pub fn table_names(&self) -> Vec<String> {
        self.0.catalog.user_tables().iter().map(|table| table.name()).collect()
    }

    /// Drops a table with all its records. Its handles answer [`Error::NoTable`] from then on, its subscriptions end.
    ///
    /// # Errors
    /// [`Error::NoTable`]; [`Error::Unsupported`] for `db0`…`db15`.
    pub async fn drop_table(&self, name: &str) -> Result<(), Error> {
        self.0.catalog.drop_table(name).await
    }

    /// Adds an index to a table while it goes on being used; done when the index serves. O(n log n), on a thread for
    /// such work.
    ///
    /// # Errors
    /// [`Error::NoTable`], [`Error::IndexExists`], [`Error::BadSchema`] for an unknown attribute or a second index on one.
    pub async fn add_index(&self, table: &str, attribute: &str) -> Result<(), Error> {
        self.0.catalog.add_table_index(table, attribute).await
    }

    /// The changes of tables that are under way or wait for their turn, with how far they are.
    #[must_use]
    pub fn changes(&self) -> Vec<TableChange> {
        self.0.catalog.changes()
    }

    /// Cancels the changes of a table that are under way, and waits until they have ended. `true`: one was taken back, the table
    /// is as it was, and who asked for the change gets [`Error::Cancelled`]; `false`: it was too late.
    ///
    /// # Errors
    /// [`Error::NoChange`].
    pub async fn cancel_change(&self, table: &str) -> Result<bool, Error> {
        self.0.catalog.cancel_change(table).await
    }

    /// Drops an index. Transactions that are under way on the table run again.
    ///
    /// # Errors
    /// [`Error::NoTable`], [`Error::NoIndex`].
    pub async fn drop_index(&self, table: &str, attribute: &str) -> Result<(), Error> {
        self.0.catalog.del_table_index(table, attribute).await
    }

    /// Makes a table read-only, or writable again.
    ///
    /// # Errors
    /// [`Error::NoTable`].
    pub async fn set_access(&self, table: &str, access: AccessMode) -> Result<(), Error> {
        self.0.catalog.change_table_access_mode(table, access).await
    }

    /// Runs `body` as a transaction over any tables of this node: what it reads is of one state, and what it writes is
    /// applied at one moment at which all that it read still held, or not at all.
    ///
    /// `body` may run several times: after a conflict with another transaction it begins anew, for at most 5 seconds from
    /// the first one on. So it must do nothing that may happen only once, and nothing slow. Nobody is locked out while it runs. An error that
    /// it returns, of whatever type can be made from [`Error`], aborts the transaction and is the answer.
    ///
    /// An `async` closure borrows the tables it uses; the future can be given to `tokio::spawn` when it owns its node and
    /// tables, which are cheap to clone.
    ///
    /// # Errors
    /// `body`'s own; [`Error::Aborted`] after 5 seconds of conflicts; see [`Transaction`].
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use mnemon::Node;
    ///
    /// enum Refusal { Poor, Store(mnemon::Error) }
    /// impl From<mnemon::Error> for Refusal {
    ///     fn from(error: mnemon::Error) -> Self { Self::Store(error) }
    /// }
    ///
    /// let node = Node::builder().start().await?;
    /// let accounts = node.create_table::<(String, u64)>("accounts").await?;
    /// accounts.write(&("ada".into(), 30)).await?;
    /// accounts.write(&("bob".into(), 0)).await?;
    ///
    /// let transfer = async |amount: u64| {
    ///     node.transaction(async |tx| {
    ///         let (_, ada) = tx.read(&accounts, "ada").await?.unwrap_or_default();
    ///         let (_, bob) = tx.read(&accounts, "bob").await?.unwrap_or_default();
    ///         let rest = ada.checked_sub(amount).ok_or(Refusal::Poor)?;
    ///         tx.write(&accounts, &("ada".into(), rest)).await?;
    ///         tx.write(&accounts, &("bob".into(), bob + amount)).await?;
    ///         Ok(())
    ///     })
    ///     .await
    /// };
    /// assert!(transfer(20).await.is_ok());
    /// assert!(matches!(transfer(20).await, Err(Refusal::Poor)));
    /// assert_eq!(accounts.read("bob").await?, Some(("bob".into(), 20)));
    /// # Ok(()) }
    /// ```
    pub async fn transaction<T, E, F, A>(&self, body: F) -> Result<T, E>
    where
        F: Fn(Transaction) -> A,
        A: Future<Output = Result<T, E>>,
        E: From<Error>,
    {
        self.transaction_with(TransactionOptions::default(), body).await
    }

    /// As [`transaction`](Self::transaction), with options: another deadline, or read-only, which runs on a snapshot,
    /// once, never conflicts and may read any number of rows until the deadline.
    ///
    /// # Errors
    /// As of `transaction`.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let node = mnemon::Node::builder().start().await?;
    /// # let accounts = node.create_table::<(String, u64)>("accounts").await?;
    /// use mnemon::TransactionOptions;
    ///
    /// let options = TransactionOptions { read_only: true, ..Default::default() };
    /// let total = node
    ///     .transaction_with(options, async |tx| tx.fold(&accounts, 0, |sum, (_, amount)| sum + amount).await)
    ///     .await?;
    /// assert_eq!(total, 0);
    /// # Ok(()) }
    /// ```
    pub async fn transaction_with<T, E, F, A>(&self, options: TransactionOptions, body: F) -> Result<T, E>
    where
        F: Fn(Transaction) -> A,
        A: Future<Output = Result<T, E>>,
        E: From<Error>,
    {
        self.0.catalog.transaction_with(options, |run| body(Transaction::new(run))).await
    }

    /// The tables as the crates beneath know them.
    #[must_use]
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.0.catalog
    }

    /// Stops the node: no new Redis clients, those there are closed, the background work ends. Returns when that is so,
    /// however many call it. Tables stay readable and writable through handles that are still held, but expired
    /// records are no longer deleted (readers do not see them).
    pub async fn shutdown(&self) {
        let mut running = self.0.node.lock().await;
        if let Some(node) = running.take() {
            node.shutdown().await;
        }
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node").field("name", &self.0.name).field("resp", &self.0.resp).finish_non_exhaustive()
    }
}
