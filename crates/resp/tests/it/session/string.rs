//! Strings and counters.

use super::{Node, START_MS, check};

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";

#[test]
fn set_obeys_its_conditions() {
    check(
        &mut Node::new().client(),
        &[
            ("SET k 1 XX", "$-1\r\n"),
            ("SET k 1 NX", "+OK\r\n"),
            ("SET k 2 NX", "$-1\r\n"),
            ("SET k 3 XX GET", "$1\r\n1\r\n"),
            ("SET k 4 NX GET", "$1\r\n3\r\n"),
            ("GET k", "$1\r\n3\r\n"),
            ("SET k 5 NX XX", "-ERR syntax error\r\n"),
            ("SET k 5 EX", "-ERR syntax error\r\n"),
            ("SET k 5 EX 0", "-ERR invalid expire time in 'set' command\r\n"),
            ("SET k 5 EX 10 KEEPTTL", "-ERR syntax error\r\n"),
            ("SETNX k 6", ":0\r\n"),
            ("SETNX l 6", ":1\r\n"),
        ],
    );
}

#[test]
fn a_plain_set_replaces_a_hash_and_its_expiry_and_set_get_does_not() {
    check(
        &mut Node::new().client(),
        &[
            ("HSET k f v", ":1\r\n"),
            ("SET k v GET", WRONG_TYPE),
            ("TYPE k", "+hash\r\n"),
            ("EXPIRE k 100", ":1\r\n"),
            ("SET k v", "+OK\r\n"),
            ("TTL k", ":-1\r\n"),
            ("EXPIRE k 100", ":1\r\n"),
            ("SET k w KEEPTTL", "+OK\r\n"),
            ("TTL k", ":100\r\n"),
        ],
    );
}

#[test]
fn values_expire_at_their_time_and_not_before() {
    let node = Node::new();
    let mut client = node.client();
    check(&mut client, &[("SET k v PX 1000", "+OK\r\n"), ("PEXPIRETIME k", ":1001000\r\n")]);
    node.clock.advance(999);
    check(&mut client, &[("GET k", "$1\r\nv\r\n"), ("PTTL k", ":1\r\n")]);
    node.clock.advance(1);
    check(&mut client, &[("GET k", "$-1\r\n"), ("TTL k", ":-2\r\n"), ("EXISTS k", ":0\r\n")]);
    assert_eq!(client.say(&format!("SET k v PXAT {}", START_MS + 2_000)), "+OK\r\n");
    assert_eq!(client.say("PTTL k"), ":1000\r\n");
}

#[test]
fn getex_and_getdel_spare_what_is_no_string() {
    check(
        &mut Node::new().client(),
        &[
            ("HSET h f v", ":1\r\n"),
            ("GETDEL h", WRONG_TYPE),
            ("GETEX h EX 10", WRONG_TYPE),
            ("TTL h", ":-1\r\n"),
            ("GETEX nothing EX 0", "$-1\r\n"),
            ("SET k v EX 10", "+OK\r\n"),
            ("GETEX k EX 0", "-ERR invalid expire time in 'getex' command\r\n"),
            ("GETEX k PERSIST", "$1\r\nv\r\n"),
            ("TTL k", ":-1\r\n"),
            ("GETEX k PXAT 1", "$1\r\nv\r\n"),
            ("EXISTS k", ":0\r\n"),
            ("SET k w", "+OK\r\n"),
            ("GETDEL k", "$1\r\nw\r\n"),
            ("GETDEL k", "$-1\r\n"),
        ],
    );
}

#[test]
fn msetnx_sets_all_or_nothing() {
    check(
        &mut Node::new().client(),
        &[
            ("MSETNX a 1 b 2", ":1\r\n"),
            ("MSETNX c 3 b 4", ":0\r\n"),
            ("MGET a b c", "*3\r\n$1\r\n1\r\n$1\r\n2\r\n$-1\r\n"),
            ("MSETNX c 3 b", "-ERR wrong number of arguments for 'msetnx' command\r\n"),
            ("HSET h f v", ":1\r\n"),
            ("MGET h a", "*2\r\n$-1\r\n$1\r\n1\r\n"),
        ],
    );
}

#[test]
fn counters_refuse_what_is_no_integer_and_what_overflows() {
    check(
        &mut Node::new().client(),
        &[
            ("INCR n", ":1\r\n"),
            ("DECRBY n 3", ":-2\r\n"),
            ("INCRBY n 9223372036854775807", ":9223372036854775805\r\n"),
            ("INCRBY n 3", "-ERR increment or decrement would overflow\r\n"),
            ("DECRBY n -9223372036854775808", "-ERR decrement would overflow\r\n"),
            ("INCRBY n 1.5", "-ERR value is not an integer or out of range\r\n"),
            ("APPEND n x", ":20\r\n"),
            ("INCR n", "-ERR value is not an integer or out of range\r\n"),
            ("HSET h f v", ":1\r\n"),
            ("INCR h", WRONG_TYPE),
            ("INCRBYFLOAT h x", WRONG_TYPE),
            ("INCRBYFLOAT f 0.1", "$3\r\n0.1\r\n"),
            ("INCRBYFLOAT f 0.2", "$3\r\n0.3\r\n"),
            ("INCRBYFLOAT f inf", "-ERR increment would produce NaN or Infinity\r\n"),
            ("INCRBYFLOAT f x", "-ERR value is not a valid float\r\n"),
        ],
    );
}

#[test]
fn keys_and_values_are_any_bytes() {
    let mut client = Node::new().client();
    let key = b"\0\r\n\xff $-1\r\n";
    assert_eq!(client.call(&[b"SET", key, key]), b"+OK\r\n");
    assert_eq!(client.call(&[b"get", key]), [b"$10\r\n", &key[..], b"\r\n"].concat());
    assert_eq!(client.call(&[b"SET", b"", b""]), b"+OK\r\n");
    assert_eq!(client.call(&[b"STRLEN", b""]), b":0\r\n");
    assert_eq!(client.call(&[b"DEL", b"", key, b""]), b":2\r\n");
}
