//! What a node is started with.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use mnemon_node::NodeError;
use mnemon_store::{Clock, Durability};

use super::Node;

/// Settings of a new node. Made by [`Node::builder`]; every one has a default.
#[must_use = "a node starts when `start` is awaited"]
pub struct NodeBuilder(mnemon_node::NodeBuilder);

impl NodeBuilder {
    pub(crate) fn new(settings: mnemon_node::NodeBuilder) -> Self {
        Self(settings)
    }

    /// The node's name, for logs and `INFO`: letters, digits, `_`, `-`, `.` and `@`. Default: `mnemon`.
    pub fn name(self, name: impl Into<String>) -> Self {
        Self(self.0.name(name))
    }

    /// Serves Redis clients on this address; port 0 takes a free one. Default: none, the node is inside this program
    /// only. There are no passwords yet, so give a loopback address unless the network itself is trusted.
    pub fn resp(self, address: SocketAddr) -> Self {
        Self(self.0.resp(address))
    }

    /// Threads that serve Redis clients. More serve more requests at once, each costs some memory. Default: half the
    /// cores, at least one, which leaves the others to this program.
    pub fn resp_threads(self, threads: usize) -> Self {
        Self(self.0.resp_threads(threads))
    }

    /// Redis clients at the same time; further ones are told so and closed. Default: 10,000.
    pub fn max_clients(self, clients: usize) -> Self {
        Self(self.0.max_clients(clients))
    }

    /// Keeps tables that are made with [`TableBuilder::disc`](crate::TableBuilder::disc) in this directory as well as in RAM, and
    /// `db0`…`db15` of Redis clients. It is made if need be; one node at a time may use it. Default: none, everything ends with
    /// the program.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use mnemon::{Durability, Node};
    ///
    /// # let directory = std::env::temp_dir().join(format!("mnemon-data-doc-{}", std::process::id()));
    /// let node = Node::builder().data(&directory).start().await?;
    /// let stock = node.create_table::<(String, u64)>("stock").disc(Durability::Commit).await?;
    /// stock.write(&("nuts".into(), 40)).await?;
    /// node.shutdown().await;
    ///
    /// let node = Node::builder().data(&directory).start().await?;
    /// assert_eq!(node.table::<(String, u64)>("stock")?.read("nuts").await?, Some(("nuts".into(), 40)));
    /// # node.shutdown().await;
    /// # std::fs::remove_dir_all(&directory)?;
    /// # Ok(()) }
    /// ```
    pub fn data(self, directory: impl Into<PathBuf>) -> Self {
        Self(self.0.data(directory))
    }

    /// When commits on `db0`…`db15` are synced, if there is a data directory. Default: within a second.
    pub fn database_durability(self, durability: Durability) -> Self {
        Self(self.0.database_durability(durability))
    }

    /// Bytes of memory for tables on disc only, all together: half of them for blocks read from the disc, half for changes that
    /// are not written there yet. Default: 64 MiB.
    pub fn disc_cache_bytes(self, bytes: u64) -> Self {
        Self(self.0.disc_cache_bytes(bytes))
    }

    /// Whether `start` returns while tables are still being loaded from the data directory. Until it is there a table answers
    /// [`Error::Loading`](crate::Error::Loading); [`Node::wait_for_tables`] waits for it. Default: no, all tables are there.
    pub fn load_in_background(self, in_background: bool) -> Self {
        Self(self.0.load_in_background(in_background))
    }

    /// Where the time comes from. Default: the system's clock. A test gives a [`ManualClock`](crate::ManualClock) and moves
    /// it.
    pub fn clock(self, clock: impl Clock) -> Self {
        Self(self.0.clock(clock))
    }

    /// How often expired records are deleted. Readers never see one, whatever this is: it decides how soon memory
    /// comes back and subscribers hear of it. Default: 100 ms.
    pub fn maintenance_interval(self, interval: Duration) -> Self {
        Self(self.0.maintenance_interval(interval))
    }

    /// The directory of backups; made when it is first needed, and may be shared by nodes. Default: none.
    pub fn backup_dir(self, directory: impl Into<PathBuf>) -> Self {
        Self(self.0.backup_dir(directory))
    }

    /// Takes a backup of all tables at this interval, if there is a directory of backups. Default, and zero: none.
    pub fn backup_every(self, interval: Duration) -> Self {
        Self(self.0.backup_every(interval))
    }

    /// Scheduled backups that stay; older ones go, those that somebody named never do. Default: 7.
    pub fn backup_keep(self, count: usize) -> Self {
        Self(self.0.backup_keep(count))
    }

    /// Checks the settings and starts the node. Must be called inside a tokio runtime that has its timer on; the
    /// node's background work runs there.
    ///
    /// # Errors
    /// [`StartError`](crate::StartError) for a setting that cannot be, an address that cannot be bound, or a data directory that
    /// is in use or damaged. Nothing is left
    /// running then.
    pub async fn start(self) -> Result<Node, NodeError> {
        self.0.start().await.map(Node::new)
    }
}

impl std::fmt::Debug for NodeBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NodeBuilder").finish_non_exhaustive()
    }
}
