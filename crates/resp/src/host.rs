//! What the sessions of one server share: the catalog, the settings, the counters.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mnemon_table::Catalog;

use crate::stats::Stats;

/// What sessions must know of the server's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The address that is listened on, as `INFO` and `CONFIG GET` show it.
    pub addr: SocketAddr,
    /// Connections that may be open at once.
    pub max_clients: usize,
    /// The password that clients must give; `None`: every client is trusted.
    pub password: Option<String>,
    /// I/O threads.
    pub threads: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { addr: ([127, 0, 0, 1], 7070).into(), max_clients: 10_000, password: None, threads: 1 }
    }
}

/// What the sessions of one server share.
pub struct Host {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) settings: Settings,
    pub(crate) stats: Stats,
    pub(crate) started_ms: u64,
    next_client: AtomicU64,
}

impl Host {
    /// A host over a catalog.
    #[must_use]
    pub fn new(catalog: Arc<Catalog>, settings: Settings) -> Self {
        let started_ms = catalog.store().now_ms();
        let stats = Stats::new(settings.threads);
        Self { catalog, settings, stats, started_ms, next_client: AtomicU64::new(1) }
    }

    /// The counters.
    #[must_use]
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// A number that no other client of this server has had.
    pub(crate) fn next_client(&self) -> u64 {
        self.next_client.fetch_add(1, Ordering::Relaxed)
    }

    /// Whether this is the password. Takes the same time wherever the first difference is.
    pub(crate) fn accepts(&self, user: &[u8], password: &[u8]) -> bool {
        let Some(expected) = &self.settings.password else { return user == b"default" };
        let expected = expected.as_bytes();
        let difference =
            (0..password.len().max(1)).fold(expected.len() ^ password.len(), |difference, at| {
                let other = expected.get(at).copied().unwrap_or_default();
                difference | usize::from(other ^ password.get(at).copied().unwrap_or_default())
            });
        user == b"default" && difference == 0
    }
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("stats", &self.stats.totals()).finish_non_exhaustive()
    }
}
