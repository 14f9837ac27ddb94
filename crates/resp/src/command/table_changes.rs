//! `T.CHANGES` and `T.CANCEL`: long changes of tables that are under way, and calling them off.

use mnemon_table::TableChange;

use crate::answer::Answer;
use crate::command::argument::arg;
use crate::command::plan::Context;
use crate::command::table_schema::SchemaFuture;
use crate::protocol::{Args, Reply};
use crate::refusal;
use crate::session::Session;

/// `T.CHANGES`: the changes that are under way or wait, the oldest first.
pub(super) fn changes(session: &mut Session, _: Args<'_>) -> Answer {
    let changes = session.host().catalog.changes();
    Reply::Array(changes.iter().map(|change| Reply::Map(describe(change))).collect()).into()
}

fn describe(change: &TableChange) -> Vec<(Reply, Reply)> {
    let number = |number: u64| Reply::Int(i64::try_from(number).unwrap_or(i64::MAX));
    let facts = [
        ("table", Reply::bulk(change.table.clone())),
        ("what", Reply::bulk(change.what.clone())),
        ("phase", Reply::StaticBulk(change.phase)),
        ("done", number(change.done)),
        ("total", number(change.total)),
        ("since_ms", number(change.since_ms)),
        ("cancelled", Reply::Int(i64::from(change.is_cancelled))),
    ];
    facts.into_iter().map(|(name, fact)| (Reply::StaticBulk(name), fact)).collect()
}

/// `T.CANCEL table`: 1 when a change of the table was taken back, 0 when it was too late.
pub(super) fn cancel(context: &Context<'_>, args: Args<'_>) -> Result<SchemaFuture, Answer> {
    let name = String::from_utf8_lossy(arg(args, 1)).into_owned();
    let catalog = context.catalog.clone();
    Ok(Box::pin(async move {
        let cancelled = catalog.cancel_change(&name).await;
        cancelled.map_or_else(|error| refusal::of_table(&error), |is_so| Reply::Int(i64::from(is_so)).into())
    }))
}
