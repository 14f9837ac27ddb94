//! The requests of each test, from a seed.

use clap::ValueEnum;

use crate::client::encode;

/// Keys of one `MGET`.
const MGET_KEYS: usize = 10;
/// Fields of a hash.
const FIELDS: u64 = 16;

/// What is tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Test {
    /// `PING`
    Ping,
    /// `SET key value`
    Set,
    /// `GET key`
    Get,
    /// `INCR counter`
    Incr,
    /// `HSET hash field value`
    Hset,
    /// `MGET` of ten keys
    Mget,
}

impl Test {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ping => "ping",
            Self::Set => "set",
            Self::Get => "get",
            Self::Incr => "incr",
            Self::Hset => "hset",
            Self::Mget => "mget",
        }
    }
}

/// The requests of one client.
pub(super) struct Workload {
    test: Test,
    keyspace: u64,
    value: Vec<u8>,
    state: u64,
}

impl Workload {
    /// The requests of the client of this number.
    pub(super) fn new(test: Test, keyspace: u64, size: usize, seed: u64, client: u64) -> Self {
        let mut workload = Self { test, keyspace, value: Vec::new(), state: seed ^ (client << 32) };
        workload.value = (0..size).map(|_| b'a' + (workload.next() % 26) as u8).collect();
        workload
    }

    /// SplitMix64: one addition and a few shifts, so that making requests costs little beside sending them.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn key(&mut self, kind: &str) -> Vec<u8> {
        let number = self.next() % self.keyspace;
        format!("bench:{kind}:{number:012}").into_bytes()
    }

    /// Appends the next request.
    pub(super) fn write(&mut self, out: &mut Vec<u8>) {
        match self.test {
            Test::Ping => encode(&["PING"], out),
            Test::Set => {
                let key = self.key("key");
                encode(&[b"SET", key.as_slice(), &self.value], out);
            }
            Test::Get => {
                let key = self.key("key");
                encode(&[b"GET", key.as_slice()], out);
            }
            Test::Incr => {
                let key = self.key("counter");
                encode(&[b"INCR", key.as_slice()], out);
            }
            Test::Hset => {
                let key = self.key("hash");
                let field = format!("field:{}", self.next() % FIELDS);
                encode(&[b"HSET", key.as_slice(), field.as_bytes(), &self.value], out);
            }
            Test::Mget => {
                let keys = (0..MGET_KEYS).map(|_| self.key("key"));
                let words: Vec<Vec<u8>> = std::iter::once(b"MGET".to_vec()).chain(keys).collect();
                encode(&words, out);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests(test: Test, seed: u64, client: u64) -> Vec<u8> {
        let mut workload = Workload::new(test, 1_000, 8, seed, client);
        let mut out = Vec::new();
        (0..50).for_each(|_| workload.write(&mut out));
        out
    }

    #[test]
    fn a_seed_makes_the_same_requests_and_clients_differ() {
        for test in [Test::Set, Test::Get, Test::Incr, Test::Hset, Test::Mget] {
            assert_eq!(requests(test, 1, 0), requests(test, 1, 0));
            assert_ne!(requests(test, 1, 0), requests(test, 2, 0));
            assert_ne!(requests(test, 1, 0), requests(test, 1, 1));
        }
    }

    #[test]
    fn keys_stay_within_the_keyspace() {
        let mut workload = Workload::new(Test::Get, 3, 8, 7, 0);
        let mut keys: Vec<Vec<u8>> = (0..100).map(|_| workload.key("key")).collect();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), 3);
        assert_eq!(keys[2], b"bench:key:000000000002");
    }
}
