//! Replies as bytes in both versions, and back.

use mnemon_resp::protocol::{DecodeLimits, Decoder, ProtocolError, Reply, Version, decode, writer};

fn written(reply: &Reply, version: Version) -> Vec<u8> {
    let mut out = Vec::new();
    writer::write(reply, version, &mut out);
    out
}

fn decoded(bytes: &[u8]) -> Result<Option<(Reply, usize)>, ProtocolError> {
    decode(bytes, &DecodeLimits::default())
}

/// One of each, with its form in RESP2 and RESP3.
fn table() -> Vec<(Reply, &'static str, &'static str)> {
    let one_two = || vec![Reply::Int(1), Reply::Int(2)];
    vec![
        (Reply::OK, "+OK\r\n", "+OK\r\n"),
        (Reply::error("ERR no"), "-ERR no\r\n", "-ERR no\r\n"),
        (Reply::Int(12_345), ":12345\r\n", ":12345\r\n"),
        (Reply::Int(i64::MIN), ":-9223372036854775808\r\n", ":-9223372036854775808\r\n"),
        (Reply::bulk("a\r\nb"), "$4\r\na\r\nb\r\n", "$4\r\na\r\nb\r\n"),
        (Reply::bulk(""), "$0\r\n\r\n", "$0\r\n\r\n"),
        (Reply::StaticBulk("none"), "$4\r\nnone\r\n", "$4\r\nnone\r\n"),
        (Reply::Null, "$-1\r\n", "_\r\n"),
        (Reply::NullArray, "*-1\r\n", "_\r\n"),
        (Reply::Array(one_two()), "*2\r\n:1\r\n:2\r\n", "*2\r\n:1\r\n:2\r\n"),
        (Reply::Array(Vec::new()), "*0\r\n", "*0\r\n"),
        (
            Reply::Map(vec![(Reply::Int(0), Reply::Bool(false)), (Reply::Int(1), Reply::Null)]),
            "*4\r\n:0\r\n:0\r\n:1\r\n$-1\r\n",
            "%2\r\n:0\r\n#f\r\n:1\r\n_\r\n",
        ),
        (Reply::Set(one_two()), "*2\r\n:1\r\n:2\r\n", "~2\r\n:1\r\n:2\r\n"),
        (Reply::Push(one_two()), "*2\r\n:1\r\n:2\r\n", ">2\r\n:1\r\n:2\r\n"),
        (Reply::Double(3.25), "$4\r\n3.25\r\n", ",3.25\r\n"),
        (Reply::Double(0.1), "$19\r\n0.10000000000000001\r\n", ",0.10000000000000001\r\n"),
        (Reply::Double(3.0), "$1\r\n3\r\n", ",3\r\n"),
        (Reply::Double(f64::INFINITY), "$3\r\ninf\r\n", ",inf\r\n"),
        (Reply::Double(f64::NEG_INFINITY), "$4\r\n-inf\r\n", ",-inf\r\n"),
        (Reply::Bool(true), ":1\r\n", "#t\r\n"),
        (Reply::Bool(false), ":0\r\n", "#f\r\n"),
        (
            Reply::BigNumber("1234567999999999999999999999999999999".into()),
            "$37\r\n1234567999999999999999999999999999999\r\n",
            "(1234567999999999999999999999999999999\r\n",
        ),
        (
            Reply::text("This is a verbatim\nstring"),
            "$25\r\nThis is a verbatim\nstring\r\n",
            "=29\r\ntxt:This is a verbatim\nstring\r\n",
        ),
        (
            Reply::Array(vec![Reply::Set(vec![Reply::Map(Vec::new())]), Reply::NullArray]),
            "*2\r\n*1\r\n*0\r\n*-1\r\n",
            "*2\r\n~1\r\n%0\r\n_\r\n",
        ),
    ]
}

#[test]
fn every_reply_has_its_form_in_both_versions() {
    for (reply, resp2, resp3) in table() {
        assert_eq!(String::from_utf8(written(&reply, Version::Resp2)).unwrap(), resp2, "{reply:?}");
        assert_eq!(String::from_utf8(written(&reply, Version::Resp3)).unwrap(), resp3, "{reply:?}");
    }
}

#[test]
fn every_form_decodes_and_is_written_back_alike() {
    for (_, resp2, resp3) in table() {
        for (bytes, version) in [(resp2, Version::Resp2), (resp3, Version::Resp3)] {
            let (reply, len) = decoded(bytes.as_bytes()).unwrap().expect("it is whole");
            assert_eq!(len, bytes.len());
            assert_eq!(String::from_utf8(written(&reply, version)).unwrap(), bytes);
        }
    }
}

#[test]
fn every_beginning_of_a_reply_is_incomplete() {
    for (_, resp2, resp3) in table() {
        for bytes in [resp2.as_bytes(), resp3.as_bytes()] {
            let mut decoder = Decoder::default();
            for end in 0..bytes.len() {
                assert_eq!(decoded(&bytes[..end]), Ok(None));
                assert_eq!(decoder.advance(&bytes[..end]), Ok(None));
            }
            assert_eq!(decoder.advance(bytes), decoded(bytes));
        }
    }
}

#[test]
fn a_stream_of_replies_is_decoded_one_by_one() {
    let bytes: String = table().iter().map(|(_, _, resp3)| *resp3).collect();
    let mut decoder = Decoder::default();
    let mut rest = bytes.as_bytes();
    let mut out = Vec::new();
    while let Some((reply, len)) = decoder.advance(rest).unwrap() {
        writer::write(&reply, Version::Resp3, &mut out);
        rest = &rest[len..];
    }
    assert!(rest.is_empty());
    assert_eq!(out, bytes.as_bytes());
}

#[test]
fn attributes_are_read_and_dropped() {
    let nested = b"|1\r\n+key\r\n*2\r\n:1\r\n%1\r\n:2\r\n:3\r\n*2\r\n|1\r\n:0\r\n:0\r\n:7\r\n|0\r\n:8\r\n";
    let reply = Reply::Array(vec![Reply::Int(7), Reply::Int(8)]);
    assert_eq!(decoded(nested), Ok(Some((reply, nested.len()))));
    assert_eq!(decoded(b"|0\r\n"), Ok(None));
}

#[test]
fn a_blob_error_and_a_nan_are_understood() {
    assert_eq!(decoded(b"!6\r\nERR no\r\n"), Ok(Some((Reply::error("ERR no"), 12))));
    let (reply, _) = decoded(b",nan\r\n").unwrap().expect("it is whole");
    assert!(matches!(reply, Reply::Double(value) if value.is_nan()));
}

#[test]
fn a_malformed_reply_is_refused() {
    let malformed: [&[u8]; 22] = [
        b":\r\n",
        b":1x\r\n",
        b":9223372036854775808\r\n",
        b",x\r\n",
        b"#x\r\n",
        b"#\r\n",
        b"_x\r\n",
        b"(\r\n",
        b"(-\r\n",
        b"(1a\r\n",
        b"$x\r\n",
        b"$-2\r\n",
        b"$+1\r\n",
        b"$1\r\nab\r\n",
        b"$?\r\n",
        b"*-2\r\n",
        b"%-1\r\n",
        b"=3\r\ntxt\r\n",
        b"=4\r\ntxt.\r\n",
        b"+OK\n",
        b"*99999999999999999999\r\n",
        b"!-1\r\n",
    ];
    for bytes in malformed {
        assert!(
            matches!(decoded(bytes), Err(ProtocolError::MalformedReply { .. })),
            "{}: {:?}",
            bytes.escape_ascii(),
            decoded(bytes)
        );
    }
    assert_eq!(decoded(b"HTTP/1.1 400\r\n"), Err(ProtocolError::UnknownReplyType { got: b'H' }));
}

#[test]
fn depth_is_limited() {
    let nested = |depth: usize| ["*1\r\n".repeat(depth), ":1\r\n".into()].concat().into_bytes();
    assert!(matches!(decoded(&nested(128)), Ok(Some(_))));
    assert_eq!(decoded(&nested(129)), Err(ProtocolError::ReplyTooDeep { limit: 128 }));
    assert_eq!(decoded(&nested(200_000)), Err(ProtocolError::ReplyTooDeep { limit: 128 }));
    let careless = DecodeLimits { max_depth: usize::MAX, ..DecodeLimits::default() };
    assert!(matches!(decode(&nested(1024), &careless), Ok(Some(_))));
    assert_eq!(decode(&nested(200_000), &careless), Err(ProtocolError::ReplyTooDeep { limit: 1024 }));
}

#[test]
fn sizes_are_limited_and_inclusive() {
    let limits = DecodeLimits { max_depth: 2, max_bulk_len: 3, max_line_len: 4, max_elements: 2 };
    let too_large = |what, limit| Err(ProtocolError::ReplyTooLarge { what, limit });
    assert_eq!(decode(b"$3\r\nabc\r\n", &limits), Ok(Some((Reply::bulk("abc"), 9))));
    assert_eq!(decode(b"$4\r\n", &limits), too_large("a string", 3));
    assert_eq!(decode(b"+abcd\r\n", &limits), Ok(Some((Reply::simple("abcd"), 7))));
    assert_eq!(decode(b"+abcd\r", &limits), Ok(None));
    assert_eq!(decode(b"+abcde\r\n", &limits), too_large("a line", 4));
    assert_eq!(decode(b"+abcdefgh", &limits), too_large("a line", 4));
    assert_eq!(decode(b"*2\r\n", &limits), Ok(None));
    assert_eq!(decode(b"*3\r\n", &limits), too_large("an aggregate", 2));
    assert_eq!(decode(b"%2\r\n", &limits), too_large("an aggregate", 2));
}

#[test]
fn a_large_reply_that_trickles_in_is_decoded_once() {
    let count = 200_000;
    let reply = Reply::Array((0..count).map(Reply::Int).collect());
    let bytes = written(&reply, Version::Resp3);
    let mut decoder = Decoder::default();
    for end in (0..bytes.len()).step_by(5) {
        assert_eq!(decoder.advance(&bytes[..end]), Ok(None));
    }
    assert_eq!(decoder.advance(&bytes), Ok(Some((reply, bytes.len()))));
}
