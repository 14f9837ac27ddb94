//! Inline requests: a line typed by a person, cut into arguments by the quoting rules of Redis.
//!
//! Outside quotes, blanks separate. Inside double quotes `\xHH`, `\n`, `\r`, `\t`, `\b`, `\a` are escapes and a backslash
//! before any other byte stands for that byte; inside single quotes only `\'` is one. A quote may open in the middle of an
//! argument; behind a closing one a blank or the end must follow. A NUL byte is an ordinary byte.

use super::{args::Span, error::ProtocolError};

/// Cuts `line` (without its line break) into arguments: their text is appended to `text`, their places (relative to
/// `text`) to `spans`. One pass, O(length); what is appended is never longer than the line.
///
/// # Errors
///
/// [`ProtocolError::UnbalancedQuotes`].
pub(super) fn split(line: &[u8], text: &mut Vec<u8>, spans: &mut Vec<Span>) -> Result<(), ProtocolError> {
    let mut rest = skip_blanks(line);
    while !rest.is_empty() {
        let offset = text.len();
        rest = skip_blanks(take_argument(rest, text)?);
        spans.push(Span { offset, len: text.len() - offset });
    }
    Ok(())
}

/// Appends one argument to `text` and returns what stands behind it.
fn take_argument<'a>(mut rest: &'a [u8], text: &mut Vec<u8>) -> Result<&'a [u8], ProtocolError> {
    loop {
        match rest {
            [] | [b' ' | b'\t' | b'\r' | b'\n', ..] => return Ok(rest),
            [b'"', quoted @ ..] => return end_of_quote(take_double_quoted(quoted, text)?),
            [b'\'', quoted @ ..] => return end_of_quote(take_single_quoted(quoted, text)?),
            [byte, tail @ ..] => {
                text.push(*byte);
                rest = tail;
            }
        }
    }
}

fn take_double_quoted<'a>(mut rest: &'a [u8], text: &mut Vec<u8>) -> Result<&'a [u8], ProtocolError> {
    loop {
        let (byte, tail) = match rest {
            [] => return Err(ProtocolError::UnbalancedQuotes),
            [b'"', tail @ ..] => return Ok(tail),
            [b'\\', b'x', high, low, tail @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                (hex_value(*high) << 4 | hex_value(*low), tail)
            }
            [b'\\', escaped, tail @ ..] => (unescape(*escaped), tail),
            [byte, tail @ ..] => (*byte, tail),
        };
        text.push(byte);
        rest = tail;
    }
}

fn take_single_quoted<'a>(mut rest: &'a [u8], text: &mut Vec<u8>) -> Result<&'a [u8], ProtocolError> {
    loop {
        let (byte, tail) = match rest {
            [] => return Err(ProtocolError::UnbalancedQuotes),
            [b'\'', tail @ ..] => return Ok(tail),
            [b'\\', b'\'', tail @ ..] => (b'\'', tail),
            [byte, tail @ ..] => (*byte, tail),
        };
        text.push(byte);
        rest = tail;
    }
}

/// An argument ends with its closing quote: `"a"b` is refused rather than read as two arguments.
fn end_of_quote(rest: &[u8]) -> Result<&[u8], ProtocolError> {
    match rest.first() {
        Some(&byte) if !is_blank(byte) => Err(ProtocolError::UnbalancedQuotes),
        _ => Ok(rest),
    }
}

fn skip_blanks(line: &[u8]) -> &[u8] {
    let blanks = line.iter().take_while(|&&byte| is_blank(byte)).count();
    line.get(blanks..).unwrap_or_default()
}

/// What C's `isspace` calls a space.
const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

const fn unescape(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}

/// The value of a byte that is known to be a hexadecimal digit.
const fn hex_value(digit: u8) -> u8 {
    match digit {
        b'a'..=b'f' => digit - b'a' + 10,
        b'A'..=b'F' => digit - b'A' + 10,
        _ => digit & 0x0f,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(line: &[u8]) -> Option<Vec<Vec<u8>>> {
        let (mut text, mut spans) = (Vec::new(), Vec::new());
        split(line, &mut text, &mut spans).ok()?;
        Some(spans.iter().map(|span| text[span.offset..span.offset + span.len].to_vec()).collect())
    }

    fn assert_cut(line: &[u8], expected: &[&[u8]]) {
        let cut = cut(line).unwrap_or_else(|| panic!("{} is refused", line.escape_ascii()));
        assert_eq!(cut, expected, "{}", line.escape_ascii());
    }

    #[test]
    fn blanks_separate() {
        assert_cut(b"", &[]);
        assert_cut(b" \t \x0b\x0c", &[]);
        assert_cut(b" \t SET \x0b k  v \x0c", &[b"SET", b"k", b"v"]);
        assert_cut(b"a\rb\tc", &[b"a", b"b", b"c"]);
        // A vertical tab separates only where an argument could begin: Redis's own rule.
        assert_cut(b"a\x0bb", &[b"a\x0bb"]);
        assert_cut(b"\"a\"\x0bb", &[b"a", b"b"]);
    }

    #[test]
    fn double_quotes_know_escapes() {
        assert_cut(br#""\x41\n\r\t\b\a\q\x4\"""#, &[b"A\n\r\t\x08\x07qx4\""]);
        assert_cut(br#""\xff\xZZ\\""#, &[b"\xffxZZ\\"]);
        assert_cut(br#"ECHO "" a"b c""#, &[b"ECHO", b"", b"ab c"]);
        assert_cut(b"\"a\rb\"", &[b"a\rb"]);
        assert_cut(br"\x41", &[br"\x41"]);
    }

    #[test]
    fn single_quotes_know_only_the_quote() {
        assert_cut(br"'it\'s \n'", &[br"it's \n"]);
        assert_cut(br"'' 'a\\b'", &[b"", br"a\\b"]);
    }

    #[test]
    fn unbalanced_quotes_are_refused() {
        for line in [
            &b"\"abc"[..],
            b"'abc",
            b"\"a\"b",
            b"'a'b",
            b"a\"b\"c",
            b"a'",
            b"\"",
            b"\"abc\\",
            b"'abc\\",
            b"'abc\\'",
            b"\"\\x4",
            b"'a'\"b\"",
        ] {
            assert_eq!(cut(line), None, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn a_nul_is_an_ordinary_byte() {
        assert_cut(b"a\0b c", &[b"a\0b", b"c"]);
    }
}
