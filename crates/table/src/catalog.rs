//! The tables of a node by name, and the changes of their schemas.

mod alteration;
mod changes;
mod moment;
mod moving;
mod refill;
mod storage;

pub use changes::TableChange;
pub use moment::{Moment, Still};
pub(crate) use moving::Recast;
pub use refill::Refill;
pub use storage::Keeper;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use arc_swap::ArcSwap;
use mnemon_store::{
    Applied, Check, Clock, Commit, Course, Durability, Local, Recovered, Replica, SchemaChange, Sink, Store,
    StoreConfig, StoreError, TableId, TableOp, Unsynced, Verdict,
};

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::error::TableError;
use crate::feed::Feed;
use crate::form::TableForm;
use crate::loading::Loads;
use crate::schema::{AttributeType, Schema, Storage};
use crate::table::Table;
use crate::taking::Taker;
use crate::transaction::Turns;
use changes::Changes;
use mnemon_store::Kind;
use moving::Moved;

/// How many numbered databases there are, Redis's default.
pub const DATABASES: usize = 16;

/// How the databases `db0`…`db15` are kept on disc; `None`: in RAM alone.
pub type DatabaseStorage = Option<Durability>;

/// All tables of one group on this node.
pub struct Catalog {
    replica: Arc<dyn Replica>,
    feed: Arc<Feed>,
    tables: ArcSwap<HashMap<String, Arc<Table>>>,
    /// Counts changes of `tables`.
    changes: watch::Sender<u64>,
    databases: [OnceLock<Arc<Table>>; DATABASES],
    next_id: AtomicU32,
    /// One change of a schema at a time; waiting for it must not block a thread that serves others.
    pub(crate) changing: tokio::sync::Mutex<()>,
    under_way: Changes,
    /// Tables whose rows have moved: those here are kept for snapshots.
    moved: Mutex<Vec<Moved>>,
    pub(crate) turns: Turns,
    database_storage: DatabaseStorage,
    keeper: OnceLock<Weak<dyn Keeper>>,
    pub(crate) reading: Loads,
    pub(crate) backup_taker: Taker,
    /// Attempts of transactions that were lost.
    pub(crate) conflicts: AtomicU64,
}

impl Catalog {
    /// An empty catalog whose tables live on this node only.
    #[must_use]
    pub fn local(clock: Box<dyn Clock>) -> Self {
        Self::with_replica(StoreConfig::new(clock), |config| Arc::new(Local::new(Store::new(config))))
    }

    /// The catalog of a store that was brought back from the disc. `recover` is given the empty store; what it returns
    /// of tables becomes the catalog's. `database` is what the databases `db0`…`db15` are made like when they are used
    /// for the first time.
    ///
    /// # Errors
    /// `recover`'s, and `BadSchema` for a definition that cannot be read.
    ///
    /// `recover` may leave rows to be loaded later; see [`Catalog::note_loaded`].
    pub fn recovered<E: From<TableError>>(
        config: StoreConfig,
        database: DatabaseStorage,
        recover: impl FnOnce(&Store) -> Result<Vec<Recovered>, E>,
    ) -> Result<Self, E> {
        let mut tables = Ok(Vec::new());
        let mut catalog = Self::with_replica(config, |config| {
            let store = Store::new(config);
            tables = recover(&store);
            Arc::new(Local::new(store))
        });
        catalog.database_storage = database;
        for Recovered { table, definition, .. } in tables? {
            catalog.adopt(table, &definition)?;
        }
        catalog.begin_loading();
        Ok(catalog)
    }

    /// Takes in a table that is in the store already.
    fn adopt(&self, id: TableId, definition: &[u8]) -> Result<(), TableError> {
        self.next_id.fetch_max(id.0 + 1, Ordering::SeqCst);
        if definition.is_empty() {
            // Its creation was never finished, so nobody was told that it is there.
            return Ok(self.store().drop_copy(id)?);
        }
        let schema: Schema = serde_json::from_slice(definition)
            .map_err(|cause| TableError::BadSchema(format!("the definition of table {}: {cause}", id.0)))?;
        let name = schema.name().to_owned();
        let copy = self.store().copy(id)?;
        let table = Arc::new(Table::new(schema, copy, self.replica.clone(), self.feed.clone()));
        if let Some(place) = self.databases.get(id.0 as usize) {
            // Nobody has used it yet.
            let _ = place.set(table);
            return Ok(());
        }
        self.show(|tables| tables.insert(name, table));
        Ok(())
    }

    /// Notes what the store cannot know of a table, for the way back from the disc.
    async fn define(&self, id: TableId, schema: &Schema) -> Result<(), TableError> {
        let define = SchemaChange::Define { table: id, definition: definition(schema)? };
        Ok(self.replica.change_schema(&define).await?)
    }

    /// An empty catalog over the engine that `engine` makes; the configuration it is given carries the subscriptions.
    pub fn with_replica(
        mut config: StoreConfig,
        engine: impl FnOnce(StoreConfig) -> Arc<dyn Replica>,
    ) -> Self {
        let feed = Arc::new(Feed::default());
        config.sink = Some(feed.clone() as Arc<dyn Sink>);
        Self {
            replica: engine(config),
            feed,
            tables: ArcSwap::default(),
            changes: watch::channel(0).0,
            databases: [const { OnceLock::new() }; DATABASES],
            // The first numbers belong to the databases, whichever of them is used first.
            next_id: AtomicU32::new(DATABASES as u32),
            changing: tokio::sync::Mutex::new(()),
            under_way: Changes::default(),
            moved: Mutex::default(),
            turns: Turns::default(),
            database_storage: None,
            keeper: OnceLock::new(),
            reading: Loads::default(),
            backup_taker: Taker::default(),
            conflicts: AtomicU64::new(0),
        }
    }

    /// The store that holds the rows.
    #[must_use]
    pub fn store(&self) -> &Store {
        self.replica.store()
    }

    /// Attempts of transactions that lost against others and had to run again, since the start.
    #[must_use]
    pub fn conflicts(&self) -> u64 {
        self.conflicts.load(Ordering::Relaxed)
    }

    /// A table by name: a user's, or `db0`…`db15`.
    ///
    /// # Errors
    /// `NoTable`.
    pub fn table(&self, name: &str) -> Result<Arc<Table>, TableError> {
        if let Some(table) = self.tables.load().get(name) {
            return Ok(table.clone());
        }
        match database_number(name) {
            Some(number) => Ok(self.database(number).clone()),
            None => Err(TableError::NoTable(name.to_owned())),
        }
    }

    /// A numbered database, made on first use. Its keys are raw bytes, its values strings and collections.
    ///
    /// # Panics
    /// When `number` is not less than [`DATABASES`].
    pub fn database(&self, number: usize) -> &Arc<Table> {
        self.databases[number].get_or_init(|| {
            let id = TableId(number as u32);
            let schema = Schema::builder(format!("db{number}"))
                .attribute("key", AttributeType::Any)
                .attribute("value", AttributeType::Any)
                .kind(Kind::Set)
                .storage(if self.database_storage.is_some() { Storage::Disc } else { Storage::Ram })
                .durability(self.database_storage.unwrap_or_default())
                .build()
                .expect("a fixed schema that a test builds");
            let spec = schema.copy_spec();
            let create = SchemaChange::Create { table: id, spec: spec.clone() };
            if !matches!(self.replica.change_schema(&create).ready(), Some(Ok(()))) {
                // The log takes nothing, so commits on the database will be refused; it can still be read.
                drop(self.store().create(id, spec));
            }
            if let Ok(definition) = definition(&schema) {
                // Stands in the log before the first commit on the database, so it needs not be waited for.
                drop(self.replica.change_schema(&SchemaChange::Define { table: id, definition }));
            }
            let copy =
                self.store().copy(id).expect("the line above made it, and a database is never dropped");
            Arc::new(Table::new(schema, copy, self.replica.clone(), self.feed.clone()))
        })
    }

    /// The numbered database that this table is.
    #[must_use]
    pub fn database_of(&self, table: TableId) -> Option<&Arc<Table>> {
        self.databases.get(table.0 as usize)?.get()
    }

    /// Makes all numbered databases, so that none has to be noted in the log while a client waits for it. For nodes with
    /// a log, after it was given to the store.
    ///
    /// # Errors
    /// `DiscFull`, `Store` when the log takes nothing.
    pub fn make_databases(&self) -> Result<(), TableError> {
        let mut made = false;
        for number in 0..DATABASES {
            if self.databases[number].get().is_none() {
                self.store().check_log()?;
                self.database(number);
                made = true;
            }
        }
        // A node whose disc is full can still be read, if nothing had to be noted.
        if made { Ok(self.store().check_log()?) } else { Ok(()) }
    }

    /// The numbered databases that have been used.
    pub fn databases(&self) -> impl Iterator<Item = (usize, &Arc<Table>)> {
        self.databases.iter().enumerate().filter_map(|(number, table)| Some((number, table.get()?)))
    }

    /// The users' tables, by name.
    #[must_use]
    pub fn user_tables(&self) -> Vec<Arc<Table>> {
        let mut tables: Vec<_> = self.tables.load().values().cloned().collect();
        tables.sort_by_key(|table| table.name());
        tables
    }

    /// All tables: the databases in use, then the users'.
    #[must_use]
    pub fn tables(&self) -> Vec<Arc<Table>> {
        self.databases().map(|(_, table)| table.clone()).chain(self.user_tables()).collect()
    }

    /// Makes a table.
    ///
    /// # Errors
    /// `TableExists`, also for the names of the databases.
    pub async fn create(&self, schema: Schema) -> Result<Arc<Table>, TableError> {
        let _changing = self.changing.lock().await;
        let name = schema.name().to_owned();
        if self.tables.load().contains_key(&name) || database_number(&name).is_some() {
            return Err(TableError::TableExists(name));
        }
        if schema.storage().is_on_disc() && !self.has_place_for(schema.storage()) {
            let cause = "this node has no data directory; start it with one, or keep the table in ram";
            return Err(TableError::Unsupported { table: name, cause });
        }
        let id = TableId(self.next_id.fetch_add(1, Ordering::SeqCst));
        self.replica.change_schema(&SchemaChange::create(id, schema.copy_spec())).await?;
        for attribute in schema.indexes() {
            let add = SchemaChange::AddIndex { table: id, attribute: *attribute };
            self.replica.change_schema(&add).await?;
        }
        self.define(id, &schema).await?;
        let table = Table::new(schema, self.store().copy(id)?, self.replica.clone(), self.feed.clone());
        let table = Arc::new(table);
        self.show(|tables| tables.insert(name, table.clone()));
        Ok(table)
    }

    /// Drops a table with all its records, a damaged one too; its subscriptions end.
    ///
    /// # Errors
    /// `NoTable`; `Unsupported` for `db0`…`db15`.
    pub async fn drop_table(&self, name: &str) -> Result<(), TableError> {
        let _changing = self.changing.lock().await;
        let table = self.shapeable(name)?;
        table.check_replaceable()?;
        self.show(|tables| tables.remove(name));
        table.mark_dropped();
        self.replica.change_schema(&SchemaChange::Drop { table: table.id() }).await?;
        self.feed.close(table.id());
        Ok(())
    }

    /// Changes which tables there are, and tells those who watch. One at a time: `changing` is held, or nobody else has the
    /// catalog yet.
    pub(crate) fn show(&self, change: impl FnOnce(&mut HashMap<String, Arc<Table>>) -> Option<Arc<Table>>) {
        let mut tables = HashMap::clone(&self.tables.load());
        change(&mut tables);
        self.tables.store(Arc::new(tables));
        self.changes.send_modify(|changes| *changes += 1);
    }

    /// Tells whenever tables were made, dropped or replaced by others of their name; [`tables`](Self::tables) says which there
    /// are. Several changes may be told as one.
    #[must_use]
    pub fn watch_tables(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    pub(crate) fn user_table(&self, name: &str) -> Result<Arc<Table>, TableError> {
        let table = self.shapeable(name)?;
        table.check_exists()?;
        Ok(table)
    }

    fn shapeable(&self, name: &str) -> Result<Arc<Table>, TableError> {
        let table = self.table(name)?;
        if is_database(table.id()) {
            let cause = "the databases db0…db15 keep their shape; make a table of your own";
            return Err(TableError::Unsupported { table: name.to_owned(), cause });
        }
        Ok(table)
    }

    /// Puts a new schema in force: transactions that read the old one are refused from here on.
    pub(crate) async fn install(&self, table: &Table, schema: Schema) -> Result<(), TableError> {
        let version = schema.version();
        self.define(table.id(), &schema).await?;
        table.set_schema(schema);
        self.set_version(table, version, false).await
    }

    pub(crate) async fn set_version(
        &self,
        table: &Table,
        version: u64,
        sealed: bool,
    ) -> Result<(), TableError> {
        Ok(self.replica.change_schema(&SchemaChange::Version { table: table.id(), version, sealed }).await?)
    }

    /// Builds an index where that holds nobody up. Whether it counts is still to be decided.
    pub(crate) async fn build_index(
        &self,
        table: &Table,
        attribute: u16,
        course: &Arc<Course>,
    ) -> Result<(), TableError> {
        course.enter("indexing", table.size() as u64);
        let (replica, id, course) = (self.replica.clone(), table.id(), course.clone());
        let built = tokio::task::spawn_blocking(move || replica.build_index(id, attribute, &course)).await;
        match built {
            Ok(verdict) => Ok(verdict.await?),
            Err(stopped) => Err(TableError::Aborted(format!("the building of the index stopped: {stopped}"))),
        }
    }

    pub(crate) async fn drop_index(&self, table: &Table, attribute: u16) -> Result<(), TableError> {
        let del = SchemaChange::DelIndex { table: table.id(), attribute };
        Ok(self.replica.change_schema(&del).await?)
    }

    pub(crate) fn submit_commit(&self, commit: &Commit<'_>) -> Verdict<Result<Applied, StoreError>> {
        let verdict = self.replica.commit(commit);
        if self.store().has_bounded_tables() {
            self.make_room(commit);
        }
        verdict
    }

    /// Submits operations as one commit that runs once: all of them are applied, each with its own outcome, unless
    /// something in `checks` has changed.
    ///
    /// # Errors
    /// `Conflict`, `NoTable`.
    pub fn submit<'a>(
        &self,
        checks: Vec<Check<'a>>,
        ops: Vec<TableOp<'a>>,
    ) -> Verdict<Result<Applied, TableError>> {
        let commit = Commit { time_ms: self.store().now_ms(), checks, ops, with_before: false };
        self.explained(self.submit_commit(&commit))
    }

    /// The store's refusals as this crate's.
    pub(crate) fn explained(
        &self,
        verdict: Verdict<Result<Applied, StoreError>>,
    ) -> Verdict<Result<Applied, TableError>> {
        match verdict {
            Verdict::Ready(answer) => Verdict::Ready(answer.map_err(|error| self.explain(error))),
            Verdict::Unsynced(Unsynced { answer, synced, .. }) => Verdict::Unsynced(Unsynced {
                answer: answer.map_err(|error| self.explain(error)),
                synced,
                failed: |cause| Err(cause.into()),
            }),
            Verdict::Later(answer) => {
                Verdict::Later(Box::pin(async move { answer.await.map_err(TableError::from) }))
            }
        }
    }

    /// With the table's name where the error is about one that loads, is damaged, takes no writes or has just moved.
    fn explain(&self, error: StoreError) -> TableError {
        if let StoreError::NoTable(id) = error
            && let Some(name) = self.name_of_moved(id)
        {
            return TableError::Transforming(name);
        }
        let (StoreError::Loading(id) | StoreError::Sealed(id) | StoreError::Damaged { table: id, .. }) =
            &error
        else {
            return error.into();
        };
        let found = self.tables().into_iter().find(|table| table.id() == *id);
        found.map_or_else(|| error.clone().into(), |table| table.explain(error.clone()))
    }

    fn make_room(&self, commit: &Commit<'_>) {
        for op in commit.ops.iter().filter(|op| !op.op.is_read()) {
            let over = self.store().copy(op.table).is_ok_and(|copy| copy.is_over_bounds());
            if over && let Some(table) = self.tables().into_iter().find(|table| table.id() == op.table) {
                table.make_room(op.op.key());
            }
        }
    }

    /// Deletes expired rows, ends forgotten subscriptions, closes overdue snapshots: for a program that does all of it in one
    /// place. To be called every 100 ms or so; gives the number of rows deleted.
    pub fn maintain(&self) -> usize {
        let expired = self.expire_rows();
        self.end_subscriptions();
        self.close_snapshots();
        expired
    }

    /// Deletes expired rows and counts them. At most some hundreds of rows a shard go at each call, so that it never holds up
    /// writers.
    pub fn expire_rows(&self) -> usize {
        let tables = self.tables().into_iter().filter(|table| table.copy().is_open());
        tables.map(|table| table.expire(256)).sum()
    }

    /// Ends subscriptions that nobody holds any more.
    pub fn end_subscriptions(&self) {
        for table in self.tables().into_iter().filter(|table| table.copy().is_open()) {
            if table.copy().is_subscribed() {
                table.sweep_subscribers();
            }
        }
    }

    /// Closes snapshots that are past their deadline, and frees what only they have seen.
    pub fn close_snapshots(&self) {
        self.store().maintain_snapshots();
        self.retire_moved();
    }
}

/// What the store keeps of a schema for the way back from the disc.
fn definition(schema: &Schema) -> Result<Vec<u8>, TableError> {
    serde_json::to_vec(schema).map_err(|cause| TableError::BadSchema(cause.to_string()))
}

fn is_database(table: TableId) -> bool {
    (table.0 as usize) < DATABASES
}

/// The number in `db0`…`db15`.
pub(crate) fn database_number(name: &str) -> Option<usize> {
    let number = name.strip_prefix("db")?;
    let canonical = number == "0" || !number.starts_with('0');
    number.parse().ok().filter(|number| canonical && *number < DATABASES)
}

impl TableForm {
    /// The version of the next schema; never one that a transaction may have noted.
    pub(crate) fn next_schema_version(&self) -> u64 {
        self.copy().schema_version().max(self.schema().version()) + 1
    }

    /// Whether this is one of `db0`…`db15`, whose keys are raw bytes.
    #[must_use]
    pub fn is_database(&self) -> bool {
        is_database(self.id())
    }
}

impl std::fmt::Debug for Catalog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Catalog").field("tables", &self.tables.load().keys()).finish_non_exhaustive()
    }
}
