//! Well-formed requests: whatever way the bytes are cut, the same commands come out.

use mnemon_resp::protocol::{Limits, Parser, Progress, ProtocolError, writer};

use super::{command, commands, receive};

/// Every form of request, with empty ones between them.
const SAMPLE: &[u8] = b"*1\r\n$4\r\nPING\r\n*0\r\n\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$10\r\n01234\r\n789\r\n*-1\r\n\n\
    SET \"a \\x41\\n\" 'it\\'s'\r\n*2\r\n$4\r\nECHO\r\n$0\r\n\r\n   \r\nGET k\n*1\r\n$12\r\ntwelve bytes\r\n*-77\r\n";

fn sample_commands() -> Vec<Vec<Vec<u8>>> {
    vec![
        command(&["PING"]),
        command(&["SET", "k", "01234\r\n789"]),
        command(&["SET", "a A\n", "it's"]),
        command(&["ECHO", ""]),
        command(&["GET", "k"]),
        command(&["twelve bytes"]),
    ]
}

#[test]
fn a_pipeline_is_read_in_order() {
    assert_eq!(commands([SAMPLE]), sample_commands());
}

#[test]
fn every_split_point_gives_the_same_commands() {
    for split in 0..=SAMPLE.len() {
        let (head, tail) = SAMPLE.split_at(split);
        assert_eq!(commands([head, tail]), sample_commands(), "split at {split}");
    }
}

#[test]
fn every_pair_of_split_points_gives_the_same_commands() {
    for first in 0..=SAMPLE.len() {
        for second in first..=SAMPLE.len() {
            let chunks = [&SAMPLE[..first], &SAMPLE[first..second], &SAMPLE[second..]];
            assert_eq!(commands(chunks), sample_commands(), "split at {first} and {second}");
        }
    }
}

#[test]
fn byte_by_byte_gives_the_same_commands() {
    assert_eq!(commands(SAMPLE.chunks(1)), sample_commands());
}

#[test]
fn empty_requests_are_consumed_even_when_no_command_follows() {
    let mut parser = Parser::default();
    let empty = b"*0\r\n\r\n  \n*-1\r\n".repeat(1000);
    let progress = parser.advance(&empty).unwrap();
    assert!(matches!(progress, Progress::Incomplete { consumed, .. } if consumed == empty.len()));
}

#[test]
fn a_half_read_command_keeps_its_place_behind_empty_requests() {
    let mut parser = Parser::default();
    let bytes = b"*0\r\n\r\n*2\r\n$4\r\nECHO\r\n$2\r\nh";
    assert_eq!(parser.advance(bytes), Ok(Progress::Incomplete { consumed: 6, hint: 3 }));
    let rest = [&bytes[6..], b"i\r\n"].concat();
    assert_eq!(parser.advance(&rest), Ok(Progress::Command { consumed: rest.len() }));
    assert_eq!(parser.args(&rest).get(1), Some(&b"hi"[..]));
}

#[test]
fn bytes_that_redis_does_not_look_at_are_not_looked_at() {
    assert_eq!(
        commands([&b"*1\rX$4\rYPINGab*1\r\n$4\r\nPINGabQUIT\n"[..]]),
        [command(&["PING"]), command(&["PING"]), command(&["QUIT"])]
    );
}

#[test]
fn a_huge_announced_argument_asks_for_little() {
    let mut parser = Parser::default();
    let header = b"*2\r\n$3\r\nSET\r\n$536870912\r\n";
    assert_eq!(parser.advance(header), Ok(Progress::Incomplete { consumed: 0, hint: 16 * 1024 }));
    let arrived = [&header[..], &[b'x'; 100_000]].concat();
    assert_eq!(parser.advance(&arrived), Ok(Progress::Incomplete { consumed: 0, hint: 7 * arrived.len() }));
}

#[test]
fn the_hint_is_what_an_argument_still_lacks() {
    let mut parser = Parser::default();
    assert_eq!(parser.advance(b"*1\r\n$100\r\nabc"), Ok(Progress::Incomplete { consumed: 0, hint: 99 }));
    assert_eq!(Parser::default().advance(b""), Ok(Progress::Incomplete { consumed: 0, hint: 1 }));
}

#[test]
fn a_large_argument_that_trickles_in_arrives_whole() {
    let value: Vec<u8> = (0..=255).cycle().take(3_000_000).collect();
    let mut bytes = Vec::new();
    writer::write_command(&mut bytes, [&b"SET"[..], b"k", &value]);
    let received = commands(bytes.chunks(1500));
    assert_eq!(received.len(), 1);
    assert!(received[0][2] == value);
}

/// A million arguments in pieces of one to seven bytes: only resuming makes this end soon.
#[test]
fn many_arguments_that_trickle_in_are_read_once() {
    let count = 1024 * 1024;
    let bytes = [format!("*{count}\r\n").as_bytes(), &b"$1\r\nx\r\n".repeat(count)].concat();
    let mut parser = Parser::default();
    let mut end = 0;
    let progress = loop {
        end = bytes.len().min(end + 1 + end % 7);
        match parser.advance(&bytes[..end]).unwrap() {
            Progress::Incomplete { consumed, .. } => assert_eq!(consumed, 0),
            command @ Progress::Command { .. } => break command,
        }
    };
    assert_eq!(progress, Progress::Command { consumed: bytes.len() });
    let args = parser.args(&bytes);
    assert_eq!(args.len(), count);
    assert!(args.iter().all(|arg| arg == b"x"));
}

#[test]
fn an_inline_request_of_the_longest_kind_is_read() {
    let max_len = Limits::default().max_inline_len;
    let line = [&b"x".repeat(max_len)[..], b"\n"].concat();
    assert_eq!(commands([&line[..]])[0][0].len(), max_len);
    let longer = [b"x", &line[..]].concat();
    let (_, error) = receive(&mut Parser::default(), [&longer[..]]);
    assert_eq!(error, Some(ProtocolError::InlineTooLong));
}

#[test]
fn the_arguments_of_no_command_are_empty() {
    let mut parser = Parser::default();
    let bytes = b"*2\r\n$4\r\nECHO\r\n$2\r\nh";
    assert!(parser.args(bytes).is_empty());
    parser.advance(bytes).unwrap();
    assert!(parser.args(bytes).is_empty());
}

#[test]
fn arguments_outlive_the_buffer_as_a_copy() {
    let mut parser = Parser::default();
    let mut bytes = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n".to_vec();
    parser.advance(&bytes).unwrap();
    let copy = parser.args(&bytes).to_buf();
    bytes.fill(0);
    assert_eq!(copy.as_args().iter().collect::<Vec<_>>(), [&b"GET"[..], b"k"]);
}
