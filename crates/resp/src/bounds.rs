//! The bounds on what clients may use of a server, with their defaults. `docs/limits.md` lists them all.

use crate::machine;

/// How much may wait to be read by a client, as Redis's `client-output-buffer-limit` has it. 0 switches a part off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputLimit {
    /// With more bytes than this waiting, the client is cut off at once.
    pub hard: usize,
    /// With more bytes than this waiting for [`soft_seconds`](Self::soft_seconds) without a break, it is cut off.
    pub soft: usize,
    /// See [`soft`](Self::soft).
    pub soft_seconds: u64,
}

/// How much memory the buffers of all clients may take together, as Redis's `maxmemory-clients` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientMemoryLimit {
    /// So many bytes; 0: no bound.
    Bytes(u64),
    /// So many hundredths of [`Bounds::max_memory`]; no bound while that has none.
    PercentOfMaxMemory(u8),
}

/// What clients may use. All of it can be changed while the server runs, by `CONFIG SET`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// Connections that may be open at once; others are told so and closed (`maxclients`). Default 10,000, as in Redis.
    pub max_clients: usize,
    /// Seconds after which a client that says nothing is closed; 0: never (`timeout`). Subscribers are exempt. Default
    /// 0, as in Redis. Short times free the places of forgotten connections, and cost idle pools a reconnect.
    pub idle_timeout_s: u64,
    /// Seconds of silence after which the operating system asks whether the peer is still there; 0: it never does
    /// (`tcp-keepalive`). Default 300, as in Redis.
    pub tcp_keepalive_s: u64,
    /// Seconds after which a client is cut off that takes nothing of the answers that wait for it; 0: never
    /// (`client-write-timeout`). Default 60.
    pub write_timeout_s: u64,
    /// What may wait for a client without subscriptions. A client that does not read is not served further, so this
    /// bounds what a single answer may be. Default: 1 GiB, no soft limit.
    pub output_normal: OutputLimit,
    /// What may wait for a client with subscriptions. Default: 32 MiB, and 8 MiB for 60 seconds, as in Redis.
    pub output_pubsub: OutputLimit,
    /// Longest argument in bytes (`proto-max-bulk-len`). Default 512 MiB, as in Redis.
    pub max_bulk_len: usize,
    /// Longest request in bytes, which bounds the read buffer of a client (`client-query-buffer-limit`). Default 1 GiB,
    /// as in Redis.
    pub max_request_len: usize,
    /// Bytes of rows past which commands that need memory are refused; 0: no bound (`maxmemory`). Default 0. Looked at
    /// ten times a second and after every mebibyte a thread has read, so that it may be passed by as much.
    pub max_memory: u64,
    /// What clients have sent that has not run, and answers that they have not read, of all clients together
    /// (`maxmemory-clients`). Past it the clients that hold most are sent away; not those that asked for `CLIENT NO-EVICT`.
    /// Default: a quarter of the memory that the process may have; 0, no bound, where that is not known. Redis has no bound
    /// by default.
    pub max_client_memory: ClientMemoryLimit,
    /// Commands that take longer, in microseconds, enter the slow log; negative: none does (`slowlog-log-slower-than`).
    /// Default 10,000, as in Redis.
    pub slowlog_slower_than_us: i64,
    /// Entries of the slow log (`slowlog-max-len`). Default 128, as in Redis.
    pub slowlog_max_len: usize,
    /// Commands of one client that run before others of its thread get their turn. Default 1,000. More of them make
    /// long pipelines a little faster and everybody else's worst case slower.
    pub batch_commands: u64,
}

impl Bounds {
    /// The bytes that the buffers of all clients may take; `None`: any number.
    pub(crate) fn client_bytes(&self) -> Option<u64> {
        let bytes = match self.max_client_memory {
            ClientMemoryLimit::Bytes(bytes) => bytes,
            ClientMemoryLimit::PercentOfMaxMemory(percent) => self.max_memory / 100 * u64::from(percent),
        };
        (bytes > 0).then_some(bytes)
    }

    /// Sets a bound by the name and in the form that `CONFIG SET` has for it.
    ///
    /// ```
    /// let mut bounds = mnemon_resp::Bounds::default();
    /// bounds.set("maxmemory", "100mb")?;
    /// assert_eq!(bounds.max_memory, 100 << 20);
    /// assert!(bounds.set("maxmemory", "much").is_err());
    /// # Ok::<(), String>(())
    /// ```
    ///
    /// # Errors
    /// What is wrong with the name or the value.
    pub fn set(&mut self, parameter: &str, value: &str) -> Result<(), String> {
        crate::command::set_bound(self, parameter, value)
    }
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            max_clients: 10_000,
            idle_timeout_s: 0,
            tcp_keepalive_s: 300,
            write_timeout_s: 60,
            output_normal: OutputLimit { hard: 1 << 30, soft: 0, soft_seconds: 0 },
            output_pubsub: OutputLimit { hard: 32 << 20, soft: 8 << 20, soft_seconds: 60 },
            max_bulk_len: 512 << 20,
            max_request_len: 1 << 30,
            max_memory: 0,
            max_client_memory: ClientMemoryLimit::Bytes(machine::memory().unwrap_or(0) / 4),
            slowlog_slower_than_us: 10_000,
            slowlog_max_len: 128,
            batch_commands: 1_000,
        }
    }
}
