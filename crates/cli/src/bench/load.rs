//! The clients of a test: each sends a batch, waits for all its answers, and notes how long that took.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use hdrhistogram::Histogram;
use mnemon_resp::protocol::{DecodeLimits, Decoder, Reply};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::bench::workload::{Test, Workload};
use crate::bench::{Bench, Measured};
use crate::client::{Client, encode};
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
    let threads = bench.threads.min(bench.clients);
    let left = Arc::new(AtomicU64::new(bench.requests));
    // All clients are connected before the first one begins.
    let start = Arc::new(Barrier::new(bench.clients as usize));
    let parts: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads)
            .map(|thread| {
                let (left, start) = (left.clone(), start.clone());
                scope.spawn(move || run_thread(bench, test, thread, &left, &start))
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
    left: &Arc<AtomicU64>,
    start: &Arc<Barrier>,
) -> Result<Part, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut clients = JoinSet::new();
        for number in (thread..bench.clients).step_by(bench.threads.min(bench.clients) as usize) {
            let workload =
                Workload::new(test, bench.keyspace, bench.size as usize, bench.seed, number.into());
            clients.spawn(run_client(bench.clone(), workload, left.clone(), start.clone()));
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
    left: Arc<AtomicU64>,
    start: Arc<Barrier>,
) -> Result<Part, CliError> {
    let within = Duration::from_secs(bench.server.timeout);
    let timed = |cause: std::io::Error| CliError::Lost { url: bench.server.connect.clone(), cause };
    let connected = tokio::time::timeout(within, Connection::open(&bench)).await;
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

struct Connection {
    stream: TcpStream,
    decoder: Decoder,
    unread: Vec<u8>,
    address: String,
}

impl Connection {
    async fn open(bench: &Bench) -> Result<Self, CliError> {
        let address = bench.server.connect.clone();
        let failed =
            |cause: std::io::Error| CliError::Unreachable { url: address.clone(), cause: cause.to_string() };
        let stream = TcpStream::connect(&address).await.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        let decoder = Decoder::new(DecodeLimits::default());
        let mut connection = Self { stream, decoder, unread: Vec::new(), address };
        if let Some(password) = &bench.server.password {
            let mut auth = Vec::new();
            let is_default = bench.server.user == "default";
            let words: &[&str] =
                if is_default { &["AUTH", password] } else { &["AUTH", &bench.server.user, password] };
            encode(words, &mut auth);
            connection.exchange(&auth, 1).await?;
        }
        Ok(connection)
    }

    /// Sends requests and reads as many answers.
    async fn exchange(&mut self, requests: &[u8], count: u64) -> Result<(), CliError> {
        let lost = |address: &str, cause: std::io::Error| CliError::Lost { url: address.to_owned(), cause };
        // A server that stops reading until its answers are read would otherwise stop us, too.
        let (mut reader, mut writer) = self.stream.split();
        let address = &self.address;
        let (decoder, unread) = (&mut self.decoder, &mut self.unread);
        let reading = async {
            let mut missing = count;
            let mut read = 0;
            while missing > 0 {
                let rest = unread.get(read..).unwrap_or_default();
                match decoder.advance(rest) {
                    Ok(Some((Reply::Error(text), _))) => return Err(CliError::Refused(text.into_owned())),
                    Ok(Some((_, len))) => {
                        read += len;
                        missing -= 1;
                    }
                    Ok(None) => {
                        unread.drain(..read);
                        read = 0;
                        let arrived = reader.read_buf(unread).await.map_err(|cause| lost(address, cause))?;
                        if arrived == 0 {
                            return Err(lost(address, std::io::ErrorKind::UnexpectedEof.into()));
                        }
                    }
                    Err(cause) => return Err(lost(address, std::io::Error::other(cause))),
                }
            }
            unread.drain(..read);
            Ok(())
        };
        let writing = async { writer.write_all(requests).await.map_err(|cause| lost(address, cause)) };
        tokio::try_join!(writing, reading).map(|_| ())
    }
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
