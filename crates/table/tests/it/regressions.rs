//! Bugs that were, each as small as it can be told.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};

use mnemon_sim::Triple;
use mnemon_store::{Collection, Kind, ManualClock, Row};
use mnemon_table::query::Query;
use mnemon_table::schema::Schema;
use mnemon_table::{Catalog, Detail, Event, Table, TableError};
use mnemon_term::{Record, Term};

fn record(key: i64, value: i64) -> Record {
    Record::new(&[Term::Int(key), Term::Int(value)]).expect("flat")
}

async fn table(kind: Kind, ttl_ms: Option<u64>) -> (Arc<Catalog>, Arc<Triple>, Arc<Table>, Arc<ManualClock>) {
    let time = Arc::new(ManualClock::at(1_000));
    let (catalog, triple) = Triple::catalog(Triple::new, &time);
    let schema = Schema::builder("t").kind(kind).ttl_ms(ttl_ms).build().unwrap();
    let table = catalog.create(schema).await.unwrap();
    (catalog, triple, table, time)
}

/// The commit checked all rows of a set against those behind a key, so it was refused for ever.
#[tokio::test]
async fn a_transaction_that_steps_through_a_set_and_writes_is_committed_at_once() {
    for kind in [Kind::Set, Kind::Bag] {
        let (catalog, triple, table, _) = table(kind, None).await;
        for key in 0..20 {
            table.write(record(key, 0).as_ref()).await.unwrap();
        }
        let runs = AtomicUsize::new(0);
        let (table, runs) = (&table, &runs);
        let answer: Result<usize, TableError> = catalog
            .transaction(|tx| async move {
                assert_eq!(runs.fetch_add(1, Ordering::SeqCst), 0, "it is run again");
                let (mut steps, mut next) = (0, tx.first(table).await?);
                while let Some(key) = next {
                    steps += 1;
                    next = tx.next(table, &key).await?;
                }
                tx.write(table, record(100, 0).as_ref()).await?;
                Ok(steps)
            })
            .await;
        assert_eq!(answer, Ok(20));
        triple.assert_equal();
    }
}

/// A transaction's own rows of a set came after all others, and `next` never found those that stand before.
#[tokio::test]
async fn a_walk_of_a_set_in_a_transaction_finds_its_own_rows() {
    let (catalog, _, table, _) = table(Kind::Set, None).await;
    for key in 0..20 {
        table.write(record(key, 0).as_ref()).await.unwrap();
    }
    let table = &table;
    let answer: Result<usize, TableError> = catalog
        .transaction(|tx| async move {
            for key in 20..40 {
                tx.write(table, record(key, 0).as_ref()).await?;
            }
            let (mut steps, mut next) = (0, tx.first(table).await?);
            while let Some(key) = next {
                steps += 1;
                next = tx.next(table, &key).await?;
            }
            Ok(steps)
        })
        .await;
    assert_eq!(answer, Ok(40));
}

/// What a cancelled inner transaction had written went into the commit of the outer one.
#[tokio::test]
async fn an_inner_transaction_that_is_dropped_leaves_no_writes() {
    let (catalog, _, table, _) = table(Kind::Set, None).await;
    let table = &table;
    let answer: Result<(), TableError> = catalog
        .transaction(|tx| async move {
            tx.write(table, record(1, 1).as_ref()).await?;
            {
                let mut inner = pin!(tx.nested(|tx| async move {
                    tx.write(table, record(1, 2).as_ref()).await?;
                    tx.write(table, record(2, 2).as_ref()).await?;
                    std::future::pending::<Result<(), TableError>>().await
                }));
                assert!(inner.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            }
            tx.write(table, record(3, 3).as_ref()).await
        })
        .await;
    assert_eq!(answer, Ok(()));
    let found = table.read(&Term::Int(1)).await.unwrap().expect("the outer one wrote it");
    assert_eq!(found.record().get(1).and_then(|value| value.as_int()), Some(1));
    assert!(table.read(&Term::Int(2)).await.unwrap().is_none());
    assert!(table.read(&Term::Int(3)).await.unwrap().is_some());
}

/// One of two rows that expire together was seen, the other not.
#[tokio::test]
async fn a_transaction_sees_rows_that_expire_together_expire_together() {
    for kind in [Kind::Set, Kind::OrderedSet] {
        let (catalog, _, table, time) = table(kind, None).await;
        for key in [1, 2] {
            table.write_with_ttl(record(key, 0).as_ref(), 10).await.unwrap();
        }
        let (table, time) = (&table, &time);
        let answer: Result<[bool; 2], TableError> = catalog
            .transaction(|tx| async move {
                let one = tx.read(table, &Term::Int(1)).await?.is_some();
                time.advance(20);
                let other = tx.read(table, &Term::Int(2)).await?.is_some();
                Ok([one, other])
            })
            .await;
        assert_eq!(answer, Ok([false, false]));
    }
}

/// A row that had expired between its reading and the commit was taken for unchanged, or must not be.
#[tokio::test]
async fn a_row_that_expires_before_the_commit_has_changed() {
    let (catalog, triple, table, time) = table(Kind::Set, None).await;
    table.write_with_ttl(record(1, 7).as_ref(), 10).await.unwrap();
    let (runs, table, time) = (&AtomicUsize::new(0), &table, &time);
    let answer: Result<bool, TableError> = catalog
        .transaction(|tx| async move {
            let run = runs.fetch_add(1, Ordering::SeqCst);
            assert!(run < 2, "what the second run reads cannot expire");
            let there = tx.read(table, &Term::Int(1)).await?.is_some();
            tx.write(table, record(2, i64::from(there)).as_ref()).await?;
            if run == 0 {
                time.advance(20);
            }
            Ok(there)
        })
        .await;
    assert_eq!(answer, Ok(false));
    assert_eq!(runs.load(Ordering::SeqCst), 2);
    triple.assert_equal();
}

/// A counter that was made by counting lived for ever, whatever the table's time to live.
#[tokio::test]
async fn a_counter_expires_as_the_table_says() {
    let (_, triple, table, time) = table(Kind::Set, Some(10)).await;
    table.update_counter(&Term::Int(1), 1, 5).await.unwrap();
    time.advance(5);
    assert_eq!(table.update_counter(&Term::Int(1), 1, 1).await, Ok(6));
    time.advance(5);
    assert!(table.read(&Term::Int(1)).await.unwrap().is_none());
    assert_eq!(table.update_counter(&Term::Int(1), 1, 1).await, Ok(1));
    triple.assert_equal();
}

/// Keys that a condition lists were read in ascending order, whichever was asked for, and the limit cut the wrong end.
#[tokio::test]
async fn listed_keys_of_an_ordered_set_come_in_reverse_too() {
    let (_, _, table, _) = table(Kind::OrderedSet, None).await;
    for key in 1..=4 {
        table.write(record(key, key).as_ref()).await.unwrap();
    }
    for text in [r#"{"key":{"in":[3,1,2,9]}}"#, r#"{"$or":[{"key":1},{"key":{"in":[2,3]}}]}"#] {
        let query = Query::from_json(text.as_bytes(), &table.schema()).unwrap().reverse(true);
        for (limit, expected) in [(None, &[3, 2, 1][..]), (Some(2), &[3, 2]), (Some(0), &[])] {
            let found = table.select(&query.clone().limit(limit)).await.unwrap();
            let keys: Vec<i64> = found.iter().filter_map(|object| object.record().key()?.as_int()).collect();
            assert_eq!(keys, expected, "{text} with LIMIT {limit:?}");
        }
    }
}

/// The objects of a bag's key and its new expiry were two changes, and subscribers were told twice.
#[tokio::test]
async fn a_write_into_a_bag_with_a_time_to_live_is_one_event() {
    let (_catalog, triple, table, _) = table(Kind::Bag, None).await;
    let mut events = table.subscribe(Detail::Detailed, None).unwrap();
    let mut sizes = Vec::new();
    for (value, ttl_ms) in [(1, Some(50)), (2, Some(60)), (3, Some(60)), (4, None), (5, Some(50))] {
        match ttl_ms {
            Some(ttl_ms) => table.write_with_ttl(record(1, value).as_ref(), ttl_ms).await.unwrap(),
            None => table.write(record(1, value).as_ref()).await.unwrap(),
        }
        let Some(Event::Row { old, new: Some(new), .. }) = events.recv().await else { panic!("no event") };
        let len = |row: &Row| match row.as_collection().map(|objects| &**objects) {
            Some(Collection::Bag(bag)) => bag.len(),
            _ => 0,
        };
        assert_eq!(new.expires_at(), ttl_ms.map(|ttl_ms| 1_000 + ttl_ms));
        sizes.push((old.as_ref().map_or(0, len), len(&new)));
        assert!(events.try_recv().is_none(), "one event a write");
    }
    assert_eq!(sizes, [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)]);
    triple.assert_equal();
}
