//! The parameters of `CONFIG`: bounds that can be changed, and truths that tools ask for and that cannot.

use super::value::{
    client_memory, memory, natural, number, output_limits, set_client_memory, set_output_limits, size,
};
use crate::bounds::Bounds;
use crate::host::Host;

/// How a parameter is changed.
#[derive(Clone, Copy)]
pub(super) enum Setter {
    /// It is one of the bounds.
    Bound(fn(&mut Bounds, &str) -> Result<(), String>),
    /// It is the password of the user `default`.
    Password,
    /// It is what it is; setting it to that is no error.
    Constant,
    /// It is given at the start.
    Immutable,
}

/// A parameter.
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) get: fn(&Host, &Bounds) -> String,
    pub(super) set: Setter,
}

const fn bound(
    name: &'static str,
    get: fn(&Host, &Bounds) -> String,
    set: fn(&mut Bounds, &str) -> Result<(), String>,
) -> Parameter {
    Parameter { name, get, set: Setter::Bound(set) }
}

const fn constant(name: &'static str, get: fn(&Host, &Bounds) -> String) -> Parameter {
    Parameter { name, get, set: Setter::Constant }
}

const fn immutable(name: &'static str, get: fn(&Host, &Bounds) -> String) -> Parameter {
    Parameter { name, get, set: Setter::Immutable }
}

const INT: i64 = i32::MAX as i64;
const MIB: i64 = 1 << 20;

fn no(_: &Host, _: &Bounds) -> String {
    "no".to_owned()
}

fn nothing(_: &Host, _: &Bounds) -> String {
    String::new()
}

/// All parameters, in the order of their names.
pub(super) const PARAMETERS: &[Parameter] = &[
    constant("activedefrag", no),
    constant("appendonly", no),
    immutable("bind", |host, _| host.addr.ip().to_string()),
    bound("client-output-buffer-limit", |_, bounds| output_limits(bounds), set_output_limits),
    bound(
        "client-query-buffer-limit",
        |_, bounds| bounds.max_request_len.to_string(),
        |bounds, text| memory(text, MIB..=i64::MAX).map(|bytes| bounds.max_request_len = size(bytes)),
    ),
    bound(
        "client-write-timeout",
        |_, bounds| bounds.write_timeout_s.to_string(),
        |bounds, text| natural(text, 0..=INT).map(|seconds| bounds.write_timeout_s = seconds),
    ),
    immutable("cluster-enabled", no),
    bound(
        "commands-per-turn",
        |_, bounds| bounds.batch_commands.to_string(),
        |bounds, text| natural(text, 1..=INT).map(|commands| bounds.batch_commands = commands),
    ),
    immutable("daemonize", no),
    immutable("databases", |_, _| mnemon_table::DATABASES.to_string()),
    immutable("io-threads", |host, _| host.threads.to_string()),
    constant("lazyfree-lazy-user-del", no),
    bound(
        "maxclients",
        |_, bounds| bounds.max_clients.to_string(),
        |bounds, text| {
            natural(text, 1..=i64::from(u32::MAX)).map(|clients| bounds.max_clients = size(clients))
        },
    ),
    bound(
        "maxmemory",
        |_, bounds| bounds.max_memory.to_string(),
        |bounds, text| memory(text, 0..=i64::MAX).map(|bytes| bounds.max_memory = bytes),
    ),
    bound("maxmemory-clients", |_, bounds| client_memory(bounds), set_client_memory),
    bound(
        "maxmemory-policy",
        |_, _| "noeviction".to_owned(),
        |_, text| {
            if text.eq_ignore_ascii_case("noeviction") {
                return Ok(());
            }
            // Tables evict by bounds of their own: `T.CREATE … MAXBYTES`.
            Err("argument(s) must be one of the following: noeviction".to_owned())
        },
    ),
    constant("notify-keyspace-events", nothing),
    immutable("port", |host, _| host.addr.port().to_string()),
    bound(
        "proto-max-bulk-len",
        |_, bounds| bounds.max_bulk_len.to_string(),
        |bounds, text| memory(text, MIB..=i64::MAX).map(|bytes| bounds.max_bulk_len = size(bytes)),
    ),
    Parameter { name: "requirepass", get: password, set: Setter::Password },
    constant("save", nothing),
    bound(
        "slowlog-log-slower-than",
        |_, bounds| bounds.slowlog_slower_than_us.to_string(),
        |bounds, text| number(text, -1..=i64::MAX).map(|us| bounds.slowlog_slower_than_us = us),
    ),
    bound(
        "slowlog-max-len",
        |_, bounds| bounds.slowlog_max_len.to_string(),
        |bounds, text| natural(text, 0..=100_000).map(|entries| bounds.slowlog_max_len = size(entries)),
    ),
    bound(
        "tcp-keepalive",
        |_, bounds| bounds.tcp_keepalive_s.to_string(),
        |bounds, text| natural(text, 0..=INT).map(|seconds| bounds.tcp_keepalive_s = seconds),
    ),
    bound(
        "timeout",
        |_, bounds| bounds.idle_timeout_s.to_string(),
        |bounds, text| natural(text, 0..=INT).map(|seconds| bounds.idle_timeout_s = seconds),
    ),
];

/// Only the hash of a password is kept, so this tells whether there is one.
fn password(host: &Host, _: &Bounds) -> String {
    if host.users.need_password() { "(redacted)".to_owned() } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_order_and_lower_case() {
        assert!(PARAMETERS.windows(2).all(|pair| pair[0].name < pair[1].name));
        assert!(PARAMETERS.iter().all(|parameter| parameter.name == parameter.name.to_ascii_lowercase()));
    }
}
