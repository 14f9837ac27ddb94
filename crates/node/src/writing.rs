//! The processes of the disc: the one that watches over the log's committer, and the one that makes checkpoints.
//!
//! What must stay true: neither owns anything of the log. Killed at any moment, nothing that was acknowledged is lost, and
//! who waits for a sync goes on waiting until the next process has put the committer to work again.

use std::sync::Arc;

use mnemon_disc::DiscError;
use mnemon_otp::{ChildSpec, ExitReason, Restart, SpawnOptions};

use crate::disc::Disc;
use crate::tree::supervisor;

/// The processes.
pub(crate) fn child(disc: &Arc<Disc>) -> ChildSpec {
    let (own, other) = (disc.clone(), disc.clone());
    let committer = ChildSpec::new("committer", move |me| {
        let (body, options) = (commit(own.clone()), SpawnOptions::new().link().module("disc::Committer"));
        async move { me.spawn_with(options, |_| body).map(|spawned| spawned.pid) }
    });
    let checkpoints = ChildSpec::new("checkpoints", move |me| {
        let (body, options) =
            (other.clone().checkpoints(), SpawnOptions::new().link().module("disc::Checkpoints"));
        async move { me.spawn_with(options, |_| body).map(|spawned| spawned.pid) }
    });
    // A log that has failed stays failed until the next start: an orderly end, after which nobody tries again.
    let spec = supervisor().child(committer.restart(Restart::Transient)).child(checkpoints);
    ChildSpec::supervisor("disc", spec)
}

/// Keeps the committer at work for as long as this process lives.
async fn commit(disc: Arc<Disc>) -> ExitReason {
    let taken = tokio::task::spawn_blocking(move || disc.take_shift()).await;
    match taken {
        Ok(Ok(shift)) => match shift.await {
            None => ExitReason::Normal,
            Some(cause) => {
                tracing::error!(%cause, "the log has failed; the tables on disc can only be read");
                ExitReason::shutdown(format!("the log has failed: {cause}"))
            }
        },
        Ok(Err(DiscError::Closed)) => ExitReason::Normal,
        Ok(Err(cause)) => ExitReason::shutdown(cause.to_string()),
        Err(stopped) => ExitReason::error(stopped.to_string()),
    }
}
