//! The server's processes: who accepts, who serves, who keeps the time.
//!
//! ```text
//! resp                     one_for_one
//! ├── heartbeat            the time for those who need it roughly, memory, clients that must go
//! ├── postman-N            on each I/O thread: tells its clients that messages have come for them
//! ├── clients              dynamic: a process a client, on the I/O thread of its socket
//! └── door                 accepts; when it is stopped, has the clients leave in order
//! ```
//!
//! What must stay true: what a process needs to begin again stands here and outlives it: the listeners and the threads. A
//! client that ends takes nobody along; clients outlive a door that fails.

use std::sync::Arc;
use std::time::Duration;

use mnemon_otp::{ChildSpec, DynamicSpec, Error, Me, Shutdown, SpawnOptions, Strategy, SupervisorSpec};
use mnemon_tls::Acceptor;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::door::{self, GOODBYE_WITHIN, Listener};
use super::{heartbeat, postman};
use crate::host::Host;
use crate::protocol::Limits;

/// The name under which the supervisor of the clients runs.
pub(super) const CLIENTS: &str = "resp.clients";
/// Restarts of the server's processes that are borne in [`RESTARTS_WITHIN`].
const RESTARTS: u32 = 20;
const RESTARTS_WITHIN: Duration = Duration::from_secs(10);

/// What the processes begin with.
pub(super) struct Plan {
    pub(super) host: Arc<Host>,
    pub(super) limits: Limits,
    pub(super) tls: Option<Arc<Acceptor>>,
    /// Those of the I/O threads.
    pub(super) runtimes: Vec<Handle>,
    /// Empty once the server has stopped.
    pub(super) doors: Mutex<Vec<Listener>>,
    pub(super) stopped: watch::Receiver<bool>,
}

impl Plan {
    /// Whether the server was told to stop, or was dropped.
    pub(super) fn is_stopped(&self) -> bool {
        *self.stopped.borrow() || self.stopped.has_changed().is_err()
    }

    /// The tree.
    pub(super) fn spec(self: &Arc<Self>) -> SupervisorSpec {
        let heartbeat = self.child("heartbeat", |plan, me| {
            let host = plan.host.clone();
            me.spawn_with(plan.options(0, "resp::Heartbeat"), move |_| heartbeat::beat(host))
                .map(|spawned| spawned.pid)
        });
        let mut clients = DynamicSpec::new().name(CLIENTS);
        if let Some(first) = self.runtimes.first() {
            clients = clients.on(first.clone());
        }
        let door = self.child("door", |plan, me| {
            let own = plan.clone();
            me.spawn_with(plan.options(0, "resp::Door"), move |me| door::accept(own, me))
                .map(|spawned| spawned.pid)
        });
        let threads = SupervisorSpec::new(Strategy::OneForOne)
            .name("resp")
            // A runtime that ends, as all do when the server stops, takes its postman along.
            .intensity(RESTARTS + u32::try_from(self.runtimes.len()).unwrap_or(u32::MAX), RESTARTS_WITHIN)
            .child(heartbeat);
        (0..self.runtimes.len())
            .fold(threads, |spec, number| spec.child(self.postman(number)))
            .child(ChildSpec::dynamic("clients", clients))
            .child(door.shutdown(Shutdown::Timeout(GOODBYE_WITHIN + Duration::from_secs(1))))
    }

    fn child(
        self: &Arc<Self>,
        id: impl Into<Arc<str>>,
        start: impl Fn(&Arc<Self>, &Me) -> mnemon_otp::Result<mnemon_otp::Pid> + Send + Sync + 'static,
    ) -> ChildSpec {
        let plan = self.clone();
        ChildSpec::new(id, move |me| {
            // A server that stops wants nobody started again.
            let started = if plan.is_stopped() { Err(Error::Ignored) } else { start(&plan, &me) };
            async move { started }
        })
    }

    /// The process that tells the clients of the I/O thread with this number of their mail.
    fn postman(self: &Arc<Self>, number: usize) -> ChildSpec {
        self.child(format!("postman-{number}"), move |plan, me| {
            let host = plan.host.clone();
            me.spawn_with(plan.options(number, "resp::Postman"), move |_| postman::deliver(host, number))
                .map(|spawned| spawned.pid)
        })
    }

    /// On the I/O thread with this number.
    fn options(&self, number: usize, module: &'static str) -> SpawnOptions {
        let options = SpawnOptions::new().link().module(module);
        match self.runtimes.get(number) {
            Some(thread) => options.on(thread.clone()),
            None => options,
        }
    }
}
