//! Rows on disc that cannot be read or written: what is refused, what goes on, and what is there afterwards.

use std::io::ErrorKind;
use std::ops::Bound;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use mnemon_store::{Cause, Scan, Source, Value};

use super::*;

const DEADLINE: Duration = Duration::from_secs(20);

fn key(number: u32) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

fn write(node: &mut Node, number: u32) -> Result<(), StoreError> {
    node.perform(&Step::One(put(number)))
}

fn record(number: u32) -> Op<'static> {
    let record = mnemon_term::Record::new(&[number, number % 7].map(mnemon_term::Term::from)).unwrap();
    let body = record.into_bytes();
    let (expiry, when) = (Expiry::Never, When::Always);
    Op::Put { key: key(number).into(), body: body.into(), expiry, when, over_bytes_only: false }
}

/// A node with this many rows on disc, none of which is in memory.
fn on_disc(rows: u32) -> (FaultyDisc, MemoryTrees, Node) {
    let (disc, trees) = (FaultyDisc::new(), MemoryTrees::default());
    let mut node = Node::start_over(&disc, &trees, 1).unwrap();
    node.create_as(Kind::OrderedSet, true).unwrap();
    (0..rows).for_each(|number| write(&mut node, number).unwrap());
    node.store().flush_rows(&node.copy()).unwrap();
    assert_eq!(node.store().pending_bytes(), 0);
    (disc, trees, node)
}

fn read(node: &Node, number: u32) -> Result<bool, StoreError> {
    node.store().read(&node.copy(), &key(number)).map(|row| row.is_some())
}

fn scan(node: &Node) -> Result<usize, StoreError> {
    let (mut scan, mut rows) = (Scan::all(), 0);
    while let Some(page) = scan.next_page(node.store(), &node.copy(), None)? {
        rows += page.rows.len();
    }
    Ok(rows)
}

#[test]
fn a_commit_whose_rows_cannot_be_read_is_refused_and_not_applied() {
    let (disc, trees, mut node) = on_disc(50);
    let (clock, next) = (node.store().clock(), node.log.next());
    trees.fail_reads(Some(ErrorKind::Other));
    assert!(matches!(write(&mut node, 3), Err(StoreError::Disc(_))));
    assert!(matches!(write(&mut node, 999), Err(StoreError::Disc(_))), "whether it is there is not known");
    assert!(matches!(read(&node, 3), Err(StoreError::Disc(_))));
    assert!(matches!(scan(&node), Err(StoreError::Disc(_))));
    assert_eq!((node.store().clock(), node.log.next()), (clock, next), "nothing was noted");
    trees.fail_reads(None);
    assert_eq!((read(&node, 3), read(&node, 999), scan(&node)), (Ok(true), Ok(false), Ok(50)));
    write(&mut node, 999).unwrap();
    node.sync();
    let again = Node::start_over(&disc.restart(Fate::Lost), &trees.restart(), 1).unwrap();
    assert_eq!(scan(&again), Ok(51));
}

/// A scan held its table's lock while it read a page from the disc.
#[test]
fn no_writer_waits_for_a_page_that_is_read_from_the_disc() {
    let (_disc, trees, node) = on_disc(50);
    let (store, copy) = (node.store(), node.copy());
    let snapshot = store.snapshot(60_000);
    for at in [None, Some(&snapshot)] {
        trees.hold_walks(true);
        let (told, answers) = mpsc::channel();
        thread::scope(|threads| {
            let scanning = threads.spawn(|| {
                let page = Scan::all().next_page(store, &copy, at);
                page.map(|page| page.map_or(0, |page| page.rows.len()))
            });
            let is_reading = trees.wait_for_walk(DEADLINE);
            threads.spawn(|| told.send(store.commit_one(&copy, START_MS, &put(7)).map(drop)));
            let written = answers.recv_timeout(DEADLINE);
            trees.hold_walks(false);
            assert!(is_reading, "the scan reads the disc");
            assert_eq!(written, Ok(Ok(())), "the writer has waited for the scan");
            assert_eq!(scanning.join().expect("it does not panic"), Ok(50));
        });
    }
}

/// It waited for half a minute, and was refused: nobody told it, and what the moved rows had counted was never written.
#[test]
fn who_waits_for_room_goes_on_when_the_rows_that_took_it_have_moved() {
    let (_disc, _trees, node) = on_disc(0);
    let (store, copy) = (node.store(), node.copy());
    let (wake, woken) = mpsc::channel();
    store.set_flusher(move || wake.send(()).unwrap_or_default());
    let write = |number| store.commit_one(&copy, START_MS, &put(number)).map(drop);
    (0..)
        .take_while(|_| store.pending_bytes() <= 2 * PENDING_BYTES)
        .for_each(|number| write(number).unwrap());
    woken.try_iter().for_each(drop);
    let (told, answers) = mpsc::channel();
    thread::scope(|threads| {
        threads.spawn(|| told.send(write(7)));
        woken.recv_timeout(DEADLINE).expect("it asks for room");
        store.forgo_pending(&copy);
        assert_eq!(answers.recv_timeout(DEADLINE), Ok(Ok(())), "it still waits");
    });
    assert_eq!(store.pending_bytes(), 0);
}

#[test]
fn damaged_rows_close_their_table_until_it_is_cleared() {
    let (disc, trees, mut node) = on_disc(50);
    trees.damage();
    assert!(matches!(read(&node, 3), Err(StoreError::Damaged { .. })));
    assert!(matches!(write(&mut node, 3), Err(StoreError::Damaged { .. })));
    assert!(matches!(scan(&node), Err(StoreError::Damaged { .. })));
    let clear = Op::Clear;
    let cleared = node.local.commit_one(&node.copy(), START_MS, &clear).ready().unwrap();
    cleared.unwrap().1.unwrap();
    assert_eq!(node.copy().damage(), None);
    write(&mut node, 7).unwrap();
    assert_eq!((read(&node, 7), node.copy().len()), (Ok(true), 1));
    node.sync();
    let again = Node::start_over(&disc.restart(Fate::Lost), &trees.restart(), 1).unwrap();
    assert_eq!(scan(&again), Ok(1));
}

#[test]
fn changes_wait_in_memory_while_rows_cannot_be_written_until_there_are_too_many() {
    let (disc, trees, mut node) = on_disc(5);
    trees.fail_writes(Some(ErrorKind::StorageFull));
    let mut written = 5;
    let refused = loop {
        match write(&mut node, written) {
            Ok(()) => written += 1,
            Err(refused) => break refused,
        }
        assert!(node.store().pending_bytes() < 4 * PENDING_BYTES, "nobody bounds what waits");
    };
    assert!(matches!(refused, StoreError::DiscFull(_)), "{refused:?}");
    assert!(written > 10, "a few wait: {written}");
    assert_eq!((scan(&node), node.copy().len()), (Ok(written as usize), written as usize));
    assert!(node.perform(&Step::Maintain).is_err(), "no checkpoint says that they are written");
    node.sync();
    let again = Node::start_over(&disc.restart(Fate::Lost), &trees.restart(), 1).unwrap();
    assert_eq!(scan(&again), Ok(written as usize), "the log has them");
    trees.fail_writes(None);
    write(&mut node, written).unwrap();
    node.perform(&Step::Maintain).unwrap();
    assert_eq!(scan(&node), Ok(written as usize + 1));
}

#[test]
fn what_a_dropped_index_has_left_goes_and_is_none_of_the_next_ones() {
    let (_, trees, mut node) = on_disc(0);
    let index = |node: &mut Node| node.perform(&Step::AddIndex(1)).unwrap();
    let led_to = |node: &Node| {
        let mut scan = Scan::new(Source::Index(1), Bound::Unbounded, Bound::Unbounded, false);
        let mut rows = Vec::new();
        while let Some(page) = scan.next_page(node.store(), &node.copy(), None).unwrap() {
            rows.extend(page.rows.iter().map(|row| matches!(row.value(), Value::Bytes(_))));
        }
        rows.len()
    };
    for number in 0..40 {
        node.perform(&Step::One(record(number))).unwrap();
    }
    node.store().flush_rows(&node.copy()).unwrap();
    let without = node.copy().disc_bytes();
    index(&mut node);
    node.store().flush_rows(&node.copy()).unwrap();
    assert!(node.copy().disc_bytes() > without && led_to(&node) == 40);
    node.store().del_index(&node.copy(), 1).unwrap();
    (0..20).for_each(|number| {
        let delete = Op::Delete { key: key(number).into(), cause: Cause::Delete, version: 0 };
        node.perform(&Step::One(delete)).unwrap();
    });
    node.store().flush_rows(&node.copy()).unwrap();
    assert!(node.copy().disc_bytes() < without, "its entries are gone");
    index(&mut node);
    assert_eq!(led_to(&node), 20);
    assert!(trees.ingested() > 3);
}

/// The tree went on calling it incomplete until something else was written, so that each start built it anew.
#[test]
fn an_index_that_was_complete_is_not_built_again_by_a_start() {
    let (disc, trees, mut node) = on_disc(0);
    (0..200).for_each(|number| node.perform(&Step::One(record(number))).unwrap());
    node.store().flush_rows(&node.copy()).unwrap();
    node.perform(&Step::AddIndex(1)).unwrap();
    assert_eq!(node.store().pending_bytes(), 0, "its last entries were written while it was built");
    node.perform(&Step::Maintain).unwrap();
    node.sync();
    let (found, log) = (trees.restart(), disc.restart(Fate::Lost));
    let mut again = Node::start_over(&log, &found, 1).unwrap();
    assert_eq!(again.copy().indexed(), [1]);
    again.perform(&Step::Maintain).unwrap();
    assert_eq!(found.ingested(), 0, "nothing had to be written");
}

#[test]
fn a_key_that_no_tree_can_hold_is_refused() {
    let (_, _, mut node) = on_disc(1);
    let long = |bytes: usize| {
        let (expiry, when) = (Expiry::Never, When::Always);
        let (key, body) = (vec![b'k'; bytes].into(), vec![1].into());
        Step::One(Op::Put { key, body, expiry, when, over_bytes_only: false })
    };
    node.perform(&long(60_000)).unwrap();
    assert!(matches!(node.perform(&long(70_000)), Err(StoreError::KeyTooLong { bytes: 70_000, .. })));
    let key = || vec![b'k'; 70_000].into();
    let (cause, body) = (Cause::Delete, vec![1].into());
    for op in [
        Op::Get { key: key() },
        Op::Delete { key: key(), cause, version: 0 },
        Op::DeleteObject { key: key(), body },
    ] {
        node.perform(&Step::One(op)).expect("no such row is there");
    }
    node.store().flush_rows(&node.copy()).unwrap();
    assert_eq!(scan(&node), Ok(2));
}
