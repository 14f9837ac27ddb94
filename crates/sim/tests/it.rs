//! The test replica finds what it is there to find.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use mnemon_sim::Triple;
use mnemon_store::{
    CopySpec, Expiry, Kind, ManualClock, Op, Replica, SchemaChange, StoreConfig, TableCopy, TableId, When,
};
use mnemon_term::{Record, Term};

const TABLE: TableId = TableId(1);

fn triple(make: fn(StoreConfig) -> Triple) -> (Triple, Arc<TableCopy>) {
    let triple = make(StoreConfig::new(Box::new(ManualClock::at(1_000))));
    let spec = CopySpec::new(Kind::Set);
    triple.change_schema(&SchemaChange::Create { table: TABLE, spec }).ready().unwrap().unwrap();
    let copy = triple.store().copy(TABLE).unwrap();
    (triple, copy)
}

fn put(key: &str, number: i64) -> Op<'static> {
    let record = Record::new(&[Term::from(key), Term::Int(number)]).unwrap();
    Op::Put {
        key: key.as_bytes().to_vec().into(),
        body: record.into_bytes().into(),
        expiry: Expiry::Never,
        when: When::Always,
        over_bytes_only: false,
    }
}

fn complaint(run: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(run)).expect_err("nothing was found");
    panic.downcast_ref::<String>().cloned().unwrap_or_default()
}

#[test]
fn commits_and_schema_changes_reach_all_stores() {
    for make in [Triple::new, Triple::concurrent] {
        let (triple, copy) = triple(make);
        triple
            .change_schema(&SchemaChange::AddIndex { table: TABLE, attribute: 1 })
            .ready()
            .unwrap()
            .unwrap();
        for number in 0..300 {
            let op = put(&format!("k{number}"), number % 7);
            triple.commit_one(&copy, 1_000, &op).ready().unwrap().unwrap().1.unwrap();
        }
        triple
            .change_schema(&SchemaChange::DelIndex { table: TABLE, attribute: 1 })
            .ready()
            .unwrap()
            .unwrap();
        triple.assert_equal();
        let mut clocks = Vec::new();
        triple.replay(|clock, _| clocks.push(clock));
        assert!(clocks.is_empty(), "everything has been replayed");
    }
}

#[test]
fn a_write_beside_the_commits_is_found_and_named() {
    for make in [Triple::new, Triple::concurrent] {
        let (triple, copy) = triple(make);
        triple.commit_one(&copy, 1_000, &put("k", 1)).ready().unwrap().unwrap().1.unwrap();
        triple.store().commit_one(&copy, 1_000, &put("k", 2)).unwrap().1.unwrap();
        assert!(complaint(|| triple.assert_equal()).contains("clock"));
    }
}

#[test]
fn commits_that_answer_differently_are_found_at_once() {
    let (triple, copy) = triple(Triple::new);
    triple.store().commit_one(&copy, 1_000, &put("k", 1)).unwrap().1.unwrap();
    let complaint = complaint(|| drop(triple.commit_one(&copy, 1_000, &put("k", 2))));
    assert!(complaint.contains("here  clock 2") && complaint.contains("there clock 1"), "{complaint}");
}

#[test]
fn a_commit_that_goes_unnoticed_is_found_when_the_others_are_replayed() {
    let (triple, copy) = triple(Triple::concurrent);
    triple.store().commit_one(&copy, 1_000, &put("k", 1)).unwrap().1.unwrap();
    triple.commit_one(&copy, 1_000, &put("k", 2)).ready().unwrap().unwrap().1.unwrap();
    let complaint = complaint(|| triple.assert_equal());
    assert!(complaint.contains("answer one commit differently"), "{complaint}");
}
