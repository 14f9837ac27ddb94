//! Requests that break the rules, and the exact answers, which are those of Redis 7.0.

use mnemon_resp::protocol::{Limits, Parser, ProtocolError};

use super::{command, receive};

const COUNT: &str = "invalid multibulk length";
const BULK: &str = "invalid bulk length";
const QUOTES: &str = "unbalanced quotes in request";

/// What the client gets, without `-ERR Protocol error: ` and the line break; `None` if nothing is wrong yet.
fn refusal(parser: &mut Parser, bytes: &[u8]) -> Option<Vec<u8>> {
    let (_, error) = receive(parser, [bytes]);
    let mut out = Vec::new();
    error?.write_reply(&mut out);
    let text = out.strip_prefix(b"-ERR Protocol error: ").and_then(|text| text.strip_suffix(b"\r\n"));
    Some(text.expect("every refusal begins and ends alike").to_vec())
}

fn assert_refused(bytes: &[u8], expected: &[u8]) {
    let shown = &bytes[..bytes.len().min(40)];
    let refused = refusal(&mut Parser::default(), bytes).map(|text| text.escape_ascii().to_string());
    assert_eq!(refused, Some(expected.escape_ascii().to_string()), "{}", shown.escape_ascii());
}

#[test]
fn a_malformed_request_is_refused_in_the_words_of_redis() {
    for (bytes, expected) in [
        ("*x\r\n", COUNT),
        ("*\r\n", COUNT),
        ("*01\r\n", COUNT),
        ("*+1\r\n", COUNT),
        ("*-0\r\n", COUNT),
        ("* 1\r\n", COUNT),
        ("*-\r\n", COUNT),
        ("*2147483648\r\n", COUNT),
        ("*99999999999999999999999\r\n", COUNT),
        ("*1\r\nx\r\n", "expected '$', got 'x'"),
        ("*1\r\n:5\r\n", "expected '$', got ':'"),
        ("*1\r\n\r\n", "expected '$', got ' '"),
        ("*1\r\n\n\r\n", "expected '$', got ' '"),
        ("*1\r\n*1\r\n$4\r\nPING\r\n", "expected '$', got '*'"),
        ("*2\r\n$4\r\nECHO\r\nhi\r\n", "expected '$', got 'h'"),
        ("*1\r\n$-1\r\n", BULK),
        ("*1\r\n$x\r\n", BULK),
        ("*1\r\n$\r\n", BULK),
        ("*1\r\n$04\r\nPING\r\n", BULK),
        ("*1\r\n$4 \r\nPING\r\n", BULK),
        ("*1\r\n$536870913\r\n", BULK),
        ("*1\r\n$9223372036854775807\r\n", BULK),
        ("*1\r\n$9223372036854775808\r\n", BULK),
        ("ECHO \"abc\r\n", QUOTES),
        ("ECHO 'abc\r\n", QUOTES),
        ("ECHO \"a\"b\r\n", QUOTES),
        ("ECHO 'a'b\r\n", QUOTES),
        ("ECHO a\"b\"c\r\n", QUOTES),
        ("ECHO a'\r\n", QUOTES),
        ("ECHO \"abc\\\r\n", QUOTES),
    ] {
        assert_refused(bytes.as_bytes(), expected.as_bytes());
    }
}

#[test]
fn the_unexpected_byte_is_echoed_raw() {
    assert_refused(b"*1\r\n\xff\r\n", b"expected '$', got '\xff'");
    assert_refused(b"*1\r\n\x80\r\n", b"expected '$', got '\x80'");
}

#[test]
fn a_line_without_end_is_refused() {
    let endless = |head: &str, byte: &str| [head, &byte.repeat(70_000)].concat();
    assert_refused(endless("*", "1").as_bytes(), b"too big mbulk count string");
    assert_refused(endless("*1\r\n$", "1").as_bytes(), b"too big bulk count string");
    assert_refused(endless("*1\r\n", "x").as_bytes(), b"too big bulk count string");
    assert_refused(endless("", "x").as_bytes(), b"too big inline request");
}

#[test]
fn a_line_is_refused_only_beyond_64_kib() {
    assert_eq!(refusal(&mut Parser::default(), &[b'a'; 65_536]), None);
    assert_refused(&[b'a'; 65_537], b"too big inline request");
    let bulk_line = |len| [&b"*1\r\n"[..], &b"$".repeat(len)].concat();
    assert_eq!(refusal(&mut Parser::default(), &bulk_line(65_536)), None);
    assert_refused(&bulk_line(65_537), b"too big bulk count string");
}

#[test]
fn a_malformed_request_is_refused_wherever_the_bytes_are_cut() {
    for bytes in [&b"*1\r\n$x\r\n"[..], b"*3\r\n$1\r\na\r\n*1\r\n", b"PING\r\n*x1\r\n", b"\r\nECHO 'a\r\n"] {
        let whole = receive(&mut Parser::default(), [bytes]);
        assert!(whole.1.is_some());
        for split in 0..bytes.len() {
            let (head, tail) = bytes.split_at(split);
            assert_eq!(receive(&mut Parser::default(), [head, tail]), whole, "split at {split}");
        }
        assert_eq!(receive(&mut Parser::default(), bytes.chunks(1)), whole);
    }
}

#[test]
fn commands_before_the_malformed_one_are_answered() {
    let (commands, error) = receive(&mut Parser::default(), [&b"PING\r\n*1\r\n$4\r\nQUIT\r\n*x\r\n"[..]]);
    assert_eq!(commands, [command(&["PING"]), command(&["QUIT"])]);
    assert_eq!(error, Some(ProtocolError::InvalidCount));
}

#[test]
fn nested_arrays_are_refused_at_the_second() {
    assert_refused("*1\r\n".repeat(200_000).as_bytes(), b"expected '$', got '*'");
}

#[test]
fn limits_are_inclusive() {
    let limits = Limits { max_bulk_len: 4, max_args: 2, max_inline_len: 8, max_request_len: 40 };
    let refused = |bytes: &[u8]| receive(&mut Parser::new(limits), [bytes]).1;
    assert_eq!(refused(b"*2\r\n$4\r\nECHO\r\n$4\r\nabcd\r\n"), None);
    assert_eq!(refused(b"*1\r\n$5\r\nabcde\r\n"), Some(ProtocolError::InvalidBulkLength));
    assert_eq!(refused(b"*3\r\n"), Some(ProtocolError::InvalidCount));
    assert_eq!(refused(b"*999999\r\n"), Some(ProtocolError::InvalidCount));
    assert_eq!(refused(b"12345678\n"), None);
    assert_eq!(refused(b"123456789\n"), Some(ProtocolError::InlineTooLong));
}

/// Whole short lines were taken before the limit was looked at, and refused when they came in pieces.
#[test]
fn a_limit_below_any_line_means_the_same_however_the_line_arrives() {
    let limits = Limits { max_inline_len: 1, ..Limits::default() };
    let request = b"*1\r\n$120\r\n";
    let whole = receive(&mut Parser::new(limits), [&request[..]]);
    assert_eq!(receive(&mut Parser::new(limits), request.chunks(1)), whole);
    assert_eq!(whole.1, None);
    let refused = |bytes: &[u8]| receive(&mut Parser::new(limits), bytes.chunks(1)).1;
    assert_eq!(refused(b"*1234\r\n"), Some(ProtocolError::CountLineTooLong));
    assert_eq!(refused(b"12345\n"), Some(ProtocolError::InlineTooLong));
}

#[test]
fn a_request_is_bounded_as_a_whole_and_refused_on_announcement() {
    let request = b"*2\r\n$4\r\nECHO\r\n$100\r\n";
    let whole = request.len() + 100 + 2;
    let fits = Limits { max_request_len: whole, ..Limits::default() };
    assert_eq!(receive(&mut Parser::new(fits), [&request[..]]).1, None);
    let limit = whole - 1;
    let tight = Limits { max_request_len: limit, ..Limits::default() };
    assert_eq!(
        receive(&mut Parser::new(tight), [&request[..]]).1,
        Some(ProtocolError::RequestTooLong { limit })
    );
    // The bound is for one request, not for what a pipeline holds.
    let pipeline = b"PING\r\n".repeat(100);
    assert_eq!(receive(&mut Parser::new(tight), [&pipeline[..]]).0.len(), 100);
}

#[test]
fn a_stranger_may_send_only_little() {
    let mut stranger = Parser::default();
    stranger.set_authenticated(false);
    let ten = [&b"*10\r\n"[..], &b"$1\r\nx\r\n".repeat(10)].concat();
    assert_eq!(receive(&mut stranger, [&ten[..], b"*1\r\n$16384\r\n", &[b'x'; 16_386]]).0.len(), 2);
    let refused = |bytes: &[u8]| {
        let mut stranger = Parser::default();
        stranger.set_authenticated(false);
        refusal(&mut stranger, bytes)
    };
    assert_eq!(refused(b"*11\r\n"), Some(b"unauthenticated multibulk length".to_vec()));
    assert_eq!(refused(b"*1\r\n$16385\r\n"), Some(b"unauthenticated bulk length".to_vec()));
    // What nobody may send is refused in the usual words.
    assert_eq!(refused(b"*1\r\n$536870913\r\n"), Some(BULK.into()));
    assert_eq!(refused(b"*2147483648\r\n"), Some(COUNT.into()));

    stranger.set_authenticated(true);
    let eleven = [&b"*11\r\n"[..], &b"$1\r\nx\r\n".repeat(11)].concat();
    assert_eq!(receive(&mut stranger, [&eleven[..]]).0.len(), 1);
}
