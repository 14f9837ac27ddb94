//! The server: its time, and what tools ask of it in passing.

use crate::answer::Answer;
use crate::command::argument::{arg, integer, is};
use crate::command::channel;
use crate::command::entry::Subcommand;
use crate::host::Host;
use crate::protocol::{Args, Reply};
use crate::refusal;
use crate::session::{Execution, Session};

/// `TIME`: the group's time, which knows milliseconds.
pub(super) fn time(host: &Host, _: Args<'_>) -> Answer {
    let now_ms = host.now_ms();
    let parts = [now_ms / 1000, now_ms % 1000 * 1000];
    Reply::Array(parts.iter().map(|part| Reply::bulk(part.to_string())).collect()).into()
}

/// `DEBUG`: Redis refuses it unless it is switched on, and here it cannot be: it stops servers and crashes them.
pub(super) fn debug(session: &mut Session, _: Args<'_>) -> Execution {
    session.spoil();
    Execution::Done(Answer::error(
        "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from \
         a local connection, otherwise you need to set this option in the configuration file, and then restart \
         the server.",
    ))
}

/// `ROLE`: what a server without replicas says.
pub(super) fn role(_: &Host, _: Args<'_>) -> Answer {
    Reply::Array(vec![Reply::StaticBulk("master"), Reply::Int(0), Reply::Array(Vec::new())]).into()
}

/// `WAIT numreplicas timeout`: there are no replicas, and so none to wait for.
pub(super) fn wait(_: &Host, args: Args<'_>) -> Answer {
    if integer(arg(args, 1)).is_none() {
        return refusal::NOT_AN_INTEGER;
    }
    match integer(arg(args, 2)) {
        None => Answer::error("ERR timeout is not an integer or out of range"),
        Some(..0) => Answer::error("ERR timeout is negative"),
        Some(_) => Answer::ZERO,
    }
}

/// The subcommands of `LATENCY`.
pub(super) const LATENCY_SUBCOMMANDS: &[Subcommand] = &[
    Subcommand { name: "help", arity: 2 },
    Subcommand { name: "history", arity: 3 },
    Subcommand { name: "latest", arity: 2 },
    Subcommand { name: "reset", arity: -2 },
];

/// `LATENCY HISTORY|LATEST|RESET|HELP`: what Redis says while its latency monitor is off.
pub(super) fn latency(_: &Host, args: Args<'_>) -> Answer {
    let subcommand = arg(args, 1);
    if is("RESET", subcommand) {
        return Answer::ZERO;
    }
    if is("LATEST", subcommand) || is("HISTORY", subcommand) {
        return Reply::Array(Vec::new()).into();
    }
    channel::help(&[
        "LATENCY <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "HISTORY <event>",
        "    Return time-latency samples for the <event> class.",
        "LATEST",
        "    Return the latest latency samples for all events.",
        "RESET [<event> ...]",
        "    Reset latency data of one or more <event> classes.",
        "    (default: reset all data for all event classes)",
        "HELP",
        "    Prints this help.",
    ])
}

/// The subcommands of `MODULE`.
pub(super) const MODULE_SUBCOMMANDS: &[Subcommand] = &[Subcommand { name: "list", arity: 2 }];

/// `MODULE LIST`: there are none.
pub(super) fn module(_: &Host, _: Args<'_>) -> Answer {
    Reply::Array(Vec::new()).into()
}

/// `LOLWUT [VERSION version]`
pub(super) fn lolwut(_: &Host, args: Args<'_>) -> Answer {
    if args.len() > 16 {
        return refusal::SYNTAX;
    }
    Reply::text(concat!("Mnemon ver. ", env!("CARGO_PKG_VERSION"), "\n")).into()
}
