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

/// The name as a number. Its ends are read as words that overlap: a loop over the bytes would cost as much as a read of
/// the row.
#[inline]
const fn pack(name: &[u8]) -> u128 {
    let len = name.len();
    let (first, last) = if let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) {
        (u64::from_le_bytes(*first) as u128, (u64::from_le_bytes(*last) as u128) << (8 * (len - 8)))
    } else if let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) {
        (u32::from_le_bytes(*first) as u128, (u32::from_le_bytes(*last) as u128) << (8 * (len - 4)))
    } else if let [first, .., last] = name {
        let middle = (name[len / 2] as u128) << (8 * (len / 2));
        (*first as u128 | middle, (*last as u128) << (8 * (len - 1)))
    } else if let [only] = name {
        (*only as u128, 0)
    } else {
        (0, 0)
    };
    upper_case(first | last)
}

/// Sixteen bytes in upper case, all at once.
#[inline]
const fn upper_case(bytes: u128) -> u128 {
    /// The same byte sixteen times.
    const fn each(byte: u8) -> u128 {
        u128::from_le_bytes([byte; 16])
    }
    // Each sum has the byte's highest bit if the byte is at least that letter; none carries into the next byte.
    let low = bytes & each(0x7f);
    let from_a = low + each(0x80 - b'a');
    let past_z = low + each(0x80 - b'z' - 1);
    let letters = from_a & !past_z & !bytes & each(0x80);
    // The highest bit, two places lower, is what tells the cases apart.
    bytes ^ (letters >> 2)
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
    fn names_of_every_length_and_byte_are_packed_in_upper_case() {
        for len in 0..=LONGEST {
            for byte in 0..=u8::MAX {
                for at in 0..len.max(1) {
                    let mut name = vec![b'x'; len];
                    name.get_mut(at).into_iter().for_each(|place| *place = byte);
                    let mut expected = [0; LONGEST];
                    expected[..len].copy_from_slice(&name.to_ascii_uppercase());
                    assert_eq!(pack(&name), u128::from_le_bytes(expected), "{name:?}");
                }
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
