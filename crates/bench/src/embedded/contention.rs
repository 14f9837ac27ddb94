//! Everybody wants one row: transactions that all add to the same counter. None may abort, and the sum must be right.

use std::io::Write;

use mnemon_table::Transaction;
use mnemon_term::{Record as TableRecord, Term, TermRef};

use crate::clock;
use crate::embedded::load::Ours;
use crate::error::Error;
use crate::report::{Record, Report};

/// Increments of each of the eight tasks.
const INCREMENTS: u64 = 10_000;

/// Runs it once and reports it.
///
/// # Errors
/// When a transaction is aborted, the sum is wrong, or results cannot be written.
pub(crate) fn run(report: &mut Report<impl Write>) -> Result<(), Error> {
    let ours = Ours::start()?;
    let table = ours.table(&["key", "value"])?;
    let zero = TableRecord::new([TermRef::from(1i64), TermRef::from(0i64)])
        .map_err(mnemon_table::TableError::from)?;
    table.dirty_write(zero.as_ref())?;
    let started = clock::now();
    let done = ours.tasks(|_| {
        let (catalog, table) = (ours.catalog.clone(), table.clone());
        async move {
            let table = &*table;
            for _ in 0..INCREMENTS {
                catalog
                    .transaction(|tx: Transaction| async move {
                        tx.update_counter(table, &Term::Int(1), 1, 1).await.map(drop)
                    })
                    .await?;
            }
            Ok(INCREMENTS)
        }
    })?;
    let seconds = started.elapsed().as_secs_f64();
    let found = table.dirty_read(&Term::Int(1))?;
    let sum = found.and_then(|object| object.record().get(1)?.as_int()).unwrap_or(0);
    if sum.unsigned_abs() != done {
        return Err(Error::Embedded(format!("{done} increments were acknowledged and the sum is {sum}")));
    }
    let record = Record::new("embedded").with("command", "one row, 8 tasks").with("increments", done);
    report.add(record.with("aborted", 0).figure("mnemon_ops", Some(done as f64 / seconds)))
}
