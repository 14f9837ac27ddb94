//! A node with a data directory inside this process: a large table and a small one, started, written and stopped.

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use mnemon_node::{Durability, Node};
use mnemon_table::schema::{AttributeType, Schema, Storage};
use mnemon_table::{Table, TableError};
use mnemon_term::{Record, Term, TermRef};
use tokio::runtime::Runtime;

use crate::clock;
use crate::error::Error;
use crate::scratch::Scratch;

/// Tasks that commit durably.
const WRITERS: u32 = 64;
/// Threads that write without waiting, as many as the peer's schedulers.
const THREADS: u32 = 2;
/// Keys that are written over, as many as the peer's.
const OVER: u32 = 100_000;
const PATIENCE: Duration = Duration::from_secs(120);

/// A directory with a table of many records of 16 and 40 bytes, one of a thousand, and an empty one that is synced at once.
pub(crate) struct Kept {
    runtime: Runtime,
    scratch: Scratch,
    records: u32,
}

/// One run.
pub(crate) struct Figures {
    pub(crate) load_ms: f64,
    pub(crate) first_read_ms: f64,
    pub(crate) writes: f64,
    pub(crate) commits: f64,
    pub(crate) group: f64,
}

fn failed(cause: impl std::fmt::Display) -> Error {
    Error::Embedded(cause.to_string())
}

fn record(number: u32) -> Result<Record, TableError> {
    let (key, value) = (format!("key:{number:012}"), format!("{number:040}"));
    Ok(Record::new([TermRef::from(key.as_bytes()), TermRef::from(value.as_bytes())])?)
}

async fn create(node: &Node, name: &str, durability: Durability) -> Result<Arc<Table>, Error> {
    let schema = Schema::builder(name)
        .attribute("key", AttributeType::Any)
        .attribute("value", AttributeType::Any)
        .storage(Storage::Disc)
        .durability(durability)
        .build()?;
    Ok(node.catalog().create(schema).await?)
}

impl Kept {
    /// Fills the tables and stops the node.
    pub(crate) fn fill(records: u32) -> Result<Self, Error> {
        let threads = usize::try_from(THREADS).unwrap_or(2);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build();
        let kept = Self { runtime: runtime.map_err(failed)?, scratch: Scratch::new("disc")?, records };
        kept.runtime.block_on(async {
            let node = kept.start(false).await?;
            let interval = Durability::Interval(1_000);
            let (rows, few) = (create(&node, "rows", interval).await?, create(&node, "few", interval).await?);
            create(&node, "durable", Durability::Commit).await?;
            for number in 0..records {
                rows.dirty_write(record(number)?.as_ref())?;
            }
            for number in 0..1_000 {
                few.dirty_write(record(number)?.as_ref())?;
            }
            node.shutdown().await;
            Ok::<(), Error>(())
        })?;
        Ok(kept)
    }

    fn path(&self) -> &Path {
        self.scratch.path()
    }

    async fn start(&self, in_background: bool) -> Result<Node, Error> {
        let node = Node::builder().data(self.path().join("data")).load_in_background(in_background);
        node.start().await.map_err(failed)
    }

    /// Starts twice, and writes.
    pub(crate) fn measure(&self, phase: Duration) -> Result<Figures, Error> {
        self.runtime.block_on(async {
            let began = clock::now();
            let node = self.start(true).await?;
            node.wait_for_tables(&["few"], PATIENCE).await?;
            let found = node.catalog().table("few")?.read(&Term::from(&b"key:000000000007"[..])).await?;
            let first_read_ms = began.elapsed().as_secs_f64() * 1e3;
            found.ok_or_else(|| failed("a record of the small table is missing"))?;
            node.loaded().await.map_err(failed)?;
            node.shutdown().await;

            let began = clock::now();
            let node = self.start(false).await?;
            let load_ms = began.elapsed().as_secs_f64() * 1e3;
            let rows = node.catalog().table("rows")?;
            if rows.size() != self.records as usize {
                return Err(failed(format!("{} of {} records are there", rows.size(), self.records)));
            }
            let writes = write_over(&rows, phase, self.records.min(OVER))?;
            let (commits, group) = commit(&node, phase).await?;
            node.shutdown().await;
            Ok(Figures { load_ms, first_read_ms, writes, commits, group })
        })
    }
}

/// Writes a second over keys that exist, without waiting for the disc.
fn write_over(table: &Table, phase: Duration, keys: u32) -> Result<f64, Error> {
    let began = clock::now();
    let write = |thread: u32| {
        let mut state = u64::from(thread) * 7919 + 1;
        let mut count = 0_u64;
        while began.elapsed() < phase {
            for _ in 0..100 {
                state = (state * 69069 + 1) & 0xffff_ffff;
                let number = u32::try_from(state >> 8).unwrap_or(0) % keys;
                table.dirty_write(record(number)?.as_ref())?;
            }
            count += 100;
        }
        Ok::<u64, TableError>(count)
    };
    let counts: Vec<Result<u64, TableError>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|number| scope.spawn(move || write(number))).collect();
        let lost = || Err(TableError::Aborted("a writer panicked".to_owned()));
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| lost())).collect()
    });
    let sum: u64 = counts.into_iter().sum::<Result<u64, TableError>>()?;
    Ok(sum as f64 / began.elapsed().as_secs_f64())
}

/// Commits a second that are durable when they are answered, and how many shared a sync.
async fn commit(node: &Node, phase: Duration) -> Result<(f64, f64), Error> {
    let table = node.catalog().table("durable")?;
    let before = node.disc_facts().unwrap_or_default();
    let began = clock::now();
    let tasks: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let table = table.clone();
            tokio::spawn(async move {
                let mut count = 0_u64;
                while began.elapsed() < phase {
                    table.write(record(writer)?.as_ref()).await?;
                    count += 1;
                }
                Ok::<u64, TableError>(count)
            })
        })
        .collect();
    let mut sum = 0;
    for task in tasks {
        sum += task.await.map_err(failed)??;
    }
    let rate = sum as f64 / began.elapsed().as_secs_f64();
    let after = node.disc_facts().unwrap_or_default();
    let syncs = after.syncs.saturating_sub(before.syncs).max(1);
    Ok((rate, sum as f64 / syncs as f64))
}
