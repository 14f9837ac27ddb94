//! Our side of the embedded measurements: the same records and the same random keys as the peers' programs use.

use std::future::Future;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use mnemon_store::SystemClock;
use mnemon_table::schema::{AttributeType, Schema};
use mnemon_table::{Catalog, Table, TableError, Transaction};
use mnemon_term::{Record, Term, TermRef};
use tokio::runtime::Runtime;

use crate::clock;
use crate::error::Error;

/// Threads of our side, as many as the peers' schedulers.
const THREADS: u64 = 2;
/// Tasks that run transactions, as many as Mnesia's processes.
const TASKS: i64 = 8;
/// Rows of each task.
const ROWS: i64 = 1_000;
/// Operations between two looks at the clock.
const BATCH: u64 = 1_000;

/// A catalog with the runtime its transactions run on.
pub(crate) struct Ours {
    pub(crate) runtime: Runtime,
    pub(crate) catalog: Arc<Catalog>,
}

impl Ours {
    pub(crate) fn start() -> Result<Self, Error> {
        let threads = usize::try_from(THREADS).unwrap_or(2);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build();
        let runtime = runtime.map_err(|cause| Error::Embedded(cause.to_string()))?;
        Ok(Self { runtime, catalog: Arc::new(Catalog::local(Box::new(SystemClock))) })
    }

    pub(crate) fn table(&self, attributes: &[&str]) -> Result<Arc<Table>, Error> {
        let schema = attributes
            .iter()
            .fold(Schema::builder("rows"), |schema, name| schema.attribute(*name, AttributeType::Any));
        let table = schema.build().map(|schema| self.runtime.block_on(self.catalog.create(schema)));
        Ok(table.and_then(|table| table)?)
    }

    /// Runs a task for each number below `TASKS` and adds up what they give.
    pub(crate) fn tasks<F>(&self, task: impl Fn(i64) -> F) -> Result<u64, Error>
    where
        F: Future<Output = Result<u64, TableError>> + Send + 'static,
    {
        self.runtime.block_on(async {
            let tasks: Vec<_> = (0..TASKS).map(|number| tokio::spawn(task(number))).collect();
            let mut sum = 0;
            for task in tasks {
                sum += task.await.map_err(|stopped| Error::Embedded(stopped.to_string()))??;
            }
            Ok(sum)
        })
    }
}

/// A pseudo-random walk like the peers': cheap, and no better than it takes to miss the cache.
#[derive(Clone, Copy)]
pub(crate) struct Walk(u64);

impl Walk {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed * 7919)
    }

    pub(crate) fn next(&mut self, below: i64) -> i64 {
        self.0 = (self.0 * 69069 + 1) & 0xffff_ffff;
        (self.0 >> 8) as i64 % below
    }
}

/// A million records of an integer key, an integer and forty bytes.
pub(crate) struct RecordsPhase {
    table: Arc<Table>,
    records: i64,
}

fn record(key: i64, value: i64) -> Result<Record, TableError> {
    Ok(Record::new([TermRef::from(key), TermRef::from(value), TermRef::from(&[b'v'; 40][..])])?)
}

impl RecordsPhase {
    pub(crate) fn fill(ours: &Ours, records: i64) -> Result<Self, Error> {
        let table = ours.table(&["key", "value", "bytes"])?;
        for key in 0..records {
            table.dirty_write(record(key, 0)?.as_ref())?;
        }
        Ok(Self { table, records })
    }

    /// Reads a second at random keys.
    pub(crate) fn reads(&self, phase: Duration) -> Result<f64, Error> {
        self.rate(phase, |table, key| {
            let found = table.dirty_read(&Term::Int(key))?;
            std::hint::black_box(found);
            Ok(())
        })
    }

    /// Writes a second over records that exist.
    pub(crate) fn writes(&self, phase: Duration) -> Result<f64, Error> {
        self.rate(phase, |table, key| table.dirty_write(record(key, key)?.as_ref()))
    }

    fn rate(
        &self,
        phase: Duration,
        operation: impl Fn(&Table, i64) -> Result<(), TableError> + Sync,
    ) -> Result<f64, Error> {
        let started = clock::now();
        let work = |seed: u64| {
            let mut walk = Walk::new(seed);
            let mut count = 0u64;
            while started.elapsed() < phase {
                for _ in 0..BATCH {
                    operation(&self.table, walk.next(self.records))?;
                }
                count += BATCH;
            }
            Ok::<u64, TableError>(count)
        };
        let counts: Result<Vec<u64>, TableError> = thread::scope(|scope| {
            let threads: Vec<_> = (1..=THREADS).map(|seed| scope.spawn(move || work(seed))).collect();
            let panicked = || Err(TableError::Aborted("a worker panicked".to_owned()));
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| panicked())).collect()
        });
        Ok(counts?.iter().sum::<u64>() as f64 / started.elapsed().as_secs_f64())
    }
}

/// Rows that tasks count in, each in its own thousand.
pub(crate) struct TransactionsPhase<'o> {
    ours: &'o Ours,
    table: Arc<Table>,
}

fn row(key: i64, value: i64) -> Result<Record, TableError> {
    Ok(Record::new([TermRef::from(key), TermRef::from(value)])?)
}

fn missing() -> TableError {
    TableError::Aborted("a row of the benchmark is gone".to_owned())
}

impl<'o> TransactionsPhase<'o> {
    pub(crate) fn fill(ours: &'o Ours) -> Result<Self, Error> {
        let table = ours.table(&["key", "value"])?;
        for key in 0..TASKS * ROWS {
            table.dirty_write(row(key, 0)?.as_ref())?;
        }
        Ok(Self { ours, table })
    }

    /// Read-modify-write transactions a second.
    pub(crate) fn transactions(&self, phase: Duration) -> Result<f64, Error> {
        self.rate(phase, true)
    }

    /// The same without transactions.
    pub(crate) fn dirty(&self, phase: Duration) -> Result<f64, Error> {
        self.rate(phase, false)
    }

    fn rate(&self, phase: Duration, transactional: bool) -> Result<f64, Error> {
        let started = clock::now();
        let count = self.ours.tasks(|number| {
            let (catalog, table) = (self.ours.catalog.clone(), self.table.clone());
            async move {
                let mut walk = Walk::new(number.unsigned_abs() + 1);
                let mut count = 0u64;
                while started.elapsed() < phase {
                    for _ in 0..BATCH {
                        let key = Term::Int(number * ROWS + walk.next(ROWS));
                        if transactional {
                            transact(&catalog, &table, &key).await?;
                        } else {
                            dirty(&table, &key)?;
                        }
                    }
                    count += BATCH;
                    tokio::task::yield_now().await;
                }
                Ok(count)
            }
        })?;
        Ok(count as f64 / started.elapsed().as_secs_f64())
    }
}

async fn transact(catalog: &Catalog, table: &Table, key: &Term) -> Result<(), TableError> {
    catalog
        .transaction(|tx: Transaction| async move {
            let found = tx.read(table, key).await?.ok_or_else(missing)?;
            let value = found.record().get(1).and_then(TermRef::as_int).ok_or_else(missing)?;
            tx.write(table, found.record().with(1, value + 1)?.as_ref()).await
        })
        .await
}

fn dirty(table: &Table, key: &Term) -> Result<(), TableError> {
    let found = table.dirty_read(key)?.ok_or_else(missing)?;
    let value = found.record().get(1).and_then(TermRef::as_int).ok_or_else(missing)?;
    table.dirty_write(found.record().with(1, value + 1)?.as_ref())
}
