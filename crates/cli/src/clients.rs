//! What Redis clients may do and use: passwords, users, TLS, limits. `docs/limits.md` explains the limits.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use mnemon_node::{Bounds, NodeBuilder, TlsSettings, UserSpec};

use crate::arguments::{address, with_example};

/// Settings that concern Redis clients.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(next_help_heading = "Redis clients")]
pub(crate) struct ClientSettings {
    /// Redis clients at the same time [default: 10000].
    #[arg(long, env = "MNEMON_MAX_CLIENTS", value_name = "N")]
    pub(crate) max_clients: Option<usize>,

    /// The password of clients that say no user's name; better given by the environment than as a flag.
    #[arg(long, env = "MNEMON_PASSWORD", value_name = "PASSWORD", hide_env_values = true)]
    pub(crate) password: Option<String>,

    /// A user with rights on tables, as NAME:PASSWORD:RIGHTS:TABLES (ada:secret:rw:users,orders*); may be repeated.
    #[arg(long, env = "MNEMON_USER", value_name = "USER", hide_env_values = true, value_delimiter = ';', action = clap::ArgAction::Append)]
    pub(crate) user: Vec<UserSpec>,

    /// A PEM file with the certificate for TLS, of Redis clients and of HTTP.
    #[arg(long, env = "MNEMON_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,

    /// A PEM file with the certificate's private key.
    #[arg(long, env = "MNEMON_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,

    /// Where Redis clients speak TLS, beside the plain address [default: at the plain address, and nothing plainly].
    #[arg(long, env = "MNEMON_RESP_TLS", value_name = "ADDR", value_parser = address, requires = "tls_cert")]
    pub(crate) resp_tls: Option<SocketAddr>,

    /// Seconds after which a client that says nothing is closed; 0: never [default: 0].
    #[arg(long, env = "MNEMON_CLIENT_TIMEOUT", value_name = "SECONDS", value_parser = bound("timeout"))]
    client_timeout: Option<String>,

    /// Seconds after which a client that reads nothing is cut off; 0: never [default: 60].
    #[arg(long, env = "MNEMON_CLIENT_WRITE_TIMEOUT", value_name = "SECONDS", value_parser = bound("client-write-timeout"))]
    client_write_timeout: Option<String>,

    /// Seconds of silence after which the operating system asks for a client; 0: never [default: 300].
    #[arg(long, env = "MNEMON_TCP_KEEPALIVE", value_name = "SECONDS", value_parser = bound("tcp-keepalive"))]
    tcp_keepalive: Option<String>,

    /// What may wait to be read by a client [default: normal 1gb 0 0 pubsub 32mb 8mb 60].
    #[arg(long, env = "MNEMON_CLIENT_OUTPUT_LIMIT", value_name = "LIMITS", value_parser = bound("client-output-buffer-limit"))]
    client_output_limit: Option<String>,

    /// The longest argument of a command [default: 512mb].
    #[arg(long, env = "MNEMON_MAX_ARGUMENT", value_name = "BYTES", value_parser = bound("proto-max-bulk-len"))]
    max_argument: Option<String>,

    /// The longest request [default: 1gb].
    #[arg(long, env = "MNEMON_MAX_REQUEST", value_name = "BYTES", value_parser = bound("client-query-buffer-limit"))]
    max_request: Option<String>,

    /// Bytes of rows past which commands that need memory are refused; 0: no bound [default: 0].
    #[arg(long, env = "MNEMON_MAX_MEMORY", value_name = "BYTES", value_parser = bound("maxmemory"))]
    max_memory: Option<String>,

    /// Bytes that clients' requests and unread answers may take together, or a share of --max-memory such as 5%; past it the
    /// clients that hold most are sent away; 0: no bound [default: a quarter of the memory the process may have].
    #[arg(long, env = "MNEMON_MAX_CLIENT_MEMORY", value_name = "BYTES", value_parser = bound("maxmemory-clients"))]
    max_client_memory: Option<String>,

    /// Commands that take longer enter the slow log; -1: none does [default: 10000].
    #[arg(long, env = "MNEMON_SLOWLOG_SLOWER_THAN", value_name = "MICROSECONDS", value_parser = bound("slowlog-log-slower-than"))]
    slowlog_slower_than: Option<String>,

    /// Entries of the slow log [default: 128].
    #[arg(long, env = "MNEMON_SLOWLOG_MAX_LEN", value_name = "N", value_parser = bound("slowlog-max-len"))]
    slowlog_max_len: Option<String>,

    /// Commands of one client that run before others get their turn [default: 1000].
    #[arg(long, env = "MNEMON_COMMANDS_PER_TURN", value_name = "N", value_parser = bound("commands-per-turn"))]
    commands_per_turn: Option<String>,
}

/// Checks a bound's text; it is read again when the node is made.
fn bound(name: &'static str) -> impl Fn(&str) -> Result<String, String> + Clone {
    move |text| Bounds::default().set(name, text).map(|()| text.to_owned()).map_err(with_example)
}

impl ClientSettings {
    /// Whether a password keeps strangers out.
    pub(crate) fn are_protected(&self) -> bool {
        self.password.as_ref().is_some_and(|password| !password.is_empty())
    }

    /// TLS with the certificate that was given, at this address beside the plain one, or instead of it.
    pub(crate) fn tls_at(&self, addr: Option<SocketAddr>) -> Option<TlsSettings> {
        Some(TlsSettings { certificate: self.tls_cert.clone()?, key: self.tls_key.clone()?, addr })
    }

    /// The node with these settings.
    pub(crate) fn apply(&self, mut node: NodeBuilder) -> NodeBuilder {
        let mut bounds = Bounds::default();
        for (name, text) in [
            ("timeout", &self.client_timeout),
            ("client-write-timeout", &self.client_write_timeout),
            ("tcp-keepalive", &self.tcp_keepalive),
            ("client-output-buffer-limit", &self.client_output_limit),
            ("proto-max-bulk-len", &self.max_argument),
            ("client-query-buffer-limit", &self.max_request),
            ("maxmemory", &self.max_memory),
            ("maxmemory-clients", &self.max_client_memory),
            ("slowlog-log-slower-than", &self.slowlog_slower_than),
            ("slowlog-max-len", &self.slowlog_max_len),
            ("commands-per-turn", &self.commands_per_turn),
        ] {
            if let Some(text) = text {
                bounds.set(name, text).expect("it was checked when it was read");
            }
        }
        node = node.bounds(bounds);
        if let Some(clients) = self.max_clients {
            node = node.max_clients(clients);
        }
        if let Some(password) = &self.password {
            node = node.password(password);
        }
        if let Some(tls) = self.tls_at(self.resp_tls) {
            node = node.tls(tls);
        }
        self.user.iter().cloned().fold(node, NodeBuilder::user)
    }
}
