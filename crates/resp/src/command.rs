//! What a command is, and how it is found.
//!
//! A command is an entry of one static table ([`table::COMMANDS`]): name, arity, flags, keys, family, and what runs it.
//! Commands that concern rows are functions from arguments to a [`Plan`]; they touch no row. Running plans is left to
//! the session.

mod acl;
pub(crate) mod argument;
mod bits;
mod channel;
pub(crate) mod client;
mod config;
pub(crate) mod connection;
mod counter;
mod database;
#[cfg(test)]
mod docs;
pub(crate) mod entry;
mod expiry;
mod hash;
mod info;
mod introspection;
mod key;
mod lookup;
pub(crate) mod plan;
pub(crate) mod record;
pub(crate) mod request;
mod server;
mod slowlog;
mod string;
mod subscription;
mod table;
mod table_backup;
mod table_changes;
mod table_query;
mod table_row;
mod table_schema;
mod table_transform;
mod table_wait;
mod transaction;

pub(crate) use client::{command_code, command_name};
pub(crate) use config::set_bound;
pub(crate) use entry::{Command, Family, Run, flag};
pub(crate) use lookup::{Found, find, find_place};
pub(crate) use plan::{
    Context, Decide, DecideAcross, Decision, FinishMany, FinishOne, FinishRead, Outcomes, Place, Plan, Target,
};
pub(crate) use record::table as named_table;
pub(crate) use request::{Request, aside};
pub(crate) use subscription::{event_answer, farewell};
pub(crate) use table::COMMANDS;
