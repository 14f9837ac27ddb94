//! The process that makes buckets, one at a time, and watches them.
//!
//! What it knows outlives it in [`Inner::announced`](crate::buckets::Inner): started again, it watches the buckets there
//! are, and tells of those that came or went meanwhile.

use std::sync::Arc;
use std::time::Duration;

use mnemon_otp::{
    Agent, CallOutcome, ChildSpec, Context, Error, GenServer, Info, Init, Me, Message, Next, Pid, ReplyTo,
    Restart, Shutdown,
};
use mnemon_table::schema::{AttributeType, Schema};
use mnemon_table::{Catalog, Table, TableError};

use crate::buckets::{BucketEvent, Buckets, CreateError, START_WITHIN, TABLE_PREFIX, table_name};
use crate::server::Backing;
use crate::shelf::{Bytes, Shelf};

/// How long a bucket may take to stop.
const STOP_WITHIN: Duration = Duration::from_secs(1);

/// The server.
pub(crate) struct Registrar {
    buckets: Buckets,
}

impl GenServer for Registrar {
    type Args = Buckets;
    type Call = Bytes;
    type Reply = Result<(), CreateError>;
    type Cast = ();
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
        Init::Ready(registrar)
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
        let key = name.clone();
        let begin = move || Agent::begin(move || Shelf::new(max_keys)).via(&registry, key.clone(), ());
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
            Ok(_) => self.buckets.tell(BucketEvent::Create(name)),
            Err(TableError::TableExists(_)) => {}
            Err(cause) => return Err(refused(cause.to_string())),
        }
        Ok(())
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

/// How the registrar stands among the server's children.
pub(crate) fn child(buckets: &Buckets) -> ChildSpec {
    let buckets = buckets.clone();
    ChildSpec::server_with("registry", move || {
        mnemon_otp::Start::<Registrar>::new(buckets.clone()).name(crate::buckets::REGISTRAR)
    })
}
