//! The server as a whole: its settings, its address, its processes in their tree.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use mnemon_otp::{ChildSpec, DynamicSpec, EventManager, Strategy, Supervisor, SupervisorSpec, System};
use mnemon_table::Catalog;

use crate::buckets::{BucketEvent, Buckets, EVENTS, SUPERVISOR};
use crate::door::{self, CLIENTS, Door};
use crate::error::LineError;
use crate::registrar;

/// Restarts of the server's parts that are borne in [`RESTARTS_WITHIN`]: no part needs another one's state, so several may
/// fail at once.
const RESTARTS: u32 = 20;
const RESTARTS_WITHIN: Duration = Duration::from_secs(10);

/// What a bucket is.
#[derive(Clone, Default)]
pub enum Backing {
    /// A process that owns the keys and values; they go with it.
    #[default]
    Process,
    /// A local table `line.NAME` of this catalog: no process is asked, other doors see it, and it outlives this server.
    Table(Arc<Catalog>),
}

/// How the server is set up. Everything here bounds what clients can take.
#[derive(Clone)]
pub struct LineConfig {
    /// Where to listen; port 0 takes a free one. Default 127.0.0.1:4040.
    pub addr: SocketAddr,
    /// What buckets are. Default: processes.
    pub backing: Backing,
    /// Clients at the same time; others read `ERROR` and are closed. Default 1,024.
    pub max_clients: usize,
    /// Buckets that are processes at the same time. Default 10,000.
    pub max_buckets: usize,
    /// Keys of one bucket. Default 1,000,000.
    pub max_keys: usize,
    /// Bytes of a line, its end not counted. Default 64 KiB.
    pub max_line_bytes: usize,
    /// Buckets that one client follows. Default 64.
    pub max_subscriptions: usize,
    /// Changes that wait for a client that does not read; with one more it is told `ERROR` and closed. Default 256.
    pub subscriber_queue: usize,
    /// How long a client may take to read what is sent. Default 30 s.
    pub write_within: Duration,
}

impl Default for LineConfig {
    fn default() -> Self {
        Self {
            addr: ([127, 0, 0, 1], 4040).into(),
            backing: Backing::Process,
            max_clients: 1_024,
            max_buckets: 10_000,
            max_keys: 1_000_000,
            max_line_bytes: 64 << 10,
            max_subscriptions: 64,
            subscriber_queue: 256,
            write_within: Duration::from_secs(30),
        }
    }
}

/// What bounds one client.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) max_line_bytes: usize,
    pub(crate) max_subscriptions: usize,
    pub(crate) subscriber_queue: usize,
    pub(crate) write_within: Duration,
}

/// A server that listens. Its processes run once its [`child`](Self::child) was started under a supervisor, or it was
/// started alone. A system has one at most, as its processes have names.
///
/// ```
/// use mnemon_line::{LineConfig, LineServer};
/// use mnemon_otp::System;
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let system = System::new()?;
/// let server = LineServer::bind(&system, LineConfig { addr: "127.0.0.1:0".parse()?, ..Default::default() })?;
/// server.start(&system).await?;
///
/// let mut client = tokio::net::TcpStream::connect(server.local_addr()).await?;
/// client.write_all(b"CREATE shopping\nPUT shopping eggs 3\nGET shopping eggs\n").await?;
/// let mut replies = [0; 15];
/// client.read_exact(&mut replies).await?;
/// assert_eq!(&replies, b"OK\r\nOK\r\n3\r\nOK\r\n");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct LineServer {
    addr: SocketAddr,
    max_clients: usize,
    door: Arc<Door>,
}

impl LineServer {
    /// Listens. Who connects waits until the processes run.
    ///
    /// # Errors
    /// `Bind`.
    pub fn bind(system: &System, config: LineConfig) -> Result<Self, LineError> {
        let refused = |cause| LineError::Bind { address: config.addr, cause };
        let listener = std::net::TcpListener::bind(config.addr).map_err(refused)?;
        listener.set_nonblocking(true).map_err(refused)?;
        let addr = listener.local_addr().map_err(refused)?;
        let limits = Limits {
            max_line_bytes: config.max_line_bytes,
            max_subscriptions: config.max_subscriptions,
            subscriber_queue: config.subscriber_queue,
            write_within: config.write_within,
        };
        let buckets = Buckets::new(system, config.backing, config.max_buckets, config.max_keys);
        let door = Arc::new(Door { listener, buckets, limits, clients: AtomicU64::new(0) });
        Ok(Self { addr, max_clients: config.max_clients, door })
    }

    /// The address that is listened on.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// The buckets.
    #[must_use]
    pub fn buckets(&self) -> &Buckets {
        &self.door.buckets
    }

    /// The processes, as a child of a supervisor of the system given to [`bind`](Self::bind).
    #[must_use]
    pub fn child(&self) -> ChildSpec {
        ChildSpec::supervisor("line", self.tree())
    }

    /// Starts the processes alone.
    ///
    /// # Errors
    /// `Start`.
    pub async fn start(&self, system: &System) -> Result<Supervisor, LineError> {
        Ok(self.tree().start(system).await?)
    }

    fn tree(&self) -> SupervisorSpec {
        let events = ChildSpec::server_with("events", || EventManager::<BucketEvent>::begin().name(EVENTS));
        let buckets = DynamicSpec::new().name(SUPERVISOR);
        let clients = DynamicSpec::new().max_children(self.max_clients).name(CLIENTS);
        SupervisorSpec::new(Strategy::OneForOne)
            .name("line")
            .intensity(RESTARTS, RESTARTS_WITHIN)
            .child(events)
            .child(ChildSpec::dynamic("buckets", buckets))
            .child(registrar::child(self.buckets()))
            .child(ChildSpec::dynamic("clients", clients))
            .child(door::child(self.door.clone()))
    }
}

impl std::fmt::Debug for LineServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LineServer").field("addr", &self.addr).finish_non_exhaustive()
    }
}
