//! A line's meaning: its words, and the command that they are.
//!
//! Words are bytes between white space of ASCII, so that any other byte may stand in a name, a key or a value. Verbs are
//! upper case.

/// Words of the longest command.
const MOST_WORDS: usize = 4;

/// What a client asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command<'a> {
    /// Make a bucket unless there is one.
    Create { bucket: &'a [u8] },
    /// Set a key.
    Put { bucket: &'a [u8], key: &'a [u8], value: &'a [u8] },
    /// Read a key.
    Get { bucket: &'a [u8], key: &'a [u8] },
    /// Remove a key.
    Delete { bucket: &'a [u8], key: &'a [u8] },
    /// Tell of each change from now on.
    Subscribe { bucket: &'a [u8] },
}

impl<'a> Command<'a> {
    /// The command that a line without its end is; `None`: an unknown verb, or too few or too many words.
    pub(crate) fn parse(line: &'a [u8]) -> Option<Self> {
        let mut words = [&line[..0]; MOST_WORDS];
        let mut count = 0;
        for word in line.split(|byte| is_space(*byte)).filter(|word| !word.is_empty()) {
            *words.get_mut(count)? = word;
            count += 1;
        }
        let [verb, bucket, key, value] = words;
        match (verb, count) {
            (b"CREATE", 2) => Some(Self::Create { bucket }),
            (b"PUT", 4) => Some(Self::Put { bucket, key, value }),
            (b"GET", 3) => Some(Self::Get { bucket, key }),
            (b"DELETE", 3) => Some(Self::Delete { bucket, key }),
            (b"SUBSCRIBE", 2) => Some(Self::Subscribe { bucket }),
            _ => None,
        }
    }
}

/// White space of ASCII, the vertical tab included.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0x0b | 0x0c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_are_what_stands_between_white_space() {
        assert_eq!(Command::parse(b" \tCREATE  b\t"), Some(Command::Create { bucket: b"b" }));
        let put = Command::Put { bucket: b"b", key: b"\xff\xa0", value: b"\0" };
        assert_eq!(Command::parse(b"PUT b \xff\xa0 \0"), Some(put));
        assert_eq!(Command::parse(b"GET b k\r"), Some(Command::Get { bucket: b"b", key: b"k" }));
    }

    #[test]
    fn verbs_have_their_case_and_their_words() {
        for line in [
            "",
            " ",
            "create b",
            "Create b",
            "CREATE",
            "CREATE a b",
            "PUT b k",
            "PUT b k v w",
            "GET b",
            "GET b k v",
            "DELETE b",
            "SUBSCRIBE",
            "SUBSCRIBE a b",
            "FLY b",
            "CREATEb",
            "a b c d e f",
        ] {
            assert_eq!(Command::parse(line.as_bytes()), None, "{line:?}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_a_command_or_none(line in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Some(Command::Put { bucket, key, value }) = Command::parse(&line) {
                for word in [bucket, key, value] {
                    prop_assert!(!word.is_empty() && !word.iter().any(|byte| is_space(*byte)));
                }
            }
        }
    }
}
