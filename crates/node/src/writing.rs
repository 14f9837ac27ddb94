//! The processes of the disc: those that watch over the log's committer and its preparer, the one that watches the tables
//! being loaded, the one that makes checkpoints, and those that write and compact rows on disc only.
//!
//! What must stay true: none owns anything of the log. Killed at any moment, nothing that was acknowledged is lost, and who
//! waits for a sync or for room goes on waiting until the next process has put the worker to work again. A committer that
//! panics fails the log, as what it has written is not known; a preparer that panics is replaced.

use std::sync::Arc;

use mnemon_disc::DiscError;
use mnemon_disc::log::{Shift, ShiftEnd};
use mnemon_otp::{ChildSpec, ExitReason, Restart, SpawnOptions};

use crate::disc::Disc;
use crate::tree::supervisor;

/// The processes. What ends orderly, as the loading does when all is there, or a worker of a log that has failed, is
/// not started again.
pub(crate) fn child(disc: &Arc<Disc>) -> ChildSpec {
    let spec = supervisor()
        .child(part("committer", "disc::Committer", disc, commit))
        .child(part("preparer", "disc::Preparer", disc, |disc| work(disc, Disc::take_preparer_shift)))
        .child(part("loading", "disc::Loading", disc, load))
        .child(part("checkpoints", "disc::Checkpoints", disc, Disc::checkpoints).restart(Restart::Permanent))
        .child(part("rows", "disc::Rows", disc, Disc::write_rows).restart(Restart::Permanent))
        .child(part("compaction", "disc::Compaction", disc, Disc::compact_rows).restart(Restart::Permanent));
    ChildSpec::supervisor("disc", spec)
}

fn part<Fut>(
    id: &'static str,
    module: &'static str,
    disc: &Arc<Disc>,
    body: fn(Arc<Disc>) -> Fut,
) -> ChildSpec
where
    Fut: Future<Output: mnemon_otp::IntoExit> + Send + 'static,
{
    let disc = disc.clone();
    let child = ChildSpec::new(id, move |me| {
        let (body, options) = (body(disc.clone()), SpawnOptions::new().link().module(module));
        async move { me.spawn_with(options, |_| body).map(|spawned| spawned.pid) }
    });
    child.restart(Restart::Transient)
}

/// Keeps the committer at work, and says when it will never be again.
async fn commit(disc: Arc<Disc>) -> ExitReason {
    let reason = work(disc, Disc::take_shift).await;
    if reason != ExitReason::Normal {
        tracing::error!(%reason, "the log's committer has ended; the tables on disc can only be read");
    }
    reason
}

/// Keeps a worker of the log at work for as long as this process lives.
async fn work(disc: Arc<Disc>, take: fn(&Disc) -> Result<Shift, DiscError>) -> ExitReason {
    let taken = tokio::task::spawn_blocking(move || take(&disc)).await;
    match taken {
        Ok(Ok(shift)) => match shift.await {
            ShiftEnd::Closed => ExitReason::Normal,
            ShiftEnd::Failed(cause) => ExitReason::shutdown(format!("the log has failed: {cause}")),
            _ => ExitReason::error("it has panicked; see the log"),
        },
        Ok(Err(DiscError::Closed)) => ExitReason::Normal,
        Ok(Err(cause @ DiscError::Poisoned { .. })) => ExitReason::shutdown(cause.to_string()),
        Ok(Err(cause)) => ExitReason::error(cause.to_string()),
        Err(stopped) => ExitReason::error(stopped.to_string()),
    }
}

/// Begins to load the tables, unless that was done, and watches until all are there. Killed, the loading goes on, and the next
/// process watches it.
fn load(disc: Arc<Disc>) -> impl Future<Output = ExitReason> {
    // Before the process is there: from now on whoever asks for the end waits for it.
    disc.load();
    async move {
        match disc.loaded().await {
            Ok(()) => ExitReason::Normal,
            // Told to whoever asks whether the node is ready. What could not be read once cannot be the next time.
            Err(cause) => ExitReason::shutdown(cause.to_string()),
        }
    }
}
