//! Many threads on one store: what they did must be what its clock says, and snapshots must show just that.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use mnemon_sim::{Random, Seed, TableState, Triple};
use mnemon_store::{
    Batch, Cause, Check, Commit, CopySpec, Expiry, Kind, ManualClock, Op, Replica, Scan, SchemaChange, Sink,
    Source, Store, StoreConfig, StoreError, TableCopy, TableId, TableOp, When,
};
use parking_lot::Mutex;

use crate::CORES;
use crate::model::ModelRow;
use crate::step::record;
use crate::watcher::Watcher;

const TABLE: TableId = TableId(3);
const WRITERS: u64 = 3;
const COMMITS: u64 = 2_500;
/// Few, so that threads meet.
const HOT_KEYS: u64 = 12;

/// What a snapshot showed: its clock and its rows by key.
type Shown = (u64, BTreeMap<Vec<u8>, ModelRow>);

fn key(number: u64) -> Vec<u8> {
    format!("k{number:05}").into_bytes()
}

fn put(number: u64, random: &mut Random) -> Op<'static> {
    let key = key(number);
    Op::Put {
        body: record(&key, random.below(4) as i64, random.below(4) as u8).into(),
        key: key.into(),
        expiry: Expiry::Never,
        when: When::Always,
        over_bytes_only: false,
    }
}

fn op(random: &mut Random) -> Op<'static> {
    let hot = random.below(HOT_KEYS);
    match random.below(20) {
        0..10 => put(hot, random),
        // Rows that stay, so that the table grows while it is read.
        10..15 => put(100 + random.below(4_000), random),
        15..19 => Op::Delete { key: key(hot).into(), cause: Cause::Delete, version: 0 },
        _ => Op::Get { key: key(hot).into() },
    }
}

/// A commit of several rows, on the condition that some have not changed since they were read.
fn checked(triple: &Triple, copy: &TableCopy, random: &mut Random) -> bool {
    let checks: Vec<Check<'static>> = (0..random.below(3))
        .map(|_| {
            let key = key(random.below(HOT_KEYS));
            let version = triple.store().get(copy, &key).map_or(0, |row| row.version());
            Check::Key { table: TABLE, key: key.into(), version }
        })
        .collect();
    let mut ops: Vec<Op<'static>> = (0..1 + random.below(4)).map(|_| op(random)).collect();
    if random.chance(2) {
        ops.insert(0, Op::Clear);
    }
    let commit = Commit {
        time_ms: 1_000,
        checks,
        ops: ops.into_iter().map(|op| TableOp { table: TABLE, op }).collect(),
        with_before: false,
    };
    match triple.commit(&commit).ready().expect("local") {
        Ok(_) => true,
        Err(StoreError::Conflict { .. }) => false,
        Err(error) => panic!("{error}"),
    }
}

fn write(triple: &Triple, copy: &TableCopy, mut random: Random) {
    let mut done = 0;
    while done < COMMITS {
        if random.chance(50) {
            let answer = triple.commit_one(copy, 1_000, &op(&mut random)).ready();
            answer.expect("local").expect("the table is there").1.expect("no operation is refused");
            done += 1;
        } else if checked(triple, copy, &mut random) {
            done += 1;
        }
    }
}

fn rows(
    store: &Store,
    copy: &TableCopy,
    scan: &mut Scan,
    at: &mnemon_store::Snapshot,
) -> Vec<(Vec<u8>, ModelRow)> {
    let mut rows = Vec::new();
    while let Some(page) = scan.next_page(store, copy, Some(at)).expect("an open snapshot") {
        rows.extend(page.rows.iter().map(|row| (row.key().to_vec(), ModelRow::of(row))));
        // Gives writers a chance between two pages, on one core too.
        std::thread::yield_now();
    }
    rows
}

/// Reads snapshots in all ways until the writers are done. Whatever the way, a snapshot shows one state.
fn read(store: &Store, copy: &TableCopy, mut random: Random, done: &AtomicBool, shown: &Mutex<Vec<Shown>>) {
    loop {
        let last = done.load(Ordering::SeqCst);
        let snapshot = store.snapshot(60_000);
        let all: BTreeMap<_, _> = rows(store, copy, &mut Scan::all(), &snapshot).into_iter().collect();
        for _ in 0..20 {
            let key = key(random.below(HOT_KEYS));
            let row = store.get_at(copy, &key, &snapshot).expect("an open snapshot");
            assert_eq!(
                row.as_ref().map(ModelRow::of).as_ref(),
                all.get(&key),
                "the row of {key:?} in a snapshot"
            );
        }
        let mut through_index =
            Scan::new(Source::Index(1), Bound::Unbounded, Bound::Unbounded, random.chance(50));
        match through_index.next_page(store, copy, Some(&snapshot)) {
            Err(StoreError::NoIndex { .. }) => {}
            Ok(first) => {
                let mut found: BTreeMap<_, _> = BTreeMap::new();
                let first = first.expect("a first page").rows;
                found.extend(first.iter().map(|row| (row.key().to_vec(), ModelRow::of(row))));
                // The index may be dropped meanwhile; else it must lead to the same rows.
                if copy.indexed().contains(&1)
                    && let Some(rest) = rest(store, copy, &mut through_index, &snapshot)
                {
                    found.extend(rest);
                    assert_eq!(found, all, "an index in a snapshot");
                }
            }
            Err(error) => panic!("{error}"),
        }
        shown.lock().push((snapshot.clock(), all));
        if last {
            return;
        }
    }
}

fn rest(
    store: &Store,
    copy: &TableCopy,
    scan: &mut Scan,
    at: &mnemon_store::Snapshot,
) -> Option<Vec<(Vec<u8>, ModelRow)>> {
    let mut rows = Vec::new();
    loop {
        match scan.next_page(store, copy, Some(at)) {
            Ok(Some(page)) => {
                rows.extend(page.rows.iter().map(|row| (row.key().to_vec(), ModelRow::of(row))))
            }
            Ok(None) => return Some(rows),
            Err(StoreError::NoIndex { .. }) => return None,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Adds and drops an index again and again, and frees images, while the others work.
fn tend(triple: &Triple, done: &AtomicBool) {
    let (table, attribute) = (TABLE, 1);
    while !done.load(Ordering::SeqCst) {
        let change = |change: &SchemaChange| triple.change_schema(change).ready().expect("local");
        change(&SchemaChange::AddIndex { table, attribute }).expect("it was dropped");
        for _ in 0..200 {
            triple.store().maintain_snapshots();
            std::thread::yield_now();
        }
        change(&SchemaChange::DelIndex { table, attribute }).expect("it was added");
    }
    let add = SchemaChange::AddIndex { table, attribute };
    triple.change_schema(&add).ready().expect("local").expect("it was dropped");
}

fn state(store: &Store, copy: &TableCopy) -> BTreeMap<Vec<u8>, ModelRow> {
    let state = TableState::of(store, copy);
    state.rows().iter().map(|row| (row.key().to_vec(), ModelRow::of(row))).collect()
}

fn race(kind: Kind, watched: bool, seed: &Seed) {
    let mut watcher = Watcher::default();
    let triple = Triple::concurrent(StoreConfig {
        sink: Some(watcher.inbox.clone()),
        shards: 8,
        ..StoreConfig::new(Box::new(Arc::new(ManualClock::at(1_000))))
    });
    let spec = CopySpec::new(kind);
    let created = triple.change_schema(&SchemaChange::Create { table: TABLE, spec });
    created.ready().expect("local").expect("a new table");
    let copy = triple.store().copy(TABLE).expect("it was just made");
    triple.store().set_subscribed(&copy, watched);
    let (done, shown) = (AtomicBool::new(false), Mutex::default());
    std::thread::scope(|threads| {
        let readers: Vec<_> = (0..2)
            .map(|reader| {
                let random = seed.random(100 + reader);
                threads.spawn(|| read(triple.store(), &copy, random, &done, &shown))
            })
            .collect();
        let tender = threads.spawn(|| tend(&triple, &done));
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let random = seed.random(writer);
                threads.spawn(|| write(&triple, &copy, random))
            })
            .collect();
        let ended = writers.into_iter().map(|writer| writer.join()).collect::<Vec<_>>();
        // Also when a writer has failed, or the others would go on for ever.
        done.store(true, Ordering::SeqCst);
        for thread in
            ended.into_iter().chain(readers.into_iter().map(|reader| reader.join())).chain([tender.join()])
        {
            thread.expect("see the panic above");
        }
    });
    let mut shown = shown.into_inner();
    assert!(shown.len() >= 2);
    shown.sort_by_key(|(clock, _)| *clock);
    let mut checked = 0;
    triple.replay(|clock, store| {
        let of_clock = shown.iter().skip_while(|(at, _)| *at < clock).take_while(|(at, _)| *at == clock);
        for (_, rows) in of_clock {
            let copy = store.copy(TABLE).expect("it was made in all stores");
            assert_eq!(*rows, state(store, &copy), "a snapshot at {clock} and the state after that commit");
            checked += 1;
        }
    });
    let at_start = shown.iter().filter(|(clock, _)| *clock == 0).count();
    assert_eq!(checked + at_start, shown.len(), "each snapshot has the clock of a commit");
    triple.assert_equal();
    if watched {
        watcher.follow();
        assert_eq!(watcher.rows, state(triple.store(), &copy), "the table as its events tell it");
    }
}

#[test]
fn commits_of_many_threads_are_equivalent_to_the_order_of_their_clocks() {
    let _alone = CORES.write();
    let seed = Seed::of("commits_of_many_threads_are_equivalent_to_the_order_of_their_clocks");
    for kind in [Kind::Set, Kind::OrderedSet, Kind::Bag] {
        for watched in [false, true, false, true] {
            race(kind, watched, &seed);
        }
    }
}

/// Notes whether batches come in the order of their clocks.
#[derive(Default)]
struct Ascending {
    last: AtomicU64,
    disorder: AtomicBool,
}

impl Sink for Ascending {
    fn publish(&self, batch: Batch) {
        if self.last.swap(batch.clock, Ordering::SeqCst) >= batch.clock {
            self.disorder.store(true, Ordering::SeqCst);
        }
    }
}

/// Plain writes of many threads, each with rows of its own; the clocks they were told.
fn tick(store: &Store, copy: &TableCopy) -> Vec<u64> {
    std::thread::scope(|threads| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                threads.spawn(move || {
                    let ops: Vec<Op<'_>> = (0..16)
                        .map(|number| Op::Increment { key: key(writer * 16 + number).into(), by: 1 })
                        .collect();
                    let commit = |at: usize| store.commit_one(copy, 1_000, &ops[at % ops.len()]);
                    (0..200_000).map(|at| commit(at).expect("the table is there").0).collect::<Vec<u64>>()
                })
            })
            .collect();
        writers.into_iter().flat_map(|writer| writer.join().expect("see the panic above")).collect()
    })
}

#[test]
fn no_two_commits_have_one_clock_and_events_come_in_its_order() {
    let _alone = CORES.write();
    for watched in [false, true] {
        let sink = Arc::new(Ascending::default());
        let store = Store::new(StoreConfig {
            sink: Some(sink.clone()),
            ..StoreConfig::new(Box::new(ManualClock::at(1_000)))
        });
        let copy = store.create(TABLE, CopySpec::new(Kind::Set)).expect("a new table");
        store.set_subscribed(&copy, watched);
        let mut clocks = tick(&store, &copy);
        clocks.sort_unstable();
        assert!(clocks.iter().copied().eq(1..=store.clock()), "clocks are used once and none is left out");
        assert!(!sink.disorder.load(Ordering::SeqCst), "events came out of the clock's order");
        assert_eq!(sink.last.load(Ordering::SeqCst) > 0, watched);
    }
}
