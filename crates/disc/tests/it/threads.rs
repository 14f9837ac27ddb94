//! The log on threads and on the real file system.

use std::future::Future;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use mnemon_disc::log::{Content, LogPlace, ShiftEnd, Workers, open};
use mnemon_disc::testing::{Fault, FaultyDisc};
use mnemon_disc::time::{SystemTicker, Ticker};
use mnemon_disc::{Disc, DiscError, Durability, FsDisc, Log, LogConfig, StreamId};

use crate::script::NODE;

const WAIT: Duration = Duration::from_secs(30);

fn config() -> LogConfig {
    LogConfig { segment_bytes: 64 << 10, retry_ms: 5, ..LogConfig::default() }
}

fn start(disc: Arc<dyn Disc>) -> (Log, Workers, Vec<Vec<u8>>) {
    let mut entries = Vec::new();
    let place = LogPlace { disc, node: NODE, ticker: Box::new(SystemTicker::new()), config: config() };
    let opened = open(place, 1, |record| {
        if let Content::Entry(bytes) = record.content {
            entries.push(bytes.into_owned());
        }
        Ok::<(), DiscError>(())
    });
    let (log, workers, _) = opened.unwrap().start().unwrap();
    (log, workers, entries)
}

fn append(log: &Log, payload: &[u8], durability: Durability) -> mnemon_disc::Position {
    let reservation = log.reserve(payload.len(), WAIT).unwrap();
    log.append(reservation, StreamId::LOCAL, payload, durability).unwrap()
}

/// Looks until it is so.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let ticker = SystemTicker::new();
    while !is_so() {
        assert!(u128::from(ticker.now_us()) < WAIT.as_micros(), "in vain: {what}");
        std::thread::yield_now();
    }
}

fn directory(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("mnemon-disc-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    path
}

#[test]
fn writers_share_syncs_and_find_everything_again() {
    let path = directory("threads");
    let disc = Arc::new(FsDisc::open(&path).unwrap());
    let (log, workers, _) = start(disc.clone());
    std::thread::scope(|scope| {
        for writer in 0..16_u8 {
            let log = &log;
            scope.spawn(move || {
                for number in 0..200_u8 {
                    let position = append(log, &[writer, number, 7], Durability::Commit);
                    log.synced(position).wait(WAIT).unwrap();
                    assert!(log.is_durable(position));
                }
            });
        }
    });
    let statistics = log.statistics();
    assert_eq!((statistics.entries, statistics.synced_entries), (3200, 3200));
    assert!(statistics.syncs < 3200 && statistics.largest_group > 1, "{statistics:?}");
    assert_eq!(log.status().waiters, 0);
    workers.close().unwrap();
    assert!(matches!(log.try_reserve(1), Err(DiscError::Closed)));
    drop(log);

    let (_log, workers, entries) = start(disc);
    assert_eq!(entries.len(), 3200);
    for writer in 0..16 {
        let own = entries.iter().filter(|entry| entry[0] == writer).map(|entry| entry[1]);
        assert!(own.eq(0..200), "writer {writer}");
    }
    drop(workers);
    std::fs::remove_dir_all(&path).unwrap();
}

/// Counts how often it was woken.
#[derive(Default)]
struct Count(AtomicU64);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_future_is_woken_when_its_entry_is_durable() {
    let (log, workers, _) = start(Arc::new(FaultyDisc::new()));
    let position = append(&log, b"awaited", Durability::Interval(600_000));
    assert!(!log.is_durable(position));
    let count = Arc::new(Count::default());
    let waker = Waker::from(count.clone());
    let mut context = Context::from_waker(&waker);
    let mut synced = pin!(log.synced(position));
    // Awaiting it makes it urgent, whatever it was appended with; another waiter tells when it has come.
    let first = synced.as_mut().poll(&mut context);
    log.synced(position).wait(WAIT).unwrap();
    assert!(matches!(synced.as_mut().poll(&mut context), Poll::Ready(Ok(()))));
    workers.close().unwrap();
    assert_eq!(count.0.load(Ordering::SeqCst), u64::from(first.is_pending()));
}

#[test]
fn an_entry_that_nobody_waits_for_is_synced_soon() {
    let (log, workers, _) = start(Arc::new(FaultyDisc::new()));
    // Also while the next sync that is due is far away.
    for far in [false, true].into_iter().flat_map(|far| [far; 25]) {
        if far {
            append(&log, b"in an hour", Durability::Interval(3_600_000));
            until("it is written", || log.status().buffered_bytes == 0);
        }
        let position = append(&log, b"left alone", Durability::Commit);
        drop(log.synced(position));
        until("it is synced", || log.is_durable(position));
    }
    workers.close().unwrap();
}

#[test]
fn a_wait_has_a_deadline_and_a_dropped_one_leaves_nothing() {
    let disc = Arc::new(FaultyDisc::new());
    let place =
        LogPlace { disc: disc.clone(), node: NODE, ticker: Box::new(SystemTicker::new()), config: config() };
    // Without threads, nobody syncs.
    let mut opened = open(place, 1, |_| Ok::<(), DiscError>(())).unwrap();
    while opened.preparer.step().unwrap() {}
    let position = append(&opened.log, b"late", Durability::Commit);
    let waited = opened.log.synced(position).wait(Duration::from_millis(2));
    assert!(matches!(waited, Err(DiscError::Timeout { waited_ms: 2 })), "{waited:?}");
    assert_eq!(opened.log.status().waiters, 0);
    opened.committer.step().unwrap();
    opened.log.synced(position).wait(Duration::ZERO).unwrap();
}

#[test]
fn a_failure_reaches_everybody_who_waits() {
    let disc = FaultyDisc::new();
    let (log, workers, _) = start(Arc::new(disc.clone()));
    log.synced(append(&log, b"first", Durability::Commit)).wait(WAIT).unwrap();
    for step in disc.steps()..disc.steps() + 20 {
        disc.fail_at(step, Fault::Error(std::io::ErrorKind::Other));
    }
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                loop {
                    let reserved = log.reserve(10, WAIT);
                    let appended = reserved
                        .and_then(|room| log.append(room, StreamId::LOCAL, &[1; 10], Durability::Commit));
                    match appended.map(|position| log.synced(position).wait(WAIT)) {
                        Ok(Ok(())) => {}
                        Ok(Err(DiscError::OutcomeUnknown { .. })) | Err(DiscError::Poisoned { .. }) => break,
                        other => panic!("{other:?}"),
                    }
                }
            });
        }
    });
    assert!(workers.close().is_err());
}

#[test]
fn writers_wait_for_room_and_go_on_by_themselves() {
    let disc = FaultyDisc::new();
    disc.set_capacity(Some(200 << 10));
    let (log, workers, _) = start(Arc::new(disc.clone()));
    let refused = loop {
        match log.reserve(5000, WAIT) {
            Ok(room) => drop(log.append(room, StreamId::LOCAL, &[1; 5000], Durability::None).unwrap()),
            Err(cause) => break cause,
        }
    };
    assert!(matches!(refused, DiscError::Full { .. }), "{refused}");
    disc.set_capacity(None);
    // The preparer tries again every few milliseconds; until then the answer is the same.
    let ticker = SystemTicker::new();
    let position = loop {
        match log.reserve(5000, WAIT) {
            Ok(room) => break log.append(room, StreamId::LOCAL, &[2; 5000], Durability::Commit).unwrap(),
            Err(cause) => assert!(cause.is_retryable(), "{cause}"),
        }
        assert!(ticker.now_us() < 30_000_000, "no room after 30 s");
        std::thread::yield_now();
    };
    log.synced(position).wait(WAIT).unwrap();
    workers.close().unwrap();
}

#[test]
fn an_orderly_end_keeps_what_nobody_waited_for() {
    let disc = FaultyDisc::new();
    let (log, workers, _) = start(Arc::new(disc.clone()));
    for number in 0..50 {
        append(
            &log,
            &[number],
            if number % 2 == 0 { Durability::None } else { Durability::Interval(600_000) },
        );
    }
    drop(workers);
    let (_, _workers, entries) = start(Arc::new(disc.restart(mnemon_disc::testing::Fate::Lost)));
    assert!(entries.into_iter().flatten().eq(0..50));
}

#[test]
fn the_real_disc_keeps_its_promises_as_far_as_can_be_seen() {
    let path = directory("files");
    let disc = FsDisc::open(&path).unwrap();
    let file = disc.create("a", 10_000).unwrap();
    let mut buffer = vec![1; 20_000];
    assert_eq!((file.len().unwrap(), file.read_at(0, &mut buffer).unwrap()), (10_000, 10_000));
    assert!(buffer[..10_000].iter().all(|byte| *byte == 0));
    file.write_at(5000, &[7; 6000]).unwrap();
    file.sync().unwrap();
    assert_eq!(disc.open("a").unwrap().len().unwrap(), 11_000);
    file.clear(8192).unwrap();
    assert_eq!(file.read_at(0, &mut buffer).unwrap(), 8192);
    assert!(buffer[..8192].iter().all(|byte| *byte == 0));
    file.cut(3).unwrap();
    assert_eq!(file.len().unwrap(), 3);
    disc.create("b", 0).unwrap();
    disc.rename("a", "b").unwrap();
    assert!(disc.open("a").is_err() && disc.open("b").unwrap().len().unwrap() == 3);
    let mut names = disc.list().unwrap();
    names.sort();
    assert_eq!(names, ["b", "lock"]);
    disc.remove("b").unwrap();
    for name in ["../b", "", ".", "a/b"] {
        assert!(disc.create(name, 0).is_err() && disc.open(name).is_err(), "{name:?}");
    }
    assert!(disc.create("large", 1 << 50).is_err(), "more than any disc has");
    assert_eq!(disc.list().unwrap(), ["lock"], "what could not be made is not left behind");
    drop(disc);
    std::fs::remove_dir_all(&path).unwrap();
}

#[test]
fn writers_lose_nothing_while_the_committer_changes_its_thread() {
    let path = directory("shifts");
    let disc = Arc::new(FsDisc::open(&path).unwrap());
    let (log, workers, _) = start(disc.clone());
    let told = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..4_u8)
            .map(|writer| {
                let (log, told) = (&log, &told);
                scope.spawn(move || {
                    for number in 0..100_u8 {
                        let position = append(log, &[writer, number], Durability::Commit);
                        log.synced(position).wait(WAIT).unwrap();
                        told.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        let at_work = || writers.iter().any(|writer| !writer.is_finished());
        let mut shifts = 0;
        while shifts == 0 || at_work() {
            let before = told.load(Ordering::Relaxed);
            let shift = workers.take_shift().unwrap();
            shifts += 1;
            // Some are called off whatever they are at; on a busy machine that is before they have begun, so others may get on.
            while shifts % 4 == 0 && told.load(Ordering::Relaxed) == before && at_work() {
                std::thread::yield_now();
            }
            drop(shift);
        }
        // The last one was called off: the next one goes on.
        drop(workers.take_shift().unwrap());
    });
    // Called off, and closed before anybody took the next shift.
    let position = append(&log, &[9, 9], Durability::None);
    workers.close().unwrap();
    assert!(log.is_durable(position));
    drop(log);
    let (_log, workers, entries) = start(disc);
    assert_eq!(entries.len(), 401);
    drop(workers);
    std::fs::remove_dir_all(&path).unwrap();
}

#[test]
fn the_end_of_an_older_shift_calls_nobody_off() {
    let (log, workers, _) = start(Arc::new(FaultyDisc::new()));
    let older = workers.take_shift().unwrap();
    let newer = workers.take_shift().unwrap();
    drop(older);
    log.synced(append(&log, b"first", Durability::Commit)).wait(WAIT).unwrap();
    drop(newer);
    workers.close().unwrap();
}

#[test]
fn a_shift_ends_with_the_log_and_says_why() {
    let disc = FaultyDisc::new();
    let (log, workers, _) = start(Arc::new(disc.clone()));
    log.synced(append(&log, b"first", Durability::Commit)).wait(WAIT).unwrap();
    let mut shift = workers.take_shift().unwrap();
    let mut context = Context::from_waker(Waker::noop());
    assert!(pin!(&mut shift).poll(&mut context).is_pending());
    for step in disc.steps()..disc.steps() + 20 {
        disc.fail_at(step, Fault::Error(std::io::ErrorKind::Other));
    }
    log.synced(append(&log, b"second", Durability::Commit)).wait(WAIT).unwrap_err();
    assert!(matches!(pin!(&mut shift).poll(&mut context), Poll::Ready(ShiftEnd::Failed(_))));
    drop(shift);
    assert!(matches!(workers.take_shift(), Err(DiscError::Poisoned { .. })));
    assert!(workers.close().is_err());
}

/// A disc whose next file panics whoever makes it, once it is armed.
#[derive(Debug, Default)]
struct Trap {
    disc: FaultyDisc,
    is_armed: AtomicBool,
}

impl Disc for Trap {
    fn create(&self, name: &str, len: u64) -> std::io::Result<Arc<dyn mnemon_disc::DiscFile>> {
        assert!(!self.is_armed.swap(false, Ordering::SeqCst), "a test's panic");
        self.disc.create(name, len)
    }

    fn open(&self, name: &str) -> std::io::Result<Arc<dyn mnemon_disc::DiscFile>> {
        self.disc.open(name)
    }

    fn rename(&self, from: &str, to: &str) -> std::io::Result<()> {
        self.disc.rename(from, to)
    }

    fn remove(&self, name: &str) -> std::io::Result<()> {
        self.disc.remove(name)
    }

    fn list(&self) -> std::io::Result<Vec<String>> {
        self.disc.list()
    }
}

/// Waits on this thread until the future is done.
fn block_on<F: Future + Unpin>(mut future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match pin!(&mut future).poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park_timeout(WAIT),
        }
    }
}

#[test]
fn a_preparer_that_panics_is_seen_and_replaced_and_the_log_goes_on() {
    let disc = Arc::new(Trap::default());
    let (log, workers, _) = start(disc.clone());
    let shift = workers.take_preparer_shift().unwrap();
    log.synced(append(&log, b"first", Durability::Commit)).wait(WAIT).unwrap();
    disc.is_armed.store(true, Ordering::SeqCst);
    let shift = std::thread::scope(|scope| {
        // More than all segments that were ready before take: it waits for the next preparer, if need be.
        let writer = scope.spawn(|| {
            for _ in 0..200 {
                log.synced(append(&log, &[7; 5000], Durability::Commit)).wait(WAIT).unwrap();
            }
        });
        assert_eq!(block_on(shift), ShiftEnd::Crashed);
        let shift = workers.take_preparer_shift().unwrap();
        writer.join().unwrap();
        shift
    });
    workers.close().unwrap();
    assert_eq!(block_on(shift), ShiftEnd::Closed);
    drop(log);
    let (_log, _workers, entries) = start(disc);
    assert_eq!(entries.len(), 201);
}

#[test]
fn the_log_goes_on_while_the_preparer_changes_its_thread() {
    let disc = Arc::new(FaultyDisc::new());
    let (log, workers, _) = start(disc.clone());
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for _ in 0..200 {
                log.synced(append(&log, &[1; 5000], Durability::Commit)).wait(WAIT).unwrap();
            }
        });
        let mut shifts = 0;
        while shifts == 0 || !writer.is_finished() {
            drop(workers.take_preparer_shift().unwrap());
            shifts += 1;
        }
    });
    // Called off: the writer finds no room once the segments that are ready are full, until there is a next shift.
    let refused = loop {
        match log.reserve(5000, Duration::from_millis(1)) {
            Ok(room) => drop(log.append(room, StreamId::LOCAL, &[2; 5000], Durability::Commit).unwrap()),
            Err(cause) => break cause,
        }
    };
    assert!(matches!(refused, DiscError::Busy { .. }), "{refused}");
    let _shift = workers.take_preparer_shift().unwrap();
    log.synced(append(&log, &[3; 5000], Durability::Commit)).wait(WAIT).unwrap();
    workers.close().unwrap();
}
