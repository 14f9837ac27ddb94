//! `COMMAND`: the command table, as clients read it.

use crate::answer::Answer;
use crate::command::argument::{arg, is};
use crate::command::entry::{Command, Family, Subcommand, fits as fits_arity, flag};
use crate::command::lookup::find;
use crate::command::table::COMMANDS;
use crate::glob;
use crate::protocol::{Args, Reply};
use crate::refusal;
use crate::session::Session;

/// The subcommands.
pub(super) const SUBCOMMANDS: &[Subcommand] = &[
    Subcommand { name: "count", arity: 2 },
    Subcommand { name: "docs", arity: -2 },
    Subcommand { name: "getkeys", arity: -4 },
    Subcommand { name: "info", arity: -2 },
    Subcommand { name: "list", arity: -2 },
];

/// `COMMAND`, `COMMAND COUNT|DOCS|GETKEYS|INFO|LIST`
pub(super) fn command(_: &mut Session, args: Args<'_>) -> Answer {
    let Some(subcommand) = args.get(1) else {
        return Reply::Array(COMMANDS.iter().map(entry).collect()).into();
    };
    let rest = args.skip(2);
    if is("COUNT", subcommand) {
        return Answer::Int(i64::try_from(COMMANDS.len()).unwrap_or(i64::MAX));
    }
    if is("DOCS", subcommand) {
        return docs(rest);
    }
    if is("GETKEYS", subcommand) {
        return keys(rest);
    }
    if is("LIST", subcommand) {
        return list(rest);
    }
    if rest.is_empty() {
        return Reply::Array(COMMANDS.iter().map(entry).collect()).into();
    }
    Reply::Array(rest.iter().map(|name| named_entry(name).unwrap_or(Reply::Null)).collect()).into()
}

fn number(value: i16) -> Reply {
    Reply::Int(value.into())
}

fn entry(command: &Command) -> Reply {
    let (name, arity) = (Reply::StaticBulk(command.name), command.arity);
    let subcommands = command.subcommands.iter().map(|sub| subentry(command, sub)).collect();
    // The keys of a command of two words belong to its subcommands.
    let keys = if command.subcommands.is_empty() { command.keys } else { (0, 0, 0) };
    described(command, name, arity, keys, subcommands)
}

/// The entry of a command, or of a subcommand as `config|get`.
fn named_entry(name: &[u8]) -> Option<Reply> {
    let mut words = name.splitn(2, |byte| *byte == b'|');
    let command = find(words.next()?)?;
    match words.next() {
        None => Some(entry(command)),
        Some(sub) => Some(subentry(command, command.subcommand(sub)?)),
    }
}

/// The entry of a subcommand that has enough arguments to have the command's keys.
fn subentry(command: &Command, sub: &Subcommand) -> Reply {
    let keys = if has_keys(command, sub) { command.keys } else { (0, 0, 0) };
    described(command, Reply::Bulk(whole_name(command, sub)), sub.arity, keys, Vec::new())
}

fn has_keys(command: &Command, sub: &Subcommand) -> bool {
    command.keys.0 > 0 && i32::from(sub.arity.unsigned_abs()) > i32::from(command.keys.0)
}

fn whole_name(command: &Command, sub: &Subcommand) -> Vec<u8> {
    format!("{}|{}", command.name, sub.name).into_bytes()
}

fn described(
    command: &Command,
    name: Reply,
    arity: i16,
    keys: (i16, i16, i16),
    subcommands: Vec<Reply>,
) -> Reply {
    let (first, last, step) = keys;
    Reply::Array(vec![
        name,
        number(arity),
        Reply::Set(flags(command).map(Reply::simple).collect()),
        number(first),
        number(last),
        number(step),
        Reply::Set(categories(command).map(Reply::simple).collect()),
        Reply::Array(Vec::new()),
        Reply::Array(key_specs(command, keys)),
        Reply::Array(subcommands),
    ])
}

fn flags(command: &Command) -> impl Iterator<Item = &'static str> {
    let set = command.flags;
    flag::NAMES.into_iter().enumerate().filter(move |(bit, _)| set & (1 << bit) != 0).map(|(_, name)| name)
}

fn categories(command: &Command) -> impl Iterator<Item = &'static str> {
    let family = match command.family {
        Family::Generic => "@keyspace",
        Family::Hash => "@hash",
        Family::Bitmap => "@bitmap",
        Family::String => "@string",
        Family::Connection => "@connection",
        Family::PubSub => "@pubsub",
        Family::Transactions => "@transaction",
        Family::Table => "@table",
        Family::Server => "",
    };
    let last = matches!(command.family, Family::Connection | Family::Transactions);
    let pace = if command.has(flag::FAST) { "@fast" } else { "@slow" };
    [
        (if command.family == Family::Generic { family } else { "" }, true),
        ("@read", command.has(flag::READONLY)),
        ("@write", command.has(flag::WRITE)),
        (family, !last && command.family != Family::Generic),
        (pace, true),
        ("@dangerous", command.has(flag::DANGEROUS)),
        (family, last),
    ]
    .into_iter()
    .filter(|(name, holds)| *holds && !name.is_empty())
    .map(|(name, _)| name)
}

/// Where the keys stand, in the form of Redis 7.
fn key_specs(command: &Command, keys: (i16, i16, i16)) -> Vec<Reply> {
    let (first, last, step) = keys;
    if first == 0 {
        return Vec::new();
    }
    let map = |pairs: Vec<(&'static str, Reply)>| {
        Reply::Map(pairs.into_iter().map(|(name, value)| (Reply::StaticBulk(name), value)).collect())
    };
    let access = if command.has(flag::WRITE) { ["RW", "update"] } else { ["RO", "access"] };
    // Relative to the first key, as these specifications count.
    let last = if last < 0 { last } else { last - first };
    vec![map(vec![
        ("flags", Reply::Set(access.into_iter().map(Reply::simple).collect())),
        (
            "begin_search",
            map(vec![("type", Reply::StaticBulk("index")), ("spec", map(vec![("index", number(first))]))]),
        ),
        (
            "find_keys",
            map(vec![
                ("type", Reply::StaticBulk("range")),
                (
                    "spec",
                    map(vec![("lastkey", number(last)), ("keystep", number(step)), ("limit", number(0))]),
                ),
            ]),
        ),
    ])]
}

fn docs(names: Args<'_>) -> Answer {
    let pairs = if names.is_empty() {
        COMMANDS.iter().map(documented).collect()
    } else {
        names.iter().filter_map(find).map(documented).collect()
    };
    Reply::Map(pairs).into()
}

fn documented(command: &Command) -> (Reply, Reply) {
    let facts =
        [("summary", command.summary), ("group", command.family.name()), ("complexity", command.complexity)];
    let facts = facts.map(|(name, fact)| (Reply::StaticBulk(name), Reply::StaticBulk(fact)));
    let mut facts = Vec::from(facts);
    if !command.differs.is_empty() {
        facts.push((Reply::StaticBulk("differs"), Reply::StaticBulk(command.differs)));
    }
    if !command.subcommands.is_empty() {
        let group = || vec![(Reply::StaticBulk("group"), Reply::StaticBulk(command.family.name()))];
        let sub = |sub: &Subcommand| (Reply::Bulk(whole_name(command, sub)), Reply::Map(group()));
        let subs = command.subcommands.iter().map(sub).collect();
        facts.push((Reply::StaticBulk("subcommands"), Reply::Map(subs)));
    }
    (Reply::StaticBulk(command.name), Reply::Map(facts))
}

fn keys(request: Args<'_>) -> Answer {
    const INVALID: Answer = Answer::error("ERR Invalid command specified");
    const NO_KEYS: Answer = Answer::error("ERR The command has no key arguments");
    let Some(command) = find(request.name()) else { return INVALID };
    let mut fits = command.takes(request.len());
    if !command.subcommands.is_empty()
        && let Some(name) = request.get(1)
    {
        let Some(sub) = command.subcommand(name) else { return INVALID };
        if !has_keys(command, sub) {
            return NO_KEYS;
        }
        fits = fits_arity(sub.arity, request.len());
    }
    let (first, last, step) = command.keys;
    if first == 0 {
        return NO_KEYS;
    }
    if !fits {
        return Answer::error("ERR Invalid number of arguments specified for command");
    }
    let place = |number: i16| usize::from(number.unsigned_abs());
    let last = if last < 0 { request.len().saturating_sub(place(last)) } else { place(last) };
    let places = (place(first)..=last).step_by(place(step).max(1));
    Reply::Array(places.map(|place| Reply::bulk(arg(request, place))).collect()).into()
}

/// `COMMAND LIST [FILTERBY MODULE name|ACLCAT category|PATTERN pattern]`
fn list(filter: Args<'_>) -> Answer {
    let wanted: Box<dyn Fn(&Command) -> bool> = match filter.len() {
        0 => Box::new(|_| true),
        3 if is("FILTERBY", arg(filter, 0)) => {
            let what = arg(filter, 2);
            if is("MODULE", arg(filter, 1)) {
                Box::new(|_| false)
            } else if is("ACLCAT", arg(filter, 1)) {
                Box::new(move |command| {
                    categories(command).any(|category| is(category.trim_start_matches('@'), what))
                })
            } else if is("PATTERN", arg(filter, 1)) {
                Box::new(move |command| glob::matches(what, command.name.as_bytes()))
            } else {
                return refusal::SYNTAX;
            }
        }
        _ => return refusal::SYNTAX,
    };
    let names =
        COMMANDS.iter().filter(|command| wanted(command)).map(|command| Reply::StaticBulk(command.name));
    Reply::Array(names.collect()).into()
}
