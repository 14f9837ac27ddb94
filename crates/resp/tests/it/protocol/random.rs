//! Random commands, replies, bytes and cuts. A failure prints the seed that replays it.

use mnemon_resp::protocol::{DecodeLimits, Decoder, Parser, Reply, Version, decode, writer};
use proptest::{collection::vec, prelude::*};

use super::{Command, receive};

fn any_command() -> impl Strategy<Value = Command> {
    vec(prop_oneof![4 => vec(any::<u8>(), 0..20), 1 => vec(any::<u8>(), 90..1200)], 1..8)
}

/// Bytes that look enough like the protocol to reach its corners.
fn any_noise() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec![
            "*", "$", "\r\n", "\r", "\n", "0", "1", "3", "-1", "*1\r\n", "*2\r\n", "$1\r\n", "$3\r\nGET\r\n", "x", " ", "\"",
            "'", "\\", "\\x4", "PING", "+", "-", ":", "_\r\n", "%1\r\n", "~1\r\n", ">", ",", "#t\r\n", "(", "=", "!", "|1\r\n",
            "inf", "99999999999", "e", ".",
        ]).prop_map(|text| text.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..4),
    ];
    vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn any_reply() -> impl Strategy<Value = Reply> {
    let line = "[^\r\n]{0,12}";
    let leaf = prop_oneof![
        line.prop_map(Reply::simple),
        "[A-Z]{1,5} [^\r\n]{0,12}".prop_map(Reply::error),
        any::<i64>().prop_map(Reply::Int),
        vec(any::<u8>(), 0..300).prop_map(Reply::Bulk),
        Just(Reply::Null),
        any::<f64>().prop_map(|value| Reply::Double(if value.is_nan() { 0.5 } else { value })),
        any::<bool>().prop_map(Reply::Bool),
        "-?[1-9][0-9]{0,40}".prop_map(Reply::BigNumber),
        ("[a-z]{3}", ".{0,20}").prop_map(|(format, text)| Reply::Verbatim {
            format: format.as_bytes().try_into().expect("three letters"),
            text,
        }),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Reply::Array),
            vec(inner.clone(), 0..6).prop_map(Reply::Set),
            vec(inner.clone(), 0..6).prop_map(Reply::Push),
            vec((inner.clone(), inner), 0..4).prop_map(Reply::Map),
        ]
    })
}

/// `bytes` in pieces of the lengths `cuts` name, over and over.
fn pieces<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let (mut rest, mut pieces) = (bytes, Vec::new());
    for &len in cuts.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, tail) = rest.split_at(len.min(rest.len()));
        pieces.push(piece);
        rest = tail;
    }
    pieces
}

/// A line that means `command` to the inline parser, whatever its bytes are.
fn quoted(command: &Command) -> Vec<u8> {
    let mut line = Vec::new();
    for arg in command {
        line.extend_from_slice(b" \"");
        for byte in arg {
            line.extend_from_slice(format!("\\x{byte:02x}").as_bytes());
        }
        line.push(b'"');
    }
    line.extend_from_slice(b"\r\n");
    line
}

proptest! {
    #[test]
    fn what_is_encoded_is_parsed(commands in vec(any_command(), 0..10), cuts in vec(1_usize..200, 1..6)) {
        let mut bytes = Vec::new();
        for command in &commands {
            writer::write_command(&mut bytes, command);
        }
        let (parsed, error) = receive(&mut Parser::default(), pieces(&bytes, &cuts));
        prop_assert_eq!(error, None);
        prop_assert_eq!(parsed, commands);
    }

    #[test]
    fn what_is_quoted_is_parsed(commands in vec(any_command(), 0..5), cuts in vec(1_usize..200, 1..6)) {
        let bytes = commands.iter().flat_map(quoted).collect::<Vec<_>>();
        let (parsed, error) = receive(&mut Parser::default(), pieces(&bytes, &cuts));
        prop_assert_eq!(error, None);
        prop_assert_eq!(parsed, commands);
    }

    #[test]
    fn noise_means_the_same_however_it_is_cut(noise in any_noise(), cuts in vec(1_usize..9, 1..6)) {
        let whole = receive(&mut Parser::default(), [&noise[..]]);
        prop_assert_eq!(receive(&mut Parser::default(), pieces(&noise, &cuts)), whole);
    }

    #[test]
    fn raw_bytes_never_panic(noise in vec(any::<u8>(), 0..300)) {
        let whole = receive(&mut Parser::default(), [&noise[..]]);
        prop_assert_eq!(receive(&mut Parser::default(), noise.chunks(1)), whole);
        // The outcome is not the point here; that there is one is.
        let _ = decode(&noise, &DecodeLimits::default());
    }

    #[test]
    fn what_resp3_writes_it_decodes(reply in any_reply()) {
        let mut bytes = Vec::new();
        writer::write(&reply, Version::Resp3, &mut bytes);
        let len = bytes.len();
        bytes.extend_from_slice(b":1\r\n");
        prop_assert_eq!(decode(&bytes, &DecodeLimits::default()), Ok(Some((reply, len))));
    }

    #[test]
    fn what_resp2_writes_is_one_whole_reply(reply in any_reply()) {
        let mut bytes = Vec::new();
        writer::write(&reply, Version::Resp2, &mut bytes);
        let (decoded, len) = decode(&bytes, &DecodeLimits::default())?.expect("it is whole");
        prop_assert_eq!(len, bytes.len());
        let mut again = Vec::new();
        writer::write(&decoded, Version::Resp2, &mut again);
        prop_assert_eq!(again, bytes);
    }

    #[test]
    fn the_decoder_resumes_to_what_decode_finds(noise in any_noise()) {
        let limits = DecodeLimits { max_depth: 8, ..DecodeLimits::default() };
        let whole = decode(&noise, &limits);
        let mut decoder = Decoder::new(limits);
        let steps = (0..=noise.len()).map(|end| decoder.advance(&noise[..end]));
        let first = steps.into_iter().find(|step| *step != Ok(None)).unwrap_or(Ok(None));
        // NaN is not equal to itself; the texts are.
        prop_assert_eq!(format!("{first:?}"), format!("{whole:?}"));
    }
}
