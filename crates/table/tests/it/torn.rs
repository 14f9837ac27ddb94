//! Commits that fall into the middle of a read: what a transaction sees is never half of one.
//!
//! The transactions here write nothing, so that nothing is validated once their closures have ended: what they saw
//! must have been right when they saw it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mnemon_sim::Triple;
use mnemon_store::{Cause, Clock, Expiry, Kind, ManualClock, Op, TableOp, When};
use mnemon_table::query::Query;
use mnemon_table::schema::Schema;
use mnemon_table::{Catalog, Table, TableError, Transaction};
use mnemon_term::{Record, Term, TermRef};
use parking_lot::Mutex;

use crate::CORES;

const READS: usize = 8_000;

fn record(key: i64, value: i64) -> Record {
    Record::new(&[Term::Int(key), Term::Int(value)]).expect("flat")
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
}

fn table(kind: Kind, name: &str) -> (Arc<Catalog>, Arc<Triple>, Arc<Table>) {
    let (catalog, triple) = Triple::catalog(Triple::concurrent, &Arc::new(ManualClock::at(1_000)));
    let schema = Schema::builder(name).kind(kind).build().unwrap();
    let table = runtime().block_on(catalog.create(schema)).unwrap();
    (catalog, triple, table)
}

/// Runs `write` on a thread of its own again and again until `read` has been run so many times.
fn race(reads: usize, write: impl AsyncFn(i64) + Sync, read: impl AsyncFn()) {
    let done = AtomicBool::new(false);
    std::thread::scope(|threads| {
        let writer = threads.spawn(|| {
            runtime().block_on(async {
                let mut turn = 0;
                while !done.load(Ordering::SeqCst) {
                    write(turn).await;
                    turn += 1;
                }
            });
        });
        let reader = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            runtime().block_on(async {
                for _ in 0..reads {
                    read().await;
                }
            });
        }));
        done.store(true, Ordering::SeqCst);
        writer.join().expect("see the panic above");
        if let Err(panic) = reader {
            std::panic::resume_unwind(panic);
        }
    });
}

async fn apply(catalog: &Catalog, table: &Table, writes: &[(i64, Option<i64>)]) {
    let answer: Result<(), TableError> = catalog
        .transaction(|tx| async move {
            for (key, value) in writes {
                match value {
                    Some(value) => tx.write(table, record(*key, *value).as_ref()).await?,
                    None => tx.delete(table, &Term::Int(*key)).await?,
                }
            }
            Ok(())
        })
        .await;
    answer.expect("nothing was read, so nothing can have changed");
}

/// Rows that come and go together, in an otherwise empty table: a scan meets many empty pages before the first row.
#[test]
fn a_scan_sees_all_or_nothing_of_a_commit() {
    let _alone = CORES.write();
    for kind in [Kind::Set, Kind::OrderedSet] {
        let (catalog, triple, table) = table(kind, "pairs");
        let write = async |turn: i64| {
            // The second half of the rows is always there and tells whether the first half must be.
            let there = turn % 2 == 1;
            let writes: Vec<_> = (0..4)
                .map(|key| (key, there.then_some(turn)))
                .chain((4..8).map(|key| (key, Some(turn))))
                .collect();
            apply(&catalog, &table, &writes).await;
        };
        let read = async || {
            let answer: Result<Vec<i64>, TableError> = catalog
                .transaction(|tx| {
                    let table = &table;
                    async move {
                        let all = tx.select(table, &Query::all()).await?;
                        let value =
                            |record: mnemon_term::RecordRef<'_>| record.get(1).and_then(TermRef::as_int);
                        Ok(all.iter().filter_map(|object| value(object.record())).collect())
                    }
                })
                .await;
            let turns = answer.expect("the reads end some time");
            let expected = match turns.first() {
                Some(turn) if turn % 2 == 1 => 8,
                Some(_) => 4,
                None => 0,
            };
            assert!(turns.iter().all(|turn| Some(turn) == turns.first()), "of two commits: {turns:?}");
            assert_eq!(turns.len(), expected, "half of a commit: {turns:?}");
        };
        race(READS, write, read);
        triple.assert_equal();
    }
}

/// Two keys that are absent at different times, never both while a third row says `1`.
#[test]
fn absences_of_two_moments_are_not_taken_for_one() {
    let _alone = CORES.write();
    const BETWEEN: i64 = 40;
    for kind in [Kind::Set, Kind::OrderedSet] {
        let (catalog, triple, table) = table(kind, "absences");
        let (one, other, witness) = (10_000, 10_001, 10_002);
        runtime().block_on(async {
            for key in 0..2 * BETWEEN {
                apply(&catalog, &table, &[(key, Some(0))]).await;
            }
        });
        let write = async |turn: i64| match turn % 3 {
            0 => apply(&catalog, &table, &[(other, Some(0)), (witness, Some(1))]).await,
            1 => apply(&catalog, &table, &[(one, Some(0)), (other, None)]).await,
            _ => apply(&catalog, &table, &[(one, None), (witness, Some(0))]).await,
        };
        let there = async |tx: &Transaction, key: i64| -> Result<Option<i64>, TableError> {
            let found = tx.read(&table, &Term::Int(key)).await?;
            Ok(found.and_then(|object| object.record().get(1).and_then(TermRef::as_int)))
        };
        let read = async || {
            let answer: Result<(usize, Option<i64>), TableError> = catalog
                .transaction(|tx| {
                    let there = &there;
                    async move {
                        let mut holders = usize::from(there(&tx, one).await?.is_some());
                        // Rows that never change, so that looking again at all of this takes a while.
                        for key in 0..BETWEEN {
                            there(&tx, key).await?;
                        }
                        holders += usize::from(there(&tx, other).await?.is_some());
                        for key in BETWEEN..2 * BETWEEN {
                            there(&tx, key).await?;
                        }
                        Ok((holders, there(&tx, witness).await?))
                    }
                })
                .await;
            let (holders, witness) = answer.expect("the reads end some time");
            assert_eq!(holders, witness.unwrap_or(0) as usize, "keys that are there, and how many should be");
        };
        // A read is rarely left in peace by this writer, and takes dozens of attempts: a quarter of them is plenty.
        race(READS / 4, write, read);
        triple.assert_equal();
    }
}

/// A clock that does something when it is asked: a commit in the middle of a read that meets a row with a time to
/// live.
#[derive(Default)]
struct Hook(Mutex<Option<Box<dyn FnOnce() + Send>>>);

impl Clock for Hook {
    fn now_ms(&self) -> u64 {
        let armed = self.0.lock().take();
        if let Some(action) = armed {
            action();
        }
        1_000
    }
}

/// Writes and deletes rows in one commit.
fn commit(catalog: &Catalog, table: &Table, writes: &[(i64, Option<i64>)]) {
    let ops = writes.iter().map(|(key, value)| {
        let key_bytes = table.key_bytes(&Term::Int(*key)).into();
        let op = match value {
            Some(value) => Op::Put {
                key: key_bytes,
                body: record(*key, *value).into_bytes().into(),
                expiry: Expiry::Never,
                when: When::Always,
                over_bytes_only: false,
            },
            None => Op::Delete { key: key_bytes, cause: Cause::Delete, version: 0 },
        };
        TableOp { table: table.id(), op }
    });
    catalog.submit(Vec::new(), ops.collect()).ready().expect("local").expect("nothing to check");
}

fn hooked(kind: Kind) -> (Arc<Hook>, Arc<Catalog>, Arc<Table>) {
    let hook = Arc::new(Hook::default());
    let catalog = Arc::new(Catalog::local(Box::new(hook.clone())));
    let schema = Schema::builder("hooked").kind(kind).build().unwrap();
    let table = runtime().block_on(catalog.create(schema)).unwrap();
    (hook, catalog, table)
}

/// A removal between two looks at rows that were absent: each look finds what was there before, both together do not.
#[tokio::test]
async fn a_removal_while_absences_are_looked_at_again_is_noticed() {
    for kind in [Kind::Set, Kind::OrderedSet] {
        let (hook, catalog, table) = tokio::task::spawn_blocking(move || hooked(kind)).await.unwrap();
        let (one, timed, other, witness) = (1, 2, 3, 4);
        table.write_with_ttl(record(timed, 0).as_ref(), 1_000_000).await.unwrap();
        let first_run = AtomicBool::new(true);
        let (first_run, table, catalog, hook) = (&first_run, &table, &catalog, &hook);
        let answer: Result<[bool; 3], TableError> = catalog
            .transaction(|tx| async move {
                let there =
                    async |key: i64| tx.read(table, &Term::Int(key)).await.map(|found| found.is_some());
                let one_there = there(one).await?;
                there(timed).await?;
                let other_there = there(other).await?;
                if first_run.swap(false, Ordering::SeqCst) {
                    commit(catalog, table, &[(other, Some(0)), (witness, Some(0))]);
                    let (catalog, table) = (Arc::clone(catalog), Arc::clone(table));
                    let swap = move || commit(&catalog, &table, &[(one, Some(0)), (other, None)]);
                    *hook.0.lock() = Some(Box::new(swap));
                }
                Ok([one_there, other_there, there(witness).await?])
            })
            .await;
        assert_eq!(answer, Ok([true, false, true]), "the state after both commits");
    }
}

/// A row that comes to a part of the table where a scan has found none, with one further on that it has yet to meet.
#[tokio::test]
async fn a_row_behind_a_scan_that_has_met_none_is_noticed() {
    let (hook, catalog, table) = tokio::task::spawn_blocking(|| hooked(Kind::Set)).await.unwrap();
    // In the order of a scan: where a row comes to, where one has expired, where another one comes to.
    let mut keys: Vec<i64> = (0..1_000).collect();
    keys.sort_by_key(|key| table.copy().position(&table.key_bytes(&Term::Int(*key))));
    let (behind, expired, ahead) = (keys[0], keys[500], keys[999]);
    let put = Op::Put {
        key: table.key_bytes(&Term::Int(expired)).into(),
        body: record(expired, 0).into_bytes().into(),
        expiry: Expiry::At(10),
        when: When::Always,
        over_bytes_only: false,
    };
    let op = TableOp { table: table.id(), op: put };
    catalog.submit(Vec::new(), vec![op]).ready().expect("local").expect("nothing to check");
    let first_run = AtomicBool::new(true);
    let (first_run, table, catalog, hook) = (&first_run, &table, &catalog, &hook);
    let answer: Result<usize, TableError> = catalog
        .transaction(|tx| async move {
            if first_run.swap(false, Ordering::SeqCst) {
                let (catalog, table) = (Arc::clone(catalog), Arc::clone(table));
                let both = move || commit(&catalog, &table, &[(behind, Some(0)), (ahead, Some(0))]);
                *hook.0.lock() = Some(Box::new(both));
            }
            tx.select(table, &Query::all()).await.map(|found| found.len())
        })
        .await;
    assert_eq!(answer, Ok(2), "both rows of the commit or none");
}
