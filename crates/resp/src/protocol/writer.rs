//! Replies (and, for clients, commands) as bytes.
//!
//! [`write()`] takes a whole [`Reply`]; the small functions beside it let a hot path write without building one. All append
//! to a `Vec<u8>` and cannot fail. Flushing, and a bound on what waits to be flushed, are the connection's business.

use memchr::memchr2;

use super::{
    double::DoubleText,
    reply::{Reply, Version},
};

/// Appends `reply` in the form `version` asks for. O(bytes); recurses as deep as the reply nests.
///
/// RESP2 clients get what Redis gives them: maps, sets and pushes as (flat) arrays, doubles, big numbers and verbatim texts
/// as bulk strings, booleans as 1 and 0, null as `$-1` and the null array as `*-1`.
///
/// ```
/// use mnemon_resp::protocol::{Reply, Version, writer};
///
/// let reply = Reply::Map(vec![(Reply::bulk("pi"), Reply::Double(3.25))]);
/// let (mut resp2, mut resp3) = (Vec::new(), Vec::new());
/// writer::write(&reply, Version::Resp2, &mut resp2);
/// writer::write(&reply, Version::Resp3, &mut resp3);
/// assert_eq!(resp2, b"*2\r\n$2\r\npi\r\n$4\r\n3.25\r\n");
/// assert_eq!(resp3, b"%1\r\n$2\r\npi\r\n,3.25\r\n");
/// ```
pub fn write(reply: &Reply, version: Version, out: &mut Vec<u8>) {
    match reply {
        Reply::Simple(text) => write_simple(out, text),
        Reply::Error(text) => write_error(out, text),
        Reply::Int(value) => write_int(out, *value),
        Reply::Bulk(bytes) => write_bulk(out, bytes),
        Reply::StaticBulk(text) => write_bulk(out, text.as_bytes()),
        Reply::Null => write_null(out, version),
        Reply::NullArray => write_null_array(out, version),
        Reply::Array(items) => {
            write_array_header(out, items.len());
            write_all(items, version, out);
        }
        Reply::Map(pairs) => {
            write_map_header(out, pairs.len(), version);
            for (key, value) in pairs {
                write(key, version, out);
                write(value, version, out);
            }
        }
        Reply::Pairs(pairs) => {
            let flat = version == Version::Resp2;
            write_array_header(out, if flat { pairs.len().saturating_mul(2) } else { pairs.len() });
            for (key, value) in pairs {
                if !flat {
                    write_array_header(out, 2);
                }
                write(key, version, out);
                write(value, version, out);
            }
        }
        Reply::Set(items) => {
            write_set_header(out, items.len(), version);
            write_all(items, version, out);
        }
        Reply::Push(items) => {
            write_push_header(out, items.len(), version);
            write_all(items, version, out);
        }
        Reply::Double(value) => write_double(out, *value, version),
        Reply::Bool(value) => write_bool(out, *value, version),
        Reply::BigNumber(digits) => write_big_number(out, digits, version),
        Reply::Verbatim { format, text } => write_verbatim(out, *format, text, version),
    }
}

fn write_all(items: &[Reply], version: Version, out: &mut Vec<u8>) {
    for item in items {
        write(item, version, out);
    }
}

/// Appends `+OK`.
#[inline]
pub fn write_ok(out: &mut Vec<u8>) {
    out.extend_from_slice(b"+OK\r\n");
}

/// Appends a status; line breaks become spaces.
pub fn write_simple(out: &mut Vec<u8>, text: &str) {
    write_line(out, b'+', text.as_bytes());
}

/// Appends an error; `text` begins with its code word. Line breaks at its ends are dropped, others become spaces.
pub fn write_error(out: &mut Vec<u8>, text: &str) {
    write_line(out, b'-', text.trim_matches(['\r', '\n']).as_bytes());
}

/// Appends an integer.
#[inline]
pub fn write_int(out: &mut Vec<u8>, value: i64) {
    match u8::try_from(value) {
        Ok(digit @ 0..=9) => out.extend_from_slice(&[b':', b'0' + digit, b'\r', b'\n']),
        _ => write_number(out, b':', value),
    }
}

/// Appends a bulk string.
#[inline]
pub fn write_bulk(out: &mut Vec<u8>, bytes: &[u8]) {
    // The header of a string of any size and both line breaks take at most 25 bytes.
    out.reserve(bytes.len() + 25);
    write_length(out, b'$', bytes.len());
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

/// Appends the head of an array; `len` replies must follow.
#[inline]
pub fn write_array_header(out: &mut Vec<u8>, len: usize) {
    write_length(out, b'*', len);
}

/// Appends the head of a map; `len` keys, each with its value, must follow.
pub fn write_map_header(out: &mut Vec<u8>, len: usize, version: Version) {
    match version {
        Version::Resp2 => write_length(out, b'*', len.saturating_mul(2)),
        Version::Resp3 => write_length(out, b'%', len),
    }
}

/// Appends the head of a set; `len` replies must follow.
pub fn write_set_header(out: &mut Vec<u8>, len: usize, version: Version) {
    write_length(out, if version == Version::Resp3 { b'~' } else { b'*' }, len);
}

/// Appends the head of a push message; `len` replies must follow.
pub fn write_push_header(out: &mut Vec<u8>, len: usize, version: Version) {
    write_length(out, if version == Version::Resp3 { b'>' } else { b'*' }, len);
}

/// Appends null.
#[inline]
pub fn write_null(out: &mut Vec<u8>, version: Version) {
    out.extend_from_slice(match version {
        Version::Resp2 => b"$-1\r\n",
        Version::Resp3 => b"_\r\n",
    });
}

/// Appends null where an array is usual.
pub fn write_null_array(out: &mut Vec<u8>, version: Version) {
    out.extend_from_slice(match version {
        Version::Resp2 => b"*-1\r\n",
        Version::Resp3 => b"_\r\n",
    });
}

/// Appends a double with 17 significant digits (C's `%.17g`, as Redis 7.0 does).
pub fn write_double(out: &mut Vec<u8>, value: f64, version: Version) {
    let text = DoubleText::of(value);
    match version {
        Version::Resp2 => write_bulk(out, text.as_bytes()),
        Version::Resp3 => write_line(out, b',', text.as_bytes()),
    }
}

/// Appends a boolean.
pub fn write_bool(out: &mut Vec<u8>, value: bool, version: Version) {
    out.extend_from_slice(match (version, value) {
        (Version::Resp2, true) => b":1\r\n",
        (Version::Resp2, false) => b":0\r\n",
        (Version::Resp3, true) => b"#t\r\n",
        (Version::Resp3, false) => b"#f\r\n",
    });
}

/// Appends an integer of any size; `digits` is an optional minus sign and decimal digits.
pub fn write_big_number(out: &mut Vec<u8>, digits: &str, version: Version) {
    match version {
        Version::Resp2 => write_bulk(out, digits.as_bytes()),
        Version::Resp3 => write_line(out, b'(', digits.as_bytes()),
    }
}

/// Appends text with the name of its format.
pub fn write_verbatim(out: &mut Vec<u8>, format: [u8; 3], text: &str, version: Version) {
    match version {
        Version::Resp2 => write_bulk(out, text.as_bytes()),
        Version::Resp3 => {
            write_length(out, b'=', text.len() + 4);
            out.extend_from_slice(&format);
            out.push(b':');
            out.extend_from_slice(text.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// Appends a command as a client sends it: the name first, then its arguments.
///
/// ```
/// use mnemon_resp::protocol::writer;
///
/// let mut out = Vec::new();
/// writer::write_command(&mut out, ["GET", "k"]);
/// assert_eq!(out, b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
/// ```
pub fn write_command<I>(out: &mut Vec<u8>, args: I)
where
    I: IntoIterator<IntoIter: ExactSizeIterator, Item: AsRef<[u8]>>,
{
    let args = args.into_iter();
    write_array_header(out, args.len());
    for arg in args {
        write_bulk(out, arg.as_ref());
    }
}

/// `tag`, `text`, line break; breaks inside `text` become spaces, because a peer would take them for the reply's end.
fn write_line(out: &mut Vec<u8>, tag: u8, text: &[u8]) {
    out.reserve(text.len() + 3);
    out.push(tag);
    if memchr2(b'\r', b'\n', text).is_none() {
        out.extend_from_slice(text);
    } else {
        out.extend(text.iter().map(|&byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte }));
    }
    out.extend_from_slice(b"\r\n");
}

/// `tag`, a length, line break. Lengths below 100 skip the general formatter.
#[inline]
fn write_length(out: &mut Vec<u8>, tag: u8, len: usize) {
    match u8::try_from(len) {
        Ok(digit @ 0..=9) => out.extend_from_slice(&[tag, b'0' + digit, b'\r', b'\n']),
        Ok(short @ 10..=99) => {
            out.extend_from_slice(&[tag, b'0' + short / 10, b'0' + short % 10, b'\r', b'\n']);
        }
        _ => write_number(out, tag, len),
    }
}

fn write_number(out: &mut Vec<u8>, tag: u8, number: impl itoa::Integer) {
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(number).as_bytes();
    out.reserve(digits.len() + 3);
    out.push(tag);
    out.extend_from_slice(digits);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn integers_of_every_size_are_decimal() {
        for value in [0, 9, 10, -1, 255, 256, i64::MAX, i64::MIN] {
            assert_eq!(written(|out| write_int(out, value)), format!(":{value}\r\n"));
        }
    }

    #[test]
    fn lengths_of_every_size_are_decimal() {
        for len in (0..300).chain([65_536, usize::MAX]) {
            assert_eq!(written(|out| write_array_header(out, len)), format!("*{len}\r\n"));
        }
    }

    #[test]
    fn a_status_or_error_stays_one_line() {
        assert_eq!(written(|out| write_error(out, "\r\nERR a\r\nb\r\n")), "-ERR a  b\r\n");
        assert_eq!(written(|out| write_simple(out, "a\r\nb\r\n")), "+a  b  \r\n");
        assert_eq!(written(|out| write_big_number(out, "1\n2", Version::Resp3)), "(1 2\r\n");
    }
}
