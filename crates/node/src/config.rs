//! What a node is started with.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use mnemon_resp::{Bounds, TlsSettings, UserSpec};
use mnemon_store::{Clock, Durability, SystemClock};

use crate::backups::BackupSettings;
use crate::error::NodeError;
use crate::node::Node;

/// The longest name of a node, in bytes.
const NAME_MAX: usize = 255;

/// Settings of a node, with their defaults. Made by [`Node::builder`].
pub struct NodeBuilder {
    pub(crate) name: String,
    pub(crate) resp: Option<SocketAddr>,
    pub(crate) resp_threads: Option<usize>,
    pub(crate) password: Option<String>,
    pub(crate) users: Vec<UserSpec>,
    pub(crate) tls: Option<TlsSettings>,
    pub(crate) bounds: Bounds,
    pub(crate) http: Option<SocketAddr>,
    pub(crate) http_tls: Option<TlsSettings>,
    pub(crate) line: Option<SocketAddr>,
    pub(crate) line_tables: bool,
    pub(crate) clock: Box<dyn Clock>,
    pub(crate) data: Option<PathBuf>,
    pub(crate) database_durability: Durability,
    pub(crate) databases_on_disc: bool,
    pub(crate) load_in_background: bool,
    pub(crate) checkpoint_bytes: u64,
    pub(crate) disc_cache_bytes: u64,
    pub(crate) maintenance_interval: Duration,
    pub(crate) backups: BackupSettings,
}

impl Default for NodeBuilder {
    fn default() -> Self {
        Self {
            name: "mnemon".to_owned(),
            resp: None,
            resp_threads: None,
            password: None,
            users: Vec::new(),
            tls: None,
            bounds: Bounds::default(),
            http: None,
            http_tls: None,
            line: None,
            line_tables: false,
            clock: Box::new(SystemClock),
            data: None,
            database_durability: Durability::Interval(1_000),
            databases_on_disc: true,
            load_in_background: false,
            checkpoint_bytes: 64 << 20,
            disc_cache_bytes: 64 << 20,
            maintenance_interval: Duration::from_millis(100),
            backups: BackupSettings::default(),
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
    /// Without a password every client may do everything, so give a loopback address then.
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
        self.bounds.max_clients = clients;
        self
    }

    /// The password of Redis clients that say no user's name; they may do everything. Only its SHA-256 is kept once the
    /// node runs. Default: none, every client is trusted.
    #[must_use]
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(password.into());
        self
    }

    /// A user with rights on some tables, beside the one of [`NodeBuilder::password`]. Default: none.
    #[must_use]
    pub fn user(mut self, user: UserSpec) -> Self {
        self.users.push(user);
        self
    }

    /// Serves Redis clients over TLS. Default: plainly only.
    #[must_use]
    pub fn tls(mut self, settings: TlsSettings) -> Self {
        self.tls = Some(settings);
        self
    }

    /// What Redis clients may use, [`NodeBuilder::max_clients`] included. Default: see [`Bounds`].
    #[must_use]
    pub fn bounds(mut self, bounds: Bounds) -> Self {
        self.bounds = bounds;
        self
    }

    /// Serves health, metrics and the operators' API over HTTP on this address; port 0 takes a free one. Default: no
    /// server. It runs on the tokio runtime that the node is started in. Without a password give a loopback address unless
    /// the network itself is trusted: names and sizes of tables can be read there.
    #[must_use]
    pub fn http(mut self, address: SocketAddr) -> Self {
        self.http = Some(address);
        self
    }

    /// Serves HTTPS: at the address of [`NodeBuilder::http`], or beside it. Default: plainly only.
    #[must_use]
    pub fn http_tls(mut self, settings: TlsSettings) -> Self {
        self.http_tls = Some(settings);
        self
    }

    /// Keeps tables made with `storage = disc`, and the databases `db0`…`db15`, in this directory as well as in RAM. It is
    /// made if need be; one node at a time may use it. Default: none, everything ends with the process.
    #[must_use]
    pub fn data(mut self, directory: impl Into<PathBuf>) -> Self {
        self.data = Some(directory.into());
        self
    }

    /// When commits on `db0`…`db15` are synced, if there is a data directory. Decided when a database is used for the first
    /// time. Default: within a second, as Redis's `everysec`.
    #[must_use]
    pub fn database_durability(mut self, durability: Durability) -> Self {
        self.database_durability = durability;
        self
    }

    /// Whether `db0`…`db15` are kept on disc, if there is a data directory. Decided when a database is used for the first
    /// time. Default: yes.
    #[must_use]
    pub fn databases_on_disc(mut self, on_disc: bool) -> Self {
        self.databases_on_disc = on_disc;
        self
    }

    /// Whether [`NodeBuilder::start`] returns while tables are still being loaded from the data directory. Until a table is
    /// there it answers `Loading`; [`Node::loaded`] and [`Node::wait_for_tables`] wait for it. The doors for clients are open
    /// meanwhile in either case. Default: no, all tables are there.
    #[must_use]
    pub fn load_in_background(mut self, in_background: bool) -> Self {
        self.load_in_background = in_background;
        self
    }

    /// Bytes of log after which a checkpoint of the changed tables is made and the log before it is freed. More of them make
    /// fewer checkpoints and a longer start after a crash. Default: 64 MiB; zero is refused.
    #[must_use]
    pub fn checkpoint_bytes(mut self, bytes: u64) -> Self {
        self.checkpoint_bytes = bytes;
        self
    }

    /// Bytes of memory for tables made with `storage = disc_only`, all together: half of them for blocks that were read from the
    /// disc, the other half for changes that are not written there yet. More of them make fewer reads and fewer, larger writes.
    /// Default: 64 MiB.
    #[must_use]
    pub fn disc_cache_bytes(mut self, bytes: u64) -> Self {
        self.disc_cache_bytes = bytes;
        self
    }

    /// Serves the line protocol on this address; port 0 takes a free one. Default: none. It knows no password, so give a
    /// loopback address unless the network itself is trusted.
    #[must_use]
    pub fn line(mut self, address: SocketAddr) -> Self {
        self.line = Some(address);
        self
    }

    /// Keeps the line protocol's buckets in local tables `line.NAME`, which outlive its processes. Default: a bucket is a
    /// process.
    #[must_use]
    pub fn line_tables(mut self, on: bool) -> Self {
        self.line_tables = on;
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
    /// `BadSetting`; `Data` when the data directory is in use or damaged; `Resp` or `Http` when an address cannot be bound.
    pub async fn start(self) -> Result<Node, NodeError> {
        self.check()?;
        Node::start(self).await
    }

    /// Checks the settings, as [`NodeBuilder::start`] does.
    ///
    /// # Errors
    /// `BadSetting`.
    pub fn check(&self) -> Result<(), NodeError> {
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
        if self.bounds.max_clients == 0 {
            return bad("max_clients", "at least one client must be allowed".to_owned());
        }
        if !self.users.is_empty() && self.password.as_ref().is_none_or(String::is_empty) {
            let cause = "without a password for all others, users with rights of their own protect nothing";
            return bad("password", cause.to_owned());
        }
        for (place, user) in self.users.iter().enumerate() {
            if self.users.iter().take(place).any(|other| other.name == user.name) {
                return bad("user", format!("{} is there twice", user.name));
            }
        }
        if self.checkpoint_bytes == 0 {
            return bad("checkpoint_bytes", "at least one byte of log must be worth a checkpoint".to_owned());
        }
        if self.maintenance_interval.is_zero() {
            return bad("maintenance_interval", "it must be longer than nothing".to_owned());
        }
        self.backups.check(self.data.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::NodeBuilder;
    use crate::NodeError;

    #[test]
    fn a_setting_that_cannot_be_is_named() {
        let refused = |builder: NodeBuilder| match builder.check() {
            Err(NodeError::BadSetting { setting, .. }) => Some(setting),
            _ => None,
        };
        assert_eq!(refused(NodeBuilder::default()), None);
        assert_eq!(refused(NodeBuilder::default().name("a b")), Some("name"));
        assert_eq!(refused(NodeBuilder::default().resp_threads(0)), Some("resp_threads"));
        assert_eq!(refused(NodeBuilder::default().checkpoint_bytes(0)), Some("checkpoint_bytes"));
        let none = Duration::ZERO;
        assert_eq!(refused(NodeBuilder::default().maintenance_interval(none)), Some("maintenance_interval"));
    }
}
