//! What the server asks of the node that it shows.

mod disc;

use std::sync::Arc;

use mnemon_backup::Backups;
use mnemon_otp::ProcessTree;
use mnemon_table::Catalog;

use crate::api::Client;

pub use disc::{CheckpointFacts, DiscFacts};

/// What the failure of a check means for the node as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// The process should be restarted.
    Vital,
    /// Clients should go elsewhere.
    Ready,
    /// Operators should look; clients are served.
    Notice,
}

/// One thing that must hold for a node to be well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Its name: lower-case letters and `-`.
    pub name: &'static str,
    /// What is wrong and what to try; `None`: it holds.
    pub failure: Option<String>,
    /// What its failure means.
    pub weight: Weight,
}

/// Counters of the RESP server, each since the start unless it says otherwise.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Commands executed.
    pub commands: u64,
    /// Connections accepted.
    pub accepted: u64,
    /// Connections refused, with the limit that did it.
    pub refused: Vec<(&'static str, u64)>,
    /// Connections open now.
    pub connected: usize,
    /// Bytes read.
    pub bytes_in: u64,
    /// Bytes written.
    pub bytes_out: u64,
    /// How long commands took, by family.
    pub latencies: Vec<Latency>,
}

/// How long the commands of one family took, as a sample of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Latency {
    /// The family: `string`, `hash`, ….
    pub family: &'static str,
    /// The buckets, the shortest first.
    pub buckets: Vec<Bucket>,
    /// Commands that took longer than any bucket.
    pub longer: u64,
    /// All durations together.
    pub sum_seconds: f64,
}

/// A bucket of a histogram.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// The longest duration in it.
    pub up_to_seconds: f64,
    /// Durations in this bucket alone.
    pub count: u64,
}

/// A node, as its operators see it. Each call answers at once.
pub trait Observed: Send + Sync + 'static {
    /// The node's name.
    fn name(&self) -> &str;

    /// The version of the program.
    fn version(&self) -> &str;

    /// When the node started, in milliseconds since the epoch by the clock of its store.
    fn started_ms(&self) -> u64;

    /// The node's tables.
    fn catalog(&self) -> &Arc<Catalog>;

    /// The node's backups; `None` where it takes none.
    fn backups(&self) -> Option<&Arc<Backups>> {
        None
    }

    /// Where Redis clients connect, if anywhere.
    fn resp_address(&self) -> Option<String>;

    /// What must hold for the node to be well.
    fn checks(&self) -> Vec<Check>;

    /// The counters of the RESP server; `None` where there is none.
    fn counts(&self) -> Option<Counts>;

    /// How the data directory is doing; `None` where there is none.
    fn disc(&self) -> Option<DiscFacts> {
        None
    }

    /// The Redis clients that are connected, by their numbers, the first `limit` after the number `after`.
    fn clients(&self, after: u64, limit: usize) -> Vec<Client>;

    /// The processes it is made of, as trees.
    fn processes(&self) -> Vec<ProcessTree>;

    /// Whether a password must be given.
    fn is_protected(&self) -> bool;

    /// Whether this user with this password may look. Takes the same time wherever the first difference is.
    fn admits(&self, user: &str, password: &str) -> bool;
}
