//! Long changes of tables: how far they are, and what is left of those that are cancelled.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use mnemon_store::{Kind, ManualClock};
use mnemon_table::schema::{AttributeType, Schema};
use mnemon_table::{Catalog, Reshape, Table, TableError};
use mnemon_term::{Record, RecordRef, Term, TermRef};

const ROWS: i64 = 1_000;
const DEADLINE: Duration = Duration::from_secs(20);

fn shape(names: &[&str], kind: Kind) -> Schema {
    let builder = names
        .iter()
        .fold(Schema::builder("t").kind(kind), |builder, name| builder.attribute(*name, AttributeType::Any));
    builder.index("age").build().unwrap()
}

async fn filled(kind: Kind) -> (Arc<Catalog>, Arc<Table>, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(1_000));
    let catalog = Arc::new(Catalog::local(Box::new(clock.clone())));
    let table = catalog.create(shape(&["id", "age", "name"], kind)).await.unwrap();
    for id in 0..ROWS {
        let record = Record::new([TermRef::from(id), TermRef::from(id % 7), TermRef::from("x")]).unwrap();
        let ttl_ms = (id % 10 == 0).then_some(5_000);
        match ttl_ms {
            Some(ttl_ms) => table.write_with_ttl(record.as_ref(), ttl_ms).await.unwrap(),
            None => table.write(record.as_ref()).await.unwrap(),
        }
    }
    (catalog, table, clock)
}

/// All that readers see of the table.
async fn seen(table: &Table) -> (Vec<String>, BTreeMap<i64, usize>, Vec<String>, usize) {
    let mut records = table
        .fold(Vec::new(), |mut all, record| {
            all.push(format!("{record:?}"));
            all
        })
        .await
        .unwrap();
    records.sort_unstable();
    let mut by_age = BTreeMap::new();
    for age in 0..7 {
        by_age.insert(age, table.index_read("age", &Term::Int(age)).await.unwrap().len());
    }
    let names = table.schema().attribute_names().into_iter().map(str::to_owned).collect();
    (records, by_age, names, table.info().expiring)
}

/// A transformation that stands still at the record with this key until it is let go.
fn held_at(
    catalog: &Arc<Catalog>,
    table: &Table,
    key: i64,
) -> (tokio::task::JoinHandle<Result<u64, TableError>>, mpsc::Receiver<()>, mpsc::Sender<()>) {
    let (reached, is_reached) = mpsc::channel();
    let (go, gone) = mpsc::channel::<()>();
    let new = shape(&["id", "age"], table.kind());
    let reshape = Reshape::by_name(&table.schema(), &new);
    let change = move |record: RecordRef<'_>| {
        if record.get(0).and_then(TermRef::as_int) == Some(key) {
            reached.send(()).expect("the test waits");
            // An end of the test lets it go, too.
            let _ = gone.recv_timeout(DEADLINE);
        }
        reshape.apply(record)
    };
    let catalog = catalog.clone();
    let done = tokio::spawn(async move { catalog.transform_table("t", new, change).await });
    (done, is_reached, go)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transformation_tells_how_far_it_is_and_is_gone_when_it_is_cancelled() {
    for kind in [Kind::Set, Kind::OrderedSet, Kind::Bag] {
        let (catalog, table, _) = filled(kind).await;
        let before = seen(&table).await;
        assert_eq!(catalog.changes(), []);
        assert_eq!(catalog.cancel_change("t").await, Err(TableError::NoChange("t".to_owned())));
        let (done, reached, go) = held_at(&catalog, &table, 500);
        reached.recv_timeout(DEADLINE).unwrap();
        let changes = catalog.changes();
        assert_eq!(changes.len(), 1, "{changes:?}");
        let change = &changes[0];
        assert_eq!(
            (change.table.as_str(), change.what.as_str(), change.phase),
            ("t", "transform", "computing")
        );
        assert!(
            change.done < ROWS as u64 && change.total == ROWS as u64 && !change.is_cancelled,
            "{change:?}"
        );
        // Another one waits for it, and goes with it.
        let other = catalog.clone();
        let waiting = tokio::spawn(async move { other.add_table_index("t", "name").await });
        while catalog.changes().len() < 2 {
            tokio::task::yield_now().await;
        }
        assert_eq!(catalog.changes()[1].phase, "waiting for its turn");
        let other = catalog.clone();
        let cancelling = tokio::spawn(async move { other.cancel_change("t").await });
        while !catalog.changes().iter().all(|change| change.is_cancelled) {
            tokio::task::yield_now().await;
        }
        go.send(()).unwrap();
        assert_eq!(cancelling.await.unwrap(), Ok(true));
        assert_eq!(catalog.changes(), []);
        let cancelled = TableError::Cancelled("t".to_owned());
        assert_eq!(done.await.unwrap(), Err(cancelled.clone()));
        assert_eq!(waiting.await.unwrap(), Err(cancelled));
        assert_eq!(seen(&table).await, before, "{kind:?}");
        let record = Record::new([TermRef::from(7i64), TermRef::from(3i64), TermRef::from("y")]).unwrap();
        table.write(record.as_ref()).await.unwrap();
    }
}

/// Where it may be past anything by then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_is_cancelled_from_another_thread_is_made_or_not_made() {
    cancelled_at_many_moments().await;
}

/// On one thread, where the change does not get past the test's looks at it.
#[tokio::test]
async fn a_change_that_is_cancelled_at_any_moment_is_made_or_not_made() {
    let (made, taken_back) = cancelled_at_many_moments().await;
    assert!(taken_back > 0, "none of the changes was cancelled in time; {made} were made");
}

/// Cancels at every moment there is, by a clock of turns: what is found is the old table or the new one. How many were made, and how
/// many taken back.
async fn cancelled_at_many_moments() -> (u32, u32) {
    let (mut made, mut taken_back) = (0, 0);
    for turn in 0..60u32 {
        let kind = [Kind::Set, Kind::OrderedSet, Kind::Bag][turn as usize % 3];
        let (catalog, table, _) = filled(kind).await;
        let before = seen(&table).await;
        let is_index = turn % 2 == 0;
        let changing = {
            let (catalog, table) = (catalog.clone(), table.clone());
            tokio::spawn(async move {
                if is_index {
                    return catalog.add_table_index("t", "name").await.map(|()| 0);
                }
                let new = shape(&["id", "age"], table.kind());
                let reshape = Reshape::by_name(&table.schema(), &new);
                catalog.transform_table("t", new, move |record| reshape.apply(record)).await
            })
        };
        // Waits for a phase and some rows of it, others each turn.
        let wanted = ["computing", "writing", "indexing", "indexing"][turn as usize / 2 % 4];
        let rows = u64::from(turn * 37) % ROWS as u64;
        let is_there = || {
            let changes = catalog.changes();
            changing.is_finished()
                || changes.first().is_some_and(|change| change.phase == wanted && change.done >= rows)
        };
        while !is_there() {
            tokio::task::yield_now().await;
        }
        let answer = catalog.cancel_change("t").await;
        let done = changing.await.unwrap();
        match (&answer, &done) {
            (Ok(true), Err(TableError::Cancelled(_))) => {
                taken_back += 1;
                assert_eq!(seen(&table).await, before, "turn {turn}");
            }
            (Ok(false) | Err(TableError::NoChange(_)), Ok(_)) => {
                made += 1;
                let (records, by_age, names, expiring) = seen(&table).await;
                assert_eq!((records.len(), &by_age, expiring), (before.0.len(), &before.1, before.3));
                if is_index {
                    assert_eq!(
                        table.index_read("name", &Term::from("x")).await.unwrap().len(),
                        ROWS as usize
                    );
                } else {
                    assert_eq!(names, ["id", "age"]);
                }
            }
            other => panic!("turn {turn}: {other:?}"),
        }
        // Whatever it was, the change can be made now.
        if is_index && done.is_err() {
            catalog.add_table_index("t", "name").await.unwrap();
            assert_eq!(table.index_read("name", &Term::from("x")).await.unwrap().len(), ROWS as usize);
        }
    }
    (made, taken_back)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_whose_time_passes_while_it_is_transformed_does_not_live_for_ever() {
    let (catalog, table, clock) = filled(Kind::Set).await;
    let (done, reached, go) = held_at(&catalog, &table, 500);
    reached.recv_timeout(DEADLINE).unwrap();
    clock.advance(10_000);
    go.send(()).unwrap();
    done.await.unwrap().unwrap();
    for id in (0..ROWS).step_by(10) {
        assert!(table.read(&Term::Int(id)).await.unwrap().is_none(), "{id} has expired");
    }
    while catalog.expire_rows() > 0 {}
    assert_eq!(table.size() as i64, ROWS - ROWS / 10);
}

/// A transaction that began while a table was sealed knew the version of the sealing, and could write.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_begins_during_a_transformation_writes_after_it() {
    let (catalog, table, _) = filled(Kind::Set).await;
    let (done, reached, go) = held_at(&catalog, &table, 500);
    reached.recv_timeout(DEADLINE).unwrap();
    let writing = {
        let (catalog, table) = (catalog.clone(), table.clone());
        tokio::spawn(async move {
            catalog
                .transaction(|tx| {
                    let table = table.clone();
                    async move {
                        let fields = [TermRef::from(5_000i64), TermRef::from(3i64), TermRef::from("old")];
                        let arity = table.schema().arity();
                        let record = Record::new(fields[..arity].iter().copied())?;
                        tx.write(&table, record.as_ref()).await.map(|()| arity)
                    }
                })
                .await
        })
    };
    while catalog.conflicts() == 0 && !writing.is_finished() {
        tokio::task::yield_now().await;
    }
    assert!(!writing.is_finished(), "it has written to a table that is being transformed");
    go.send(()).unwrap();
    assert_eq!(done.await.unwrap(), Ok(ROWS as u64));
    assert_eq!(writing.await.unwrap(), Ok(2), "it writes the new shape");
    assert_eq!(table.size() as i64, ROWS + 1);
}
