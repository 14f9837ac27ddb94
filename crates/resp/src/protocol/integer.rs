//! Decimal integers as the request protocol spells them: one spelling for each number.
//!
//! The rule is Redis's: no plus sign, no leading zero, no `-0`, no blanks.

pub(super) use mnemon_store::decimal::parse_integer as parse;

/// The fast road for a whole line of `tag`, at most three digits and `\r\n` at the head of `rest`: the number and the
/// length of the line. `None` says only that the slow road must look.
#[inline]
pub(crate) fn parse_short_line(rest: &[u8], tag: u8) -> Option<(usize, usize)> {
    let digit = |byte: u8| usize::from(byte - b'0');
    match *rest {
        [t, a @ b'0'..=b'9', b'\r', b'\n', ..] if t == tag => Some((digit(a), 4)),
        [t, a @ b'1'..=b'9', b @ b'0'..=b'9', b'\r', b'\n', ..] if t == tag => {
            Some((digit(a) * 10 + digit(b), 5))
        }
        [t, a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', b'\r', b'\n', ..] if t == tag => {
            Some((digit(a) * 100 + digit(b) * 10 + digit(c), 6))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fast_road_agrees_with_the_slow_one() {
        for number in 0..1000_usize {
            let line = format!("${number}\r\n");
            assert_eq!(parse_short_line(line.as_bytes(), b'$'), Some((number, line.len())));
            assert_eq!(parse(&line.as_bytes()[1..line.len() - 2]), i64::try_from(number).ok());
        }
        for line in ["$1000\r\n", "$01\r\n", "$\r\n", "$1\n", "*1\r\n", "$1", "$1\r", ""] {
            assert_eq!(parse_short_line(line.as_bytes(), b'$'), None, "{line:?}");
        }
    }
}
