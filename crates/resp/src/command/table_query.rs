//! `T.` commands that read several records by a condition: each is a [`Request`], answered from one snapshot.

use std::ops::Bound;

use mnemon_table::query::Query;
use mnemon_table::{KeyRange, Search, Table, TableError};

use crate::answer::Answer;
use crate::command::argument::{Once, arg, is, natural};
use crate::command::plan::{Context, Plan};
use crate::command::record;
use crate::command::request::Request;
use crate::protocol::Args;
use crate::refusal;

fn ask<'a>(
    context: &Context<'_>,
    args: Args<'a>,
    search: impl FnOnce(&Table) -> Result<Search, Answer>,
) -> Plan<'a> {
    let table = match record::table(context, arg(args, 1)) {
        Ok(table) => table,
        Err(refusal) => return refusal.into(),
    };
    if table.is_database() {
        let cause =
            "its values are raw strings and collections without attributes; use T.READ or Redis's commands";
        return refusal::of_table(&TableError::Unsupported { table: table.name(), cause }).into();
    }
    match search(&table) {
        Ok(search) => Plan::Query(Box::new(Request::search(table, search))),
        Err(refusal) => refusal.into(),
    }
}

/// The options of a query, whichever of them a command takes.
#[derive(Default)]
struct Options<'a> {
    from: Option<&'a [u8]>,
    to: Option<&'a [u8]>,
    limit: Option<usize>,
    reverse: bool,
}

fn options<'a>(options: Args<'a>, bounds: bool, usage: &str) -> Result<Options<'a>, Answer> {
    let mut read = Options::default();
    let mut once = Once::default();
    let mut place = 0;
    while let Some(option) = options.get(place) {
        once.meet(option)?;
        let value = options.get(place + 1);
        place += 2;
        match value {
            _ if is("REV", option) => {
                read.reverse = true;
                place -= 1;
            }
            Some(value) if bounds && is("FROM", option) => read.from = Some(value),
            Some(value) if bounds && is("TO", option) => read.to = Some(value),
            Some(value) if is("LIMIT", option) => {
                let limit = natural(value).and_then(|limit| usize::try_from(limit).ok());
                read.limit = Some(limit.ok_or(Answer::error("ERR LIMIT takes a number from 0"))?);
            }
            _ => {
                let after = format!("'; {usage}");
                return Err(refusal::quoting("ERR unknown or incomplete option '", option, &after));
            }
        }
    }
    Ok(read)
}

/// `T.MATCH table condition [LIMIT n] [REV]`
pub(super) fn matching<'a>(context: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    ask(context, args, |table| {
        let options = options(args.skip(3), false, "T.MATCH takes table condition [LIMIT n] [REV]")?;
        let query = Query::from_json(arg(args, 2), &table.schema());
        let query = query.map_err(|error| refusal::of_table(&error))?;
        Ok(Search::Select(query.limit(options.limit).reverse(options.reverse)))
    })
}

/// `T.RANGE table [FROM key] [TO key] [LIMIT n] [REV]`, both bounds included.
pub(super) fn range<'a>(context: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    ask(context, args, |table| {
        let usage = "T.RANGE takes table [FROM key] [TO key] [LIMIT n] [REV]";
        let options = options(args.skip(2), true, usage)?;
        let bound = |text: Option<&[u8]>| match text {
            None => Ok(Bound::Unbounded),
            Some(text) => record::key_term(table, text).map(Bound::Included),
        };
        let bounds = bound(options.from).and_then(|from| Ok((from, bound(options.to)?)));
        let (from, to) = bounds.map_err(|error| refusal::of_table(&error))?;
        Ok(Search::Range(KeyRange { from, to, limit: options.limit, reverse: options.reverse }))
    })
}

/// `T.INDEXREAD table attribute value`
pub(super) fn index_read<'a>(context: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    ask(context, args, |table| {
        let attribute = String::from_utf8_lossy(arg(args, 2)).into_owned();
        // An unknown attribute is refused by the search itself.
        let place = table.schema().place_of(&attribute).unwrap_or(u16::MAX);
        let value = record::attribute_term(table, place, arg(args, 3));
        let value = value.map_err(|error| refusal::of_table(&error))?;
        Ok(Search::Index { attribute, value })
    })
}
