//! An entry of the command table: what a command is called, takes and is.

use crate::command::plan::{Context, Plan};
use crate::command::table_schema::SchemaFuture;
use crate::protocol::Args;
use crate::session::{Execution, Session};

/// Flags of commands, in the order in which `COMMAND` lists them.
pub(crate) mod flag {
    /// May change rows.
    pub(crate) const WRITE: u16 = 1;
    /// Reads rows only.
    pub(crate) const READONLY: u16 = 1 << 1;
    /// May need memory.
    pub(crate) const DENYOOM: u16 = 1 << 2;
    /// Not for scripts.
    pub(crate) const NOSCRIPT: u16 = 1 << 3;
    /// Allowed while data are loaded.
    pub(crate) const LOADING: u16 = 1 << 4;
    /// Allowed on stale replicas.
    pub(crate) const STALE: u16 = 1 << 5;
    /// Not for the slow log.
    pub(crate) const SKIP_SLOWLOG: u16 = 1 << 6;
    /// O(1) or O(log n).
    pub(crate) const FAST: u16 = 1 << 7;
    /// Allowed before authentication.
    pub(crate) const NO_AUTH: u16 = 1 << 8;
    /// Allowed while a script runs.
    pub(crate) const ALLOW_BUSY: u16 = 1 << 9;
    /// The names of the flags above.
    pub(crate) const NAMES: [&str; 10] = [
        "write",
        "readonly",
        "denyoom",
        "noscript",
        "loading",
        "stale",
        "skip_slowlog",
        "fast",
        "no_auth",
        "allow_busy",
    ];
    /// Refused inside `MULTI`. Not shown.
    pub(crate) const NO_MULTI: u16 = 1 << 10;
    /// Allowed to a RESP2 client that has subscriptions. Not shown.
    pub(crate) const SUBSCRIBER: u16 = 1 << 11;
    /// Of the category `@dangerous`. Not shown.
    pub(crate) const DANGEROUS: u16 = 1 << 12;
}

/// What a command is about: the file it stands in, its group and its category.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    String,
    Generic,
    Hash,
    Connection,
    Server,
    Transactions,
    Table,
}

/// A command of two words, such as `CLIENT ID`.
#[derive(Debug)]
pub(crate) struct Subcommand {
    /// Lower case.
    pub(crate) name: &'static str,
    /// As of a command; the command's own name counts.
    pub(crate) arity: i16,
}

/// What runs a command.
#[derive(Clone, Copy)]
pub(crate) enum Run {
    /// Reads or writes rows: makes a plan.
    Data(for<'a> fn(&Context<'_>, Args<'a>) -> Plan<'a>),
    /// Concerns the session or the server; answers at once, also inside `EXEC`.
    Session(fn(&mut Session, Args<'_>) -> crate::Answer),
    /// Governs the session; never queued.
    Control(fn(&mut Session, Args<'_>) -> Execution),
    /// Changes what tables there are; refused inside `MULTI`.
    Schema(fn(&Context<'_>, Args<'_>) -> Result<SchemaFuture, crate::Answer>),
}

/// An entry of the command table.
pub(crate) struct Command {
    /// Lower case.
    pub(crate) name: &'static str,
    /// Arguments with the name: exactly so many, or, negative, at least so many.
    pub(crate) arity: i16,
    /// Of [`flag`].
    pub(crate) flags: u16,
    /// Places of the keys: the first, the last (from the end when negative) and the step; 0: no keys.
    pub(crate) keys: (i16, i16, i16),
    pub(crate) family: Family,
    pub(crate) summary: &'static str,
    pub(crate) subcommands: &'static [Subcommand],
    pub(crate) run: Run,
}

/// Whether `count` arguments fit an arity.
pub(crate) fn fits(arity: i16, count: usize) -> bool {
    let least = usize::from(arity.unsigned_abs());
    if arity >= 0 { count == least } else { count >= least }
}

impl Command {
    /// Whether the command takes so many arguments, its name included.
    #[inline]
    pub(crate) fn takes(&self, count: usize) -> bool {
        fits(self.arity, count)
    }

    #[inline]
    pub(crate) fn has(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }

    /// The subcommand that the second argument names.
    pub(crate) fn subcommand(&self, name: &[u8]) -> Option<&'static Subcommand> {
        self.subcommands.iter().find(|sub| sub.name.as_bytes().eq_ignore_ascii_case(name))
    }
}
