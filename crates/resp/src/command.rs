//! What a command is, and how it is found.
//!
//! A command is an entry of one static table ([`table::COMMANDS`]): name, arity, flags, keys, family, and what runs it.
//! Commands that concern rows are functions from arguments to a [`Plan`]; they touch no row. Running plans is left to
//! the session.

pub(crate) mod argument;
pub(crate) mod client;
pub(crate) mod connection;
mod counter;
mod database;
pub(crate) mod entry;
mod expiry;
mod hash;
mod info;
mod introspection;
mod key;
mod lookup;
pub(crate) mod plan;
pub(crate) mod record;
mod server;
mod string;
mod subscription;
mod table;
mod table_query;
mod table_row;
mod table_schema;
mod table_transform;
mod transaction;

pub(crate) use entry::{Command, Run, flag};
pub(crate) use lookup::find;
pub(crate) use plan::{Context, Decide, Decision, FinishMany, FinishOne, Outcomes, Plan, Target};
pub(crate) use record::table as named_table;
pub(crate) use subscription::{event_answer, farewell};
pub(crate) use table_query::{Request, aside};
