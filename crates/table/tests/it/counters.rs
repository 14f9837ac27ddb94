//! Many tasks that count in one row: nothing is lost, nobody gives up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mnemon_sim::Triple;
use mnemon_store::{Kind, ManualClock, StoreConfig};
use mnemon_table::schema::Schema;
use mnemon_table::{Catalog, Table, TableError};
use mnemon_term::{Record, Term, TermRef};

use crate::CORES;

const THREADS: u64 = 4;
/// Tasks of each thread.
const TASKS: u64 = 2;

fn number(record: mnemon_term::RecordRef<'_>) -> i64 {
    record.get(1).and_then(TermRef::as_int).expect("an integer")
}

/// Adds one by reading and writing; the pause between lets others in.
async fn increment(catalog: &Catalog, table: &Table, runs: &AtomicU64) -> Result<(), TableError> {
    catalog
        .transaction(|tx| async move {
            runs.fetch_add(1, Ordering::Relaxed);
            let present = tx.read(table, &Term::Int(1)).await?;
            let present = present.map_or(0, |object| number(object.record()));
            tokio::task::yield_now().await;
            let record = Record::new(&[Term::Int(1), Term::Int(present + 1)])?;
            tx.write(table, record.as_ref()).await
        })
        .await
}

fn count(make: fn(StoreConfig) -> Triple, kind: Kind, increments: u64) {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let (catalog, triple) = Triple::catalog(make, &Arc::new(ManualClock::at(1_000)));
    let schema = Schema::builder("counters").kind(kind).build().unwrap();
    let table = runtime().block_on(catalog.create(schema)).unwrap();
    let runs = AtomicU64::new(0);
    std::thread::scope(|threads| {
        for _ in 0..THREADS {
            threads.spawn(|| {
                let task = || async {
                    for _ in 0..increments {
                        increment(&catalog, &table, &runs).await.expect("no transaction is aborted");
                    }
                };
                runtime().block_on(async { tokio::join!(task(), task()) });
            });
        }
    });
    let found = table.dirty_read(&Term::Int(1)).unwrap().expect("it was written");
    let expected = THREADS * TASKS * increments;
    assert_eq!(number(found.record()), expected as i64, "after {} runs", runs.into_inner());
    triple.assert_equal();
}

#[test]
fn eight_tasks_that_count_in_one_row_lose_no_increment() {
    let _alone = CORES.write();
    count(Triple::concurrent, Kind::Set, 10_000);
}

#[test]
fn eight_tasks_that_count_over_encoded_commits_lose_no_increment() {
    let _alone = CORES.write();
    count(Triple::new, Kind::OrderedSet, 1_000);
}

#[test]
fn counters_count_each_update_once() {
    let _alone = CORES.write();
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let (catalog, triple) = Triple::catalog(Triple::concurrent, &Arc::new(ManualClock::at(1_000)));
    let table = runtime().block_on(catalog.create(Schema::builder("counters").build().unwrap())).unwrap();
    std::thread::scope(|threads| {
        for _ in 0..THREADS {
            threads.spawn(|| {
                for _ in 0..5_000 {
                    table.dirty_update_counter(&Term::Int(1), 1, 1).unwrap();
                }
            });
        }
    });
    let found = table.dirty_read(&Term::Int(1)).unwrap().expect("it was written");
    assert_eq!(number(found.record()), 4 * 5_000);
    triple.assert_equal();
}
