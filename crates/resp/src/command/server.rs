//! The server: its time and its configuration.

use crate::answer::Answer;
use crate::command::argument::{arg, is};
use crate::command::entry::Subcommand;
use crate::glob;
use crate::host::Host;
use crate::protocol::{Args, Reply};
use crate::refusal;
use crate::session::Session;

/// The subcommands of `CONFIG`.
pub(super) const CONFIG_SUBCOMMANDS: &[Subcommand] = &[
    Subcommand { name: "get", arity: -3 },
    Subcommand { name: "set", arity: -4 },
    Subcommand { name: "resetstat", arity: 2 },
];

/// `TIME`: the group's time, which knows milliseconds.
pub(super) fn time(session: &mut Session, _: Args<'_>) -> Answer {
    let now_ms = session.host().catalog.store().now_ms();
    let parts = [now_ms / 1000, now_ms % 1000 * 1000];
    Reply::Array(parts.iter().map(|part| Reply::bulk(part.to_string())).collect()).into()
}

/// `CONFIG GET pattern [pattern ...]`, `CONFIG SET parameter value [...]`, `CONFIG RESETSTAT`
///
/// Settings are given at the start; what Redis's tools ask for is answered, nothing can be set.
pub(super) fn config(session: &mut Session, args: Args<'_>) -> Answer {
    let subcommand = arg(args, 1);
    if is("GET", subcommand) {
        return config_get(session.host(), args.skip(2));
    }
    if is("SET", subcommand) {
        return config_set(session.host(), args);
    }
    Answer::OK
}

fn settings(host: &Host) -> [(&'static str, String); 11] {
    let settings = &host.settings;
    [
        ("appendonly", "no".to_owned()),
        ("bind", settings.addr.ip().to_string()),
        ("databases", mnemon_table::DATABASES.to_string()),
        ("io-threads", settings.threads.to_string()),
        ("maxclients", settings.max_clients.to_string()),
        ("maxmemory", "0".to_owned()),
        ("maxmemory-policy", "noeviction".to_owned()),
        ("port", settings.addr.port().to_string()),
        ("proto-max-bulk-len", (512_u64 << 20).to_string()),
        ("save", String::new()),
        ("timeout", "0".to_owned()),
    ]
}

fn config_get(host: &Host, patterns: Args<'_>) -> Answer {
    let wanted = |name: &str| patterns.iter().any(|pattern| glob::matches(pattern, name.as_bytes()));
    let found = settings(host).into_iter().filter(|(name, _)| wanted(name));
    Reply::Map(found.map(|(name, value)| (Reply::StaticBulk(name), Reply::bulk(value))).collect()).into()
}

fn config_set(host: &Host, args: Args<'_>) -> Answer {
    if !args.len().is_multiple_of(2) {
        return refusal::SYNTAX;
    }
    let known = settings(host);
    for place in (2..args.len()).step_by(2) {
        let name = arg(args, place);
        if !known.iter().any(|(known, _)| is(known, name)) {
            let before = "ERR Unknown option or number of arguments for CONFIG SET - '";
            return refusal::quoting(before, name, "'");
        }
    }
    let before = "ERR CONFIG SET failed (possibly related to argument '";
    refusal::quoting(
        before,
        arg(args, 2),
        "') - can't set immutable config; restart the server with another setting",
    )
}
