//! `T.WAIT`: waiting for tables that are still being read from the disc.

use std::time::Duration;

use crate::answer::Answer;
use crate::command::argument::{arg, natural};
use crate::command::plan::Context;
use crate::command::table_schema::SchemaFuture;
use crate::protocol::Args;
use crate::refusal;

/// `T.WAIT timeout-ms table ...`: `OK` when all of them can be used.
pub(super) fn wait(context: &Context<'_>, args: Args<'_>) -> Result<SchemaFuture, Answer> {
    let timeout_ms = natural(arg(args, 1)).ok_or_else(|| {
        refusal::quoting(
            "ERR '",
            arg(args, 1),
            "' is no timeout; write milliseconds, 0 to ask without waiting",
        )
    })?;
    let names: Vec<String> =
        args.skip(2).into_iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
    let catalog = context.catalog.clone();
    Ok(Box::pin(async move {
        let waited = catalog.wait_for_tables(&names, Duration::from_millis(timeout_ms)).await;
        waited.map_or_else(|error| refusal::of_table(&error), |()| Answer::OK)
    }))
}
