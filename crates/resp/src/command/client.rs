//! `CLIENT`: what is known of connections, and what one client may ask of others.

mod kill;
mod listing;
mod tracking;

use std::sync::atomic::Ordering::Relaxed;

use crate::answer::Answer;
use crate::command::argument::{arg, integer, is};
use crate::command::channel;
use crate::command::entry::Subcommand;
use crate::host::Host;
use crate::protocol::{Args, Reply};
use crate::refusal;
use crate::session::{Session, Voice};
pub(crate) use listing::{command_code, command_name};

/// The subcommands.
pub(super) const SUBCOMMANDS: &[Subcommand] = &[
    Subcommand { name: "caching", arity: 3 },
    Subcommand { name: "getname", arity: 2 },
    Subcommand { name: "getredir", arity: 2 },
    Subcommand { name: "help", arity: 2 },
    Subcommand { name: "id", arity: 2 },
    Subcommand { name: "info", arity: 2 },
    Subcommand { name: "kill", arity: -3 },
    Subcommand { name: "list", arity: -2 },
    Subcommand { name: "no-evict", arity: 3 },
    Subcommand { name: "no-touch", arity: 3 },
    Subcommand { name: "pause", arity: -3 },
    Subcommand { name: "reply", arity: 3 },
    Subcommand { name: "setinfo", arity: 4 },
    Subcommand { name: "setname", arity: 3 },
    Subcommand { name: "tracking", arity: -3 },
    Subcommand { name: "trackinginfo", arity: 2 },
    Subcommand { name: "unblock", arity: -3 },
    Subcommand { name: "unpause", arity: 2 },
];

const HELP: &[&str] = &[
    "CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "GETREDIR",
    "    Return the client ID we are redirecting to when tracking is enabled.",
    "GETNAME",
    "    Return the name of the current connection.",
    "ID",
    "    Return the ID of the current connection.",
    "INFO",
    "    Return information about the current client connection.",
    "KILL <ip:port>",
    "    Kill connection made from <ip:port>.",
    "KILL <option> <value> [<option> <value> [...]]",
    "    Kill connections. Options are:",
    "    * ADDR (<ip:port>|<unixsocket>:0)",
    "      Kill connections made from the specified address",
    "    * LADDR (<ip:port>|<unixsocket>:0)",
    "      Kill connections made to specified local address",
    "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
    "      Kill connections by type.",
    "    * USER <username>",
    "      Kill connections authenticated by <username>.",
    "    * SKIPME (YES|NO)",
    "      Skip killing current connection (default: yes).",
    "LIST [options ...]",
    "    Return information about client connections. Options:",
    "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
    "      Return clients of specified type.",
    "UNPAUSE",
    "    Stop the current client pause, resuming traffic.",
    "PAUSE <timeout> [WRITE|ALL]",
    "    Suspend all, or just write, clients for <timeout> milliseconds.",
    "REPLY (ON|OFF|SKIP)",
    "    Control the replies sent to the current connection.",
    "SETNAME <name>",
    "    Assign the name <name> to the current connection.",
    "UNBLOCK <clientid> [TIMEOUT|ERROR]",
    "    Unblock the specified blocked client.",
    "TRACKINGINFO",
    "    Report tracking status for the current connection.",
    "NO-EVICT (ON|OFF)",
    "    Protect current client connection from eviction.",
    "HELP",
    "    Prints this help.",
];

/// A name is printable ASCII without blanks.
///
/// # Errors
/// The refusal to answer.
pub(super) fn check_name(name: &[u8]) -> Result<(), Answer> {
    if name.iter().all(u8::is_ascii_graphic) {
        return Ok(());
    }
    Err(Answer::error("ERR Client names cannot contain spaces, newlines or special characters."))
}

/// `CLIENT` and its subcommands
pub(super) fn client(session: &mut Session, args: Args<'_>) -> Answer {
    let Some(subcommand) = args.get(1) else { return refusal::SYNTAX };
    match subcommand.to_ascii_lowercase().as_slice() {
        b"id" => Answer::Int(i64::try_from(session.id()).unwrap_or(i64::MAX)),
        b"getname" if session.name().is_empty() => Answer::NULL,
        b"getname" => Reply::bulk(session.name()).into(),
        b"setname" => set_name(session, arg(args, 2)),
        b"setinfo" => set_info(arg(args, 2), arg(args, 3)),
        b"info" => listing::info(session),
        b"list" => listing::list(session, args.skip(2)),
        b"kill" => kill::kill(session, args.skip(2)),
        b"reply" => reply(session, arg(args, 2)),
        b"no-evict" => no_evict(session, arg(args, 2)),
        b"no-touch" => on_or_off(arg(args, 2)).map_or(refusal::SYNTAX, |_| Answer::OK),
        b"pause" => pause(session.host(), args.skip(2)),
        b"unpause" => {
            session.host().pause.end();
            Answer::OK
        }
        b"unblock" => unblock(args.skip(2)),
        b"getredir" => Answer::Int(-1),
        b"trackinginfo" => tracking::info(),
        b"tracking" => tracking::tracking(session.host(), args.skip(2)),
        b"caching" => Answer::error(
            "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT \
             mode enabled",
        ),
        _ => channel::help(HELP),
    }
}

fn set_name(session: &mut Session, name: &[u8]) -> Answer {
    match check_name(name) {
        Ok(()) => {
            session.set_name(name);
            Answer::OK
        }
        Err(refusal) => refusal,
    }
}

/// What libraries tell of themselves is checked and not kept: nothing shows it.
fn set_info(attribute: &[u8], value: &[u8]) -> Answer {
    if !is("LIB-NAME", attribute) && !is("LIB-VER", attribute) {
        return refusal::quoting("ERR Unrecognized option '", attribute, "'");
    }
    if !value.iter().all(u8::is_ascii_graphic) {
        let text = " cannot contain spaces, newlines or special characters.";
        return refusal::quoting("ERR ", attribute, text);
    }
    Answer::OK
}

fn reply(session: &mut Session, how: &[u8]) -> Answer {
    if is("ON", how) {
        session.set_voice(Voice::On);
        return Answer::OK;
    }
    if is("OFF", how) {
        session.set_voice(Voice::Off);
    } else if is("SKIP", how) {
        if session.voice() != Voice::Off {
            session.set_voice(Voice::SkipNext);
        }
    } else {
        return refusal::SYNTAX;
    }
    Answer::Static(b"")
}

fn on_or_off(word: &[u8]) -> Option<bool> {
    if is("ON", word) { Some(true) } else { is("OFF", word).then_some(false) }
}

fn no_evict(session: &Session, word: &[u8]) -> Answer {
    let Some(on) = on_or_off(word) else { return refusal::SYNTAX };
    session.presence().no_evict.store(on, Relaxed);
    Answer::OK
}

fn pause(host: &Host, args: Args<'_>) -> Answer {
    let Some(timeout_ms) = integer(arg(args, 0)) else {
        return Answer::error("ERR timeout is not an integer or out of range");
    };
    let Ok(timeout_ms) = u64::try_from(timeout_ms) else {
        return Answer::error("ERR timeout is negative");
    };
    let everything = match args.get(1) {
        None => true,
        Some(mode) if is("ALL", mode) => true,
        Some(mode) if is("WRITE", mode) => false,
        Some(_) => return Answer::error("ERR CLIENT PAUSE mode must be WRITE or ALL"),
    };
    if args.len() > 2 {
        return refusal::SYNTAX;
    }
    host.pause.begin(host.now_ms().saturating_add(timeout_ms), everything);
    Answer::OK
}

/// No command blocks a client here, so there is nobody to unblock.
fn unblock(args: Args<'_>) -> Answer {
    match args.get(1) {
        Some(reason) if args.len() > 2 || !(is("TIMEOUT", reason) || is("ERROR", reason)) => {
            return Answer::error("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
        }
        _ => {}
    }
    if integer(arg(args, 0)).is_none() { refusal::NOT_AN_INTEGER } else { Answer::ZERO }
}
