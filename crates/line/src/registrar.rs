//! The process that makes buckets, one at a time, and watches them.
//!
//! What it knows outlives it in [`Inner::announced`](crate::buckets::Inner): started again, it watches the buckets there
//! are, and tells of those that came or went meanwhile.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use mnemon_otp::{
    Agent, CallOutcome, ChildSpec, Context, Error, GenServer, Info, Init, Me, Message, Next, Pid, ReplyTo,
    Restart, ServerRef, Shutdown, SpawnOptions,
};
use mnemon_store::TableId;
use mnemon_table::schema::{AttributeType, Schema};
use mnemon_table::{Catalog, Table, TableError};

use crate::buckets::{BucketEvent, Buckets, CreateError, START_WITHIN, TABLE_PREFIX, table_name};
use crate::server::Backing;
use crate::shelf::{Bytes, Shelf};

/// How long a bucket may take to stop.
const STOP_WITHIN: Duration = Duration::from_secs(1);

/// What the registrar is told.
pub(crate) enum Word {
    /// Tables have come or gone.
    Tables,
    /// A bucket has started under this name, perhaps after the registrar gave up waiting for it.
    Started(Bytes),
}

/// The server.
pub(crate) struct Registrar {
    buckets: Buckets,
}

impl GenServer for Registrar {
    type Args = Buckets;
    type Call = Bytes;
    type Reply = Result<(), CreateError>;
    type Cast = Word;
    type Continue = ();

    async fn init(buckets: Buckets, ctx: &mut Context) -> Init<Self> {
        let registrar = Self { buckets };
        for (name, pid, ()) in registrar.buckets.0.registry.entries() {
            registrar.watch(pid, name, ctx);
        }
        let known: Vec<Pid> = registrar.buckets.0.announced.lock().keys().copied().collect();
        for pid in known.into_iter().filter(|pid| !ctx.system().is_alive(*pid)) {
            registrar.forget(pid);
        }
        if let Backing::Table(catalog) = registrar.buckets.0.backing.clone() {
            registrar.compare(&catalog);
            if let Err(cause) = watch_tables(&catalog, ctx) {
                return Init::Stop(cause.into());
            }
        }
        Init::Ready(registrar)
    }

    async fn handle_cast(&mut self, word: Word, ctx: &mut Context) -> Next<Self> {
        match (word, &self.buckets.0.backing) {
            (Word::Tables, Backing::Table(catalog)) => self.compare(catalog),
            (Word::Started(name), _) => {
                let unknown = |pid: &Pid| !self.buckets.0.announced.lock().contains_key(pid);
                if let Some(pid) = self.buckets.pid(&name).filter(unknown) {
                    self.watch(pid, name, ctx);
                }
            }
            (Word::Tables, Backing::Process) => {}
        }
        Next::Wait
    }

    async fn handle_call(
        &mut self,
        name: Bytes,
        _: &ReplyTo<Self::Reply>,
        ctx: &mut Context,
    ) -> CallOutcome<Self> {
        if self.buckets.find(&name).is_some() {
            return CallOutcome::reply(Ok(()));
        }
        CallOutcome::reply(match self.buckets.0.backing.clone() {
            Backing::Process => self.start(name, &ctx.me()).await,
            Backing::Table(catalog) => self.make_table(&catalog, name).await,
        })
    }

    async fn handle_info(&mut self, info: Info, _: &mut Context) -> Next<Self> {
        if let Info::Message(Message::Down { pid, reason, .. }) = info {
            tracing::debug!(%pid, %reason, "a bucket has ended");
            self.forget(pid);
        }
        Next::Wait
    }

    fn state_text(&self) -> String {
        format!("{:?}", self.buckets)
    }
}

impl Registrar {
    async fn start(&self, name: Bytes, me: &Me) -> Result<(), CreateError> {
        let max = self.buckets.0.max_buckets;
        if self.buckets.0.announced.lock().len() >= max {
            return Err(CreateError::TooMany(max));
        }
        let (registry, max_keys) = (self.buckets.0.registry.clone(), self.buckets.0.max_keys);
        let (key, registrar) = (name.clone(), ServerRef::<Self>::of(me.system(), me.pid())?);
        let begin = move || {
            let (name, registrar) = (key.clone(), registrar.clone());
            let first = move || {
                // Where the registrar has ended, the next one looks for itself.
                drop(registrar.cast(Word::Started(name)));
                Shelf::new(max_keys)
            };
            Agent::begin(first).via(&registry, key.clone(), ())
        };
        let bucket = ChildSpec::server_with("bucket", begin)
            .restart(Restart::Temporary)
            .shutdown(Shutdown::Timeout(STOP_WITHIN));
        let started = self.buckets.supervisor()?;
        let started = tokio::time::timeout(START_WITHIN, started.start_child(bucket)).await;
        let pid = started.map_err(|_| Error::Timeout(START_WITHIN))??;
        let pid = pid.ok_or(CreateError::Process(Error::Ignored))?;
        self.watch(pid, name, me);
        Ok(())
    }

    async fn make_table(&self, catalog: &Catalog, name: Bytes) -> Result<(), CreateError> {
        let refused = |cause: String| CreateError::Table(cause);
        let max = self.buckets.0.max_buckets;
        let is_bucket = |table: &Arc<Table>| table.name().starts_with(TABLE_PREFIX);
        if catalog.user_tables().iter().filter(|table| is_bucket(table)).count() >= max {
            return Err(CreateError::TooMany(max));
        }
        let table = table_name(&name).ok_or_else(|| refused("its name is no text in UTF-8".to_owned()))?;
        let schema = Schema::builder(table)
            .attribute("key", AttributeType::Any)
            .attribute("value", AttributeType::Any)
            .build()
            .map_err(|cause| refused(cause.to_string()))?;
        match catalog.create(schema).await {
            Ok(_) | Err(TableError::TableExists(_)) => self.compare(catalog),
            Err(cause) => return Err(refused(cause.to_string())),
        }
        Ok(())
    }

    /// Tells of tables that have come or gone since the last time, whoever made or dropped them. O(tables).
    fn compare(&self, catalog: &Catalog) {
        let bucket = |table: Arc<Table>| {
            let name = table.name().strip_prefix(TABLE_PREFIX).map(|name| name.as_bytes().into());
            // Its rows may move, and it stays.
            name.map(|name: Bytes| (name, table.lasting_id()))
        };
        let now: HashMap<Bytes, TableId> = catalog.user_tables().into_iter().filter_map(bucket).collect();
        let before = std::mem::replace(&mut *self.buckets.0.announced_tables.lock(), now.clone());
        for (name, id) in &before {
            // Dropped and made again, it is another one.
            if now.get(name) != Some(id) {
                self.buckets.tell(BucketEvent::Exit(name.clone()));
            }
        }
        for (name, id) in now {
            if before.get(&name) != Some(&id) {
                self.buckets.tell(BucketEvent::Create(name));
            }
        }
    }

    /// Watches a bucket, and tells of it unless that was done.
    fn watch(&self, pid: Pid, name: Bytes, me: &Me) {
        me.monitor(pid);
        if self.buckets.0.announced.lock().insert(pid, name.clone()).is_none() {
            self.buckets.tell(BucketEvent::Create(name));
        }
    }

    /// A bucket has ended, and its name was given back before this was heard.
    fn forget(&self, pid: Pid) {
        let gone = self.buckets.0.announced.lock().remove(&pid);
        if let Some(name) = gone {
            self.buckets.tell(BucketEvent::Exit(name));
        }
    }
}

/// Starts the process that has the registrar look whenever tables come or go. The two end together.
fn watch_tables(catalog: &Catalog, me: &Context) -> mnemon_otp::Result<()> {
    let mut changes = catalog.watch_tables();
    // What came between the first look and this is seen as well.
    changes.mark_changed();
    let registrar = ServerRef::<Registrar>::of(me.system(), me.pid())?;
    let options = SpawnOptions::new().link().module("line::TableWatch");
    let body = move |_| async move {
        // Until the catalog is gone.
        while changes.changed().await.is_ok() {
            registrar.cast_within(Word::Tables, START_WITHIN).await?;
        }
        Ok::<(), Error>(())
    };
    me.spawn_with(options, body).map(drop)
}

/// How the registrar stands among the server's children.
pub(crate) fn child(buckets: &Buckets) -> ChildSpec {
    let buckets = buckets.clone();
    ChildSpec::server_with("registry", move || {
        mnemon_otp::Start::<Registrar>::new(buckets.clone()).name(crate::buckets::REGISTRAR)
    })
}
