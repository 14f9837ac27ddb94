//! Shell patterns over bytes: `*`, `?`, and a backslash before a byte that stands for itself. Letters match in either
//! case, because what is matched here are names of settings and commands.

/// Whether `text` matches `pattern`. O(pattern × text), no recursion.
pub(crate) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut place) = (0, 0);
    // Where to go on when the last star has to take one byte more.
    let mut star: Option<(usize, usize)> = None;
    while place < text.len() {
        match step(pattern, at, text.get(place).copied().unwrap_or_default()) {
            Step::Star => {
                star = Some((at + 1, place));
                at += 1;
            }
            Step::Same(next) => (at, place) = (next, place + 1),
            Step::Different => match star {
                Some((behind, taken)) => {
                    star = Some((behind, taken + 1));
                    (at, place) = (behind, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(at).all(|&byte| byte == b'*')
}

enum Step {
    Star,
    Same(usize),
    Different,
}

fn step(pattern: &[u8], at: usize, byte: u8) -> Step {
    let (literal, next) = match pattern.get(at..).unwrap_or_default() {
        [] => return Step::Different,
        [b'*', ..] => return Step::Star,
        [b'?', ..] => return Step::Same(at + 1),
        [b'\\', escaped, ..] => (*escaped, at + 2),
        [literal, ..] => (*literal, at + 1),
    };
    if literal.eq_ignore_ascii_case(&byte) { Step::Same(next) } else { Step::Different }
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
}
