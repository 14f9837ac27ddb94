//! The command table: every command once, with all that is known of it.

use crate::command::entry::Family::{
    Connection, Generic, Hash, Server, String as Strings, Table, Transactions,
};
use crate::command::entry::flag::{
    ALLOW_BUSY, DANGEROUS, DENYOOM, FAST, LOADING, NO_AUTH, NO_MULTI, NOSCRIPT, READONLY, SKIP_SLOWLOG,
    STALE, SUBSCRIBER, WRITE,
};
use crate::command::entry::{Command, Family, Run, Subcommand};
use crate::command::{
    client, connection, counter, database, hash, info, introspection, key, server, string, subscription,
    table_query, table_row, table_schema, table_transform, transaction,
};

/// Places of keys.
type Keys = (i16, i16, i16);

const NO_KEYS: Keys = (0, 0, 0);
const ONE_KEY: Keys = (1, 1, 1);
const ALL_KEYS: Keys = (1, -1, 1);
const KEY_VALUE_PAIRS: Keys = (1, -1, 2);

/// Flags of commands that concern the connection.
const CONNECTION: u16 = LOADING | STALE | FAST;
/// Flags of commands that govern transactions and authentication.
const CONTROL: u16 = NOSCRIPT | LOADING | STALE | FAST | ALLOW_BUSY;

const fn entry(
    name: &'static str,
    arity: i16,
    flags: u16,
    keys: Keys,
    family: Family,
    run: Run,
    summary: &'static str,
) -> Command {
    Command { name, arity, flags, keys, family, summary, subcommands: &[], run }
}

impl Command {
    const fn with(mut self, subcommands: &'static [Subcommand]) -> Self {
        self.subcommands = subcommands;
        self
    }
}

/// All commands, family by family.
#[rustfmt::skip]
pub(crate) const COMMANDS: &[Command] = &[
    entry("set", -3, WRITE | DENYOOM, ONE_KEY, Strings, Run::Data(string::set), "Set the string value of a key"),
    entry("get", 2, READONLY | FAST, ONE_KEY, Strings, Run::Data(string::get), "Get the value of a key"),
    entry("getset", 3, WRITE | DENYOOM | FAST, ONE_KEY, Strings, Run::Data(string::getset), "Set a key's value and return the old one"),
    entry("getdel", 2, WRITE | FAST, ONE_KEY, Strings, Run::Data(string::getdel), "Get the value of a key and delete the key"),
    entry("getex", -2, WRITE | FAST, ONE_KEY, Strings, Run::Data(string::getex), "Get the value of a key and optionally set its expiration"),
    entry("setnx", 3, WRITE | DENYOOM | FAST, ONE_KEY, Strings, Run::Data(string::setnx), "Set a key's value unless the key exists"),
    entry("setex", 4, WRITE | DENYOOM, ONE_KEY, Strings, Run::Data(string::setex), "Set a key's value and its time to live in seconds"),
    entry("psetex", 4, WRITE | DENYOOM, ONE_KEY, Strings, Run::Data(string::psetex), "Set a key's value and its time to live in milliseconds"),
    entry("mget", -2, READONLY | FAST, ALL_KEYS, Strings, Run::Data(string::mget), "Get the values of several keys"),
    entry("mset", -3, WRITE | DENYOOM, KEY_VALUE_PAIRS, Strings, Run::Data(string::mset), "Set the values of several keys"),
    entry("msetnx", -3, WRITE | DENYOOM, KEY_VALUE_PAIRS, Strings, Run::Data(string::msetnx), "Set the values of several keys unless one of them exists"),
    entry("strlen", 2, READONLY | FAST, ONE_KEY, Strings, Run::Data(string::strlen), "Get the length of a key's value"),
    entry("append", 3, WRITE | DENYOOM | FAST, ONE_KEY, Strings, Run::Data(string::append), "Append to a key's value"),
    entry("incr", 2, WRITE | DENYOOM | FAST, ONE_KEY, Strings, Run::Data(counter::incr), "Add one to an integer"),
    entry("decr", 2, WRITE | DENYOOM | FAST, ONE_KEY, Strings, Run::Data(counter::decr), "Subtract one from an integer"),
    entry("incrby", 3, WRITE | DENYOOM | FAST, ONE_KEY, Strings, Run::Data(counter::incrby), "Add to an integer"),
    entry("decrby", 3, WRITE | DENYOOM | FAST, ONE_KEY, Strings, Run::Data(counter::decrby), "Subtract from an integer"),
    entry("incrbyfloat", 3, WRITE | DENYOOM | FAST, ONE_KEY, Strings, Run::Data(counter::incrbyfloat), "Add to a number with a fraction"),
    entry("del", -2, WRITE, ALL_KEYS, Generic, Run::Data(key::del), "Delete keys"),
    entry("unlink", -2, WRITE | FAST, ALL_KEYS, Generic, Run::Data(key::del), "Delete keys"),
    entry("exists", -2, READONLY | FAST, ALL_KEYS, Generic, Run::Data(key::exists), "Count the keys that exist"),
    entry("type", 2, READONLY | FAST, ONE_KEY, Generic, Run::Data(key::type_of), "Get the type of a key's value"),
    entry("expire", -3, WRITE | FAST, ONE_KEY, Generic, Run::Data(key::expire), "Set a key's time to live in seconds"),
    entry("pexpire", -3, WRITE | FAST, ONE_KEY, Generic, Run::Data(key::pexpire), "Set a key's time to live in milliseconds"),
    entry("expireat", -3, WRITE | FAST, ONE_KEY, Generic, Run::Data(key::expireat), "Set when a key expires, in seconds since the epoch"),
    entry("pexpireat", -3, WRITE | FAST, ONE_KEY, Generic, Run::Data(key::pexpireat), "Set when a key expires, in milliseconds since the epoch"),
    entry("ttl", 2, READONLY | FAST, ONE_KEY, Generic, Run::Data(key::ttl), "Get a key's time to live in seconds"),
    entry("pttl", 2, READONLY | FAST, ONE_KEY, Generic, Run::Data(key::pttl), "Get a key's time to live in milliseconds"),
    entry("expiretime", 2, READONLY | FAST, ONE_KEY, Generic, Run::Data(key::expiretime), "Get when a key expires, in seconds since the epoch"),
    entry("pexpiretime", 2, READONLY | FAST, ONE_KEY, Generic, Run::Data(key::pexpiretime), "Get when a key expires, in milliseconds since the epoch"),
    entry("persist", 2, WRITE | FAST, ONE_KEY, Generic, Run::Data(key::persist), "Take a key's expiration away"),
    entry("dbsize", 1, READONLY | FAST, NO_KEYS, Generic, Run::Session(database::dbsize), "Count the keys of the selected database"),
    entry("flushdb", -1, WRITE | DANGEROUS, NO_KEYS, Generic, Run::Data(database::flushdb), "Delete all keys of the selected database"),
    entry("flushall", -1, WRITE | DANGEROUS, NO_KEYS, Generic, Run::Data(database::flushall), "Delete all keys of all databases"),
    entry("hset", -4, WRITE | DENYOOM | FAST, ONE_KEY, Hash, Run::Data(hash::hset), "Set fields of a hash"),
    entry("hmset", -4, WRITE | DENYOOM | FAST, ONE_KEY, Hash, Run::Data(hash::hmset), "Set fields of a hash"),
    entry("hsetnx", 4, WRITE | DENYOOM | FAST, ONE_KEY, Hash, Run::Data(hash::hsetnx), "Set a field of a hash unless it exists"),
    entry("hget", 3, READONLY | FAST, ONE_KEY, Hash, Run::Data(hash::hget), "Get the value of a field"),
    entry("hmget", -3, READONLY | FAST, ONE_KEY, Hash, Run::Data(hash::hmget), "Get the values of several fields"),
    entry("hgetall", 2, READONLY, ONE_KEY, Hash, Run::Data(hash::hgetall), "Get all fields and values of a hash"),
    entry("hkeys", 2, READONLY, ONE_KEY, Hash, Run::Data(hash::hkeys), "Get all fields of a hash"),
    entry("hvals", 2, READONLY, ONE_KEY, Hash, Run::Data(hash::hvals), "Get all values of a hash"),
    entry("hlen", 2, READONLY | FAST, ONE_KEY, Hash, Run::Data(hash::hlen), "Count the fields of a hash"),
    entry("hexists", 3, READONLY | FAST, ONE_KEY, Hash, Run::Data(hash::hexists), "Whether a field exists"),
    entry("hdel", -3, WRITE | FAST, ONE_KEY, Hash, Run::Data(hash::hdel), "Delete fields of a hash"),
    entry("hstrlen", 3, READONLY | FAST, ONE_KEY, Hash, Run::Data(hash::hstrlen), "Get the length of a field's value"),
    entry("hincrby", 4, WRITE | DENYOOM | FAST, ONE_KEY, Hash, Run::Data(hash::hincrby), "Add to a field that is an integer"),
    entry("hincrbyfloat", 4, WRITE | DENYOOM | FAST, ONE_KEY, Hash, Run::Data(hash::hincrbyfloat), "Add to a field that is a number with a fraction"),
    entry("ping", -1, FAST | SUBSCRIBER, NO_KEYS, Connection, Run::Session(connection::ping), "Ping the server"),
    entry("echo", 2, CONNECTION, NO_KEYS, Connection, Run::Session(connection::echo), "Echo a string"),
    entry("select", 2, CONNECTION, NO_KEYS, Connection, Run::Session(connection::select), "Select a database"),
    entry("hello", -1, CONTROL | NO_AUTH, NO_KEYS, Connection, Run::Session(connection::hello), "Agree on the protocol version"),
    entry("auth", -2, CONTROL | NO_AUTH, NO_KEYS, Connection, Run::Session(connection::auth), "Authenticate"),
    entry("quit", -1, CONTROL | NO_AUTH | SUBSCRIBER, NO_KEYS, Connection, Run::Control(connection::quit), "Close the connection"),
    entry("reset", 1, CONTROL | NO_AUTH | SUBSCRIBER, NO_KEYS, Connection, Run::Control(connection::reset), "Put the connection back into its first state"),
    entry("client", -2, 0, NO_KEYS, Connection, Run::Session(client::client), "What is known of the connection").with(client::SUBCOMMANDS),
    entry("command", -1, LOADING | STALE, NO_KEYS, Connection, Run::Session(introspection::command), "What is known of the commands").with(introspection::SUBCOMMANDS),
    entry("info", -1, LOADING | STALE | DANGEROUS, NO_KEYS, Server, Run::Session(info::info), "The state of the server"),
    entry("time", 1, CONNECTION, NO_KEYS, Server, Run::Session(server::time), "The server's time"),
    entry("config", -2, 0, NO_KEYS, Server, Run::Session(server::config), "The server's configuration").with(server::CONFIG_SUBCOMMANDS),
    entry("multi", 1, CONTROL, NO_KEYS, Transactions, Run::Control(transaction::multi), "Begin a transaction"),
    entry("exec", 1, NOSCRIPT | LOADING | STALE | SKIP_SLOWLOG, NO_KEYS, Transactions, Run::Control(transaction::exec), "Run a transaction's commands"),
    entry("discard", 1, CONTROL, NO_KEYS, Transactions, Run::Control(transaction::discard), "Forget a transaction's commands"),
    entry("watch", -2, CONTROL, ALL_KEYS, Transactions, Run::Control(transaction::watch), "Make the next transaction depend on keys"),
    entry("unwatch", 1, CONTROL, NO_KEYS, Transactions, Run::Session(transaction::unwatch), "Forget the watched keys"),
    entry("t.create", -2, WRITE | DENYOOM | NO_MULTI, NO_KEYS, Table, Run::Schema(table_schema::create), "Make a table"),
    entry("t.drop", 2, WRITE | NO_MULTI, NO_KEYS, Table, Run::Schema(table_schema::drop_table), "Drop a table with all its records"),
    entry("t.addindex", 3, WRITE | DENYOOM | NO_MULTI, NO_KEYS, Table, Run::Schema(table_schema::add_index), "Add an index on an attribute"),
    entry("t.delindex", 3, WRITE | NO_MULTI, NO_KEYS, Table, Run::Schema(table_schema::del_index), "Drop the index on an attribute"),
    entry("t.access", 3, WRITE | NO_MULTI, NO_KEYS, Table, Run::Schema(table_schema::set_access), "Make a table read-only or writable"),
    entry("t.transform", -2, WRITE | DENYOOM | NO_MULTI, NO_KEYS, Table, Run::Schema(table_transform::transform), "Give a table's records another shape"),
    entry("t.list", 1, READONLY, NO_KEYS, Table, Run::Session(table_schema::list), "List the tables"),
    entry("t.info", 2, READONLY, NO_KEYS, Table, Run::Session(table_schema::info), "A table's schema and sizes"),
    entry("t.read", -3, READONLY | FAST, NO_KEYS, Table, Run::Data(table_row::read), "Read the records under keys"),
    entry("t.write", -3, WRITE | DENYOOM | FAST, NO_KEYS, Table, Run::Data(table_row::write), "Write a record"),
    entry("t.delete", -3, WRITE | FAST, NO_KEYS, Table, Run::Data(table_row::delete), "Delete the records under keys"),
    entry("t.deleteobject", 3, WRITE | FAST, NO_KEYS, Table, Run::Data(table_row::delete_object), "Delete the record that equals this one"),
    entry("t.counter", 5, WRITE | DENYOOM | FAST, NO_KEYS, Table, Run::Data(table_row::counter), "Add to an integer attribute"),
    entry("t.clear", 2, WRITE | DANGEROUS, NO_KEYS, Table, Run::Data(table_row::clear), "Delete all records of a table"),
    entry("t.match", -3, READONLY, NO_KEYS, Table, Run::Data(table_query::matching), "Read the records that fulfil a condition"),
    entry("t.range", -2, READONLY, NO_KEYS, Table, Run::Data(table_query::range), "Read the records of a range of keys"),
    entry("t.indexread", 4, READONLY, NO_KEYS, Table, Run::Data(table_query::index_read), "Read the records by an indexed attribute"),
    entry("t.subscribe", -2, NO_MULTI | SUBSCRIBER, NO_KEYS, Table, Run::Control(subscription::subscribe), "Follow the changes of a table"),
    entry("t.unsubscribe", -1, NO_MULTI | SUBSCRIBER, NO_KEYS, Table, Run::Control(subscription::unsubscribe), "Stop following tables"),
];
