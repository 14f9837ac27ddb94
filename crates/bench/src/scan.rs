//! Ten million rows: how long an operation ever takes, and what writers feel of an open scan.
//!
//! The first histograms are of processor time, which a busy machine blurs little: an operation's lock is held for at
//! most that long, growth of the table included. Whoever touches memory first waits for the operating system, and in a
//! virtual machine for the one below it, which gives out 2 MiB at a time and takes milliseconds to clear them; so operations
//! that met a page fault are in histograms of their own. The others are of wall time, without and with a scan.
//!
//! A virtual machine is stopped now and then in the middle of anything, and counts that as processor time. So plain arithmetic,
//! which no lock and no memory can hold up, is timed in turns with the operations: what its histogram has above a
//! millisecond is the machine's.

use std::hint::black_box;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use hdrhistogram::Histogram;
use mnemon_store::{CopySpec, Kind};
use mnemon_store::{Expiry, Op, Scan, Store, StoreConfig, SystemClock, TableCopy, TableId, When};
use nix::sys::resource::{UsageWho, getrusage};
use rustix::time::{ClockId, clock_gettime};

use crate::clock;
use crate::error::Error;
use crate::options::Options;
use crate::report::{Record, Report};

const SNAPSHOT_TTL_MS: u64 = 600_000;
/// Steps of arithmetic at a time: about as long as a page of a scan.
const STEPS: u64 = 60_000;
/// Inserts between two times of arithmetic: about as long.
const INSERTS_A_TURN: u64 = 128;

/// Measures and reports.
///
/// # Errors
/// When the table cannot be filled or scanned, or results cannot be written.
pub(crate) fn run(options: &Options, report: &mut Report<impl Write>) -> Result<(), Error> {
    for kind in [Kind::Set, Kind::OrderedSet] {
        measure(options, report, kind)?;
    }
    Ok(())
}

fn measure(options: &Options, report: &mut Report<impl Write>, kind: Kind) -> Result<(), Error> {
    let rows: u64 = if options.quick { 1_000_000 } else { 10_000_000 };
    let (store, copy, inserts) = filled(kind, rows)?;
    report.add(line("insert, processor time", kind, rows, &inserts.plain))?;
    report.add(line("insert with a page fault, processor time", kind, rows, &inserts.faulting))?;
    report.add(line("arithmetic beside inserts, processor time", kind, rows, &inserts.machine))?;
    let pages = scanned(&store, &copy)?;
    report.add(line("page of a scan, processor time", kind, rows, &pages.plain))?;
    report.add(line("page of a scan with a page fault, processor time", kind, rows, &pages.faulting))?;
    report.add(line("arithmetic beside pages, processor time", kind, rows, &pages.machine))?;
    let quiet = writes(&store, &copy, rows, options.phase(), false)?;
    let scanned = writes(&store, &copy, rows, options.phase(), true)?;
    report.add(line("write, wall time", kind, rows, &quiet))?;
    report.add(line("write under a scan, wall time", kind, rows, &scanned))
}

/// How long operations took of the processor.
struct Times {
    /// Those that found their memory there.
    plain: Histogram<u64>,
    /// Those during which the operating system had to find memory.
    faulting: Histogram<u64>,
    /// Arithmetic in turns with them.
    machine: Histogram<u64>,
    /// Page faults of this thread before the next operation.
    faults: Option<i64>,
}

impl Times {
    fn new() -> Result<Self, Error> {
        let (plain, faulting, machine) = (histogram()?, histogram()?, histogram()?);
        Ok(Self { plain, faulting, machine, faults: page_faults() })
    }

    /// Runs one operation, and notes its time.
    fn of<T>(&mut self, operation: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        let before = cpu_time();
        let answer = operation()?;
        let took = cpu_time().saturating_sub(before);
        let faults_before = std::mem::replace(&mut self.faults, page_faults());
        let times = if self.faults == faults_before { &mut self.plain } else { &mut self.faulting };
        record(times, took);
        Ok(answer)
    }

    fn of_machine(&mut self) {
        record(&mut self.machine, arithmetic());
    }
}

/// A filled table, and the times of its inserts.
fn filled(kind: Kind, rows: u64) -> Result<(Store, Arc<TableCopy>, Times), Error> {
    let store = Store::new(StoreConfig::new(Box::new(SystemClock)));
    let copy = store.create(TableId(1), CopySpec::new(kind))?;
    let mut times = Times::new()?;
    for number in 0..rows {
        times.of(|| put(&store, &copy, number))?;
        if number % INSERTS_A_TURN == 0 {
            times.of_machine();
        }
    }
    Ok((store, copy, times))
}

/// The times of the pages of a scan over a snapshot.
fn scanned(store: &Store, copy: &TableCopy) -> Result<Times, Error> {
    let snapshot = store.snapshot(SNAPSHOT_TTL_MS);
    let mut scan = Scan::all();
    let mut times = Times::new()?;
    while times.of(|| Ok(scan.next_page(store, copy, Some(&snapshot))?))?.is_some() {
        times.of_machine();
    }
    Ok(times)
}

/// Processor time of some plain arithmetic.
fn arithmetic() -> u64 {
    let before = cpu_time();
    (0..STEPS).fold(before, |number, step| black_box(number.wrapping_mul(6_364_136_223_846_793_005) ^ step));
    cpu_time().saturating_sub(before)
}

/// Wall times of a writer, alone or beside a thread that scans a snapshot again and again.
fn writes(
    store: &Store,
    copy: &TableCopy,
    rows: u64,
    phase: Duration,
    scanning: bool,
) -> Result<Histogram<u64>, Error> {
    let done = AtomicBool::new(false);
    let mut times = histogram()?;
    thread::scope(|scope| {
        let scanner = scanning.then(|| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let snapshot = store.snapshot(SNAPSHOT_TTL_MS);
                    let mut scan = Scan::all();
                    let mut more = true;
                    while more && !done.load(Ordering::Relaxed) {
                        more = scan.next_page(store, copy, Some(&snapshot))?.is_some();
                    }
                    drop(snapshot);
                    store.maintain_snapshots();
                }
                Ok::<(), Error>(())
            })
        });
        let started = clock::now();
        let mut number = 1u64;
        let mut answer = Ok(());
        while started.elapsed() < phase && answer.is_ok() {
            number = (number.wrapping_mul(6_364_136_223_846_793_005)).wrapping_add(1_442_695_040_888_963_407);
            let before = clock::now();
            answer = put(store, copy, (number >> 20) % rows);
            record(&mut times, u64::try_from(before.elapsed().as_nanos()).unwrap_or(u64::MAX));
        }
        done.store(true, Ordering::Relaxed);
        let scanned = scanner.map_or(Ok(()), |scanner| {
            scanner.join().unwrap_or_else(|_| Err(Error::Embedded("the scanning thread panicked".to_owned())))
        });
        answer.and(scanned)
    })?;
    Ok(times)
}

fn put(store: &Store, copy: &TableCopy, number: u64) -> Result<(), Error> {
    let key = number.to_be_bytes();
    let op = Op::Put {
        key: key[..].into(),
        body: [b'v'; 40][..].into(),
        expiry: Expiry::Never,
        when: When::Always,
        over_bytes_only: false,
    };
    let (_, outcome) = store.commit_one(copy, store.now_ms(), &op)?;
    outcome.map(drop).map_err(|refused| Error::Embedded(refused.to_string()))
}

/// Processor time of this thread, in nanoseconds.
fn cpu_time() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}

/// Page faults of this thread so far. `None`, so equal to what it was, where the system does not count them.
fn page_faults() -> Option<i64> {
    let usage = getrusage(UsageWho::RUSAGE_THREAD).ok()?;
    Some(usage.minor_page_faults() + usage.major_page_faults())
}

fn histogram() -> Result<Histogram<u64>, Error> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).map_err(|cause| Error::Embedded(cause.to_string()))
}

fn record(histogram: &mut Histogram<u64>, nanoseconds: u64) {
    histogram.saturating_record(nanoseconds);
}

fn line(command: &'static str, kind: Kind, rows: u64, times: &Histogram<u64>) -> Record {
    let micros = |nanoseconds: u64| Some(nanoseconds as f64 / 1_000.0);
    Record::new("scan")
        .with("command", command)
        .with("kind", format!("{kind:?}"))
        .with("rows", rows)
        .with("operations", times.len())
        .figure("p50_us", micros(times.value_at_quantile(0.5)))
        .figure("p99_us", micros(times.value_at_quantile(0.99)))
        .figure("p999_us", micros(times.value_at_quantile(0.999)))
        .figure("p9999_us", micros(times.value_at_quantile(0.9999)))
        .figure("max_us", micros(times.max()))
        .with("above_1ms", times.count_between(1_000_000, u64::MAX))
}
