//! Random commands on parts and bits of strings.

use super::{BITTEN, Command, KEYS, Random, words};

const PLACES: [&str; 14] =
    ["0", "1", "-1", "2", "-3", "5", "7", "8", "17", "70", "-100", "100", "x", "9223372036854775807"];
const UNITS: [&str; 5] = ["BIT", "BYTE", "bit", "byte", "ZZ"];

impl Random {
    /// A key that no fraction is ever added to: long digits part 80-bit floats from decimal arithmetic.
    pub(super) fn bitten(&mut self) -> Vec<u8> {
        self.pick(&BITTEN).into()
    }

    fn place(&mut self) -> Vec<u8> {
        self.pick(&PLACES).into()
    }

    pub(super) fn part_command(&mut self) -> Command {
        match self.below(8) {
            0 | 1 => vec![b"GETRANGE".to_vec(), self.key(), self.place(), self.place()],
            2 => vec![b"SUBSTR".to_vec(), self.key(), self.place(), self.place()],
            3..=5 => {
                let offset = self.pick(&["0", "1", "3", "9", "40", "536870912", "-1", "x"]).into();
                vec![b"SETRANGE".to_vec(), self.bitten(), offset, self.value()]
            }
            _ => self.lcs(),
        }
    }

    fn lcs(&mut self) -> Command {
        let mut command = vec![b"LCS".to_vec(), self.key(), self.key()];
        for _ in 0..[0, 0, 1, 2, 3][self.below(5)] {
            let option = self.pick(&["LEN", "IDX", "idx", "WITHMATCHLEN", "MINMATCHLEN", "ZZ"]);
            command.push(option.into());
            if option == "MINMATCHLEN" && !self.one_in(8) {
                command.push(self.pick(&["0", "1", "2", "4", "-1", "x"]).into());
            }
        }
        command
    }

    pub(super) fn bit_command(&mut self) -> Command {
        match self.below(12) {
            0 | 1 => {
                let bit = self.pick(&["0", "1", "1", "2", "-1", "x"]).into();
                vec![b"SETBIT".to_vec(), self.bitten(), self.bit_offset(), bit]
            }
            2 => vec![b"GETBIT".to_vec(), self.key(), self.bit_offset()],
            3 | 4 => {
                let mut command = vec![b"BITCOUNT".to_vec(), self.key()];
                let count = [0, 2, 2, 3, 1][self.below(5)];
                self.add_range(&mut command, count);
                command
            }
            5 | 6 => {
                let bit = self.pick(&["0", "1", "0", "1", "2", "x"]).into();
                let mut command = vec![b"BITPOS".to_vec(), self.key(), bit];
                let count = [0, 1, 2, 3, 3, 4][self.below(6)];
                self.add_range(&mut command, count);
                command
            }
            7 | 8 => {
                let name = self.pick(&["AND", "OR", "XOR", "NOT", "or", "ZZ"]).into();
                let mut command = vec![b"BITOP".to_vec(), name, self.bitten()];
                command.extend((0..=self.below(3)).map(|_| self.key()));
                command
            }
            9 => self.bitfield("BITFIELD_RO"),
            _ => self.bitfield("BITFIELD"),
        }
    }

    fn bit_offset(&mut self) -> Vec<u8> {
        match self.below(8) {
            0 => self.pick(&["4294967296", "-1", "x", "9223372036854775807", "#1"]).into(),
            _ => self.below(200).to_string().into_bytes(),
        }
    }

    /// Adds the first `count` of start, end, unit and one word too many.
    fn add_range(&mut self, command: &mut Command, count: usize) {
        for at in 0..count {
            command.push(if at == 2 { self.pick(&UNITS).into() } else { self.place() });
        }
    }

    fn bitfield(&mut self, name: &str) -> Command {
        let mut command = vec![name.into(), self.bitten()];
        for _ in 0..self.below(4) {
            let word = self.pick(&["GET", "SET", "INCRBY", "OVERFLOW", "get", "INCRBY"]);
            if word == "OVERFLOW" {
                command.extend(words(&[word, self.pick(&["WRAP", "SAT", "FAIL", "sat", "fail", "ZZ"])]));
                continue;
            }
            let bits = 1 + self.below(64);
            let kind = match self.below(16) {
                0 => self.pick(&["u64", "i65", "u0", "x8", "i", "i08"]).to_owned(),
                at if at % 2 == 0 => format!("i{bits}"),
                _ => format!("u{}", bits.min(63)),
            };
            let offset =
                if self.one_in(3) { format!("#{}", self.below(5)).into() } else { self.bit_offset() };
            command.extend([word.into(), kind.into_bytes(), offset]);
            if !word.eq_ignore_ascii_case("GET") {
                command.push(self.number());
            }
        }
        if self.one_in(30) {
            command.pop();
        }
        command
    }

    /// Not the least of all numbers: `OVERFLOW SAT` makes it the greatest in Redis.
    fn number(&mut self) -> Vec<u8> {
        match self.below(6) {
            0 => {
                self.pick(&["9223372036854775807", "-4611686018427387904", "9223372036854775808", "x"]).into()
            }
            1 => format!("-{}", 1 + self.below(300)).into_bytes(),
            _ => self.below(300).to_string().into_bytes(),
        }
    }

    /// `GETKEYS` of a command that has its keys in an unusual place, or none.
    pub(super) fn getkeys(&mut self) -> Command {
        let of = self.pick(&[
            "BITOP AND d a b",
            "OBJECT ENCODING k",
            "OBJECT HELP",
            "MEMORY USAGE k",
            "LCS a b LEN",
            "RENAME a b",
            "COPY a b DB 1",
            "SCAN 0",
            "RANDOMKEY",
            "MSET a 1 b 2",
            "GET",
        ]);
        let mut command = words(&["COMMAND", "GETKEYS"]);
        command.extend(of.split(' ').map(|word| word.as_bytes().to_vec()));
        command
    }

    pub(super) fn any_key(&mut self) -> Vec<u8> {
        self.pick(&KEYS).into()
    }
}
