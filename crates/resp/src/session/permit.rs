//! What a client may run: the rights of its user, and the memory there is.
//!
//! A command that reads rows needs the right to read their table, one that writes them the right to write it, and one
//! that does both, or tells what was there, both rights. Commands that administer the server are for `default` alone.

use mnemon_table::DATABASES;

use crate::answer::Answer;
use crate::command::argument::{arg, integer, is};
use crate::command::{Command, Family, flag};
use crate::protocol::Args;
use crate::session::Session;

const NO_TABLE: Answer =
    Answer::error("NOPERM this user has no permissions to access one of the keys used as arguments");
const NO_MEMORY: Answer = Answer::error("OOM command not allowed when used memory > 'maxmemory'.");

/// Commands that write and tell nothing of what was there.
const BLIND: &[&str] = &[
    "set",
    "setex",
    "psetex",
    "setnx",
    "mset",
    "msetnx",
    "del",
    "unlink",
    "expire",
    "pexpire",
    "expireat",
    "pexpireat",
    "persist",
    "hset",
    "hsetnx",
    "hmset",
    "hdel",
    "flushdb",
    "flushall",
    "t.create",
    "t.drop",
    "t.addindex",
    "t.delindex",
    "t.access",
    "t.transform",
    "t.cancel",
    "t.write",
    "t.delete",
    "t.deleteobject",
    "t.clear",
];

/// Commands of the server's family that tell nothing of it.
const HARMLESS: &[&str] = &["time", "dbsize", "flushdb", "flushall", "swapdb", "command", "lolwut", "ping"];

/// Subcommands that concern others.
const ADMINISTRATION: &[(&str, &[&str])] = &[
    ("client", &["kill", "list", "pause", "unpause", "unblock", "no-evict"]),
    ("acl", &["cat", "getuser", "list", "users", "log", "load", "save", "setuser", "deluser", "dryrun"]),
];

impl Session {
    /// What a client hears that may not run this command; `None`: it may.
    pub(super) fn forbidden(&self, command: &Command, args: Args<'_>) -> Option<Answer> {
        if self.user.may_do_everything() || command.has(flag::NO_AUTH) {
            return None;
        }
        let subcommand = command.subcommand(arg(args, 1)).map(|sub| sub.name);
        let administers = |name: &str| {
            ADMINISTRATION.iter().any(|(of, names)| *of == command.name && names.contains(&name))
        };
        let of_server = command.family == Family::Server && command.name != "acl";
        if subcommand.is_some_and(administers) || of_server && !HARMLESS.contains(&command.name) {
            let name = subcommand.map_or(command.name.to_owned(), |sub| format!("{}|{sub}", command.name));
            return Some(Answer::failure(format!(
                "NOPERM this user has no permissions to run the '{name}' command"
            )));
        }
        let writes = command.has(flag::WRITE);
        let returns = args.iter().skip(3).any(|option| command.name == "set" && is("GET", option));
        let reads = !writes || returns || !BLIND.contains(&command.name);
        let allowed =
            |table: &[u8]| (!reads || self.user.may_read(table)) && (!writes || self.user.may_write(table));
        (!self.touched(command, args).iter().all(|table| allowed(table.as_ref()))).then_some(NO_TABLE)
    }

    /// The tables that a command concerns.
    fn touched(&self, command: &Command, args: Args<'_>) -> Vec<Vec<u8>> {
        let database = |number: usize| format!("db{number}").into_bytes();
        let numbered = |text: &[u8]| integer(text).and_then(|number| usize::try_from(number).ok());
        if command.family == Family::Table {
            let named = !matches!(command.name, "t.list" | "t.changes" | "t.unsubscribe");
            return if named { vec![arg(args, 1).to_vec()] } else { Vec::new() };
        }
        let selected = self.planned_database();
        match command.name {
            "flushall" => (0..DATABASES).map(database).collect(),
            "swapdb" => args.iter().skip(1).filter_map(numbered).map(database).collect(),
            "move" => [Some(selected), numbered(arg(args, 2))].into_iter().flatten().map(database).collect(),
            "copy" => {
                let place = args.iter().position(|option| is("DB", option));
                let other = place.and_then(|place| numbered(arg(args, place + 1)));
                [Some(selected), other].into_iter().flatten().map(database).collect()
            }
            "dbsize" | "flushdb" | "watch" => vec![database(selected)],
            _ if matches!(
                command.family,
                Family::Connection | Family::PubSub | Family::Transactions | Family::Server
            ) =>
            {
                Vec::new()
            }
            _ => vec![database(selected)],
        }
    }

    /// What a client hears whose command needs memory while there is none.
    pub(super) fn lacks_memory(&self, command: &Command) -> Option<Answer> {
        let demands = |command: &Command| command.has(flag::DENYOOM);
        let needs = || demands(command) || command.name == "exec" && self.queues(demands);
        if !self.host.is_over_memory() || !needs() {
            return None;
        }
        self.host.stats.limits.hit(
            crate::limit::Limit::Memory,
            &self.presence.peer,
            self.host.heartbeat_ms(),
        );
        Some(NO_MEMORY)
    }

    /// Whether the command must wait for the end of a pause. O(queued commands) for `EXEC`.
    #[cold]
    pub(crate) fn must_wait(&self, args: Args<'_>) -> bool {
        if self.host.pause.left_ms(self.host.now_ms()) == 0 {
            return false;
        }
        let Some(command) = crate::command::find(args.name()) else {
            return self.host.pause.is_of_everything();
        };
        let writes =
            |command: &Command| command.has(flag::WRITE) || matches!(command.name, "publish" | "spublish");
        let executes = || command.name == "exec" && self.queues(writes);
        self.host.pause.is_of_everything() || writes(command) || executes()
    }
}
