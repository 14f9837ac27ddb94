//! The node's processes as one supervision tree, and who starts it again should its root be killed.
//!
//! ```text
//! node                          one_for_one
//! ├── http                      one_for_one. Last to stop, so that probes are answered until then
//! │   ├── clients               dynamic: a process a connection
//! │   └── door                  accepts
//! ├── disc                      one_for_one
//! │   ├── committer             the log's committer at work: killed, it goes on on another thread
//! │   ├── preparer              keeps the log's segments ready; in the same way
//! │   ├── loading               watches the tables being loaded, until all are there
//! │   ├── checkpoints           makes them when the log has grown
//! │   ├── rows                  writes changed rows of tables on disc only
//! │   └── compaction            drops what they have overwritten
//! ├── tables                    one_for_one
//! │   ├── expiry                deletes expired rows
//! │   ├── subscriptions         ends forgotten ones
//! │   └── snapshots             closes overdue ones
//! ├── line                      see `mnemon_line`
//! └── resp                      one_for_one
//!     ├── heartbeat             the time, memory, clients that must go
//!     ├── postman-N             on each I/O thread: tells its clients of messages
//!     ├── clients               dynamic: a process a client
//!     └── door                  accepts
//! ```
//!
//! What must stay true: no process owns what must outlive it. Rows, the log, listeners and I/O threads stand beside the tree,
//! so each process can be killed, and all that clients see of it is a connection that ends. A plain read or write asks none.

use std::sync::Arc;
use std::time::Duration;

use mnemon_otp::{ChildSpec, ExitReason, Strategy, Supervisor, SupervisorSpec, System};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Restarts that each of the node's supervisors bears in [`RESTARTS_WITHIN`]: the parts do not depend on one another, so
/// several may fail at once without anything being wrong with the whole.
pub(crate) const RESTARTS: u32 = 20;
pub(crate) const RESTARTS_WITHIN: Duration = Duration::from_secs(10);
/// How often the root is started again within [`ROOTS_WITHIN`].
const ROOTS: usize = 3;
const ROOTS_WITHIN: Duration = Duration::from_secs(60);
/// How long a part may take to stop.
const STOP_WITHIN: Duration = Duration::from_secs(30);

/// The tree that runs.
pub(crate) struct Tree {
    system: System,
    root: Arc<Mutex<Supervisor>>,
    guardian: JoinHandle<()>,
    failure: watch::Receiver<Option<String>>,
}

/// A supervisor of parts that do not depend on one another.
pub(crate) fn supervisor() -> SupervisorSpec {
    SupervisorSpec::new(Strategy::OneForOne).intensity(RESTARTS, RESTARTS_WITHIN)
}

impl Tree {
    /// Starts the children in this order, under a root.
    ///
    /// # Errors
    /// What one of them said; nothing runs then.
    pub(crate) async fn start(system: &System, children: Vec<ChildSpec>) -> mnemon_otp::Result<Self> {
        let spec = children.into_iter().fold(supervisor().name("node"), SupervisorSpec::child);
        let root = Arc::new(Mutex::new(spec.clone().start(system).await?));
        let (failed, failure) = watch::channel(None);
        let guardian = tokio::spawn(guard(system.clone(), spec, root.clone(), failed));
        Ok(Self { system: system.clone(), root, guardian, failure })
    }

    /// Stops a part, as its supervisor would.
    pub(crate) async fn stop_part(&self, id: &str) {
        let root = self.root.lock().clone();
        match tokio::time::timeout(STOP_WITHIN, root.terminate_child(id)).await {
            Ok(Ok(()) | Err(mnemon_otp::Error::ChildNotFound(_))) => {}
            Ok(Err(cause)) => tracing::warn!(id, %cause, "a part of the node did not stop in order"),
            Err(_) => tracing::warn!(id, "a part of the node did not stop in time"),
        }
    }

    /// Nothing starts the root again from now on.
    pub(crate) fn unguard(&self) {
        self.guardian.abort();
    }

    /// Stops what is left.
    pub(crate) async fn stop(&self) {
        self.unguard();
        let left = self.system.shutdown(STOP_WITHIN).await;
        if left > 0 {
            tracing::warn!(left, "processes had to be killed");
        }
    }

    /// Waits until the tree has failed for good, and says why. Without end where it never does.
    pub(crate) fn failed(&self) -> impl Future<Output = String> + Send + use<> {
        let mut failure = self.failure.clone();
        async move {
            let cause = failure.wait_for(Option::is_some).await.ok().and_then(|cause| cause.clone());
            match cause {
                Some(cause) => cause,
                // The node was shut down.
                None => std::future::pending().await,
            }
        }
    }

    /// Whether the tree has failed for good.
    pub(crate) fn failure(&self) -> watch::Receiver<Option<String>> {
        self.failure.clone()
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        self.unguard();
        self.system.exit(self.root.lock().pid(), ExitReason::Kill);
    }
}

/// Starts the root again when it ends: nobody in the tree can.
async fn guard(
    system: System,
    spec: SupervisorSpec,
    root: Arc<Mutex<Supervisor>>,
    failed: watch::Sender<Option<String>>,
) {
    let mut starts: Vec<Instant> = Vec::new();
    loop {
        let pid = root.lock().pid();
        let reason = system.watch(pid).await;
        let now = Instant::now();
        starts.retain(|start| now.duration_since(*start) < ROOTS_WITHIN);
        let cause = if starts.len() >= ROOTS {
            format!(
                "the root of the processes has ended {} times in a minute, at last with {reason}",
                ROOTS + 1
            )
        } else {
            tracing::error!(%reason, "the root of the node's processes has ended; it is started again");
            starts.push(now);
            match spec.clone().start(&system).await {
                Ok(again) => {
                    *root.lock() = again;
                    continue;
                }
                Err(cause) => format!("the node's processes could not be started again: {cause}"),
            }
        };
        tracing::error!(cause, "the node serves no longer");
        failed.send_replace(Some(cause));
        return;
    }
}
