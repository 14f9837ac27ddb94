//! `SLOWLOG`: the last commands that took long.

use crate::answer::Answer;
use crate::command::argument::{integer, is};
use crate::command::channel;
use crate::command::entry::Subcommand;
use crate::host::Host;
use crate::protocol::{Args, Reply};
use crate::refusal;
use crate::slowlog::Entry;

/// The subcommands.
pub(super) const SUBCOMMANDS: &[Subcommand] = &[
    Subcommand { name: "get", arity: -2 },
    Subcommand { name: "help", arity: 2 },
    Subcommand { name: "len", arity: 2 },
    Subcommand { name: "reset", arity: 2 },
];

/// Entries that `SLOWLOG GET` shows unasked.
const SHOWN: usize = 10;

const HELP: &[&str] = &[
    "SLOWLOG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "GET [<count>]",
    "    Return top <count> entries from the slowlog (default: 10, -1 mean all).",
    "    Entries are made of:",
    "    id, timestamp, time in microseconds, arguments array, client IP and port,",
    "    client name",
    "LEN",
    "    Return the length of the slowlog.",
    "RESET",
    "    Reset the slowlog.",
    "HELP",
    "    Prints this help.",
];

/// `SLOWLOG GET|LEN|RESET|HELP`
pub(super) fn slowlog(host: &Host, args: Args<'_>) -> Answer {
    let Some(subcommand) = args.get(1) else { return refusal::SYNTAX };
    if is("GET", subcommand) {
        return get(host, args.skip(2), subcommand);
    }
    if is("LEN", subcommand) {
        return Answer::Int(i64::try_from(host.slowlog.len()).unwrap_or(i64::MAX));
    }
    if is("RESET", subcommand) {
        host.slowlog.clear();
        return Answer::OK;
    }
    channel::help(HELP)
}

fn get(host: &Host, args: Args<'_>, subcommand: &[u8]) -> Answer {
    if args.len() > 1 {
        let before = "ERR unknown subcommand or wrong number of arguments for '";
        return refusal::quoting(before, subcommand, "'. Try SLOWLOG HELP.");
    }
    let count = match args.get(0).map(integer) {
        None => SHOWN,
        Some(Some(-1)) => usize::MAX,
        Some(Some(count @ 0..)) => usize::try_from(count).unwrap_or(usize::MAX),
        Some(_) => return Answer::error("ERR count should be greater than or equal to -1"),
    };
    let entries = host.slowlog.newest(count);
    Reply::Array(entries.into_iter().map(Entry::reply).collect()).into()
}
