//! What is known of a key beside its value: `OBJECT` and `MEMORY`.

use mnemon_store::{Collection, Op, OpError, Outcome, Row};
use mnemon_table::Table;

use crate::answer::Answer;
use crate::command::argument::{arg, bytes, integer, is};
use crate::command::entry::Subcommand;
use crate::command::plan::{Context, Plan};
use crate::protocol::{Args, Reply};
use crate::refusal;

/// The subcommands of `OBJECT`.
pub(in crate::command) const OBJECT_SUBCOMMANDS: &[Subcommand] = &[
    Subcommand { name: "encoding", arity: 3 },
    Subcommand { name: "freq", arity: 3 },
    Subcommand { name: "help", arity: 2 },
    Subcommand { name: "idletime", arity: 3 },
    Subcommand { name: "refcount", arity: 3 },
];

/// The subcommands of `MEMORY`.
pub(in crate::command) const MEMORY_SUBCOMMANDS: &[Subcommand] =
    &[Subcommand { name: "help", arity: 2 }, Subcommand { name: "usage", arity: -3 }];

const OBJECT_HELP: &[&str] = &[
    "OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "ENCODING <key>",
    "    Return the kind of internal representation used in order to store the value",
    "    associated with a <key>.",
    "FREQ <key>",
    "    Return the access frequency index of the <key>. The returned integer is",
    "    proportional to the logarithm of the recent access frequency of the key.",
    "IDLETIME <key>",
    "    Return the idle time of the <key>, that is the approximated number of",
    "    seconds elapsed since the last access to the key.",
    "REFCOUNT <key>",
    "    Return the number of references of the value associated with the specified",
    "    <key>.",
    "HELP",
    "    Prints this help.",
];

const MEMORY_HELP: &[&str] = &[
    "MEMORY <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "USAGE <key> [SAMPLES <count>]",
    "    Return memory in bytes used by <key> and its value. Nested values are",
    "    sampled up to <count> times (default: 5, 0 means sample all).",
    "HELP",
    "    Prints this help.",
];

/// Lines of help.
fn help(lines: &[&'static str]) -> Answer {
    Reply::Array(lines.iter().map(|line| Reply::simple(*line)).collect()).into()
}

/// `OBJECT ENCODING|FREQ|IDLETIME|REFCOUNT key`, `OBJECT HELP`
pub(in crate::command) fn object<'a>(_: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    let subcommand = arg(args, 1);
    if is("HELP", subcommand) {
        return help(OBJECT_HELP).into();
    }
    Plan::on_database(Op::Get { key: bytes(args, 2) }, finish_object)
}

fn finish_object(_: &Table, args: Args<'_>, outcome: Result<Outcome, OpError>) -> Answer {
    let Ok(Outcome::Row(Some(row))) = outcome else { return Answer::NULL };
    let subcommand = arg(args, 1);
    if is("ENCODING", subcommand) {
        return Reply::StaticBulk(encoding(&row)).into();
    }
    if is("REFCOUNT", subcommand) {
        return Answer::ONE;
    }
    if is("IDLETIME", subcommand) {
        let text = "ERR idle times are not tracked: reads leave no trace in rows; use OBJECT ENCODING or \
                    MEMORY USAGE for what is known of a key";
        return Answer::error(text);
    }
    Answer::error(
        "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching \
         between policies at runtime LRU and LFU data will take some time to adjust.",
    )
}

/// The form of a value, by Redis's name for the form that does the same.
fn encoding(row: &Row) -> &'static str {
    /// The longest string that Redis keeps in one allocation with its header.
    const EMBEDDED: usize = 44;
    match row.as_collection().map(|collection| &**collection) {
        Some(Collection::Hash(hash)) if !hash.is_large() => "listpack",
        Some(_) => "hashtable",
        None if integer(row.body()).is_some() => "int",
        None if row.body().len() <= EMBEDDED => "embstr",
        None => "raw",
    }
}

/// `MEMORY USAGE key [SAMPLES count]`, `MEMORY HELP`
pub(in crate::command) fn memory<'a>(_: &Context<'_>, args: Args<'a>) -> Plan<'a> {
    if is("HELP", arg(args, 1)) {
        return help(MEMORY_HELP).into();
    }
    if let Err(refusal) = samples(args.skip(3)) {
        return refusal.into();
    }
    Plan::on_database(Op::Get { key: bytes(args, 2) }, |_, _, outcome| match outcome {
        Ok(Outcome::Row(Some(row))) => Answer::Int(i64::try_from(row.memory()).unwrap_or(i64::MAX)),
        _ => Answer::NULL,
    })
}

/// Sizes are counted as rows change, so nothing is sampled; the option is only checked.
fn samples(options: Args<'_>) -> Result<(), Answer> {
    let mut place = 0;
    while let Some(option) = options.get(place) {
        let Some(count) = options.get(place + 1).filter(|_| is("SAMPLES", option)) else {
            return Err(refusal::SYNTAX);
        };
        if integer(count).ok_or(refusal::NOT_AN_INTEGER)? < 0 {
            return Err(refusal::SYNTAX);
        }
        place += 2;
    }
    Ok(())
}
