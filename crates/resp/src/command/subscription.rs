//! `T.SUBSCRIBE` and `T.UNSUBSCRIBE`: events of tables as push messages.
//!
//! An event is `["t.event", table, cause, clock, …]`, where cause is `write`, `delete`, `expired`, `evicted`, `clear` or
//! `fields`. Behind the clock a write has the record, a removal the key, `fields` the key and a map of fields (null:
//! removed), all but those fields as JSON; a detailed subscription adds the record that stood there before, or null.
//! `["t.event", table, "lagged"]` says that events were dropped: read the table again.

use mnemon_store::{Cause, Row};
use mnemon_table::{Detail, Event, Table};
use mnemon_term::{TermRef, json};

use crate::answer::Answer;
use crate::command::argument::{arg, is};
use crate::command::record;
use crate::protocol::{Args, Reply};
use crate::refusal;
use crate::session::{Execution, Session};

/// `T.SUBSCRIBE table [DETAILED]`
pub(super) fn subscribe(session: &mut Session, args: Args<'_>) -> Execution {
    let detail = match args.get(2) {
        None => None,
        Some(option) if is("DETAILED", option) && args.len() == 3 => Some(Detail::Detailed),
        Some(option) => {
            let after = "'; T.SUBSCRIBE takes table [DETAILED]";
            return Execution::Done(refusal::quoting("ERR unknown option '", option, after));
        }
    };
    let followed = session
        .table(arg(args, 1))
        .and_then(|table| session.follow(table, detail).map_err(|error| refusal::of_table(&error)));
    Execution::Done(match followed {
        Ok((name, clock)) => {
            let count = Reply::Int(i64::try_from(session.subscriptions()).unwrap_or(i64::MAX));
            let clock = Reply::Int(i64::try_from(clock).unwrap_or(i64::MAX));
            Reply::Push(vec![Reply::StaticBulk("t.subscribe"), Reply::bulk(name), count, clock]).into()
        }
        Err(refusal) => refusal,
    })
}

/// `T.UNSUBSCRIBE [table ...]`: without tables, all.
pub(super) fn unsubscribe(session: &mut Session, args: Args<'_>) -> Execution {
    let names: Vec<String> = if args.len() > 1 {
        args.skip(1).iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect()
    } else {
        session.followed()
    };
    if names.is_empty() {
        return Execution::Done(farewell(None, 0));
    }
    let mut answers = Vec::with_capacity(names.len());
    for name in names {
        session.unfollow(&name);
        answers.push(farewell(Some(name), session.subscriptions()));
    }
    Execution::Done(Answer::Several(answers))
}

/// What a client is told when a subscription has ended.
pub(crate) fn farewell(table: Option<String>, left: usize) -> Answer {
    let name = table.map_or(Reply::Null, Reply::bulk);
    let left = Reply::Int(i64::try_from(left).unwrap_or(i64::MAX));
    Reply::Push(vec![Reply::StaticBulk("t.unsubscribe"), name, left]).into()
}

fn cause_name(cause: Cause) -> &'static str {
    match cause {
        Cause::Write => "write",
        Cause::Delete => "delete",
        Cause::Expired => "expired",
        Cause::Evicted => "evicted",
        Cause::Clear => "clear",
    }
}

/// An event as the push message of a subscription.
pub(crate) fn event_answer(table: &Table, name: &str, detail: Detail, event: &Event) -> Answer {
    let number = |clock: &u64| Reply::Int(i64::try_from(*clock).unwrap_or(i64::MAX));
    let mut parts = vec![Reply::StaticBulk("t.event"), Reply::bulk(name)];
    match event {
        Event::Row { clock, cause, old, new } => {
            parts.extend([Reply::StaticBulk(cause_name(*cause)), number(clock)]);
            parts.push(match (new, old) {
                (Some(new), _) => Reply::Bulk(record::row_json(table, new)),
                (None, Some(old)) => Reply::Bulk(record::key_json(table, old)),
                (None, None) => Reply::Null,
            });
            if detail == Detail::Detailed {
                let json = |row: &Row| Reply::Bulk(record::row_json(table, row));
                parts.push(old.as_ref().map_or(Reply::Null, json));
            }
        }
        Event::Fields { clock, key, fields } => {
            let mut text = Vec::new();
            json::write(TermRef::Binary(key), &mut text);
            let value = |value: &Option<Box<[u8]>>| value.as_ref().map_or(Reply::Null, Reply::bulk);
            let fields = fields.iter().map(|(field, new)| (Reply::bulk(field), value(new))).collect();
            parts.extend([Reply::StaticBulk("fields"), number(clock), Reply::Bulk(text), Reply::Map(fields)]);
        }
        Event::Cleared { clock } => parts.extend([Reply::StaticBulk("clear"), number(clock)]),
        // `Event` may grow; what this version does not know is a gap to the client.
        _ => parts.push(Reply::StaticBulk("lagged")),
    }
    Reply::Push(parts).into()
}
