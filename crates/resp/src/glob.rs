//! Shell patterns over bytes: `*`, `?`, classes such as `[a-c]`, `[^x]`, and a backslash before a byte that stands for
//! itself. What Redis makes of unusual patterns, an open class say, holds here too.

/// Whether `text` matches `pattern`, letters in either case: for names of settings and commands.
/// O(pattern × text), no recursion.
pub(crate) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    search(pattern, text, true)
}

/// Whether `text` matches `pattern` byte by byte: for keys and channels. O(pattern × text), no recursion.
pub(crate) fn matches_exactly(pattern: &[u8], text: &[u8]) -> bool {
    search(pattern, text, false)
}

fn search(pattern: &[u8], text: &[u8], either_case: bool) -> bool {
    let (mut at, mut place) = (0, 0);
    // Where to go on when the last star has to take one byte more.
    let mut star: Option<(usize, usize)> = None;
    while place < text.len() {
        let rest = pattern.get(at..).unwrap_or_default();
        match step(rest, text.get(place).copied().unwrap_or_default(), either_case) {
            Step::Star => {
                star = Some((at + 1, place));
                at += 1;
            }
            Step::Same(len) => (at, place) = (at + len, place + 1),
            Step::Different => match star {
                Some((behind, taken)) => {
                    star = Some((behind, taken + 1));
                    (at, place) = (behind, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern.get(at..).unwrap_or_default().iter().all(|&byte| byte == b'*')
}

/// What the head of a pattern says to one byte of the text.
enum Step {
    Star,
    /// It fits; so much of the pattern is used up.
    Same(usize),
    Different,
}

fn step(pattern: &[u8], byte: u8, either_case: bool) -> Step {
    let (literal, len) = match pattern {
        [] => return Step::Different,
        [b'*', ..] => return Step::Star,
        [b'?', ..] => return Step::Same(1),
        [b'[', class @ ..] => {
            let (fits, len) = in_class(class, byte, either_case);
            return if fits { Step::Same(1 + len) } else { Step::Different };
        }
        [b'\\', escaped, ..] => (*escaped, 2),
        [literal, ..] => (*literal, 1),
    };
    if fold(literal, either_case) == fold(byte, either_case) { Step::Same(len) } else { Step::Different }
}

fn fold(byte: u8, either_case: bool) -> u8 {
    if either_case { byte.to_ascii_lowercase() } else { byte }
}

/// Whether a byte is in the class whose text behind `[` begins `class`, and how long that text is. A class that is not
/// closed ends with the pattern.
fn in_class(class: &[u8], byte: u8, either_case: bool) -> (bool, usize) {
    let byte = fold(byte, either_case);
    let inverted = class.first() == Some(&b'^');
    let mut at = usize::from(inverted);
    let mut found = false;
    loop {
        match class.get(at..).unwrap_or_default() {
            [b'\\', escaped, ..] => {
                found |= fold(*escaped, either_case) == byte;
                at += 2;
            }
            [b']', ..] => return (found != inverted, at + 1),
            [] => return (found != inverted, at),
            [one, b'-', other, ..] => {
                let (low, high) = (fold(*one.min(other), either_case), fold(*one.max(other), either_case));
                found |= (low..=high).contains(&byte);
                at += 3;
            }
            [literal, ..] => {
                found |= fold(*literal, either_case) == byte;
                at += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_shells_do() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("save", "SAVE", true),
            ("max*", "maxclients", true),
            ("*c*s", "maxclients", true),
            ("*x*y", "maxclients", false),
            ("s?ve", "save", true),
            ("s?ve", "sve", false),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("a*b*c", "aXbXbXc", true),
        ] {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn many_stars_take_no_exponential_time() {
        let (pattern, text) = ([b"*a".repeat(500), b"b".to_vec()].concat(), b"a".repeat(5_000));
        assert!(!matches(&pattern, &text));
    }

    #[test]
    fn classes_are_those_of_redis() {
        for (pattern, text, expected) in [
            ("h[ae]llo", "hello", true),
            ("h[ae]llo", "hillo", false),
            ("h[^e]llo", "hallo", true),
            ("h[^e]llo", "hello", false),
            ("[a-c]*", "bee", true),
            ("[c-a]*", "bee", true),
            ("[a-c]", "d", false),
            ("[\\]]", "]", true),
            ("[ab", "a", true),
            ("[ab", "c", false),
            ("[", "x", false),
            ("[^", "x", true),
            ("*[0-9]x*", "ab7xy", true),
        ] {
            assert_eq!(matches_exactly(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
        assert!(matches(b"[a-c]X", b"Bx") && !matches_exactly(b"[a-c]X", b"Bx"));
    }
}
