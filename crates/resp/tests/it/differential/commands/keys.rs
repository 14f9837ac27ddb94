//! Random commands on keys as wholes: carrying values, walking, looking at them; and on parts of hashes.

use super::{BITTEN, Command, KEYS, LARGE, Random, words};

/// The keys that fractions may be added to.
const COUNTED: [&str; 4] = ["k0", "k1", "k2", "h0"];

impl Random {
    /// Two keys between which values may be carried: both are counted in with fractions, or neither.
    fn two_alike(&mut self) -> [Vec<u8>; 2] {
        let from: &[&str] = if self.one_in(2) { &COUNTED } else { &BITTEN };
        [self.pick(from).into(), self.pick(from).into()]
    }

    fn database(&mut self) -> Vec<u8> {
        match self.below(8) {
            0 => self.pick(&["x", "16", "-1", "99999999999", ""]).into(),
            at => (at % 2).to_string().into_bytes(),
        }
    }

    pub(super) fn carry_command(&mut self) -> Command {
        let [from, to] = self.two_alike();
        match self.below(8) {
            0 | 1 => vec![b"RENAME".to_vec(), from, to],
            2 => vec![b"RENAMENX".to_vec(), from, to],
            3 => vec![b"MOVE".to_vec(), from, self.database()],
            _ => {
                let mut command = vec![b"COPY".to_vec(), from, to];
                for _ in 0..[0, 0, 1, 1, 2][self.below(5)] {
                    let option = self.pick(&["REPLACE", "DB", "db", "replace", "ZZ"]);
                    command.push(option.into());
                    if option.eq_ignore_ascii_case("DB") && !self.one_in(10) {
                        command.push(self.database());
                    }
                }
                command
            }
        }
    }

    pub(super) fn walk_command(&mut self) -> Command {
        match self.below(8) {
            0 => words(&["RANDOMKEY"]),
            1 | 2 => {
                let pattern =
                    self.pick(&["*", "k*", "[hn]?", "k[^0-1]", "K*", "\\k1", "", "*1", "[a-", "k0"]);
                words(&["KEYS", pattern])
            }
            3 => words(&["DBSIZE"]),
            // With so great a count all keys come at once.
            4 | 5 => {
                let mut command =
                    words(&["SCAN", self.pick(&["0", "0", "0", "", "x", " 1", "18446744073709551616"])]);
                command.extend(words(&["COUNT", self.pick(&["1000", "1000", "1000", "0", "-1", "x"])]));
                self.add_scan_options(&mut command, &["MATCH", "TYPE", "ZZ"]);
                command
            }
            _ => {
                let key = if self.one_in(3) { LARGE.to_vec() } else { self.any_key() };
                let from = self.pick(&["0", "0", "0", "x"]).into();
                let mut command = vec![b"HSCAN".to_vec(), key, from];
                command.extend(words(&["COUNT", self.pick(&["5000", "5000", "0", "x"])]));
                self.add_scan_options(&mut command, &["MATCH", "MATCH", "TYPE", "ZZ"]);
                command
            }
        }
    }

    fn add_scan_options(&mut self, command: &mut Command, options: &[&str]) {
        if self.one_in(2) {
            let option = self.pick(options);
            let value = match option {
                "TYPE" => self.pick(&["string", "hash", "HASH", "list", "nothing"]),
                _ => self.pick(&["*", "k*", "f*", "*[0-2]", "field1?", "x"]),
            };
            command.extend(words(&[option, value]));
            if self.one_in(10) {
                command.pop();
            }
        }
    }

    pub(super) fn draw_command(&mut self) -> Command {
        let key = if self.one_in(4) { LARGE.to_vec() } else { self.any_key() };
        let mut command = vec![b"HRANDFIELD".to_vec(), key];
        if self.one_in(4) {
            return command;
        }
        let counts =
            ["0", "1", "3", "10000", "-3", "-10", "x", "-9223372036854775808", "9223372036854775807"];
        command.push(self.pick(&counts).into());
        if self.one_in(2) {
            command.push(self.pick(&["WITHVALUES", "withvalues", "ZZ"]).into());
        }
        if self.one_in(20) {
            command.push(b"WITHVALUES".to_vec());
        }
        command
    }

    pub(super) fn object_command(&mut self) -> Command {
        let key: Vec<u8> = self.pick(&KEYS).into();
        match self.below(12) {
            0 => words(&["OBJECT", "HELP"]),
            1 => words(&["OBJECT", self.pick(&["NOTHING", "ENCODING", "HELP"]), "k0", "k1"]),
            2 => words(&["OBJECT"]),
            3 => vec![b"OBJECT".to_vec(), b"FREQ".to_vec(), key],
            4 => vec![b"OBJECT".to_vec(), b"REFCOUNT".to_vec(), key],
            5 => vec![b"TOUCH".to_vec(), key, self.any_key()],
            6 => {
                let mut command = vec![b"MEMORY".to_vec(), b"USAGE".to_vec(), key];
                if self.one_in(2) {
                    command.extend(words(&["SAMPLES", self.pick(&["0", "5", "-1", "x"])]));
                }
                if self.one_in(4) {
                    command.pop();
                }
                command
            }
            _ => vec![b"OBJECT".to_vec(), self.pick(&["ENCODING", "encoding"]).into(), key],
        }
    }
}
