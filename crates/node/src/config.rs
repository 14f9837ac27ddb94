//! What a node is started with.

use std::net::SocketAddr;
use std::time::Duration;

use mnemon_store::{Clock, SystemClock};

use crate::error::NodeError;
use crate::node::Node;

/// The longest name of a node, in bytes.
const NAME_MAX: usize = 255;

/// Settings of a node, with their defaults. Made by [`Node::builder`].
pub struct NodeBuilder {
    pub(crate) name: String,
    pub(crate) resp: Option<SocketAddr>,
    pub(crate) resp_threads: Option<usize>,
    pub(crate) max_clients: Option<usize>,
    pub(crate) clock: Box<dyn Clock>,
    pub(crate) maintenance_interval: Duration,
}

impl Default for NodeBuilder {
    fn default() -> Self {
        Self {
            name: "mnemon".to_owned(),
            resp: None,
            resp_threads: None,
            max_clients: None,
            clock: Box::new(SystemClock),
            maintenance_interval: Duration::from_millis(100),
        }
    }
}

impl NodeBuilder {
    /// The node's name, for logs and `INFO`. Letters, digits, `_`, `-`, `.` and `@`. Default: `mnemon`.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Serves Redis clients on this address; port 0 takes a free one. Default: no server, the node is embedded only.
    /// There are no passwords yet, so give a loopback address unless the network itself is trusted.
    #[must_use]
    pub fn resp(mut self, address: SocketAddr) -> Self {
        self.resp = Some(address);
        self
    }

    /// Threads that serve Redis clients. More threads serve more requests at once, each costs some memory. Default:
    /// half the cores, at least one, which leaves the others to the program that embeds the node.
    #[must_use]
    pub fn resp_threads(mut self, threads: usize) -> Self {
        self.resp_threads = Some(threads);
        self
    }

    /// Redis clients at the same time; further ones are told so and closed. Default: 10,000, as Redis.
    #[must_use]
    pub fn max_clients(mut self, clients: usize) -> Self {
        self.max_clients = Some(clients);
        self
    }

    /// Where the time comes from. Default: the system's clock. A test gives one that it moves itself.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// How often expired rows are deleted and overdue snapshots closed. Readers never see an expired row, whatever
    /// this is: it decides how soon memory comes back and `expired` events arrive. Default: 100 ms.
    #[must_use]
    pub fn maintenance_interval(mut self, interval: Duration) -> Self {
        self.maintenance_interval = interval;
        self
    }

    /// Checks the settings and starts the node. Must be called inside a tokio runtime, which the node's background
    /// work uses.
    ///
    /// # Errors
    /// `BadSetting`, or `Resp` when the address cannot be bound.
    pub async fn start(self) -> Result<Node, NodeError> {
        self.check()?;
        Node::start(self).await
    }

    fn check(&self) -> Result<(), NodeError> {
        let bad = |setting: &'static str, cause: String| Err(NodeError::BadSetting { setting, cause });
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_-.@".contains(c);
        if self.name.is_empty() || self.name.len() > NAME_MAX || !self.name.chars().all(allowed) {
            return bad(
                "name",
                format!("{:?} is not 1 to {NAME_MAX} of the characters a-z A-Z 0-9 _ - . @", self.name),
            );
        }
        if self.resp_threads == Some(0) {
            return bad("resp_threads", "at least one thread must serve".to_owned());
        }
        if self.max_clients == Some(0) {
            return bad("max_clients", "at least one client must be allowed".to_owned());
        }
        if self.maintenance_interval.is_zero() {
            return bad("maintenance_interval", "it must be longer than nothing".to_owned());
        }
        Ok(())
    }
}
