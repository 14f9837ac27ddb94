//! A commit on one row takes a shorter way than others. Both ways end alike: in what is answered, in rows and indexes, in what
//! snapshots see and subscribers are told.

use std::sync::Arc;

use mnemon_sim::{Random, Seed, TableState};
use mnemon_store::{
    Cause, Check, Commit, CopySpec, Expiry, Kind, ManualClock, Op, Sink, Snapshot, Store, StoreConfig,
    TableCopy, TableId, TableOp, When,
};
use mnemon_term::{Record, Term};

use crate::watcher::Inbox;

const TABLE: TableId = TableId(1);
const OTHER: TableId = TableId(2);
const KEYS: u64 = 4;

struct Side {
    store: Store,
    copy: Arc<TableCopy>,
    inbox: Arc<Inbox>,
    time: Arc<ManualClock>,
    snapshots: Vec<Snapshot>,
}

impl Side {
    fn new(kind: Kind, indexed: bool) -> Self {
        let (time, inbox) = (Arc::new(ManualClock::at(1_000)), Arc::<Inbox>::default());
        let sink: Arc<dyn Sink> = inbox.clone();
        let config = StoreConfig { shards: 2, sink: Some(sink), ..StoreConfig::new(Box::new(time.clone())) };
        let store = Store::new(config);
        let [copy, _] = [TABLE, OTHER].map(|table| store.create(table, CopySpec::new(kind)).unwrap());
        if indexed {
            store.add_index(&copy, 1).unwrap();
        }
        Self { store, copy, inbox, time, snapshots: Vec::new() }
    }

    /// What came of a commit, and what snapshots see and subscribers were told.
    fn commit(&self, checks: Vec<Check<'static>>, op: Op<'static>) -> String {
        let ops = vec![TableOp { table: TABLE, op }];
        let commit = Commit { time_ms: self.store.now_ms(), checks, ops, with_before: false };
        let answer = self.store.commit(&commit).map(|applied| (applied.clock, applied.outcomes));
        let seen =
            |snapshot| (0..KEYS).map(move |number| self.store.get_at(&self.copy, &key(number), snapshot));
        let seen: Vec<_> = self.snapshots.iter().flat_map(seen).collect();
        format!("{answer:?} {seen:?} {:?}", self.inbox.take())
    }

    /// Does what happens beside commits.
    fn happen(&mut self, event: u64, step: u64) {
        match event {
            0..=9 => self.time.advance(event),
            10..=12 => self.store.set_schema_version(&self.copy, step, event == 10),
            13..=14 => drop(self.store.set_subscribed(&self.copy, event == 13)),
            15..=17 => self.snapshots.push(self.store.snapshot(1_000_000)),
            18 => self.snapshots.clear(),
            19 => self.store.maintain_snapshots(),
            _ => {}
        }
    }
}

fn key(number: u64) -> [u8; 1] {
    [b'a' + u8::try_from(number).unwrap()]
}

fn op(random: &mut Random, number: u64, now_ms: u64) -> Op<'static> {
    let key = key(number).to_vec().into();
    let expiry = if random.chance(20) { Expiry::At(now_ms + random.below(30)) } else { Expiry::Never };
    let when = [When::Always, When::Absent, When::Present][random.below(3) as usize];
    let record = [Term::Int(number as i64), Term::Int(random.below(9) as i64)];
    let body = Record::new(&record).unwrap().into_bytes().into();
    match random.below(8) {
        0..=4 => Op::Put { key, body, expiry, when, over_bytes_only: false },
        5 => Op::Counter {
            key,
            attribute: 1,
            by: 7,
            initial: random.chance(50).then_some(body),
            expires_at: None,
        },
        6 => Op::Get { key },
        _ => Op::Delete { key, cause: Cause::Delete, version: 0 },
    }
}

/// Checks of the row and the table: mostly what is so.
fn checks(random: &mut Random, side: &Side, number: u64) -> Vec<Check<'static>> {
    let off_by = |random: &mut Random| u64::from(random.chance(15));
    let mut checks = Vec::new();
    if random.chance(70) {
        let version = side.copy.schema_version() + off_by(random);
        checks.push(Check::Schema { table: TABLE, version });
    }
    if random.chance(20) {
        checks.push(Check::Exchanged { table: TABLE, clock: side.copy.exchanged() + off_by(random) });
    }
    if random.chance(80) {
        // Now and then of another row, which the short way is not for.
        let number = if random.chance(10) { (number + 1) % KEYS } else { number };
        let seen = side.store.get(&side.copy, &key(number)).map_or(0, |row| row.version());
        let key = key(number).to_vec().into();
        checks.push(Check::Key { table: TABLE, key, version: seen + off_by(random) });
    }
    checks
}

fn compare(random: &mut Random, kind: Kind, indexed: bool) {
    let (mut short, mut long) = (Side::new(kind, indexed), Side::new(kind, indexed));
    let mut refused = 0;
    for step in 0..3_000 {
        let number = random.below(KEYS);
        let checks = checks(random, &short, number);
        let op = op(random, number, short.store.now_ms());
        // A check of another table's schema holds, and makes the commit one of several tables.
        let mut more = checks.clone();
        let version = long.store.copy(OTHER).unwrap().schema_version();
        more.push(Check::Schema { table: OTHER, version });
        let shown = format!("{kind:?}, indexed: {indexed}, step {step}: {op:?} after {checks:?}");
        let (one, other) = (short.commit(checks, op.clone()), long.commit(more, op));
        assert_eq!(one, other, "{shown}");
        let [one_state, other_state] = [&short, &long].map(|side| TableState::of(&side.store, &side.copy));
        assert_eq!(one_state.difference(&other_state), None, "{shown}");
        assert_eq!(one_state.check_indexes(), Ok(()), "{shown}");
        refused += usize::from(one.starts_with("Err"));
        let event = random.below(200);
        short.happen(event, step);
        long.happen(event, step);
    }
    assert!((300..2_500).contains(&refused), "{refused}");
}

#[test]
fn a_commit_on_one_row_ends_as_it_does_on_the_long_way() {
    let seed = Seed::of("a_commit_on_one_row_ends_as_it_does_on_the_long_way");
    let mut random = seed.random(0);
    for kind in [Kind::Set, Kind::OrderedSet] {
        for indexed in [false, true] {
            compare(&mut random, kind, indexed);
        }
    }
}
