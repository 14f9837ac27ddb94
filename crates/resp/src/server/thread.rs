//! An I/O thread: a runtime of its own, on which the processes of its clients run.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::{mpsc, oneshot};

use crate::coalescing::rest_precisely;
use crate::error::RespError;
use crate::host::Host;
use crate::server::door::say_goodbye;
use crate::server::tree::Plan;

/// Queries of this thread's clients that may run aside at once; others wait for one to end.
const QUERY_THREADS: usize = 4;
/// How long a stopping thread waits for such queries.
const QUERIES_WITHIN: Duration = Duration::from_secs(2);

/// Starts the thread with this number. It runs the processes that are put on its runtime until the server stops; `alive` is
/// dropped when it ends.
pub(super) fn start(
    number: usize,
    host: Arc<Host>,
    plan: oneshot::Receiver<Arc<Plan>>,
    alive: mpsc::Sender<()>,
) -> Result<(JoinHandle<()>, Handle), RespError> {
    let name = format!("resp-{number}");
    let failed = |cause| RespError::Thread { name: name.clone(), cause };
    let runtime = Builder::new_current_thread()
        .enable_all()
        .on_thread_park(move || host.stats.thread(number).coalescing.out_of_work())
        .max_blocking_threads(QUERY_THREADS)
        .thread_name(format!("{name}-query"))
        .build()
        .map_err(failed)?;
    let handle = runtime.handle().clone();
    let run = move || {
        rest_precisely();
        runtime.block_on(async {
            // Dropped: the server could not be started.
            let Ok(plan) = plan.await else { return };
            let mut stopped = plan.stopped.clone();
            // Told to, or the server was dropped.
            drop(stopped.wait_for(|stopped| *stopped).await);
            say_goodbye(&plan.host, Some(number)).await;
        });
        runtime.shutdown_timeout(QUERIES_WITHIN);
        drop(alive);
    };
    let thread = std::thread::Builder::new().name(name.clone()).spawn(run).map_err(failed)?;
    Ok((thread, handle))
}
