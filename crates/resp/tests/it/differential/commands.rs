//! Random commands over a small space of keys, so that they meet one another's values; one in a few is wrong somehow.

mod keys;
mod strings;

use std::hash::{BuildHasher, RandomState};

use super::Command;

/// The key of a hash that outgrows the size to which both servers keep the order of insertion.
pub(super) const LARGE: &[u8] = b"large";

const KEYS: [&str; 8] = ["k0", "k1", "k2", "k3", "h0", "h1", "n0", "n1"];
/// Keys whose values are cut, extended and changed bit by bit.
const BITTEN: [&str; 4] = ["k3", "h1", "n0", "n1"];
const FIELDS: [&str; 6] = ["f0", "f1", "f2", "f3", "", "f\r\n"];
const VALUES: [&[u8]; 15] = [
    b"",
    b"0",
    b"1",
    b"-5",
    b"10",
    b"abc",
    b"3.5",
    b"-0.25",
    b"007",
    b" 1",
    b"1 ",
    b"+1",
    b"1e2",
    b"\x00\xff\r\n$-1",
    b"a longer value of some more than sixty-four bytes, which changes a form",
];
const INTEGERS: [&str; 11] = [
    "1",
    "-1",
    "0",
    "41",
    "-1000",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "1.5",
    "x",
    "",
];
const FLOATS: [&str; 12] = ["0.5", "1", "-2.5", "1e2", "5e-1", "0.1e1", "100", "x", "", " 1", "nan", "inf"];

/// A small generator of its own, so that a seed means the same everywhere (SplitMix64).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A seed nobody has chosen.
    pub(crate) fn seed() -> u64 {
        RandomState::new().hash_one(0) >> 20
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub(crate) fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }

    fn key(&mut self) -> Vec<u8> {
        self.pick(&KEYS).into()
    }

    fn field(&mut self) -> Vec<u8> {
        self.pick(&FIELDS).into()
    }

    /// Values of hashes stay short, so that both servers keep their order.
    fn short_value(&mut self) -> Vec<u8> {
        self.pick(&VALUES[..14]).into()
    }

    fn value(&mut self) -> Vec<u8> {
        self.pick(&VALUES).into()
    }

    /// A time from now that nobody sees pass, and that is hardly drawn twice; sometimes none at all.
    fn seconds(&mut self) -> String {
        match self.below(12) {
            0 => {
                self.pick(&["0", "-1", "x", "", "1.5", "9223372036854775807", "9223372036854775"]).to_owned()
            }
            _ => (10_000 + self.below(100_000_000)).to_string(),
        }
    }

    fn milliseconds(&mut self) -> String {
        match self.below(12) {
            0 => self.pick(&["0", "-1", "x", "9223372036854775807"]).to_owned(),
            _ => (10_000_000_u64 + self.next() % 100_000_000_000).to_string(),
        }
    }

    fn epoch_seconds(&mut self) -> String {
        match self.below(12) {
            0 => self.pick(&["0", "-1", "x", "9223372036854775807"]).to_owned(),
            _ => (4_000_000_000 + self.below(1_000_000_000)).to_string(),
        }
    }

    fn epoch_milliseconds(&mut self) -> String {
        match self.below(12) {
            0 => self.pick(&["0", "-1", "x", ""]).to_owned(),
            _ => (4_000_000_000_000_u64 + self.next() % 1_000_000_000_000).to_string(),
        }
    }

    fn time(&mut self, option: &str) -> String {
        match option {
            "EX" | "ex" => self.seconds(),
            "PX" => self.milliseconds(),
            "EXAT" => self.epoch_seconds(),
            _ => self.epoch_milliseconds(),
        }
    }

    /// Options of `SET` and `GETEX`, mostly such as fit.
    fn value_options(&mut self, all: &[&str]) -> Vec<Vec<u8>> {
        let mut options = Vec::new();
        for _ in 0..[0, 0, 1, 1, 2, 3][self.below(6)] {
            let option = self.pick(all);
            options.push(option.as_bytes().to_vec());
            if ["EX", "ex", "PX", "EXAT", "PXAT"].contains(&option) && !self.one_in(20) {
                options.push(self.time(option).into_bytes());
            }
        }
        options
    }

    /// Any command.
    pub(crate) fn command(&mut self) -> Command {
        match self.below(40) {
            0 => self.server_command(),
            1 => self.wrong_command(),
            _ => self.transaction_command(),
        }
    }

    /// Any command that a transaction takes.
    pub(crate) fn transaction_command(&mut self) -> Command {
        match self.below(48) {
            0..=8 => self.string_command(),
            9..=12 => self.counter_command(),
            13..=19 => self.key_command(),
            20..=27 => self.hash_command(),
            28..=31 => self.part_command(),
            32..=36 => self.bit_command(),
            37..=39 => self.carry_command(),
            40..=42 => self.walk_command(),
            43 => self.draw_command(),
            44 => self.object_command(),
            45 | 46 => self.large_command(),
            47 if self.one_in(2) => self.swap(),
            _ => self.connection_command(),
        }
    }

    pub(crate) fn watch(&mut self) -> Command {
        let mut command = words(&["WATCH"]);
        command.extend((0..=self.below(2)).map(|_| self.key()));
        command
    }

    /// One write by another client.
    pub(super) fn disturbance(&mut self) -> Command {
        match self.below(4) {
            0 => vec![b"SET".to_vec(), self.key(), self.value()],
            1 => vec![b"DEL".to_vec(), self.key()],
            2 => vec![b"HSET".to_vec(), self.key(), self.field(), self.short_value()],
            _ => vec![b"PEXPIREAT".to_vec(), self.key(), self.epoch_milliseconds().into_bytes()],
        }
    }

    fn string_command(&mut self) -> Command {
        let (key, value) = (self.key(), self.value());
        let mut command = match self.below(14) {
            0..=2 => vec![b"SET".to_vec(), key, value],
            3 => vec![b"GETSET".to_vec(), key, value],
            4 => vec![b"GETDEL".to_vec(), key],
            5 => vec![b"SETNX".to_vec(), key, value],
            6 => vec![b"SETEX".to_vec(), key, self.seconds().into_bytes(), value],
            7 => vec![b"PSETEX".to_vec(), key, self.milliseconds().into_bytes(), value],
            8 => vec![b"STRLEN".to_vec(), key],
            // Not to keys that are counted in with fractions: long digits part 80-bit floats from decimal arithmetic.
            9 => vec![b"APPEND".to_vec(), self.bitten(), value],
            10 => vec![b"GETEX".to_vec(), key],
            11 => [words(&["MGET"]), (0..=self.below(3)).map(|_| self.key()).collect()].concat(),
            12 => {
                let name = self.pick(&["MSET", "MSETNX"]);
                let pairs = (0..=self.below(2)).flat_map(|_| [self.key(), self.value()]).collect();
                [words(&[name]), pairs].concat()
            }
            _ => vec![b"GET".to_vec(), key],
        };
        match &command[0][..] {
            b"SET" => {
                let all = ["NX", "XX", "GET", "get", "EX", "PX", "EXAT", "PXAT", "KEEPTTL", "PERSIST", "ZZ"];
                command.extend(self.value_options(&all));
            }
            b"GETEX" => {
                command.extend(self.value_options(&["EX", "PX", "EXAT", "PXAT", "PERSIST", "KEEPTTL", "ex"]));
            }
            b"MSET" | b"MSETNX" if self.one_in(10) => drop(command.pop()),
            _ => {}
        }
        command
    }

    fn counter_command(&mut self) -> Command {
        let number = [&b"n0"[..], b"n1"][self.below(2)].to_vec();
        match self.below(6) {
            0 => vec![b"INCR".to_vec(), self.key()],
            1 => vec![b"DECR".to_vec(), self.key()],
            2 => vec![b"incrby".to_vec(), number, self.pick(&INTEGERS).into()],
            3 => vec![b"DECRBY".to_vec(), number, self.pick(&INTEGERS).into()],
            // Sums of these stay where 80-bit floats and decimal arithmetic agree.
            _ => vec![
                b"INCRBYFLOAT".to_vec(),
                self.pick(&["k0", "k1", "k2", "h0"]).into(),
                self.pick(&FLOATS).into(),
            ],
        }
    }

    fn key_command(&mut self) -> Command {
        let several = |random: &mut Self, name: &str| {
            let keys = (0..=random.below(2)).map(|_| random.key()).collect();
            [words(&[name]), keys].concat()
        };
        match self.below(12) {
            0 => {
                let name = self.pick(&["DEL", "UNLINK"]);
                several(self, name)
            }
            1 => several(self, "EXISTS"),
            2 => vec![b"TYPE".to_vec(), self.key()],
            3 => vec![b"PERSIST".to_vec(), self.key()],
            4..=6 => {
                let name = self.pick(&["TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"]);
                vec![name.into(), self.key()]
            }
            _ => self.expire_command(),
        }
    }

    fn expire_command(&mut self) -> Command {
        let (name, time) = match self.below(4) {
            0 => ("EXPIRE", self.seconds()),
            1 => ("PEXPIRE", self.milliseconds()),
            2 => ("EXPIREAT", self.epoch_seconds()),
            _ => ("PEXPIREAT", self.epoch_milliseconds()),
        };
        let mut command = vec![name.into(), self.key(), time.into_bytes()];
        for _ in 0..[0, 0, 1, 1, 2][self.below(5)] {
            command.push(self.pick(&["NX", "XX", "GT", "LT", "lt", "ZZ"]).into());
        }
        command
    }

    fn hash_command(&mut self) -> Command {
        let (key, field) = (self.key(), self.field());
        match self.below(16) {
            0..=3 => {
                let name = self.pick(&["HSET", "HSET", "HMSET"]);
                let mut command = vec![name.into(), key, field, self.short_value()];
                for _ in 0..self.below(3) {
                    command.extend([self.field(), self.short_value()]);
                }
                if self.one_in(12) {
                    command.pop();
                }
                command
            }
            4 => vec![b"HSETNX".to_vec(), key, field, self.short_value()],
            5 => vec![b"HGET".to_vec(), key, field],
            6 => vec![b"HMGET".to_vec(), key, field, self.field()],
            7 => vec![b"HGETALL".to_vec(), key],
            8 => vec![self.pick(&["HKEYS", "HVALS"]).into(), key],
            9 => vec![b"HLEN".to_vec(), key],
            10 => vec![b"HEXISTS".to_vec(), key, field],
            11 => vec![b"HDEL".to_vec(), key, field, self.field()],
            12 => vec![b"HSTRLEN".to_vec(), key, field],
            13 => {
                let by = self.pick(&INTEGERS[..5]);
                vec![b"HINCRBY".to_vec(), key, field, by.into()]
            }
            14 => vec![b"HINCRBY".to_vec(), key, b"n".to_vec(), self.pick(&["x", "", "1.5", "01"]).into()],
            _ => vec![b"HINCRBYFLOAT".to_vec(), key, field, self.pick(&FLOATS).into()],
        }
    }

    fn large_command(&mut self) -> Command {
        let field = format!("field{}", self.below(400)).into_bytes();
        match self.below(6) {
            0..=2 => vec![b"HSET".to_vec(), LARGE.to_vec(), field, self.value(), b"x".to_vec(), self.value()],
            3 => vec![b"HGET".to_vec(), LARGE.to_vec(), field],
            4 => vec![b"HGETALL".to_vec(), LARGE.to_vec()],
            _ => vec![self.pick(&["HKEYS", "HVALS", "HLEN"]).into(), LARGE.to_vec()],
        }
    }

    fn connection_command(&mut self) -> Command {
        match self.below(12) {
            0 => words(&["PING"]),
            1 => vec![b"PING".to_vec(), self.value()],
            2 => words(&["ping", "a", "b"]),
            3 => vec![b"ECHO".to_vec(), self.value()],
            4 => words(&["SELECT", "1"]),
            5 => words(&["SELECT", self.pick(&["x", "16", "-1", "99999999999", "01"])]),
            6 => words(&["CLIENT", "GETNAME"]),
            7 => words(&["CLIENT", "SETNAME", self.pick(&["ada", "", "a b"])]),
            8 => words(&["CONFIG", "GET", self.pick(&["save", "appendonly", "nothing*"])]),
            9 => words(&["FLUSHDB", self.pick(&["ASYNC", "SYNC", "NOW"])]),
            _ => words(&["SELECT", "0"]),
        }
    }

    fn server_command(&mut self) -> Command {
        match self.below(15) {
            0 => words(&["FLUSHALL"]),
            1 => words(&["COMMAND", "GETKEYS", "MSET", "a", "b", "c", "d"]),
            2 => words(&["COMMAND", "GETKEYS", "PING", "x"]),
            3 => words(&["COMMAND", "GETKEYS", "NOTHING", "x"]),
            4 => words(&["COMMAND", "INFO", "nothing"]),
            5 => words(&["HELLO", self.pick(&["4", "x", ""])]),
            6 => words(&["AUTH", "secret"]),
            7 => words(&["CONFIG", "SET", "nothing", "1"]),
            8 => words(&["EXEC", "now"][..=self.below(2)]),
            11 => self.getkeys(),
            12..=14 => self.swap(),
            9 => words(&["DISCARD"]),
            _ => words(&["UNWATCH"]),
        }
    }

    fn swap(&mut self) -> Command {
        let number = |random: &mut Self| random.pick(&["0", "1", "0", "1", "2", "x", "16", ""]);
        words(&["SWAPDB", number(self), number(self)])
    }

    fn wrong_command(&mut self) -> Command {
        match self.below(9) {
            0 => words(&["GET"]),
            1 => words(&["SET", "a"]),
            2 => words(&["NOTHING"]),
            3 => vec![b"NO\r\nTHING".to_vec(), self.value(), self.value()],
            4 => vec![b"NOTHING\xff\0x".to_vec(), vec![b'a'; 100], vec![b'b'; 100], b"c".to_vec()],
            5 => words(&["CLIENT", "NOTHING"]),
            6 => words(&["CLIENT", "SETNAME"]),
            7 => words(&["CONFIG", "GET"]),
            _ => words(&["HSET", "h0", "f0"]),
        }
    }
}

fn words(words: &[&str]) -> Command {
    words.iter().map(|word| word.as_bytes().to_vec()).collect()
}
