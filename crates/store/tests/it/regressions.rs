//! Bugs that were, each as small as it can be told.

use std::ops::Bound;
use std::sync::Arc;

use mnemon_sim::Triple;
use mnemon_store::{
    Commit, CopySpec, Expiry, Kind, ManualClock, Op, Replica, Scan, SchemaChange, Source, Store, StoreConfig,
    TableCopy, TableId, TableOp, When,
};

const TABLE: TableId = TableId(1);

fn put(key: &'static [u8], body: &'static [u8], expiry: Expiry) -> Op<'static> {
    Op::Put { key: key.into(), body: body.into(), expiry, when: When::Always, over_bytes_only: false }
}

fn table(kind: Kind) -> (Triple, Arc<TableCopy>, Arc<ManualClock>) {
    let time = Arc::new(ManualClock::at(1_000));
    let triple = Triple::new(StoreConfig { shards: 8, ..StoreConfig::new(Box::new(time.clone())) });
    let spec = CopySpec::new(kind);
    let created = triple.change_schema(&SchemaChange::Create { table: TABLE, spec });
    created.ready().expect("local").expect("a new table");
    let copy = triple.store().copy(TABLE).expect("it was just made");
    (triple, copy, time)
}

fn commit(triple: &Triple, ops: impl IntoIterator<Item = Op<'static>>) {
    let commit = Commit {
        time_ms: triple.store().now_ms(),
        checks: Vec::new(),
        ops: ops.into_iter().map(|op| TableOp { table: TABLE, op }).collect(),
        with_before: false,
    };
    triple.commit(&commit).ready().expect("local").expect("nothing to check");
}

/// A row that its own commit replaced again hid the row that the snapshot should see.
#[test]
fn a_snapshot_sees_the_row_that_a_commit_cleared_and_wrote_twice() {
    for kind in [Kind::Set, Kind::OrderedSet] {
        let (triple, copy, _) = table(kind);
        commit(&triple, [put(b"k", b"old", Expiry::Never)]);
        let snapshot = triple.store().snapshot(1_000);
        let twice = || put(b"k", b"new", Expiry::Never);
        commit(&triple, [Op::Clear, twice(), twice()]);
        let row = triple.store().get_at(&copy, b"k", &snapshot).unwrap().expect("it was there");
        assert_eq!(row.body(), b"old");
    }
}

/// A read cleared an expired row away where it happened to hold a lock for writing, which depends on the shards.
#[test]
fn a_read_leaves_an_expired_row_to_be_counted() {
    let (triple, copy, time) = table(Kind::Set);
    for key in [b"a", b"b", b"c", b"d"] {
        commit(&triple, [put(key, b"v", Expiry::At(1_010))]);
    }
    time.advance(20);
    let reads = [b"a", b"b", b"c"].map(|key| Op::Get { key: key[..].into() });
    commit(&triple, reads.into_iter().chain([put(b"e", b"v", Expiry::Never)]));
    assert_eq!(copy.len(), 5);
    triple.assert_equal();
}

/// Images of a cleared table went on counting after they had been dropped, and closed later snapshots.
#[test]
fn images_of_a_cleared_table_are_not_counted_once_they_are_gone() {
    let time = Arc::new(ManualClock::at(1_000));
    let store = Store::new(StoreConfig { snapshot_bytes_max: 1_000, ..StoreConfig::new(Box::new(time)) });
    let copy = store.create(TABLE, CopySpec::new(Kind::OrderedSet)).unwrap();
    let commit = |op: &Op<'_>| store.commit_one(&copy, 1_000, op).unwrap().1.unwrap();
    commit(&put(b"k", &[7; 1_500], Expiry::Never));
    let before = store.snapshot(60_000);
    commit(&Op::Clear);
    let after = store.snapshot(60_000);
    drop(before);
    store.maintain_snapshots();
    commit(&put(b"k", b"small", Expiry::Never));
    commit(&put(b"k", b"small", Expiry::Never));
    store.maintain_snapshots();
    assert_eq!(after.check(), Ok(()));
}

/// A scan of hashed rows says where it stands also when it stands between two shards.
#[test]
fn a_scan_between_two_shards_knows_where_it_stands() {
    let (triple, copy, _) = table(Kind::Set);
    for number in 0..64u8 {
        let key: &'static [u8] = Box::leak(Box::new([number]));
        commit(&triple, [put(key, b"v", Expiry::Never)]);
    }
    let (mut seen, mut scan) = (0, Scan::all());
    let store = triple.store();
    while let Some(page) = scan.next_page(store, &copy, None).unwrap() {
        seen += page.rows.len();
        let Some(rest) = scan.rest() else { break };
        assert_ne!(rest, Bound::Unbounded, "after {seen} rows");
        let mut walked = match rest {
            Bound::Included(at) => Scan::new(Source::Rows, Bound::Unbounded, Bound::Excluded(at), false),
            Bound::Excluded(at) => Scan::new(Source::Rows, Bound::Unbounded, Bound::Included(at), false),
            Bound::Unbounded => Scan::all(),
        };
        let mut again = 0;
        while let Some(page) = walked.next_page(store, &copy, None).unwrap() {
            again += page.rows.len();
        }
        assert_eq!(again, seen, "rows up to {rest:?}");
    }
    assert_eq!(seen, 64);
}
