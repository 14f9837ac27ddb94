//! A backup is one moment, whatever is written meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use mnemon_backup::{BackupReader, Entry, traverse};
use mnemon_table::schema::Schema;
use mnemon_table::{Catalog, TransactionOptions};
use mnemon_term::{Term, TermRef};

use crate::{backup, catalog, write};

const ACCOUNTS: i64 = 400;
const EACH: i64 = 100;

/// Moves money between two tables, in transactions, until told to stop.
async fn transfers(catalog: Arc<Catalog>, stop: Arc<AtomicBool>, seed: i64) -> u64 {
    let (left, right) = (catalog.table("left").unwrap(), catalog.table("right").unwrap());
    let (mut done, mut number) = (0, seed);
    while !stop.load(Relaxed) {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (from, to) = ((number >> 33) % ACCOUNTS, (number >> 13) % ACCOUNTS);
        let (from, to) = (from.abs(), to.abs());
        let moved = catalog
            .transaction_with(TransactionOptions::default(), |tx| {
                let (left, right) = (left.clone(), right.clone());
                async move {
                    for (table, key, by) in [(&left, from, -1), (&right, to, 1)] {
                        let amount = tx.read(table, &Term::from(key)).await?;
                        let amount = amount.and_then(|object| object.record().get(1)?.as_int());
                        let record = [Term::from(key), Term::from(amount.unwrap_or(0) + by)];
                        tx.write(table, mnemon_term::Record::new(&record)?.as_ref()).await?;
                    }
                    Ok::<_, mnemon_table::TableError>(())
                }
            })
            .await;
        done += u64::from(moved.is_ok());
        tokio::task::yield_now().await;
    }
    done
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_backup_beside_writers_holds_one_moment_of_two_tables() {
    let catalog = catalog();
    for name in ["left", "right"] {
        let table = catalog.create(Schema::builder(name).build().unwrap()).await.unwrap();
        for key in 0..ACCOUNTS {
            write(&table, &[Term::from(key), Term::from(EACH)]).await;
        }
    }
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> =
        (1..3).map(|seed| tokio::spawn(transfers(catalog.clone(), stop.clone(), seed))).collect();
    let mut different = std::collections::BTreeSet::new();
    for _ in 0..40 {
        let file = backup(&catalog).await;
        let mut sums = std::collections::BTreeMap::from([("left".to_owned(), 0), ("right".to_owned(), 0)]);
        let summary = traverse(BackupReader::open("b", &file[..]).unwrap(), |table, entry| {
            if let Entry::Record { record, .. } = entry {
                let amount = record.get(1).and_then(TermRef::as_int).unwrap();
                *sums.get_mut(table.name()).unwrap() += amount;
            }
            Ok(())
        })
        .unwrap();
        assert_eq!(summary.rows, 2 * ACCOUNTS as u64);
        assert_eq!(sums.values().sum::<i64>(), 2 * ACCOUNTS * EACH, "{sums:?}");
        different.insert(sums["left"]);
        tokio::task::yield_now().await;
    }
    stop.store(true, Relaxed);
    let mut done = 0;
    for writer in writers {
        done += writer.await.unwrap();
    }
    assert!(done > 0 && different.len() > 1, "the writers did nothing while backups were taken: {done}");
}
