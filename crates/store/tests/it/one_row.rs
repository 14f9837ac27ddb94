//! A commit on one row takes a shorter way than others. Both ways end alike, whatever is checked and done.

use std::sync::Arc;

use mnemon_sim::{Random, Seed};
use mnemon_store::{
    Cause, Check, Commit, CopySpec, Expiry, Kind, ManualClock, Op, Store, StoreConfig, TableId, TableOp, When,
};

const TABLE: TableId = TableId(1);
const OTHER: TableId = TableId(2);
const KEYS: u64 = 4;

struct Side {
    store: Store,
    time: Arc<ManualClock>,
}

impl Side {
    fn new(kind: Kind) -> Self {
        let time = Arc::new(ManualClock::at(1_000));
        let store = Store::new(StoreConfig { shards: 2, ..StoreConfig::new(Box::new(time.clone())) });
        for table in [TABLE, OTHER] {
            store.create(table, CopySpec::new(kind)).unwrap();
        }
        store.add_index(&store.copy(TABLE).unwrap(), 1).unwrap();
        Self { store, time }
    }

    /// What came of a commit, and what there is now.
    fn commit(&self, checks: Vec<Check<'static>>, op: Op<'static>) -> String {
        let ops = vec![TableOp { table: TABLE, op }];
        let commit = Commit { time_ms: self.store.now_ms(), checks, ops, with_before: false };
        let answer = self.store.commit(&commit).map(|applied| (applied.clock, applied.outcomes));
        let copy = self.store.copy(TABLE).unwrap();
        let rows: Vec<_> = (0..KEYS).map(|number| self.store.get(&copy, &key(number))).collect();
        format!("{answer:?} {rows:?} {} {}", copy.len(), copy.row_bytes())
    }
}

fn key(number: u64) -> [u8; 1] {
    [b'a' + u8::try_from(number).unwrap()]
}

fn op(random: &mut Random, number: u64) -> Op<'static> {
    let key = key(number).to_vec().into();
    let expiry = if random.chance(20) { Expiry::At(1_000 + random.below(40)) } else { Expiry::Never };
    let when = [When::Always, When::Absent, When::Present][random.below(3) as usize];
    let body = random.below(100).to_string().into_bytes().into();
    match random.below(8) {
        0..=3 => Op::Put { key, body, expiry, when, over_bytes_only: false },
        4 => Op::Increment { key, by: 7 },
        5 => Op::FieldPut { key, fields: vec![(b"f"[..].into(), body)], when },
        6 => Op::Get { key },
        _ => Op::Delete { key, cause: Cause::Delete, version: 0 },
    }
}

/// Checks of the row and the table: mostly what is so.
fn checks(random: &mut Random, store: &Store, number: u64) -> Vec<Check<'static>> {
    let copy = store.copy(TABLE).unwrap();
    let off_by = |random: &mut Random| u64::from(random.chance(15));
    let mut checks = Vec::new();
    if random.chance(70) {
        let version = copy.schema_version() + off_by(random);
        checks.push(Check::Schema { table: TABLE, version });
    }
    if random.chance(20) {
        checks.push(Check::Exchanged { table: TABLE, clock: copy.exchanged() + off_by(random) });
    }
    if random.chance(80) {
        // Now and then of another row, which the short way is not for.
        let number = if random.chance(10) { (number + 1) % KEYS } else { number };
        let seen = store.get(&copy, &key(number)).map_or(0, |row| row.version());
        let key = key(number).to_vec().into();
        checks.push(Check::Key { table: TABLE, key, version: seen + off_by(random) });
    }
    checks
}

#[test]
fn a_commit_on_one_row_ends_as_it_does_on_the_long_way() {
    let seed = Seed::of("a_commit_on_one_row_ends_as_it_does_on_the_long_way");
    for (stream, kind) in [Kind::Set, Kind::OrderedSet].into_iter().enumerate() {
        let mut random = seed.random(stream as u64);
        let (short, long) = (Side::new(kind), Side::new(kind));
        let mut refused = 0;
        for step in 0..4_000 {
            let number = random.below(KEYS);
            let checks = checks(&mut random, &short.store, number);
            let op = op(&mut random, number);
            // A check of another table's schema holds, and makes the commit one of several tables.
            let mut more = checks.clone();
            let version = long.store.copy(OTHER).unwrap().schema_version();
            more.push(Check::Schema { table: OTHER, version });
            let shown = format!("step {step}: {op:?} after {checks:?}");
            let (one, other) = (short.commit(checks, op.clone()), long.commit(more, op));
            assert_eq!(one, other, "{shown}");
            refused += usize::from(one.starts_with("Err"));
            if random.chance(5) {
                let by = random.below(30);
                [&short, &long].map(|side| side.time.advance(by));
            }
            if random.chance(3) {
                let sealed = random.chance(50);
                for Side { store, .. } in [&short, &long] {
                    store.set_schema_version(&store.copy(TABLE).unwrap(), step, sealed);
                }
            }
        }
        assert!((400..3_000).contains(&refused), "{refused}");
    }
}
