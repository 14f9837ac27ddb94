//! Finds commands by name: a hash table that the compiler fills, asked without allocation.

use crate::command::entry::Command;
use crate::command::table::COMMANDS;

/// Slots; a power of two, sparse enough that most names are found at the first.
const SLOTS: usize = 512;
const SHIFT: u32 = 64 - SLOTS.trailing_zeros();
/// The longest name.
const LONGEST: usize = 16;
const EMPTY: u8 = u8::MAX;

const _: () = assert!(COMMANDS.len() < EMPTY as usize, "an index must fit a byte");

/// Names as numbers: upper case in the first bytes, zeros behind.
static NAMES: [u128; COMMANDS.len()] = names();
static INDEX: [u8; SLOTS] = index();

const fn names() -> [u128; COMMANDS.len()] {
    let mut names = [0; COMMANDS.len()];
    let mut at = 0;
    while at < COMMANDS.len() {
        names[at] = pack(COMMANDS[at].name.as_bytes());
        at += 1;
    }
    names
}

const fn index() -> [u8; SLOTS] {
    let mut index = [EMPTY; SLOTS];
    let names = names();
    let mut at = 0;
    while at < COMMANDS.len() {
        assert!(COMMANDS[at].name.len() <= LONGEST, "a name must fit a u128");
        let mut slot = slot_of(names[at]);
        while index[slot] != EMPTY {
            assert!(names[index[slot] as usize] != names[at], "two commands of one name");
            slot = (slot + 1) % SLOTS;
        }
        #[expect(clippy::cast_possible_truncation, reason = "asserted above")]
        {
            index[slot] = at as u8;
        }
        at += 1;
    }
    index
}

#[inline]
const fn pack(name: &[u8]) -> u128 {
    let (mut packed, mut at) = (0, 0);
    while at < name.len() && at < LONGEST {
        packed |= (name[at].to_ascii_uppercase() as u128) << (8 * at);
        at += 1;
    }
    packed
}

#[inline]
const fn slot_of(packed: u128) -> usize {
    #[expect(clippy::cast_possible_truncation, reason = "both halves are folded into one")]
    let folded = packed as u64 ^ ((packed >> 64) as u64).rotate_left(29);
    (folded.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> SHIFT) as usize
}

/// The command of this name, in whatever case. O(length of the name).
#[inline]
pub(crate) fn find(name: &[u8]) -> Option<&'static Command> {
    find_place(name).map(|(_, command)| command)
}

/// A command and its place in the command table, if there is one.
pub(crate) type Found = Option<(usize, &'static Command)>;

/// As [`find`], with the command's place.
#[inline]
pub(crate) fn find_place(name: &[u8]) -> Found {
    if name.len() > LONGEST {
        return None;
    }
    let packed = pack(name);
    let mut slot = slot_of(packed);
    loop {
        let at = usize::from(*INDEX.get(slot)?);
        if *NAMES.get(at)? == packed {
            // A name that ends in NUL bytes packs like the one without.
            let command = COMMANDS.get(at).filter(|command| command.name.len() == name.len())?;
            return Some((at, command));
        }
        slot = (slot + 1) % SLOTS;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_found_in_either_case() {
        for command in COMMANDS {
            for name in [command.name.to_ascii_uppercase(), command.name.to_ascii_lowercase()] {
                assert_eq!(find(name.as_bytes()).map(|found| found.name), Some(command.name));
            }
        }
    }

    #[test]
    fn other_names_are_not_found() {
        for name in ["", "GE", "GETT", "GET\0", "\0", "T.", "A VERY LONG NAME INDEED", "\u{fffd}"] {
            assert!(find(name.as_bytes()).is_none(), "{name:?}");
        }
    }
}
