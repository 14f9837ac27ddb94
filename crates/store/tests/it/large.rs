//! Rows of large values are built before the locks of their commit are taken. All ends as it does with short values.

use std::borrow::Cow;
use std::sync::Arc;

use mnemon_sim::{Random, Seed};
use mnemon_store::{
    Cause, Commit, CopySpec, Expiry, Kind, ManualClock, Op, Outcome, Row, Snapshot, Store, StoreConfig,
    TableCopy, TableId, TableOp, When,
};

const TABLE: TableId = TableId(1);
const KEYS: [&[u8]; 3] = [b"a", b"b", b"c"];
const SHORT: usize = 32;
const LARGE: usize = 80 << 10;

/// What a row is, whatever the length of its value: version, expiry, the byte that the value is made of.
type Shown = Option<(Vec<u8>, u64, Option<u64>, u8)>;

struct Side {
    store: Store,
    copy: Arc<TableCopy>,
    time: Arc<ManualClock>,
    snapshots: Vec<Snapshot>,
    /// A value for each byte. The same memory is written to several keys.
    values: Vec<Vec<u8>>,
}

impl Side {
    fn new(kind: Kind, len: usize) -> Self {
        let time = Arc::new(ManualClock::at(1_000));
        let store = Store::new(StoreConfig { shards: 2, ..StoreConfig::new(Box::new(time.clone())) });
        let copy = store.create(TABLE, CopySpec::new(kind)).unwrap();
        let values = (0..4).map(|byte| vec![byte; len]).collect();
        Self { store, copy, time, snapshots: Vec::new(), values }
    }

    fn show(&self, row: Option<&Row>) -> Shown {
        row.map(|row| {
            let byte = row.body()[0];
            assert_eq!(row.body(), self.values[usize::from(byte)]);
            (row.key().to_vec(), row.version(), row.expires_at(), byte)
        })
    }

    /// What came of a commit of these operations, and what is there then, now and in snapshots.
    fn commit(&self, ops: &[Step]) -> String {
        let ops = ops.iter().map(|step| TableOp { table: TABLE, op: step.op(&self.values) }).collect();
        let commit = Commit { time_ms: self.store.now_ms(), checks: Vec::new(), ops, with_before: false };
        let applied = self.store.commit(&commit).unwrap();
        let outcomes = applied.outcomes.iter().map(|outcome| match outcome {
            Ok(Outcome::Put { stored, old }) => (*stored, self.show(old.as_ref())),
            Ok(Outcome::Removed(old)) => (true, self.show(old.as_ref())),
            other => panic!("{other:?}"),
        });
        let outcomes: Vec<_> = outcomes.collect();
        let rows = KEYS.map(|key| self.show(self.store.get(&self.copy, key).as_ref()));
        let seen = |snapshot| {
            KEYS.map(|key| self.show(self.store.get_at(&self.copy, key, snapshot).unwrap().as_ref()))
        };
        let seen: Vec<_> = self.snapshots.iter().map(seen).collect();
        format!("{outcomes:?} {rows:?} {seen:?}")
    }
}

/// An operation on one key.
#[derive(Debug)]
struct Step {
    key: &'static [u8],
    put: Option<(u8, Expiry, When, bool)>,
}

impl Step {
    fn random(random: &mut Random, now_ms: u64) -> Self {
        let key = KEYS[random.below(3) as usize];
        let expiry = match random.below(4) {
            0 => Expiry::At(now_ms + random.below(20)),
            1 => Expiry::Keep,
            _ => Expiry::Never,
        };
        let when = [When::Always, When::Always, When::Absent, When::Present][random.below(4) as usize];
        let put = random.chance(85).then(|| (random.below(4) as u8, expiry, when, random.chance(30)));
        Self { key, put }
    }

    fn op<'v>(&self, values: &'v [Vec<u8>]) -> Op<'v> {
        let key = Cow::Borrowed(self.key);
        match self.put {
            None => Op::Delete { key, cause: Cause::Delete, version: 0 },
            Some((byte, expiry, when, over_bytes_only)) => {
                let body = Cow::Borrowed(&*values[usize::from(byte)]);
                Op::Put { key, body, expiry, when, over_bytes_only }
            }
        }
    }
}

#[test]
fn large_values_end_as_short_ones_do() {
    let seed = Seed::of("large_values_end_as_short_ones_do");
    let mut random = seed.random(0);
    for kind in [Kind::Set, Kind::OrderedSet] {
        let mut sides = [SHORT, LARGE].map(|len| Side::new(kind, len));
        for step in 0..600 {
            let now_ms = sides[0].store.now_ms();
            let ops = 1 + random.below(4);
            let ops: Vec<_> = (0..ops).map(|_| Step::random(&mut random, now_ms)).collect();
            let [short, large] = [0, 1].map(|side: usize| sides[side].commit(&ops));
            assert_eq!(short, large, "{kind:?}, step {step}: {ops:?}");
            let [at, of_snapshots] = [random.below(9), random.below(20)];
            for side in &mut sides {
                side.time.advance(at);
                match of_snapshots {
                    0..=1 => side.snapshots.push(side.store.snapshot(1_000_000)),
                    2 => side.snapshots.clear(),
                    _ => {}
                }
            }
        }
        let [short, large] = sides.map(|side| (side.copy.len(), side.copy.row_bytes()));
        assert_eq!(short.1 + short.0 * (LARGE - SHORT), large.1, "what the rows take");
    }
}
