//! Rows that change places between tables, against a plain model: what is there now, and what open snapshots see.

use std::collections::BTreeMap;
use std::sync::Arc;

use mnemon_sim::{Random, Seed, Triple};
use mnemon_store::{
    Cause, Check, Commit, CopySpec, Expiry, Kind, ManualClock, Op, Replica, Scan, SchemaChange, Snapshot,
    StoreConfig, StoreError, TableCopy, TableId, TableOp, When,
};

const TABLES: [TableId; 3] = [TableId(3), TableId(4), TableId(5)];
const KEYS: u64 = 12;

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

struct Machine {
    triple: Triple,
    model: [Rows; 3],
    snapshots: Vec<(Snapshot, [Rows; 3])>,
    written: u64,
}

fn put(key: u64, body: u64) -> Op<'static> {
    let (key, body) = (key.to_be_bytes().to_vec().into(), body.to_be_bytes().to_vec().into());
    Op::Put { key, body, expiry: Expiry::Never, when: When::Always, over_bytes_only: false }
}

fn delete(key: u64) -> Op<'static> {
    Op::Delete { key: key.to_be_bytes().to_vec().into(), cause: Cause::Delete, version: 0 }
}

impl Machine {
    fn new(shards: usize) -> Self {
        let config = StoreConfig { shards, ..StoreConfig::new(Box::new(ManualClock::at(1))) };
        let triple = Triple::new(config).on_disc_from(u32::MAX);
        for table in TABLES {
            let create = SchemaChange::Create { table, spec: CopySpec::new(Kind::Set) };
            triple.change_schema(&create).ready().unwrap().unwrap();
        }
        Self { triple, model: Default::default(), snapshots: Vec::new(), written: 0 }
    }

    fn copy(&self, place: usize) -> Arc<TableCopy> {
        self.triple.store().copy(TABLES[place]).unwrap()
    }

    fn op(&mut self, random: &mut Random) -> TableOp<'static> {
        let place = random.below(3) as usize;
        let rows = &mut self.model[place];
        let op = match random.below(20) {
            0..=10 => {
                self.written += 1;
                let key = random.below(KEYS);
                rows.insert(key.to_be_bytes().to_vec(), self.written.to_be_bytes().to_vec());
                put(key, self.written)
            }
            11..=14 => {
                let key = random.below(KEYS);
                rows.remove(&key.to_be_bytes()[..]);
                delete(key)
            }
            15 => {
                rows.clear();
                Op::Clear
            }
            _ => {
                let with = (place + 1 + random.below(2) as usize) % 3;
                self.model.swap(place, with);
                Op::Exchange { with: TABLES[with] }
            }
        };
        TableOp { table: TABLES[place], op }
    }

    fn commit(&self, checks: Vec<Check<'_>>, ops: Vec<TableOp<'_>>) -> Result<(), StoreError> {
        let commit = Commit { time_ms: 1, checks, ops, with_before: false };
        self.triple.commit(&commit).ready().unwrap().map(drop)
    }

    fn step(&mut self, random: &mut Random) {
        match random.below(12) {
            0 => self.snapshots.push((self.triple.store().snapshot(1_000), self.model.clone())),
            1 if !self.snapshots.is_empty() => {
                let place = random.below(self.snapshots.len() as u64) as usize;
                drop(self.snapshots.swap_remove(place));
            }
            2 => self.triple.store().maintain_snapshots(),
            _ => {
                let ops = (0..=random.below(4)).map(|_| self.op(random)).collect();
                self.commit(Vec::new(), ops).unwrap();
            }
        }
    }

    fn rows(&self, place: usize, at: Option<&Snapshot>) -> Rows {
        let (store, copy) = (self.triple.store(), self.copy(place));
        let (mut scan, mut rows) = (Scan::all(), Rows::new());
        while let Some(page) = scan.next_page(store, &copy, at).unwrap() {
            rows.extend(page.rows.iter().map(|row| (row.key().to_vec(), row.body().to_vec())));
        }
        rows
    }

    fn compare(&self) {
        for place in 0..3 {
            assert_eq!(self.rows(place, None), self.model[place], "table {place}");
            assert_eq!(self.copy(place).len(), self.model[place].len());
            for (snapshot, then) in &self.snapshots {
                let at = snapshot.clock();
                assert_eq!(self.rows(place, Some(snapshot)), then[place], "table {place} at {at}");
                for key in 0..KEYS {
                    let key = key.to_be_bytes();
                    let row = self.triple.store().get_at(&self.copy(place), &key, snapshot).unwrap();
                    let body = row.map(|row| row.body().to_vec());
                    assert_eq!(body.as_ref(), then[place].get(&key[..]), "table {place} at {at}");
                }
            }
        }
    }
}

#[test]
fn exchanged_tables_are_as_the_model_now_and_in_every_snapshot() {
    let seed = Seed::of("exchanged_tables_are_as_the_model_now_and_in_every_snapshot");
    for round in 0..60 {
        let mut random = seed.random(round);
        let mut machine = Machine::new(1 << random.below(4));
        for _ in 0..80 {
            machine.step(&mut random);
            machine.compare();
        }
        machine.snapshots.clear();
        machine.triple.store().maintain_snapshots();
        machine.compare();
        machine.triple.assert_equal();
    }
}

#[test]
fn who_has_read_a_table_is_told_that_its_rows_were_exchanged() {
    let machine = Machine::new(4);
    let on = |place: usize, op| TableOp { table: TABLES[place], op };
    // Both rows have one version, so that alone does not tell them apart.
    machine.commit(Vec::new(), vec![on(0, put(1, 10)), on(1, put(1, 11))]).unwrap();
    let version = machine.triple.store().clock();
    let read = |clock| {
        let key = 1u64.to_be_bytes().to_vec().into();
        vec![Check::Exchanged { table: TABLES[0], clock }, Check::Key { table: TABLES[0], key, version }]
    };
    machine.commit(read(0), vec![on(0, put(2, 1))]).unwrap();
    machine.commit(Vec::new(), vec![on(0, Op::Exchange { with: TABLES[1] })]).unwrap();
    let exchanged = machine.copy(0).exchanged();
    assert!(
        exchanged > version && exchanged == machine.copy(1).exchanged() && machine.copy(2).exchanged() == 0
    );
    let refused = machine.commit(read(0), vec![on(0, put(2, 2))]);
    assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
    machine.commit(read(exchanged), vec![on(0, put(2, 3))]).unwrap();
}

#[test]
fn an_absence_is_told_from_one_in_between_across_an_exchange() {
    let machine = Machine::new(1);
    let on = |place: usize, op| TableOp { table: TABLES[place], op };
    let exchange = || on(0, Op::Exchange { with: TABLES[1] });
    machine.commit(Vec::new(), vec![on(1, put(9, 1))]).unwrap();
    let clock = machine.triple.store().clock();
    machine.commit(Vec::new(), vec![exchange()]).unwrap();
    let store = machine.triple.store();
    let may = |key: u64| store.may_have_been(&machine.copy(0), &key.to_be_bytes(), clock);
    assert!(!may(1), "it was in neither table");
    machine.commit(Vec::new(), vec![on(0, put(1, 1))]).unwrap();
    machine.commit(Vec::new(), vec![on(0, delete(1))]).unwrap();
    machine.commit(Vec::new(), vec![exchange(), exchange()]).unwrap();
    assert!(may(1), "it came and went");
    assert!(!may(2));
    // What is removed in the one table before it changes places was never in the other one.
    machine.commit(Vec::new(), vec![on(1, put(3, 1))]).unwrap();
    let clock = store.clock();
    machine.commit(Vec::new(), vec![on(1, delete(3))]).unwrap();
    machine.commit(Vec::new(), vec![exchange()]).unwrap();
    assert!(!store.may_have_been(&machine.copy(0), &3u64.to_be_bytes(), clock));
    assert!(store.may_have_been(&machine.copy(1), &3u64.to_be_bytes(), clock));
    // What is written and taken away was.
    let clock = store.clock();
    machine.commit(Vec::new(), vec![on(0, put(4, 1))]).unwrap();
    machine.commit(Vec::new(), vec![exchange()]).unwrap();
    assert!(store.may_have_been(&machine.copy(0), &4u64.to_be_bytes(), clock));
}

#[test]
fn tables_that_are_not_kept_alike_are_not_exchanged() {
    let machine = Machine::new(4);
    let bounded = CopySpec { max_entries: Some(5), ..CopySpec::new(Kind::Set) };
    for (number, spec) in
        [(10, CopySpec::new(Kind::Bag)), (11, CopySpec::new(Kind::OrderedSet)), (12, bounded)]
    {
        let table = TableId(number);
        machine.triple.change_schema(&SchemaChange::Create { table, spec }).ready().unwrap().unwrap();
        let exchange = vec![TableOp { table: TABLES[0], op: Op::Exchange { with: table } }];
        assert_eq!(machine.commit(Vec::new(), exchange), Err(StoreError::Unlike(TABLES[0], table)));
    }
    let nobody = vec![TableOp { table: TABLES[0], op: Op::Exchange { with: TableId(99) } }];
    assert_eq!(machine.commit(Vec::new(), nobody), Err(StoreError::NoTable(TableId(99))));
    let itself = vec![TableOp { table: TABLES[0], op: Op::Exchange { with: TABLES[0] } }];
    machine.commit(Vec::new(), itself).unwrap();
    assert_eq!(machine.copy(0).exchanged(), 0);
}
