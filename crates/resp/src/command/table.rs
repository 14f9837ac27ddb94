//! The command table: every command once, with all that is known of it.

use crate::command::entry::Family::{
    Bitmap, Connection, Generic, Hash, PubSub, Server, String as Strings, Table, Transactions,
};
use crate::command::entry::flag::{
    ADMIN, ALLOW_BUSY, BRISK, DANGEROUS, DENYOOM, FAST, LOADING, NO_AUTH, NO_MULTI, NOSCRIPT, PUBSUB,
    READONLY, SKIP_SLOWLOG, STALE, SUBSCRIBER, WRITE,
};
use crate::command::entry::{Command, Family, Run, Subcommand};
use crate::command::{
    acl, bits, channel, client, config, connection, counter, database, hash, info, introspection, key,
    server, slowlog, string, subscription, table_backup, table_changes, table_query, table_row, table_schema,
    table_transform, table_wait, transaction,
};

/// Places of keys.
type Keys = (i16, i16, i16);

const NO_KEYS: Keys = (0, 0, 0);
const ONE_KEY: Keys = (1, 1, 1);
const TWO_KEYS: Keys = (1, 2, 1);
/// Of a subcommand.
const SECOND_KEY: Keys = (2, 2, 1);
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
    Command { name, arity, flags, keys, family, summary, complexity: "", differs: "", subcommands: &[], run }
}

impl Command {
    const fn with(mut self, subcommands: &'static [Subcommand]) -> Self {
        self.subcommands = subcommands;
        self
    }

    /// Time, by the size of what is concerned.
    const fn cost(mut self, complexity: &'static str) -> Self {
        self.complexity = complexity;
        self
    }

    /// How the command differs from Redis's.
    const fn differs(mut self, how: &'static str) -> Self {
        self.differs = how;
        self
    }
}

/// All commands, family by family.
#[rustfmt::skip]
pub(crate) const COMMANDS: &[Command] = &[
    entry("set", -3, WRITE | DENYOOM | BRISK, ONE_KEY, Strings, Run::Data(string::set), "Set the string value of a key").cost("O(1)"),
    entry("get", 2, READONLY | FAST, ONE_KEY, Strings, Run::Data(string::get), "Get the value of a key").cost("O(1)"),
    entry("getset", 3, WRITE | DENYOOM | FAST, ONE_KEY, Strings, Run::Data(string::getset), "Set a key's value and return the old one").cost("O(1)"),
    entry("getdel", 2, WRITE | FAST, ONE_KEY, Strings, Run::Data(string::getdel), "Get the value of a key and delete the key").cost("O(1)"),
    entry("getex", -2, WRITE | FAST, ONE_KEY, Strings, Run::Data(string::getex), "Get the value of a key and optionally set its expiration").cost("O(1)"),
    entry("setnx", 3, WRITE | DENYOOM | FAST, ONE_KEY, Strings, Run::Data(string::setnx), "Set a key's value unless the key exists").cost("O(1)"),
    entry("setex", 4, WRITE | DENYOOM, ONE_KEY, Strings, Run::Data(string::setex), "Set a key's value and its time to live in seconds").cost("O(1)"),
    entry("psetex", 4, WRITE | DENYOOM, ONE_KEY, Strings, Run::Data(string::psetex), "Set a key's value and its time to live in milliseconds").cost("O(1)"),
    entry("mget", -2, READONLY | FAST, ALL_KEYS, Strings, Run::Data(string::mget), "Get the values of several keys").cost("O(n) in the number of keys"),
    entry("mset", -3, WRITE | DENYOOM, KEY_VALUE_PAIRS, Strings, Run::Data(string::mset), "Set the values of several keys").cost("O(n) in the number of keys"),
    entry("msetnx", -3, WRITE | DENYOOM, KEY_VALUE_PAIRS, Strings, Run::Data(string::msetnx), "Set the values of several keys unless one of them exists").cost("O(n) in the number of keys"),
    entry("strlen", 2, READONLY | FAST, ONE_KEY, Strings, Run::Data(string::strlen), "Get the length of a key's value").cost("O(1)"),
    entry("append", 3, WRITE | DENYOOM | FAST, ONE_KEY, Strings, Run::Data(string::append), "Append to a key's value").cost("O(n) in the length of the value").differs("Copies the value, where Redis keeps room at its end."),
    entry("incr", 2, WRITE | DENYOOM | FAST, ONE_KEY, Strings, Run::Data(counter::incr), "Add one to an integer").cost("O(1)"),
    entry("decr", 2, WRITE | DENYOOM | FAST, ONE_KEY, Strings, Run::Data(counter::decr), "Subtract one from an integer").cost("O(1)"),
    entry("incrby", 3, WRITE | DENYOOM | FAST, ONE_KEY, Strings, Run::Data(counter::incrby), "Add to an integer").cost("O(1)"),
    entry("decrby", 3, WRITE | DENYOOM | FAST, ONE_KEY, Strings, Run::Data(counter::decrby), "Subtract from an integer").cost("O(1)"),
    entry("incrbyfloat", 3, WRITE | DENYOOM | FAST, ONE_KEY, Strings, Run::Data(counter::incrbyfloat), "Add to a number with a fraction").cost("O(1)").differs("Sums are exact in decimal, to 17 digits behind the point; Redis computes in binary floats of 80 bits, so digits from the 19th on (of the larger number) may differ. Hexadecimal numbers are not taken."),
    entry("getrange", 4, READONLY, ONE_KEY, Strings, Run::Data(string::part::getrange), "Get a part of a key's value").cost("O(n) in the length of the part"),
    entry("substr", 4, READONLY, ONE_KEY, Strings, Run::Data(string::part::getrange), "Get a part of a key's value").cost("O(n) in the length of the part"),
    entry("setrange", 4, WRITE | DENYOOM, ONE_KEY, Strings, Run::Data(string::part::setrange), "Write into a key's value at an offset").cost("O(m) in the length of the part, O(n) in that of a value that grows, expires or is being read"),
    entry("lcs", -3, READONLY, TWO_KEYS, Strings, Run::Data(string::lcs::lcs), "Find the longest common subsequence of two values").cost("O(n × m) in the lengths of the values"),
    entry("setbit", 4, WRITE | DENYOOM, ONE_KEY, Bitmap, Run::Data(bits::setbit), "Set a bit of a key's value").cost("O(1), O(n) in the length of a value that grows, expires or is being read"),
    entry("getbit", 3, READONLY | FAST, ONE_KEY, Bitmap, Run::Data(bits::getbit), "Get a bit of a key's value").cost("O(1)"),
    entry("bitcount", -2, READONLY, ONE_KEY, Bitmap, Run::Data(bits::count::bitcount), "Count the bits that are set").cost("O(n) in the length of the value"),
    entry("bitpos", -3, READONLY, ONE_KEY, Bitmap, Run::Data(bits::count::bitpos), "Find the first bit that is set, or clear").cost("O(n) in the length of the value"),
    entry("bitop", -4, WRITE | DENYOOM, (2, -1, 1), Bitmap, Run::Data(bits::bitop), "Combine values bit by bit into another key").cost("O(n) in the lengths of the values"),
    entry("bitfield", -2, WRITE | DENYOOM, ONE_KEY, Bitmap, Run::Data(bits::field::bitfield), "Read and write numbers of any width inside a value").cost("O(1) a step, O(n) in the length of a value that grows, expires or is being read"),
    entry("bitfield_ro", -2, READONLY | FAST, ONE_KEY, Bitmap, Run::Data(bits::field::bitfield_ro), "Read numbers of any width inside a value").cost("O(1) a step"),
    entry("del", -2, WRITE, ALL_KEYS, Generic, Run::Data(key::del), "Delete keys").cost("O(n) in the number of keys"),
    entry("unlink", -2, WRITE | FAST, ALL_KEYS, Generic, Run::Data(key::del), "Delete keys").cost("O(n) in the number of keys").differs("Is DEL: memory is freed behind the answer in both."),
    entry("exists", -2, READONLY | FAST, ALL_KEYS, Generic, Run::Data(key::exists), "Count the keys that exist").cost("O(n) in the number of keys"),
    entry("touch", -2, READONLY | FAST, ALL_KEYS, Generic, Run::Data(key::exists), "Count the keys that exist and mark them as used").cost("O(n) in the number of keys").differs("Marks a key as used in tables with bounds only; there are no idle times."),
    entry("rename", 3, WRITE, TWO_KEYS, Generic, Run::Data(key::carry::rename), "Give a key another name").cost("O(1), O(n) in the length of a string"),
    entry("renamenx", 3, WRITE | FAST, TWO_KEYS, Generic, Run::Data(key::carry::renamenx), "Give a key another name unless that exists").cost("O(1), O(n) in the length of a string"),
    entry("copy", -3, WRITE | DENYOOM, TWO_KEYS, Generic, Run::Data(key::carry::copy), "Copy a key's value to another key").cost("O(1), O(n) in the length of a string"),
    entry("move", 3, WRITE | FAST, ONE_KEY, Generic, Run::Data(key::carry::move_key), "Move a key to another database").cost("O(1), O(n) in the length of a string"),
    entry("scan", -2, READONLY, NO_KEYS, Generic, Run::Data(key::walk::scan), "Walk over the keys in small steps").cost("O(1) a call, O(n) for a whole walk").differs("Cursors are numbers below 2^53, no multiples of a size."),
    entry("keys", 2, READONLY | DANGEROUS, NO_KEYS, Generic, Run::Data(key::walk::keys), "Find all keys that match a pattern").cost("O(n) in the number of keys"),
    entry("randomkey", 1, READONLY, NO_KEYS, Generic, Run::Data(key::walk::randomkey), "Get a random key").cost("O(1)").differs("Some keys of a large database come up a little more often than others."),
    entry("object", -2, READONLY, SECOND_KEY, Generic, Run::Data(key::object::object), "What is known of a key's value").with(key::object::OBJECT_SUBCOMMANDS).cost("O(1)").differs("IDLETIME is refused, because reads leave no trace; REFCOUNT is always 1; ENCODING tells int, embstr and raw by the value alone, and a hash turns from listpack to hashtable at 128 fields instead of 512."),
    entry("type", 2, READONLY | FAST, ONE_KEY, Generic, Run::Data(key::type_of), "Get the type of a key's value").cost("O(1)"),
    entry("expire", -3, WRITE | FAST, ONE_KEY, Generic, Run::Data(key::expire), "Set a key's time to live in seconds").cost("O(1)"),
    entry("pexpire", -3, WRITE | FAST, ONE_KEY, Generic, Run::Data(key::pexpire), "Set a key's time to live in milliseconds").cost("O(1)"),
    entry("expireat", -3, WRITE | FAST, ONE_KEY, Generic, Run::Data(key::expireat), "Set when a key expires, in seconds since the epoch").cost("O(1)"),
    entry("pexpireat", -3, WRITE | FAST, ONE_KEY, Generic, Run::Data(key::pexpireat), "Set when a key expires, in milliseconds since the epoch").cost("O(1)"),
    entry("ttl", 2, READONLY | FAST, ONE_KEY, Generic, Run::Data(key::ttl), "Get a key's time to live in seconds").cost("O(1)"),
    entry("pttl", 2, READONLY | FAST, ONE_KEY, Generic, Run::Data(key::pttl), "Get a key's time to live in milliseconds").cost("O(1)"),
    entry("expiretime", 2, READONLY | FAST, ONE_KEY, Generic, Run::Data(key::expiretime), "Get when a key expires, in seconds since the epoch").cost("O(1)"),
    entry("pexpiretime", 2, READONLY | FAST, ONE_KEY, Generic, Run::Data(key::pexpiretime), "Get when a key expires, in milliseconds since the epoch").cost("O(1)"),
    entry("persist", 2, WRITE | FAST, ONE_KEY, Generic, Run::Data(key::persist), "Take a key's expiration away").cost("O(1)"),
    entry("dbsize", 1, READONLY | FAST, NO_KEYS, Generic, Run::Data(database::dbsize), "Count the keys of the selected database").cost("O(1)"),
    entry("swapdb", 3, WRITE | FAST | DANGEROUS, NO_KEYS, Generic, Run::Data(database::swapdb), "Exchange two databases").cost("O(1)").differs("Subscribers of either database get a `lagged` event. After it, writing a key to one database aborts `EXEC` also of those who watched the key while it was absent from the other."),
    entry("flushdb", -1, WRITE | DANGEROUS, NO_KEYS, Generic, Run::Data(database::flushdb), "Delete all keys of the selected database").cost("O(1); memory is freed behind the answer").differs("ASYNC and SYNC do the same: the database is empty at once and memory freed behind the answer."),
    entry("flushall", -1, WRITE | DANGEROUS, NO_KEYS, Generic, Run::Data(database::flushall), "Delete all keys of all databases").cost("O(1); memory is freed behind the answer").differs("ASYNC and SYNC do the same; tables made by T.CREATE are not touched."),
    entry("hset", -4, WRITE | DENYOOM | FAST, ONE_KEY, Hash, Run::Data(hash::hset), "Set fields of a hash").cost("O(log n) a field, O(n) up to 128 fields"),
    entry("hmset", -4, WRITE | DENYOOM | FAST, ONE_KEY, Hash, Run::Data(hash::hmset), "Set fields of a hash").cost("O(log n) a field, O(n) up to 128 fields"),
    entry("hsetnx", 4, WRITE | DENYOOM | FAST, ONE_KEY, Hash, Run::Data(hash::hsetnx), "Set a field of a hash unless it exists").cost("O(log n)"),
    entry("hget", 3, READONLY | FAST, ONE_KEY, Hash, Run::Data(hash::hget), "Get the value of a field").cost("O(log n)"),
    entry("hmget", -3, READONLY | FAST, ONE_KEY, Hash, Run::Data(hash::hmget), "Get the values of several fields").cost("O(log n) a field"),
    entry("hgetall", 2, READONLY, ONE_KEY, Hash, Run::Data(hash::hgetall), "Get all fields and values of a hash").cost("O(n)").differs("Hashes of more than 128 fields are in another order than in Redis."),
    entry("hkeys", 2, READONLY, ONE_KEY, Hash, Run::Data(hash::hkeys), "Get all fields of a hash").cost("O(n)").differs("Hashes of more than 128 fields are in another order than in Redis."),
    entry("hvals", 2, READONLY, ONE_KEY, Hash, Run::Data(hash::hvals), "Get all values of a hash").cost("O(n)").differs("Hashes of more than 128 fields are in another order than in Redis."),
    entry("hlen", 2, READONLY | FAST, ONE_KEY, Hash, Run::Data(hash::hlen), "Count the fields of a hash").cost("O(1)"),
    entry("hexists", 3, READONLY | FAST, ONE_KEY, Hash, Run::Data(hash::hexists), "Whether a field exists").cost("O(log n)"),
    entry("hdel", -3, WRITE | FAST, ONE_KEY, Hash, Run::Data(hash::hdel), "Delete fields of a hash").cost("O(log n) a field"),
    entry("hstrlen", 3, READONLY | FAST, ONE_KEY, Hash, Run::Data(hash::hstrlen), "Get the length of a field's value").cost("O(log n)"),
    entry("hincrby", 4, WRITE | DENYOOM | FAST, ONE_KEY, Hash, Run::Data(hash::hincrby), "Add to a field that is an integer").cost("O(log n)"),
    entry("hincrbyfloat", 4, WRITE | DENYOOM | FAST, ONE_KEY, Hash, Run::Data(hash::hincrbyfloat), "Add to a field that is a number with a fraction").cost("O(log n)").differs("Sums are exact in decimal, to 17 digits behind the point; Redis computes in binary floats of 80 bits, so digits from the 19th on (of the larger number) may differ. Hexadecimal numbers are not taken."),
    entry("hscan", -3, READONLY, ONE_KEY, Hash, Run::Data(hash::part::hscan), "Walk over the fields in small steps").cost("O(count) a call, O(n) for a whole walk"),
    entry("hrandfield", -2, READONLY, ONE_KEY, Hash, Run::Data(hash::part::hrandfield), "Get random fields of a hash").cost("O(count × log n), at most O(n) without repeats").differs("Draws at most 1048576 fields with repeats, else TOOLARGE; in hashes of more than 128 fields some fields come up more often than others."),
    entry("ping", -1, FAST | SUBSCRIBER, NO_KEYS, Connection, Run::Session(connection::ping), "Ping the server").cost("O(1)"),
    entry("echo", 2, CONNECTION, NO_KEYS, Connection, Run::Session(connection::echo), "Echo a string").cost("O(1)"),
    entry("select", 2, CONNECTION, NO_KEYS, Connection, Run::Session(connection::select), "Select a database").cost("O(1)"),
    entry("hello", -1, CONTROL | NO_AUTH, NO_KEYS, Connection, Run::Session(connection::hello), "Agree on the protocol version").cost("O(1)"),
    entry("auth", -2, CONTROL | NO_AUTH, NO_KEYS, Connection, Run::Session(connection::auth), "Authenticate").cost("O(1)"),
    entry("quit", -1, CONTROL | NO_AUTH | SUBSCRIBER, NO_KEYS, Connection, Run::Control(connection::quit), "Close the connection").cost("O(1)"),
    entry("reset", 1, CONTROL | NO_AUTH | SUBSCRIBER, NO_KEYS, Connection, Run::Control(connection::reset), "Put the connection back into its first state").cost("O(1)"),
    entry("client", -2, 0, NO_KEYS, Connection, Run::Session(client::client), "What is known of the connection").with(client::SUBCOMMANDS).cost("O(1), O(n) in the number of clients for LIST and KILL").differs("There is no client-side caching: TRACKING can only be switched off."),
    entry("command", -1, LOADING | STALE, NO_KEYS, Connection, Run::Session(introspection::command), "What is known of the commands").with(introspection::SUBCOMMANDS).cost("O(n) in the number of commands").differs("DOCS tells summary, group, complexity and how a command differs; GETKEYSANDFLAGS is absent."),
    entry("info", -1, LOADING | STALE | DANGEROUS, NO_KEYS, Server, Run::Host(info::info), "The state of the server").cost("O(n) in the number of tables").differs("Tells what is known here; sections about persistence and replication are short."),
    entry("subscribe", -2, PUBSUB | NOSCRIPT | LOADING | STALE | SUBSCRIBER, NO_KEYS, PubSub, Run::Session(channel::subscribe), "Listen to channels").cost("O(n) in the number of channels"),
    entry("unsubscribe", -1, PUBSUB | NOSCRIPT | LOADING | STALE | SUBSCRIBER, NO_KEYS, PubSub, Run::Session(channel::unsubscribe), "Stop listening to channels").cost("O(n) in the number of channels"),
    entry("psubscribe", -2, PUBSUB | NOSCRIPT | LOADING | STALE | SUBSCRIBER, NO_KEYS, PubSub, Run::Session(channel::psubscribe), "Listen to channels that match patterns").cost("O(n) in the number of patterns"),
    entry("punsubscribe", -1, PUBSUB | NOSCRIPT | LOADING | STALE | SUBSCRIBER, NO_KEYS, PubSub, Run::Session(channel::punsubscribe), "Stop listening to channels that match patterns").cost("O(n) in the number of patterns"),
    entry("ssubscribe", -2, PUBSUB | NOSCRIPT | LOADING | STALE | SUBSCRIBER, ALL_KEYS, PubSub, Run::Session(channel::ssubscribe), "Listen to shard channels").cost("O(n) in the number of channels"),
    entry("sunsubscribe", -1, PUBSUB | NOSCRIPT | LOADING | STALE | SUBSCRIBER, ALL_KEYS, PubSub, Run::Session(channel::sunsubscribe), "Stop listening to shard channels").cost("O(n) in the number of channels"),
    entry("publish", 3, PUBSUB | LOADING | STALE | FAST, NO_KEYS, PubSub, Run::Host(channel::publish), "Send a message to a channel").cost("O(n + m) in the numbers of subscribers and of patterns").differs("A client that publishes to a channel of its own gets the answer before the message."),
    entry("spublish", 3, PUBSUB | LOADING | STALE | FAST, ONE_KEY, PubSub, Run::Host(channel::spublish), "Send a message to a shard channel").cost("O(n) in the number of subscribers"),
    entry("pubsub", -2, 0, NO_KEYS, PubSub, Run::Host(channel::pubsub), "Who listens to what").with(channel::PUBSUB_SUBCOMMANDS).cost("O(n) in the number of channels"),
    entry("memory", -2, READONLY, SECOND_KEY, Server, Run::Data(key::object::memory), "The memory that a key takes").with(key::object::MEMORY_SUBCOMMANDS).cost("O(1)").differs("USAGE and HELP only; USAGE tells what this server takes, and counts all elements whatever SAMPLES says."),
    entry("time", 1, CONNECTION, NO_KEYS, Server, Run::Host(server::time), "The server's time").cost("O(1)"),
    entry("config", -2, 0, NO_KEYS, Server, Run::Host(config::config), "The server's configuration").with(config::SUBCOMMANDS).cost("O(n) in the number of parameters").differs("Knows the parameters that have a meaning here; the others are unknown."),
    entry("acl", -2, 0, NO_KEYS, Server, Run::Session(acl::acl), "Users and what they may do").with(acl::SUBCOMMANDS).cost("O(n) in the number of users").differs("GETUSER, LIST, USERS, WHOAMI and HELP only: users are given at the start."),
    entry("slowlog", -2, 0, NO_KEYS, Server, Run::Host(slowlog::slowlog), "The last commands that took long").with(slowlog::SUBCOMMANDS).cost("O(n) in the number of entries"),
    entry("debug", -2, ADMIN | NOSCRIPT | LOADING | STALE | DANGEROUS, NO_KEYS, Server, Run::Control(server::debug), "Refused, as in Redis unless it is switched on").cost("O(1)").differs("Refused."),
    entry("role", 1, NOSCRIPT | LOADING | STALE | FAST | DANGEROUS, NO_KEYS, Server, Run::Host(server::role), "The role in a replication").cost("O(1)"),
    entry("wait", 3, NOSCRIPT, NO_KEYS, Connection, Run::Host(server::wait), "Wait for replicas").cost("O(1)").differs("There are no replicas: answers 0 at once, whatever the timeout."),
    entry("latency", -2, 0, NO_KEYS, Server, Run::Host(server::latency), "Events that took long").with(server::LATENCY_SUBCOMMANDS).cost("O(1)").differs("HISTORY, LATEST, RESET and HELP only, and there are no events: INFO commandstats, SLOWLOG and the metrics tell how long commands take."),
    entry("module", -2, 0, NO_KEYS, Server, Run::Host(server::module), "The modules").with(server::MODULE_SUBCOMMANDS).cost("O(1)").differs("LIST only: there are none."),
    entry("lolwut", -1, READONLY | FAST, NO_KEYS, Server, Run::Host(server::lolwut), "The version").cost("O(1)"),
    entry("multi", 1, CONTROL, NO_KEYS, Transactions, Run::Control(transaction::multi), "Begin a transaction").cost("O(1)"),
    entry("exec", 1, NOSCRIPT | LOADING | STALE | SKIP_SLOWLOG, NO_KEYS, Transactions, Run::Control(transaction::exec), "Run a transaction's commands").cost("Of the queued commands together").differs("Runs as one commit: other clients see all of it or nothing. At most 1048576 commands and 1 GiB of arguments."),
    entry("discard", 1, CONTROL, NO_KEYS, Transactions, Run::Control(transaction::discard), "Forget a transaction's commands").cost("O(n) in the number of queued commands"),
    entry("watch", -2, CONTROL, ALL_KEYS, Transactions, Run::Control(transaction::watch), "Make the next transaction depend on keys").cost("O(n) in the number of keys").differs("A key that is absent counts as changed also when its database was cleared, or very many other keys were removed, since."),
    entry("unwatch", 1, CONTROL, NO_KEYS, Transactions, Run::Session(transaction::unwatch), "Forget the watched keys").cost("O(n) in the number of watched keys"),
    entry("t.create", -2, WRITE | DENYOOM | NO_MULTI, NO_KEYS, Table, Run::Schema(table_schema::create), "Make a table").cost("O(t) in the number of tables"),
    entry("t.drop", 2, WRITE | NO_MULTI, NO_KEYS, Table, Run::Schema(table_schema::drop_table), "Drop a table with all its records").cost("O(t) in the number of tables"),
    entry("t.addindex", 3, WRITE | DENYOOM | NO_MULTI, NO_KEYS, Table, Run::Schema(table_schema::add_index), "Add an index on an attribute").cost("O(n log n); the table goes on being used"),
    entry("t.delindex", 3, WRITE | NO_MULTI, NO_KEYS, Table, Run::Schema(table_schema::del_index), "Drop the index on an attribute").cost("O(1)"),
    entry("t.storage", -3, WRITE | NO_MULTI, NO_KEYS, Table, Run::Schema(table_schema::set_storage), "Keep a table in RAM, on disc too, or on disc alone").cost("O(N) of disc where it moves"),
    entry("t.access", 3, WRITE | NO_MULTI, NO_KEYS, Table, Run::Schema(table_schema::set_access), "Make a table read-only or writable").cost("O(1)"),
    entry("t.transform", -2, WRITE | DENYOOM | NO_MULTI, NO_KEYS, Table, Run::Schema(table_transform::transform), "Give a table's records another shape").cost("O(n); readers go on, writers are refused meanwhile"),
    entry("t.wait", -3, READONLY | LOADING | NO_MULTI, NO_KEYS, Table, Run::Schema(table_wait::wait), "Wait until tables are loaded from the disc").cost("O(t) in the number of tables named"),
    entry("t.backup", -1, ADMIN | DANGEROUS | NO_MULTI, NO_KEYS, Table, Run::Schema(table_backup::backup), "Take a backup of tables").cost("O(n); readers and writers go on"),
    entry("t.changes", 1, READONLY, NO_KEYS, Table, Run::Session(table_changes::changes), "Long changes of tables that are under way").cost("O(1)"),
    entry("t.cancel", 2, WRITE | NO_MULTI, NO_KEYS, Table, Run::Schema(table_changes::cancel), "Cancel the change of a table that is under way").cost("O(n) in the records that are to be taken back"),
    entry("t.list", 1, READONLY, NO_KEYS, Table, Run::Session(table_schema::list), "List the tables").cost("O(t) in the number of tables"),
    entry("t.info", 2, READONLY, NO_KEYS, Table, Run::Session(table_schema::info), "A table's schema and sizes").cost("O(1)"),
    entry("t.read", -3, READONLY | FAST, NO_KEYS, Table, Run::Data(table_row::read), "Read the records under keys").cost("O(1) a key, O(log n) in an ordered_set"),
    entry("t.write", -3, WRITE | DENYOOM | FAST, NO_KEYS, Table, Run::Data(table_row::write), "Write a record").cost("O(1) and O(log n) an index; O(log n) in an ordered_set"),
    entry("t.delete", -3, WRITE | FAST, NO_KEYS, Table, Run::Data(table_row::delete), "Delete the records under keys").cost("O(1) a key and O(log n) an index; O(log n) in an ordered_set"),
    entry("t.deleteobject", 3, WRITE | FAST, NO_KEYS, Table, Run::Data(table_row::delete_object), "Delete the record that equals this one").cost("O(log n)"),
    entry("t.counter", 5, WRITE | DENYOOM | FAST, NO_KEYS, Table, Run::Data(table_row::counter), "Add to an integer attribute").cost("O(1), O(log n) in an ordered_set"),
    entry("t.clear", 2, WRITE | DANGEROUS, NO_KEYS, Table, Run::Data(table_row::clear), "Delete all records of a table").cost("O(1); memory is freed behind the answer"),
    entry("t.match", -3, READONLY, NO_KEYS, Table, Run::Data(table_query::matching), "Read the records that fulfil a condition").cost("O(m) in the records that the chosen index leads to, else O(n)"),
    entry("t.range", -2, READONLY, NO_KEYS, Table, Run::Data(table_query::range), "Read the records of a range of keys").cost("O(log n + m) in the records given"),
    entry("t.indexread", 4, READONLY, NO_KEYS, Table, Run::Data(table_query::index_read), "Read the records by an indexed attribute").cost("O(log n + m) in the records given"),
    entry("t.subscribe", -2, NO_MULTI | SUBSCRIBER, NO_KEYS, Table, Run::Control(subscription::subscribe), "Follow the changes of a table").cost("O(1)"),
    entry("t.unsubscribe", -1, NO_MULTI | SUBSCRIBER, NO_KEYS, Table, Run::Control(subscription::unsubscribe), "Stop following tables").cost("O(n) in the number of subscriptions"),
];
