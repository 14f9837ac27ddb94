//! A table on disc alone that is many times as large as the memory it may take: filled, scanned, read at random.

use std::io::Write;

use mnemon_node::{Durability, Node};
use mnemon_table::Table;
use mnemon_table::schema::{AttributeType, Kind, Schema, Storage};
use mnemon_term::{Record as Row, Term, TermRef};

use crate::clock;
use crate::error::Error;
use crate::options::Options;
use crate::process::resident_bytes;
use crate::report::{Record, Report};
use crate::scratch::Scratch;

const BODY_BYTES: usize = 1_000;
const TIMES_THE_MEMORY: u64 = 8;

fn failed(cause: impl std::fmt::Display) -> Error {
    Error::Embedded(cause.to_string())
}

/// Measures and reports one line.
///
/// # Errors
/// When the node fails, or results cannot be written.
pub(crate) fn run(options: &Options, report: &mut Report<impl Write>) -> Result<(), Error> {
    let cache_bytes: u64 = if options.quick { 16 << 20 } else { 128 << 20 };
    let rows = TIMES_THE_MEMORY * cache_bytes / BODY_BYTES as u64;
    let scratch = Scratch::new("disc-only")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.map_err(failed)?.block_on(async {
        let builder = Node::builder().data(scratch.path().join("data")).disc_cache_bytes(cache_bytes);
        let node = builder.start().await.map_err(failed)?;
        let before = resident_bytes(std::process::id())?;
        let schema = Schema::builder("alone")
            .kind(Kind::OrderedSet)
            .attribute("key", AttributeType::Int)
            .attribute("value", AttributeType::Any)
            .storage(Storage::DiscOnly)
            .durability(Durability::Interval(1_000))
            .build()?;
        let table = node.catalog().create(schema).await?;
        let (fill, ()) = timed(async { fill(&table, rows) }).await?;
        let (scan, found) = timed(async { Ok(table.fold(0_u64, |count, _| count + 1).await?) }).await?;
        if found != rows {
            return Err(failed(format!("{found} of {rows} records are there")));
        }
        let reads = rows / 20;
        let (read, ()) = timed(async { read(&table, rows, reads) }).await?;
        let after = resident_bytes(std::process::id())?;
        let grown = after.saturating_sub(before);
        let disc_bytes = table.info().disc_bytes.unwrap_or_default();
        node.shutdown().await;
        let line = Record::new("disc-only")
            .with("rows", rows)
            .with("body_bytes", BODY_BYTES)
            .with("cache_bytes", cache_bytes)
            .figure("fill_rows_per_s", Some(rows as f64 / fill))
            .figure("scan_rows_per_s", Some(rows as f64 / scan))
            .figure("random_reads_per_s", Some(reads as f64 / read))
            .with("disc_bytes", disc_bytes)
            .with("resident_bytes_grown", grown);
        report.add(line)
    })
}

/// How many seconds something takes, and what it gives.
async fn timed<T>(work: impl Future<Output = Result<T, Error>>) -> Result<(f64, T), Error> {
    let began = clock::now();
    let done = work.await?;
    Ok((began.elapsed().as_secs_f64(), done))
}

/// Keys all over the table.
fn key(number: u64, rows: u64) -> i64 {
    i64::try_from(number.wrapping_mul(2_654_435_761) % rows).unwrap_or(0)
}

fn fill(table: &Table, rows: u64) -> Result<(), Error> {
    let mut state = 1_u64;
    let mut body = vec![0; BODY_BYTES];
    for number in 0..rows {
        for byte in &mut body {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = (state >> 56) as u8;
        }
        let number = i64::try_from(number).unwrap_or(0);
        let record = Row::new([TermRef::from(number), TermRef::from(&body[..])]).map_err(failed)?;
        table.dirty_write(record.as_ref())?;
    }
    Ok(())
}

fn read(table: &Table, rows: u64, reads: u64) -> Result<(), Error> {
    for number in 0..reads {
        let key = key(number, rows);
        table.dirty_read(&Term::from(key))?.ok_or_else(|| failed(format!("record {key} is missing")))?;
    }
    Ok(())
}
