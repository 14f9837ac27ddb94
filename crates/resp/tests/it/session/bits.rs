//! Parts and bits of strings.

use super::{Node, check};

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";

#[test]
fn parts_are_read_and_written_at_offsets() {
    check(
        &mut Node::new().client(),
        &[
            ("SETRANGE k 2 ab", ":4\r\n"),
            ("GET k", "$4\r\n\0\0ab\r\n"),
            ("SETRANGE k 3 xyz", ":6\r\n"),
            ("GETRANGE k 2 -2", "$3\r\naxy\r\n"),
            ("SUBSTR k -1 -1", "$1\r\nz\r\n"),
            ("SETRANGE nothing 5 ''", ":0\r\n"),
            ("EXISTS nothing", ":0\r\n"),
            ("SETRANGE k -1 x", "-ERR offset is out of range\r\n"),
        ],
    );
}

#[test]
fn no_string_grows_past_its_limit() {
    let text = "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n";
    let offset = "-ERR bit offset is not an integer or out of range\r\n";
    check(
        &mut Node::new().client(),
        &[
            ("SETRANGE k 536870912 x", text),
            ("SETRANGE k 9223372036854775807 x", text),
            ("SETBIT k 4294967296 1", offset),
            ("BITFIELD k SET u8 #536870912 1", offset),
            ("BITFIELD k SET i64 4294967295 1", text),
            ("EXISTS k", ":0\r\n"),
        ],
    );
}

#[test]
fn a_written_part_keeps_the_expiry() {
    check(
        &mut Node::new().client(),
        &[
            ("SET k abc EX 100", "+OK\r\n"),
            ("SETRANGE k 1 x", ":3\r\n"),
            ("SETBIT k 0 1", ":0\r\n"),
            ("BITFIELD k INCRBY u8 0 1", "*1\r\n:226\r\n"),
            ("TTL k", ":100\r\n"),
            ("BITOP NOT k k", ":3\r\n"),
            ("TTL k", ":-1\r\n"),
        ],
    );
}

#[test]
fn bits_are_counted_and_found_in_bytes_and_bits() {
    check(
        &mut Node::new().client(),
        &[
            ("SET k foobar", "+OK\r\n"),
            ("BITCOUNT k", ":26\r\n"),
            ("BITCOUNT k 1 1", ":6\r\n"),
            ("BITCOUNT k 5 30 BIT", ":17\r\n"),
            ("BITCOUNT k 1", "-ERR syntax error\r\n"),
            ("BITPOS k 1 2 -1", ":17\r\n"),
            ("BITPOS k 0 9 12 BIT", ":11\r\n"),
            ("BITPOS nothing 0", ":0\r\n"),
            ("BITPOS nothing 1", ":-1\r\n"),
        ],
    );
}

#[test]
fn a_hash_has_no_bits() {
    let mut client = Node::new().client();
    client.say("HSET h f v");
    for command in [
        "SETBIT h 0 1",
        "GETBIT h 0",
        "BITCOUNT h",
        "BITPOS h 1",
        "BITOP AND d h h",
        "BITFIELD h GET u8 0",
        "BITFIELD_RO h GET u8 0",
        "SETRANGE h 0 x",
        "GETRANGE h 0 1",
    ] {
        assert_eq!(client.say(command), WRONG_TYPE, "{command}");
    }
}

#[test]
fn common_parts_of_two_strings_are_found() {
    let mut client = Node::new().client();
    check(
        &mut client,
        &[
            ("MSET a ohmytext b mynewtext", "+OK\r\n"),
            ("LCS a b", "$6\r\nmytext\r\n"),
            ("LCS a b LEN", ":6\r\n"),
            (
                "LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN",
                "*4\r\n$7\r\nmatches\r\n*1\r\n*3\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n:4\r\n$3\r\nlen\r\n:6\r\n",
            ),
            ("LCS a nothing", "$0\r\n\r\n"),
        ],
    );
    let large = vec![b'x'; 12_000];
    client.call(&[b"SET", b"c", &large]);
    let refused = "-ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len\r\n";
    assert_eq!(client.say("LCS c c LEN"), refused);
}
