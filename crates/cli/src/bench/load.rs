//! The clients of a test: each sends a batch, waits for all its answers, and notes how long that took.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_rustls::rustls::ClientConfig;

use crate::bench::connection::Connection;
use crate::bench::workload::{Test, Workload};
use crate::bench::{Bench, Measured};
use crate::client::Client;
use crate::error::CliError;

/// Latencies up to an hour, to three digits.
const LONGEST_NS: u64 = 3_600_000_000_000;

/// Runs one test to its end.
///
/// # Errors
/// Those of the first client that fails.
pub(super) fn run(bench: &Bench, test: Test) -> Result<Measured, CliError> {
    // Tells a wrong address or password in one line, ahead of all clients.
    drop(Client::connect(&bench.server)?);
    let tls = bench.server.is_secure().then(|| bench.server.trust.config()).transpose()?;
    let threads = bench.threads.min(bench.clients);
    let left = Arc::new(AtomicU64::new(bench.requests));
    // All clients are connected before the first one begins.
    let start = Arc::new(Barrier::new(bench.clients as usize));
    let parts: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads)
            .map(|thread| {
                let (left, start, tls) = (left.clone(), start.clone(), tls.clone());
                scope.spawn(move || run_thread(bench, test, thread, tls.as_ref(), &left, &start))
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| Err(lost(bench, "a thread panicked"))))
            .collect()
    });
    let mut latencies = histogram()?;
    let (mut first, mut last) = (None::<Instant>, None::<Instant>);
    for part in parts {
        let part = part?;
        // Both have the same bounds, so this cannot fail.
        let _ = latencies.add(&part.latencies);
        first = Some(first.map_or(part.began, |first| first.min(part.began)));
        last = Some(last.map_or(part.ended, |last| last.max(part.ended)));
    }
    let took = first.zip(last).map_or(Duration::ZERO, |(first, last)| last - first);
    Ok(Measured { latencies, took })
}

struct Part {
    latencies: Histogram<u64>,
    began: Instant,
    ended: Instant,
}

/// The clients of one thread: every `threads`-th one.
fn run_thread(
    bench: &Bench,
    test: Test,
    thread: u32,
    tls: Option<&Arc<ClientConfig>>,
    left: &Arc<AtomicU64>,
    start: &Arc<Barrier>,
) -> Result<Part, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut clients = JoinSet::new();
        for number in (thread..bench.clients).step_by(bench.threads.min(bench.clients) as usize) {
            let workload =
                Workload::new(test, bench.keyspace, bench.size as usize, bench.seed, number.into());
            clients.spawn(run_client(bench.clone(), workload, tls.cloned(), left.clone(), start.clone()));
        }
        let mut whole: Option<Part> = None;
        while let Some(ended) = clients.join_next().await {
            let part = ended.map_err(|stopped| lost(bench, &stopped.to_string()))??;
            whole = Some(match whole {
                None => part,
                Some(mut sum) => {
                    let _ = sum.latencies.add(&part.latencies);
                    Part { began: sum.began.min(part.began), ended: sum.ended.max(part.ended), ..sum }
                }
            });
        }
        whole.ok_or_else(|| lost(bench, "no client ran"))
    })
}

async fn run_client(
    bench: Bench,
    mut workload: Workload,
    tls: Option<Arc<ClientConfig>>,
    left: Arc<AtomicU64>,
    start: Arc<Barrier>,
) -> Result<Part, CliError> {
    let within = Duration::from_secs(bench.server.timeout);
    let timed = |cause: std::io::Error| CliError::Lost { url: bench.server.connect.clone(), cause };
    let connected = tokio::time::timeout(within, Connection::open(&bench, tls)).await;
    // Whoever cannot connect must not keep the others waiting at the barrier.
    let ready = tokio::time::timeout(within, start.wait()).await;
    let mut connection = connected.map_err(|_| timed(std::io::ErrorKind::TimedOut.into()))??;
    ready.map_err(|_| lost(&bench, "not all clients could connect in time; try fewer with -c"))?;
    let mut latencies = histogram()?;
    let began = Instant::now();
    let mut out = Vec::new();
    loop {
        let count = take(&left, bench.pipeline.into());
        if count == 0 {
            return Ok(Part { latencies, began, ended: Instant::now() });
        }
        out.clear();
        (0..count).for_each(|_| workload.write(&mut out));
        let sent = Instant::now();
        let exchange = connection.exchange(&out, count);
        let answered = tokio::time::timeout(within, exchange).await;
        answered.map_err(|_| timed(std::io::ErrorKind::TimedOut.into()))??;
        let took_ns = u64::try_from(sent.elapsed().as_nanos()).unwrap_or(LONGEST_NS);
        latencies.saturating_record(took_ns.clamp(1, LONGEST_NS));
    }
}

/// Takes up to `most` of the requests that are left.
fn take(left: &AtomicU64, most: u64) -> u64 {
    let before = left.fetch_update(Relaxed, Relaxed, |left| Some(left.saturating_sub(most))).unwrap_or(0);
    before.min(most)
}

fn histogram() -> Result<Histogram<u64>, CliError> {
    Histogram::new_with_bounds(1, LONGEST_NS, 3).map_err(|cause| CliError::Usage(cause.to_string()))
}

fn lost(bench: &Bench, cause: &str) -> CliError {
    CliError::Lost { url: bench.server.connect.clone(), cause: std::io::Error::other(cause.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_request_is_made_twice_or_left_out() {
        let left = AtomicU64::new(10);
        let taken: Vec<u64> = (0..5).map(|_| take(&left, 4)).collect();
        assert_eq!(taken, [4, 4, 2, 0, 0]);
    }
}
