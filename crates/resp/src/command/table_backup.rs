//! `T.BACKUP`: takes a backup of tables.

use crate::answer::Answer;
use crate::command::argument::arg;
use crate::command::plan::Context;
use crate::command::table_schema::SchemaFuture;
use crate::protocol::{Args, Reply};

/// `T.BACKUP [name [table ...]]`: takes a backup of these tables, or of all, into the node's directory of backups, as of one
/// moment. Answers its name, tables, rows and bytes when it is there.
pub(super) fn backup(context: &Context<'_>, args: Args<'_>) -> Result<SchemaFuture, Answer> {
    let Some(taker) = context.catalog.backup_taker() else {
        return Err(Answer::error("NODIRECTORY this node takes no backups"));
    };
    let text = |place| String::from_utf8_lossy(arg(args, place)).into_owned();
    let name = (args.len() > 1).then(|| text(1));
    let tables = (args.len() > 2).then(|| (2..args.len()).map(text).collect());
    let taking = taker.take(name, tables);
    Ok(Box::pin(async move {
        match taking.await {
            Ok(taken) => {
                let number = |count: u64| Reply::Int(i64::try_from(count).unwrap_or(i64::MAX));
                let pair = |name, value| (Reply::StaticBulk(name), value);
                Reply::Map(vec![
                    pair("name", Reply::bulk(taken.name)),
                    pair("tables", number(taken.tables)),
                    pair("rows", number(taken.rows)),
                    pair("bytes", number(taken.bytes)),
                ])
                .into()
            }
            Err(refused) => Answer::failure(format!("{} {}", refused.word, refused.message)),
        }
    }))
}
