//! The types of the JSON API, apart from the node's own: what a field is called here stays so within `/api/v1`.
//!
//! Readers must ignore fields that they do not know.

mod backup;
mod change;

pub use backup::{Backup, BackupList, BackupStatus, Imported, NewBackup, Restore};
pub use change::{Cancelled, Change, Changes};

use serde::{Deserialize, Serialize};

/// `GET /api/v1/status`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The node's name.
    pub name: String,
    /// The version of the program.
    pub version: String,
    /// Whether clients should be sent here.
    pub ready: bool,
    /// What is wrong, a line each.
    pub failures: Vec<String>,
    /// Since the node started.
    pub uptime_s: u64,
    /// Where Redis clients connect, if anywhere.
    pub resp: Option<String>,
    /// Redis clients that are connected.
    pub clients: u64,
    /// Commands executed since the start.
    pub commands: u64,
    /// Tables, the databases in use included.
    pub tables: u64,
    /// Rows of all tables.
    pub rows: u64,
    /// Bytes of all rows.
    pub bytes: u64,
    /// Commits since the start.
    pub commits: u64,
    /// Transactions that lost against others and had to run again, since the start.
    pub conflicts: u64,
    /// Snapshots that are open.
    pub snapshots_open: u64,
    /// Memory that the process holds, where the operating system tells.
    pub resident_bytes: Option<u64>,
    /// Backups, where the node can take any.
    #[serde(default)]
    pub backups: Option<BackupStatus>,
    /// The data directory, where there is one.
    #[serde(default)]
    pub disc: Option<Disc>,
}

/// The data directory in `GET /api/v1/status`; counters since the start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disc {
    /// Where it is.
    pub directory: String,
    /// Bytes of the log as it lies on the disc.
    pub log_bytes: u64,
    /// Syncs of the log.
    pub syncs: u64,
    /// Entries that they made durable; divided by `syncs`, the size of a group.
    pub synced_entries: u64,
    /// The most entries that one sync made durable.
    pub largest_group: u64,
    /// Mean duration of a sync.
    pub sync_mean_us: u64,
    /// The longest sync.
    pub sync_longest_us: u64,
    /// How long loading all tables took at the start; absent while it goes on.
    pub load_ms: Option<u64>,
    /// Entries of the log that the start had to read.
    pub replayed_entries: u64,
    /// Checkpoints made.
    pub checkpoints: u64,
    /// Checkpoints that could not be made.
    pub failed_checkpoints: u64,
    /// Time since the last one was done.
    pub checkpoint_age_s: Option<u64>,
    /// How long it took.
    pub checkpoint_ms: Option<u64>,
}

/// `GET /api/v1/tables?limit=N&after=NAME`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tables {
    /// The tables, by name.
    pub tables: Vec<TableSummary>,
    /// Where to go on with `after`, if there are more.
    pub next: Option<String>,
}

/// A table in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableSummary {
    /// Its name.
    pub name: String,
    /// `set`, `ordered_set` or `bag`.
    pub kind: String,
    /// Rows, expired ones that are not yet deleted included.
    pub rows: u64,
    /// Bytes of the rows.
    pub bytes: u64,
    /// Rows that have a time to live.
    pub expiring: u64,
    /// Rows deleted because their time had passed, since the start.
    pub expired: u64,
    /// Rows deleted to keep the table within its bounds, since the start.
    pub evicted: u64,
    /// Live subscriptions.
    pub subscribers: u64,
    /// Why its rows cannot be used, with the file; absent while they can.
    #[serde(default)]
    pub damage: Option<String>,
}

/// `GET /api/v1/tables/NAME`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Its sizes.
    #[serde(flatten)]
    pub summary: TableSummary,
    /// The attributes, the key first.
    pub attributes: Vec<Attribute>,
    /// `rw` or `ro`.
    pub access: String,
    /// `ram`, `disc` or `disc_only`.
    pub storage: String,
    /// How long a row lives unless its write says otherwise.
    pub ttl_ms: Option<u64>,
    /// The most rows it may hold.
    pub max_entries: Option<u64>,
    /// The most bytes its rows may take.
    pub max_bytes: Option<u64>,
    /// The version of its schema.
    pub schema_version: u64,
    /// Long changes of it that are under way.
    #[serde(default)]
    pub changes: Vec<Change>,
}

/// An attribute of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribute {
    /// Its name, and its type behind a colon unless any value is allowed.
    pub name: String,
    /// Whether there is an index on it.
    pub indexed: bool,
}

/// `GET /api/v1/clients?limit=N&after=ID`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clients {
    /// The clients, by their numbers.
    pub clients: Vec<Client>,
    /// Where to go on with `after`, if there are more.
    pub next: Option<u64>,
}

/// A Redis client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// Its number, as `CLIENT ID` gives it.
    pub id: u64,
    /// Where it connects from.
    pub address: String,
    /// The name it has given itself.
    pub name: String,
    /// Whom it has authenticated as.
    pub user: String,
    /// Its database.
    pub database: u64,
    /// The version of the protocol, 2 or 3.
    pub protocol: u8,
    /// Since it connected.
    pub age_s: u64,
    /// Since its last command.
    pub idle_s: u64,
    /// Its last command.
    pub command: String,
}

/// What is answered instead of the above, with a status of 400 or more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// An upper-case word, the same as in RESP: `NOTABLE`, `NOAUTH`, ….
    pub error: String,
    /// What failed and what to try.
    pub message: String,
}

/// `GET /api/v1/tree?limit=N`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tree {
    /// The processes that nobody started, with those that they started.
    pub processes: Vec<Process>,
    /// How many processes there are.
    pub count: u64,
}

/// A process of the node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its number.
    pub pid: String,
    /// What its supervisor calls it.
    pub child: Option<String>,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Which behaviour it has: `process`, `gen_server`, `agent`, `task`, `supervisor`, `dynamic_supervisor`,
    /// `event_manager`, `application_controller`.
    pub kind: String,
    /// What its code is called.
    #[serde(default)]
    pub module: String,
    /// Messages that wait.
    pub mailbox: u64,
    /// Messages received since it started.
    pub handled: u64,
    /// Processes it is linked to.
    pub links: u64,
    /// Processes it monitors.
    pub monitors: u64,
    /// Bytes it takes, estimated.
    pub memory: u64,
    /// Since it started.
    pub uptime_ms: u64,
    /// How the one ended that this one was started in place of.
    pub last_exit: Option<String>,
    /// Those it started that live, oldest first, as many as were asked for.
    pub children: Vec<Process>,
    /// How many more of those there are.
    pub hidden: u64,
}
