//! All buckets: how one is found, how one is made, and who hears of it.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use mnemon_otp::{Agent, CALL_LIMIT, DynamicSupervisor, EventManager, Pid, Registry, ServerRef, System};
use mnemon_store::TableId;
use parking_lot::Mutex;

use crate::bucket::Bucket;
use crate::registrar::Registrar;
use crate::server::Backing;
use crate::shelf::{Bytes, Shelf};

/// What is told of buckets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BucketEvent {
    /// There is a bucket of this name now.
    Create(Bytes),
    /// The bucket of this name has stopped or crashed, or its table was dropped, and it is forgotten.
    Exit(Bytes),
}

/// Why a bucket was not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CreateError {
    /// There are as many buckets as there may be.
    #[error("there are {0} buckets already; raise `max_buckets` or use those there are")]
    TooMany(usize),
    /// The name cannot be that of a table.
    #[error("no table can be made for the bucket: {0}")]
    Table(String),
    /// A process on the way failed; a moment later it has been started again.
    #[error("the bucket was not made: {0}; try again")]
    Process(#[from] mnemon_otp::Error),
}

/// The buckets of a server. Clones are the same buckets.
#[derive(Clone)]
pub struct Buckets(pub(crate) Arc<Inner>);

/// What outlives each of the processes.
pub(crate) struct Inner {
    pub(crate) system: System,
    pub(crate) registry: Registry<Bytes>,
    /// Buckets whose coming was told and whose going was not.
    pub(crate) announced: Mutex<HashMap<Pid, Bytes>>,
    /// The same of buckets that are tables.
    pub(crate) announced_tables: Mutex<HashMap<Bytes, TableId>>,
    pub(crate) backing: Backing,
    pub(crate) max_buckets: usize,
    pub(crate) max_keys: usize,
}

impl fmt::Debug for Buckets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buckets").field("count", &self.count()).finish_non_exhaustive()
    }
}

/// The name under which the supervisor of the buckets runs.
pub(crate) const SUPERVISOR: &str = "line.buckets";
/// The name of the process that makes buckets.
pub(crate) const REGISTRAR: &str = "line.registry";
/// The name of the event manager.
pub(crate) const EVENTS: &str = "line.events";
/// What the names of tables that are buckets begin with.
pub(crate) const TABLE_PREFIX: &str = "line.";

impl Buckets {
    pub(crate) fn new(system: &System, backing: Backing, max_buckets: usize, max_keys: usize) -> Self {
        Self(Arc::new(Inner {
            system: system.clone(),
            registry: Registry::unique(system),
            announced: Mutex::default(),
            announced_tables: Mutex::default(),
            backing,
            max_buckets,
            max_keys,
        }))
    }

    /// Makes the bucket unless there is one. Waits for the process that makes them, at most five seconds.
    ///
    /// # Errors
    /// [`CreateError`].
    pub async fn create(&self, name: &[u8]) -> Result<(), CreateError> {
        if self.find(name).is_some() {
            return Ok(());
        }
        ServerRef::<Registrar>::named(&self.0.system, REGISTRAR)?.call(name.into()).await?
    }

    /// The process of a bucket, without a process hop; `None` where there is none, or buckets are tables.
    #[must_use]
    pub fn pid(&self, name: &[u8]) -> Option<Pid> {
        self.0.registry.whereis(name)
    }

    /// How many buckets have processes. O(buckets).
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.registry.count()
    }

    /// Who tells of buckets that come and go. A handler stays until this manager ends; after a crash it is added again.
    ///
    /// # Errors
    /// Where the manager is just being started again.
    pub fn events(&self) -> mnemon_otp::Result<EventManager<BucketEvent>> {
        ServerRef::named(&self.0.system, EVENTS).map(EventManager::of)
    }

    pub(crate) fn find(&self, name: &[u8]) -> Option<Bucket> {
        match &self.0.backing {
            Backing::Process => {
                let server = ServerRef::via(&self.0.registry, name).ok()?;
                Some(Bucket::Process(Agent::<Shelf>::of(server)))
            }
            Backing::Table(catalog) => {
                let table = catalog.table(&table_name(name)?).ok()?;
                Some(Bucket::Table(table, self.0.max_keys))
            }
        }
    }

    pub(crate) fn supervisor(&self) -> mnemon_otp::Result<DynamicSupervisor> {
        let pid = self.0.system.whereis(SUPERVISOR).ok_or(mnemon_otp::Error::NoProcess)?;
        DynamicSupervisor::of(&self.0.system, pid)
    }

    /// Tells whoever listens. Where the manager is just being started again, nobody listens.
    pub(crate) fn tell(&self, event: BucketEvent) {
        if let Err(cause) = self.events().and_then(|events| events.notify(event)) {
            tracing::warn!(%cause, "an event of a bucket was told to nobody");
        }
    }
}

/// The table that is the bucket `name`, if a table can have its name.
pub(crate) fn table_name(name: &[u8]) -> Option<String> {
    std::str::from_utf8(name).ok().map(|name| format!("{TABLE_PREFIX}{name}"))
}

/// How long the registrar waits for a bucket to start; less than its callers wait for it.
pub(crate) const START_WITHIN: Duration = CALL_LIMIT.saturating_sub(Duration::from_secs(1));
