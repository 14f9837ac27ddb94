//! Bounded tables: never more than a row over the bound, and every eviction is told.

use std::collections::BTreeMap;
use std::sync::Arc;

use mnemon_sim::{Seed, TableState, Triple, cases};
use mnemon_store::{Cause, Kind, ManualClock, Row};
use mnemon_table::schema::Schema;
use mnemon_table::{Catalog, Detail, Event, Subscription, Table};
use mnemon_term::{Record, RecordRef, Term};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::CORES;

const BOUND: u64 = 20;

async fn bounded(kind: Kind) -> (Arc<Catalog>, Arc<Triple>, Arc<Table>) {
    let (catalog, triple) = Triple::catalog(Triple::concurrent, &Arc::new(ManualClock::at(1_000)));
    let schema = Schema::builder("cache").kind(kind).max_entries(BOUND).index("val");
    let table = catalog.create(schema.build().unwrap()).await.unwrap();
    (catalog, triple, table)
}

fn record(key: i64, value: i64) -> Record {
    Record::new(&[Term::Int(key), Term::Int(value)]).expect("flat")
}

/// A table as its events tell it, by key bytes; and how many rows were evicted.
#[derive(Default)]
struct Told {
    rows: BTreeMap<Vec<u8>, u64>,
    evicted: usize,
}

impl Told {
    fn follow(&mut self, events: &mut Subscription) {
        while let Some(event) = events.try_recv() {
            match event {
                Event::Row { cause, old, new, .. } => {
                    let key = old.as_ref().or(new.as_ref()).map(Row::key).expect("one is there").to_vec();
                    assert_eq!(
                        old.as_ref().map(Row::version).as_ref(),
                        self.rows.get(&key),
                        "the row before"
                    );
                    self.evicted += usize::from(cause == Cause::Evicted);
                    match new {
                        Some(row) => drop(self.rows.insert(key, row.version())),
                        None => drop(self.rows.remove(&key)),
                    }
                }
                other => panic!("no such event is expected: {other:?}"),
            }
        }
    }

    fn compare(&self, table: &Table) {
        let state = TableState::of(table.store(), table.copy());
        let rows: BTreeMap<Vec<u8>, u64> =
            state.rows().iter().map(|row| (row.key().to_vec(), row.version())).collect();
        assert_eq!(rows, self.rows, "the table and what its events tell");
    }
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![Just(Kind::Set), Just(Kind::OrderedSet), Just(Kind::Bag)]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases(60),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Writes, reads (which warm rows) and deletes of more keys than fit.
    #[test]
    fn a_bounded_table_keeps_its_bound_and_tells_what_it_evicts(
        kind in kind(),
        steps in vec((0..60i64, 0..10u8), 1..250),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let (_catalog, triple, table) = bounded(kind).await;
            let mut events = table.subscribe(Detail::Detailed, Some(10_000)).unwrap();
            let mut told = Told::default();
            for (key, choice) in steps {
                match choice {
                    0..7 => {
                        table.dirty_write(record(key, i64::from(choice)).as_ref()).unwrap();
                        prop_assert!(
                            table.dirty_read(&Term::Int(key)).unwrap().is_some(),
                            "a row was evicted to make room for itself"
                        );
                    }
                    7 => drop(table.dirty_delete(&Term::Int(key)).unwrap()),
                    _ => drop(table.dirty_read(&Term::Int(key)).unwrap()),
                }
                prop_assert!(table.size() as u64 <= BOUND, "{} rows", table.size());
                told.follow(&mut events);
                told.compare(&table);
            }
            triple.assert_equal();
            Ok(())
        })?;
    }
}

#[test]
fn a_full_table_evicts_as_many_rows_as_come() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        for kind in [Kind::Set, Kind::OrderedSet, Kind::Bag] {
            let (_catalog, triple, table) = bounded(kind).await;
            let mut events = table.subscribe(Detail::Detailed, Some(10_000)).unwrap();
            let mut told = Told::default();
            for key in 0..500 {
                table.dirty_write(record(key, key).as_ref()).unwrap();
                assert!(table.dirty_read(&Term::Int(key)).unwrap().is_some(), "it made room for itself");
            }
            told.follow(&mut events);
            told.compare(&table);
            assert_eq!((table.size() as u64, told.evicted as u64), (BOUND, 500 - BOUND));
            triple.assert_equal();
        }
    });
}

#[test]
fn a_bound_holds_while_many_threads_write_the_same_rows() {
    let _alone = CORES.write();
    let seed = Seed::of("a_bound_holds_while_many_threads_write_the_same_rows");
    const WRITERS: u64 = 4;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    for kind in [Kind::Set, Kind::OrderedSet] {
        let (_catalog, triple, table) = runtime.block_on(bounded(kind));
        std::thread::scope(|threads| {
            for writer in 0..WRITERS {
                let (mut random, table) = (seed.random(writer), &table);
                threads.spawn(move || {
                    for _ in 0..4_000 {
                        let key = random.below(BOUND + 10) as i64;
                        table.dirty_write(record(key, 0).as_ref()).unwrap();
                        let size = table.size() as u64;
                        // Each writer may be about to make room for a row of its own.
                        assert!(size <= BOUND + WRITERS, "{size} rows");
                    }
                });
            }
        });
        // A last write makes room for what writers left undone for each other.
        for key in 0..40 {
            table.dirty_write(record(1_000 + key, 0).as_ref()).unwrap();
        }
        assert!(table.size() as u64 <= BOUND, "{} rows", table.size());
        // The policy knows every row: it gives up one after the other until there is none.
        while let Some(victim) = table.copy().victim(b"") {
            let key = RecordRef::trusted(victim.body()).key().and_then(|key| key.to_term().ok());
            let key = key.expect("rows are records");
            assert!(table.dirty_delete(&key).unwrap(), "a victim that is not there: {victim:?}");
        }
        assert_eq!(table.size(), 0, "rows that no policy knows");
        triple.assert_equal();
    }
}
