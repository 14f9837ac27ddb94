//! The server's processes: who accepts, who serves on each I/O thread, who keeps the time.
//!
//! ```text
//! resp                     one_for_one
//! ├── heartbeat            the time for those who need it roughly, memory, clients that must go
//! ├── worker-N             on I/O thread N: takes sockets over; its clients are processes linked to it
//! └── door-N               accepts on an address
//! ```
//!
//! What must stay true: what a process needs to begin again stands here and outlives it: the listeners, the ways to the
//! threads, and the sockets that wait on them. A worker that ends takes its clients along, and no others.

use std::sync::Arc;
use std::time::Duration;

use mnemon_otp::{ChildSpec, Error, Me, Shutdown, SpawnOptions, Strategy, SupervisorSpec};
use mnemon_tls::Acceptor;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};

use super::acceptor::{self, Arrival, Door, Inboxes};
use super::heartbeat;
use super::worker::{self, GOODBYE_WITHIN};
use crate::host::Host;
use crate::protocol::Limits;

/// Restarts of the server's processes that are borne in [`RESTARTS_WITHIN`].
const RESTARTS: u32 = 20;
const RESTARTS_WITHIN: Duration = Duration::from_secs(10);

/// An I/O thread's part.
pub(super) struct Seat {
    /// The thread's runtime.
    pub(super) runtime: Handle,
    /// Held by the worker while it runs: a new one waits until the old one has ended.
    pub(super) inbox: tokio::sync::Mutex<mpsc::Receiver<Arrival>>,
}

/// What the processes begin with.
pub(super) struct Plan {
    pub(super) host: Arc<Host>,
    pub(super) limits: Limits,
    pub(super) tls: Option<Arc<Acceptor>>,
    pub(super) seats: Vec<Seat>,
    pub(super) inboxes: Inboxes,
    /// Empty once the server has stopped.
    pub(super) doors: Mutex<Vec<Door>>,
    pub(super) stopped: watch::Receiver<bool>,
}

impl Plan {
    /// Whether the server was told to stop, or was dropped.
    pub(super) fn is_stopped(&self) -> bool {
        *self.stopped.borrow() || self.stopped.has_changed().is_err()
    }

    /// The tree.
    pub(super) fn spec(self: &Arc<Self>) -> SupervisorSpec {
        let mut spec = SupervisorSpec::new(Strategy::OneForOne).intensity(RESTARTS, RESTARTS_WITHIN).child(
            self.child("heartbeat".to_owned(), |plan, me| {
                let options = plan.options(0, "resp::Heartbeat");
                let host = plan.host.clone();
                me.spawn_with(options, move |_| heartbeat::beat(host)).map(|spawned| spawned.pid)
            }),
        );
        for number in 0..self.seats.len() {
            let worker = self.child(format!("worker-{number}"), move |plan, me| {
                let (options, own) = (plan.options(number, "resp::Worker"), plan.clone());
                me.spawn_with(options, move |me| worker::work(own, number, me)).map(|spawned| spawned.pid)
            });
            spec = spec.child(worker.shutdown(Shutdown::Timeout(GOODBYE_WITHIN + Duration::from_secs(1))));
        }
        for number in 0..self.doors.lock().len() {
            let door = self.child(format!("door-{number}"), move |plan, me| {
                let own = plan.clone();
                let body = move |_| acceptor::accept(own, number);
                me.spawn_with(plan.options(0, "resp::Door"), body).map(|spawned| spawned.pid)
            });
            spec = spec.child(door.shutdown(Shutdown::Brutal));
        }
        spec
    }

    fn child(
        self: &Arc<Self>,
        id: String,
        start: impl Fn(&Arc<Self>, &Me) -> mnemon_otp::Result<mnemon_otp::Pid> + Send + Sync + 'static,
    ) -> ChildSpec {
        let plan = self.clone();
        ChildSpec::new(id, move |me| {
            // A server that stops wants nobody started again.
            let started = if plan.is_stopped() { Err(Error::Ignored) } else { start(&plan, &me) };
            async move { started }
        })
    }

    fn options(&self, seat: usize, kind: &'static str) -> SpawnOptions {
        let options = SpawnOptions::new().link().kind(kind);
        match self.seats.get(seat) {
            Some(seat) => options.on(seat.runtime.clone()),
            None => options,
        }
    }
}
