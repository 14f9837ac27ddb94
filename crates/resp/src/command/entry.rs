//! An entry of the command table: what a command is called, takes and is.

use crate::command::plan::{Context, Plan};
use crate::command::table_schema::SchemaFuture;
use crate::host::Host;
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
    /// Administers the server.
    pub(crate) const ADMIN: u16 = 1 << 3;
    /// Concerns channels.
    pub(crate) const PUBSUB: u16 = 1 << 4;
    /// Not for scripts.
    pub(crate) const NOSCRIPT: u16 = 1 << 5;
    /// Allowed while data are loaded.
    pub(crate) const LOADING: u16 = 1 << 6;
    /// Allowed on stale replicas.
    pub(crate) const STALE: u16 = 1 << 7;
    /// Not for the slow log.
    pub(crate) const SKIP_SLOWLOG: u16 = 1 << 8;
    /// O(1) or O(log n).
    pub(crate) const FAST: u16 = 1 << 9;
    /// Allowed before authentication.
    pub(crate) const NO_AUTH: u16 = 1 << 10;
    /// Allowed while a script runs.
    pub(crate) const ALLOW_BUSY: u16 = 1 << 11;
    /// The names of the flags above.
    pub(crate) const NAMES: [&str; 12] = [
        "write",
        "readonly",
        "denyoom",
        "admin",
        "pubsub",
        "noscript",
        "loading",
        "stale",
        "skip_slowlog",
        "fast",
        "no_auth",
        "allow_busy",
    ];
    /// Refused inside `MULTI`. Not shown.
    pub(crate) const NO_MULTI: u16 = 1 << 12;
    /// Allowed to a RESP2 client that has subscriptions. Not shown.
    pub(crate) const SUBSCRIBER: u16 = 1 << 13;
    /// Of the category `@dangerous`. Not shown.
    pub(crate) const DANGEROUS: u16 = 1 << 14;
    /// Of constant cost, although Redis does not call it fast; timed as seldom as those. Not shown.
    pub(crate) const BRISK: u16 = 1 << 15;
}

/// What a command is about: the file it stands in, its group and its category.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    String,
    Bitmap,
    Generic,
    Hash,
    Connection,
    PubSub,
    Server,
    Transactions,
    Table,
}

impl Family {
    /// All of them, in the order of their numbers.
    pub(crate) const ALL: [Self; 9] = [
        Self::String,
        Self::Bitmap,
        Self::Generic,
        Self::Hash,
        Self::Connection,
        Self::PubSub,
        Self::Server,
        Self::Transactions,
        Self::Table,
    ];

    /// The name, as `COMMAND DOCS` and the metrics have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Bitmap => "bitmap",
            Self::Generic => "generic",
            Self::Hash => "hash",
            Self::Connection => "connection",
            Self::PubSub => "pubsub",
            Self::Server => "server",
            Self::Transactions => "transactions",
            Self::Table => "table",
        }
    }
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
    /// Concerns the server; answers at once, inside `EXEC` once the transaction stands.
    Host(fn(&Host, Args<'_>) -> crate::Answer),
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
    /// Time by the size of what is concerned, as `COMMAND DOCS` gives it.
    pub(crate) complexity: &'static str,
    /// How it differs from Redis's command of this name; empty when it does not, or there is none.
    pub(crate) differs: &'static str,
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
