//! The node as its operators see it: what must hold for it to be well, and where its numbers come from.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use mnemon_backup::Backups;
use mnemon_http::api::Client;
use mnemon_http::{Bucket, Check, Counts, DiscFacts, Latency, Observed, Weight};
use mnemon_otp::{ProcessTree, System};
use mnemon_resp::{ClientInfo, FamilyLatency, Host, Server};
use mnemon_table::{Catalog, TableDamage, TableLoading};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::disc::Disc;

/// How long the background work may be silent, unless it is asked for more rarely still.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// Tables that `/readyz` names while they are loaded or as damaged; the others are counted.
const LOADING_SHOWN: usize = 8;

/// When the background work last came to the end of a pass.
pub(crate) struct Pulse {
    started: Instant,
    last_ms: AtomicU64,
    silence_max: Duration,
}

impl Pulse {
    /// For work that is done in this interval. A pass may take long, so ten intervals are no failure either.
    pub(crate) fn new(interval: Duration) -> Self {
        let silence_max = interval.saturating_mul(10).max(SILENCE_MAX);
        Self { started: Instant::now(), last_ms: AtomicU64::new(0), silence_max }
    }

    /// A pass has ended.
    pub(crate) fn beat(&self) {
        self.last_ms.store(self.now_ms(), Relaxed);
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// How long ago that was, if it is too long.
    fn silence(&self) -> Option<Duration> {
        let silence = Duration::from_millis(self.now_ms().saturating_sub(self.last_ms.load(Relaxed)));
        (silence > self.silence_max).then_some(silence)
    }
}

/// What the node's doors and its operators share.
pub(crate) struct Overview {
    pub(crate) name: String,
    pub(crate) started_ms: u64,
    pub(crate) catalog: Arc<Catalog>,
    /// Taken out to be shut down.
    pub(crate) resp: Mutex<Option<Server>>,
    /// What the RESP server shares; stays when the server goes, so that a password holds until the last moment.
    pub(crate) host: Option<Arc<Host>>,
    pub(crate) pulses: Vec<Arc<Pulse>>,
    /// The node's processes.
    pub(crate) system: System,
    /// Why they have ended for good.
    pub(crate) failure: OnceLock<watch::Receiver<Option<String>>>,
    pub(crate) is_stopping: AtomicBool,
    pub(crate) disc: Option<Arc<Disc>>,
    pub(crate) backups: Arc<Backups>,
}

impl Overview {
    fn stopping(&self) -> Option<String> {
        self.is_stopping.load(Relaxed).then(|| "the node is stopping; connect to another one".to_owned())
    }

    fn resp_failure(&self) -> Option<String> {
        let serves = self.resp.lock().as_ref().is_some_and(Server::is_serving);
        (self.host.is_some() && !serves && !self.is_stopping.load(Relaxed))
            .then(|| "a thread that serves Redis clients has ended; restart the node".to_owned())
    }

    /// What is still being loaded: table, rows and percent.
    fn loading(&self) -> Option<String> {
        if let Some(cause) = self.catalog.load_failure() {
            return Some(format!(
                "{cause}; stop the node and look at its data directory with `mnemon repair`"
            ));
        }
        let loading = self.catalog.loading();
        let show = |of: &TableLoading| {
            format!(
                "{} {} of {} rows ({} %)",
                of.table,
                of.progress.done,
                of.progress.total,
                of.progress.percent()
            )
        };
        let shown: Vec<String> = loading.iter().take(LOADING_SHOWN).map(show).collect();
        let more = more(loading.len(), shown.len());
        (!loading.is_empty()).then(|| format!("tables are being loaded: {}{more}", shown.join(", ")))
    }

    /// Which tables are damaged, and what to do.
    fn damage(&self) -> Option<String> {
        let damaged = self.catalog.damaged();
        let show = |of: &TableDamage| format!("{} ({})", of.table, of.cause);
        let shown: Vec<String> = damaged.iter().take(LOADING_SHOWN).map(show).collect();
        let more = more(damaged.len(), shown.len());
        (!damaged.is_empty()).then(|| {
            format!(
                "damaged: {}{more}; the other tables are served: restore these from a backup, or stop the node and look \
                 with `mnemon repair --dry-run`",
                shown.join(", ")
            )
        })
    }

    fn tree_failure(&self) -> Option<String> {
        let cause = self.failure.get().and_then(|failure| failure.borrow().clone())?;
        Some(format!("{cause}; restart the node"))
    }

    fn background_failure(&self) -> Option<String> {
        let silence = self.pulses.iter().find_map(|pulse| pulse.silence())?;
        Some(format!(
            "no pass of the background work has ended for {} s; expired rows stay in memory, restart the node",
            silence.as_secs()
        ))
    }
}

impl Observed for Overview {
    fn backups(&self) -> Option<&Arc<Backups>> {
        Some(&self.backups)
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn version(&self) -> &str {
        env!("CARGO_PKG_VERSION")
    }

    fn started_ms(&self) -> u64 {
        self.started_ms
    }

    fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    fn resp_address(&self) -> Option<String> {
        self.resp.lock().as_ref().map(|server| server.local_addr().to_string())
    }

    fn checks(&self) -> Vec<Check> {
        let check = |name, failure, weight| Check { name, failure, weight };
        let mut checks = vec![
            // That this is answered is all it says.
            check("ping", None, Weight::Vital),
            check("processes", self.tree_failure(), Weight::Vital),
            check("background", self.background_failure(), Weight::Vital),
        ];
        if self.host.is_some() {
            checks.push(check("resp", self.resp_failure(), Weight::Vital));
        }
        if let Some(disc) = &self.disc {
            checks.push(check("disc", disc.failure(), Weight::Ready));
        }
        checks.push(check("loading", self.loading(), Weight::Ready));
        if self.disc.is_some() {
            checks.push(check("damaged-tables", self.damage(), Weight::Notice));
        }
        checks.push(check("stopping", self.stopping(), Weight::Ready));
        checks
    }

    fn counts(&self) -> Option<Counts> {
        let host = self.host.as_ref()?;
        let totals = host.stats().totals();
        Some(Counts {
            commands: totals.commands,
            accepted: totals.accepted,
            refused: vec![
                ("clients", totals.rejected),
                ("request", totals.bad_requests),
                ("output", totals.overflowed),
                ("stalled", totals.stalled),
                ("idle", totals.idle),
                ("memory", totals.out_of_memory),
                ("client_memory", totals.evicted),
            ],
            connected: totals.connected,
            bytes_in: totals.bytes_in,
            bytes_out: totals.bytes_out,
            latencies: host.stats().latencies().into_iter().map(latency).collect(),
        })
    }

    fn disc(&self) -> Option<DiscFacts> {
        self.disc.as_ref().map(|disc| disc.facts())
    }

    fn clients(&self, after: u64, limit: usize) -> Vec<Client> {
        let clients = self.host.as_ref().map(|host| host.clients(after, limit)).unwrap_or_default();
        clients.into_iter().map(client).collect()
    }

    fn processes(&self) -> Vec<ProcessTree> {
        self.system.tree()
    }

    fn is_protected(&self) -> bool {
        self.host.as_ref().is_some_and(|host| host.is_protected())
    }

    fn admits(&self, user: &str, password: &str) -> bool {
        self.host.as_ref().is_none_or(|host| host.admits_operator(user, password))
    }
}

/// How many of a list are not shown.
fn more(all: usize, shown: usize) -> String {
    let more = all.saturating_sub(shown);
    if more > 0 { format!(" and {more} more") } else { String::new() }
}

fn latency(of: FamilyLatency) -> Latency {
    let seconds = |ns: u64| ns as f64 / 1e9;
    let bucket = |(up_to_ns, count)| Bucket { up_to_seconds: seconds(up_to_ns), count };
    Latency {
        family: of.family,
        buckets: of.buckets.into_iter().map(bucket).collect(),
        longer: of.longer,
        sum_seconds: seconds(of.sum_ns),
    }
}

fn client(info: ClientInfo) -> Client {
    Client {
        id: info.id,
        address: info.address,
        name: info.name,
        user: info.user,
        database: info.database.into(),
        protocol: if info.is_resp3 { 3 } else { 2 },
        age_s: info.age_ms / 1_000,
        idle_s: info.idle_ms / 1_000,
        command: info.command,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn background_work_that_is_silent_for_too_long_is_noticed() {
        let pulse = Pulse::new(Duration::from_millis(100));
        tokio::time::advance(Duration::from_secs(30)).await;
        assert_eq!(pulse.silence(), None);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(pulse.silence(), Some(Duration::from_secs(31)));
        pulse.beat();
        assert_eq!(pulse.silence(), None);
        let rare = Pulse::new(Duration::from_secs(60));
        tokio::time::advance(Duration::from_secs(600)).await;
        assert_eq!(rare.silence(), None);
    }
}
