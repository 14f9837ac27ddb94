//! What the sessions of one server share: the catalog, settings, clients, channels and counters.

mod overview;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};

use mnemon_table::Catalog;
use tokio::sync::Notify;

use crate::bounds::Bounds;
use crate::broker::{Broker, Kind};
use crate::dice::Dice;
use crate::pause::Pause;
use crate::presence::{ClientMemory, Order, Presence, Roster};
use crate::slowlog::SlowLog;
use crate::stats::Stats;
use crate::tuning::Tuning;
use crate::users::{UserSpec, Users};

pub use overview::ClientInfo;

/// What sessions must know of the server's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The address that is listened on, as `INFO` and `CONFIG GET` show it.
    pub addr: SocketAddr,
    /// The password of the user `default`; `None`: every client is trusted.
    pub password: Option<String>,
    /// Users beside `default`.
    pub users: Vec<UserSpec>,
    /// I/O threads.
    pub threads: usize,
    /// The bounds at the start.
    pub bounds: Bounds,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            addr: ([127, 0, 0, 1], 7070).into(),
            password: None,
            users: Vec::new(),
            threads: 1,
            bounds: Bounds::default(),
        }
    }
}

/// What the sessions of one server share.
pub struct Host {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) addr: SocketAddr,
    pub(crate) threads: usize,
    pub(crate) stats: Stats,
    pub(crate) tuning: Tuning,
    pub(crate) users: Users,
    pub(crate) roster: Roster,
    pub(crate) client_memory: ClientMemory,
    pub(crate) broker: Broker,
    pub(crate) slowlog: SlowLog,
    pub(crate) pause: Pause,
    pub(crate) started_ms: u64,
    pub(crate) dice: Dice,
    /// The time of the last heartbeat: good enough for idle times, and free to read.
    heartbeat_ms: AtomicU64,
    /// Rows take more memory than they may.
    over_memory: AtomicBool,
    next_client: AtomicU64,
    /// Told whenever the last client of a thread has gone.
    pub(crate) emptied: Notify,
    /// The most that rows have taken when somebody looked.
    peak_bytes: AtomicU64,
    /// Forty hexadecimal digits that no other run of a server has.
    pub(crate) run_id: String,
}

impl Host {
    /// A host over a catalog.
    #[must_use]
    pub fn new(catalog: Arc<Catalog>, settings: Settings) -> Self {
        let now_ms = catalog.store().now_ms();
        let dice = Dice::default();
        let run_id: String = (0..5).map(|_| format!("{:08x}", dice.roll() >> 32)).collect();
        Self {
            catalog,
            addr: settings.addr,
            threads: settings.threads,
            stats: Stats::new(settings.threads),
            tuning: Tuning::new(settings.bounds),
            users: Users::new(settings.password.as_deref(), &settings.users),
            roster: Roster::default(),
            client_memory: ClientMemory::default(),
            broker: Broker::default(),
            slowlog: SlowLog::default(),
            pause: Pause::default(),
            started_ms: now_ms,
            heartbeat_ms: AtomicU64::new(now_ms),
            over_memory: AtomicBool::new(false),
            dice,
            next_client: AtomicU64::new(1),
            emptied: Notify::new(),
            peak_bytes: AtomicU64::new(0),
            run_id,
        }
    }

    /// The counters.
    #[must_use]
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The bounds in force.
    #[must_use]
    pub fn bounds(&self) -> Arc<Bounds> {
        self.tuning.bounds()
    }

    /// A number that no other client of this server has had.
    pub(crate) fn next_client(&self) -> u64 {
        self.next_client.fetch_add(1, Relaxed)
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.catalog.store().now_ms()
    }

    /// The time of the last heartbeat.
    #[inline]
    pub(crate) fn heartbeat_ms(&self) -> u64 {
        self.heartbeat_ms.load(Relaxed)
    }

    /// Bytes of all rows. O(tables × shards).
    pub(crate) fn dataset_bytes(&self) -> u64 {
        let bytes = self.catalog.tables().iter().map(|table| table.info().memory_bytes as u64).sum();
        self.peak_bytes.fetch_max(bytes, Relaxed);
        bytes
    }

    /// The most that rows have taken when somebody looked, once a second at least.
    pub(crate) fn peak_bytes(&self) -> u64 {
        self.peak_bytes.load(Relaxed)
    }

    /// Whether commands that need memory are refused.
    #[inline]
    pub(crate) fn is_over_memory(&self) -> bool {
        self.over_memory.load(Relaxed)
    }

    /// Looks whether rows take more than they may. O(tables × shards) when there is a bound.
    pub fn weigh(&self) {
        let max = self.bounds().max_memory;
        let over = max > 0 && self.dataset_bytes() > max;
        if self.over_memory.load(Relaxed) != over {
            self.over_memory.store(over, Relaxed);
        }
    }

    /// What is to be done some ten times a second: the time is noted, and memory weighed.
    pub fn beat(&self) {
        self.heartbeat_ms.store(self.now_ms(), Relaxed);
        if self.bounds().max_memory > 0 || self.is_over_memory() {
            self.weigh();
        }
    }

    /// What is to be done about once a second: clients that are idle, or read nothing, are sent away, and the
    /// peak of memory is noted. O(clients + tables × shards).
    pub fn sweep(&self) {
        let (bounds, now_ms) = (self.bounds(), self.now_ms());
        self.dataset_bytes();
        for client in self.roster.iter() {
            if let Some(order) = self.overdue(&client, &bounds, now_ms) {
                client.order(order);
            }
        }
    }

    fn overdue(&self, client: &Presence, bounds: &Bounds, now_ms: u64) -> Option<Order> {
        let longer =
            |since_ms: u64, seconds: u64| now_ms.saturating_sub(since_ms) > seconds.saturating_mul(1_000);
        let stalled = client.stalled_since_ms.load(Relaxed);
        if bounds.write_timeout_s > 0 && stalled > 0 && longer(stalled, bounds.write_timeout_s) {
            return Some(Order::Stalled);
        }
        let listens = client.subscribed.any();
        let limit = if listens { bounds.output_pubsub } else { bounds.output_normal };
        if client.over_soft_since(limit, now_ms).is_some_and(|since| longer(since, limit.soft_seconds)) {
            return Some(Order::Overflow);
        }
        let waits = listens || client.blocked.load(Relaxed);
        let silent = bounds.idle_timeout_s > 0 && !waits;
        (silent && longer(client.active_ms.load(Relaxed), bounds.idle_timeout_s)).then_some(Order::Idle)
    }

    /// Sends clients away until the buffers of the others take no more than they may. O(clients).
    #[cold]
    pub(crate) fn evict_clients(&self) {
        let Some(max) = self.bounds().client_bytes() else { return };
        for client in self.client_memory.too_much(&self.roster, max) {
            client.order(Order::Evict);
        }
    }

    /// Gives a message to all who listen to a channel; how many times it was given.
    pub(crate) fn publish(&self, kind: Kind, channel: &[u8], text: &[u8]) -> usize {
        let limit = self.bounds().output_pubsub;
        let (receivers, asleep) = self.broker.publish(kind, channel, text, limit, self.heartbeat_ms());
        self.wake(asleep);
        receivers
    }

    /// Wakes clients that have mail.
    fn wake(&self, mut clients: Vec<Arc<Presence>>) {
        clients.sort_by_key(|client| client.thread);
        while let Some(thread) = clients.last().map(|client| client.thread) {
            let first = clients.partition_point(|client| client.thread < thread);
            let group = clients.drain(first..);
            match thread {
                Some(number) => self.stats.thread(number).post.put(group),
                None => group.for_each(|client| client.wake()),
            }
        }
    }
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("stats", &self.stats.totals()).finish_non_exhaustive()
    }
}
