//! Commits in a log on a disc that loses power: what was synced is there again, and the rest up to some commit, whole.

mod cold;
mod damage;
mod exchanging;
mod moving;
mod node;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use mnemon_disc::testing::{Fate, Fault, FaultyDisc, MemoryTrees};
use mnemon_disc::time::SystemTicker;
use mnemon_disc::{DataDirectory, LogConfig};
use mnemon_sim::TableState;
use mnemon_store::{
    Clock, Commit, CopySpec, Durability, Expiry, Kind, Local, Op, Replica, Row, SchemaChange, Store,
    StoreConfig, StoreError, TableCopy, TableId, TableOp, When,
};
use parking_lot::{Mutex, RwLock};
use proptest::prelude::*;

use crate::config;
use crate::step::{Content, START_MS, Step, step};
use node::{Node, seen};

const TABLE: TableId = TableId(7);
/// Bytes of changes of rows on disc that stay in memory.
const PENDING_BYTES: usize = 1_500;
const SYNC_WITHIN: Duration = Duration::from_secs(20);

/// Runs steps, loses power, and comes back: the state is that of some moment not before the last sync. With rows in memory, and
/// on disc only.
fn crash_after(kind: Kind, steps: &[Step], syncs: &[bool], fate: Fate) {
    [false, true].into_iter().for_each(|disc_only| crash_over(kind, disc_only, steps, syncs, fate));
}

fn crash_over(kind: Kind, disc_only: bool, steps: &[Step], syncs: &[bool], fate: Fate) {
    let (disc, trees) = (FaultyDisc::new(), MemoryTrees::default());
    let mut node = Node::start_over(&disc, &trees, 8).unwrap();
    node.create_as(kind, disc_only).unwrap();
    node.sync();
    let rows = |node: &Node| TableState::of(node.store(), &node.copy()).rows().to_vec();
    let mut states = vec![rows(&node)];
    let mut durable = 0;
    for (place, step) in steps.iter().enumerate() {
        node.perform(step).unwrap();
        states.push(rows(&node));
        if syncs.get(place % syncs.len().max(1)).is_some_and(|sync| *sync) {
            node.sync();
            durable = states.len() - 1;
        }
    }
    let (found, found_trees) = (disc.restart(fate), trees.restart());
    let again = Node::start_over(&found, &found_trees, 3).unwrap();
    let now_ms = node.store().now_ms();
    // Time goes on where it was, so that what had expired stays so.
    again.time.advance(now_ms - START_MS);
    // Earlier states show rows that have expired since.
    let live = |rows: &[Row]| {
        let live = rows.iter().filter(|row| !row.is_expired(now_ms));
        live.map(|row| format!("{row:?}")).collect::<Vec<_>>()
    };
    again.seen();
    let found = live(&rows(&again));
    let place = states.iter().rposition(|state| live(state) == found);
    assert!(
        place.is_some_and(|place| place >= durable),
        "after {fate:?} the state is that of {place:?}, durable was {durable} of {}\n found {found:?}\n last {:?}",
        states.len() - 1,
        states.last()
    );
    again.workers.close().unwrap();
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![Just(Fate::Lost), Just(Fate::Kept), any::<u64>().prop_map(Fate::Torn)]
}

fn contents(kind: Kind) -> Content {
    if kind == Kind::Bag { Content::Objects } else { Content::Records }
}

proptest! {
    #![proptest_config(config(60))]

    #[test]
    fn a_set_comes_back(
        steps in prop::collection::vec(step(contents(Kind::Set)), 1..40),
        syncs in prop::collection::vec(any::<bool>(), 1..8),
        fate in fate(),
    ) {
        crash_after(Kind::Set, &steps, &syncs, fate);
    }

    #[test]
    fn a_database_comes_back(
        steps in prop::collection::vec(step(Content::Strings), 1..40),
        syncs in prop::collection::vec(any::<bool>(), 1..8),
        fate in fate(),
    ) {
        crash_after(Kind::Set, &steps, &syncs, fate);
    }

    #[test]
    fn an_ordered_set_comes_back(
        steps in prop::collection::vec(step(contents(Kind::OrderedSet)), 1..40),
        syncs in prop::collection::vec(any::<bool>(), 1..8),
        fate in fate(),
    ) {
        crash_after(Kind::OrderedSet, &steps, &syncs, fate);
    }

    #[test]
    fn a_bag_comes_back(
        steps in prop::collection::vec(step(contents(Kind::Bag)), 1..40),
        syncs in prop::collection::vec(any::<bool>(), 1..8),
        fate in fate(),
    ) {
        crash_after(Kind::Bag, &steps, &syncs, fate);
    }
}

fn put(number: u32) -> Op<'static> {
    Op::Put {
        key: number.to_be_bytes().to_vec().into(),
        body: vec![b'v'; 100].into(),
        expiry: Expiry::Never,
        when: When::Always,
        over_bytes_only: false,
    }
}

#[test]
fn a_power_cut_at_any_step_of_the_disc_loses_nothing_that_was_synced() {
    // How many steps the script takes without faults, to stop at each of them.
    let run = |disc_only: bool, stop: Option<u64>| {
        let (disc, trees) = (FaultyDisc::new(), MemoryTrees::default());
        let mut acknowledged = 0;
        let started = Node::start_over(&disc, &trees, 2);
        if let Some(step) = stop {
            disc.fail_at(disc.steps() + step, Fault::Stop);
        }
        let Ok(mut node) = started else { return (disc, trees, 0, 0) };
        let before = disc.steps();
        let created = node.create_as(Kind::Set, disc_only);
        if created.is_ok() && node.log.sync(SYNC_WITHIN).is_ok() {
            for number in 0..12u32 {
                let done = node.perform(&Step::One(put(number)));
                if done.is_err() || node.log.sync(SYNC_WITHIN).is_err() {
                    break;
                }
                acknowledged = number + 1;
                if number % 5 == 4 && node.perform(&Step::Maintain).is_err() {
                    break;
                }
            }
        }
        let steps = disc.steps() - before;
        drop(node);
        (disc, trees, acknowledged, steps)
    };
    let counted = [false, true].map(|disc_only| {
        let (_, trees, all, steps) = run(disc_only, None);
        assert_eq!((all, trees.ingested() > 0), (12, disc_only));
        (disc_only, steps)
    });
    let stops =
        counted.into_iter().flat_map(|(disc_only, steps)| (0..steps).map(move |stop| (disc_only, stop)));
    for (disc_only, stop) in stops {
        let (disc, trees, acknowledged, _) = run(disc_only, Some(stop));
        for fate in [Fate::Lost, Fate::Kept, Fate::Torn(stop)] {
            let again = Node::start_over(&disc.restart(fate), &trees.restart(), 2).unwrap();
            let Ok(copy) = again.store().copy(TABLE) else {
                assert_eq!(acknowledged, 0, "the table is gone after {fate:?} at step {stop}");
                continue;
            };
            let rows = TableState::of(again.store(), &copy).rows().len();
            assert!(
                rows >= acknowledged as usize,
                "{rows} of {acknowledged} rows after {fate:?} at step {stop}"
            );
        }
    }
}

#[test]
fn a_full_disc_refuses_writes_and_takes_them_again_when_there_is_room() {
    let disc = FaultyDisc::new();
    let mut node = Node::start(&disc, 2).unwrap();
    node.create(Kind::Set);
    node.sync();
    let used: u64 = disc.names().iter().filter_map(|name| disc.bytes(name)).map(|b| b.len() as u64).sum();
    disc.set_capacity(Some(used));
    let mut written = 0;
    let refused = loop {
        match node.perform(&Step::One(put(written))) {
            Ok(()) => written += 1,
            Err(refused) => break refused,
        }
        assert!(written < 1_000_000, "the disc never gets full");
    };
    assert!(matches!(refused, StoreError::DiscFull(_)), "{refused:?}");
    assert_eq!(node.copy().len(), written as usize, "what was refused was not applied");
    disc.set_capacity(None);
    let resumed = (0..1_000_000).any(|_| {
        std::thread::yield_now();
        node.perform(&Step::One(put(written))).is_ok()
    });
    assert!(resumed, "writes go on by themselves");
    node.sync();
    let again = Node::start(&disc.restart(Fate::Lost), 2).unwrap();
    assert_eq!(again.copy().len(), written as usize + 1);
}

/// A clock that lets somebody commit at the moment at which it is read: a checkpoint reads it after it has noted its place
/// in the log and before its snapshot is taken.
#[derive(Default)]
struct Interrupting {
    store: OnceLock<Arc<Local>>,
    armed: Mutex<Vec<Op<'static>>>,
}

impl Clock for Interrupting {
    fn now_ms(&self) -> u64 {
        let ops = std::mem::take(&mut *self.armed.lock());
        for op in ops {
            self.store
                .get()
                .unwrap()
                .commit_one(&self.copy(), START_MS, &op)
                .ready()
                .unwrap()
                .unwrap()
                .1
                .unwrap();
        }
        START_MS
    }
}

impl Interrupting {
    fn copy(&self) -> Arc<TableCopy> {
        self.store.get().unwrap().store().copy(TABLE).unwrap()
    }
}

/// What, applied a second time, is seen.
fn unrepeatable() -> Vec<Op<'static>> {
    let key = |name: &'static str| name.as_bytes().into();
    vec![
        Op::Increment { key: key("sum"), by: 7 },
        Op::Append { key: key("text"), tail: b"once"[..].into() },
        Op::FieldIncrement { key: key("hash"), field: b"field"[..].into(), by: 3 },
        Op::IncrementFloat { key: key("float"), by: b"0.5"[..].into() },
    ]
}

#[test]
fn an_entry_that_a_checkpoint_contains_already_is_not_applied_again() {
    for rounds in 1..4 {
        let disc = FaultyDisc::new();
        let clock = Arc::new(Interrupting::default());
        let store = Store::new(StoreConfig { shards: 4, ..StoreConfig::new(Box::new(clock.clone())) });
        let mut directory = DataDirectory::on(Arc::new(disc.clone()), || [7; 16]).unwrap();
        let (_, opened) =
            store.recover(&directory, LogConfig::default(), Box::new(SystemTicker::new())).unwrap();
        let (log, workers, _) = opened.start().unwrap();
        store.set_log(log.clone());
        let local = Arc::new(Local::new(store));
        assert!(clock.store.set(local.clone()).is_ok());
        let spec = CopySpec { disc: Some(Durability::Commit), ..CopySpec::new(Kind::Set) };
        local.change_schema(&SchemaChange::Create { table: TABLE, spec }).ready().unwrap().unwrap();
        for _ in 0..rounds {
            *clock.armed.lock() = unrepeatable();
            local.store().checkpoint(&mut directory).unwrap();
            assert!(clock.armed.lock().is_empty(), "a checkpoint reads the clock");
        }
        // The window is what this is about: the entries stand behind the place, and the checkpoint holds them.
        let manifest = directory.manifest();
        assert!(manifest.log_from < log.next() - 1, "entries stand behind the place of the checkpoint");
        assert_eq!(manifest.checkpoints[0].clock, local.store().clock(), "and are in it");
        let expected = seen(local.store());
        workers.close().unwrap();
        let again = Node::start(&disc.restart(Fate::Lost), 2).unwrap();
        assert_eq!(again.seen(), expected, "after {rounds} checkpoints");
        again.workers.close().unwrap();
    }
}

/// Counters show what is applied twice or not at all.
#[test]
fn checkpoints_beside_writers_neither_lose_nor_repeat_a_commit() {
    let disc = FaultyDisc::new();
    let mut node = Node::start(&disc, 4).unwrap();
    node.create(Kind::Set);
    let (threads, each) = (3, 400);
    let Node { local, directory, log, .. } = &mut node;
    let local = &*local;
    // Held for writing to look at a moment at which nobody writes.
    let gate = RwLock::new(());
    let gate = &gate;
    std::thread::scope(|scope| {
        let counting: Vec<_> = (0..threads)
            .map(|number| {
                scope.spawn(move || {
                    let copy = local.store().copy(TABLE).unwrap();
                    for turn in 0..each {
                        // Each thread has a counter of its own, and all share a few.
                        let keys = [format!("own{number}"), format!("shared{}", turn % 3)];
                        let ops = keys.map(|key| {
                            let op = Op::Increment { key: key.into_bytes().into(), by: 1 };
                            TableOp { table: copy.id(), op }
                        });
                        let ops = ops.to_vec();
                        let commit =
                            Commit { time_ms: START_MS, checks: Vec::new(), ops, with_before: false };
                        let _open = gate.read();
                        local.commit(&commit).ready().unwrap().unwrap();
                    }
                })
            })
            .collect();
        while counting.iter().any(|thread| !thread.is_finished()) {
            local.store().checkpoint(directory).unwrap();
            let _closed = gate.write();
            log.sync(SYNC_WITHIN).unwrap();
            let again = Node::start(&disc.restart(Fate::Lost), 2).unwrap();
            assert_eq!(again.seen(), seen(local.store()));
        }
    });
}

#[test]
fn a_table_takes_the_place_of_another_at_one_moment_whenever_the_power_goes() {
    const NEW: TableId = TableId(8);
    let spec = || CopySpec { disc: Some(Durability::Commit), ..CopySpec::new(Kind::Set) };
    let put = |table, key: &'static [u8]| TableOp {
        table,
        op: Op::Put {
            key: key.into(),
            body: b"body"[..].into(),
            expiry: Expiry::Never,
            when: When::Always,
            over_bytes_only: false,
        },
    };
    // In memory, from there to the disc alone, from there to memory.
    let run = |disc: &FaultyDisc, trees: &MemoryTrees, kept: [bool; 2]| -> Result<(), StoreError> {
        let mut node = Node::start_over(disc, trees, 8)?;
        let spec = |place: usize| CopySpec { disc_only: kept[place], ..spec() };
        let change = |change: SchemaChange| node.local.change_schema(&change).ready().unwrap();
        let commit = |table, key| {
            let commit =
                Commit { time_ms: START_MS, checks: vec![], ops: vec![put(table, key)], with_before: false };
            node.local.commit(&commit).ready().unwrap().map(drop)
        };
        change(SchemaChange::create(TABLE, spec(0)))?;
        change(SchemaChange::Define { table: TABLE, definition: b"old".to_vec() })?;
        commit(TABLE, b"old")?;
        node.store().sync_log(SYNC_WITHIN)?;
        change(SchemaChange::create(NEW, spec(1)))?;
        commit(NEW, b"new")?;
        node.store().flush_rows(&*node.store().copy(TABLE)?)?;
        node.store().flush_rows(&*node.store().copy(NEW)?)?;
        change(SchemaChange::Replace { table: NEW, definition: b"new".to_vec(), replaces: TABLE })?;
        node.store().sync_log(SYNC_WITHIN)?;
        let Node { local, directory, .. } = &mut node;
        local.store().checkpoint(directory).map(drop)
    };
    let ways = [[false, false], [false, true], [true, false], [true, true]].map(|kept| {
        let whole = FaultyDisc::new();
        run(&whole, &MemoryTrees::default(), kept).unwrap();
        (kept, whole.steps())
    });
    let (mut old, mut new) = (0, 0);
    for (kept, step) in ways.into_iter().flat_map(|(kept, steps)| (0..steps).map(move |step| (kept, step))) {
        let (disc, trees) = (FaultyDisc::new(), MemoryTrees::default());
        disc.fail_at(step, Fault::Stop);
        drop(run(&disc, &trees, kept));
        for fate in [Fate::Lost, Fate::Kept, Fate::Torn(step)] {
            let Ok(node) = Node::start_over(&disc.restart(fate), &trees.restart(), 8) else {
                panic!("step {step} {fate:?}")
            };
            let defined = |copy: &Arc<TableCopy>| (copy.id(), copy.len());
            let mut found: Vec<_> = node.store().copies().iter().map(defined).collect();
            found.sort_unstable();
            // Without a definition the new one is nobody's table: the catalog drops it.
            match found.as_slice() {
                [] | [(TABLE, _)] | [(TABLE, 1), (NEW, _)] => old += 1,
                [(NEW, 1)] => new += 1,
                other => panic!("step {step} {fate:?}: {other:?}"),
            }
        }
    }
    assert!(old > 0 && new > 0, "{old} {new}");
}
