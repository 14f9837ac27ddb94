//! Keys of any type.

use super::{Node, check};

#[test]
fn expire_obeys_its_conditions() {
    check(
        &mut Node::new().client(),
        &[
            ("EXPIRE k 10", ":0\r\n"),
            ("SET k v", "+OK\r\n"),
            ("EXPIRE k 10 XX", ":0\r\n"),
            ("EXPIRE k 10 GT", ":0\r\n"),
            ("EXPIRE k 10 XX LT", ":0\r\n"),
            ("EXPIRE k 10 NX", ":1\r\n"),
            ("EXPIRE k 20 NX", ":0\r\n"),
            ("EXPIRE k 20 LT", ":0\r\n"),
            ("EXPIRE k 20 GT XX", ":1\r\n"),
            ("EXPIRE k 5 LT XX", ":1\r\n"),
            ("TTL k", ":5\r\n"),
            ("PERSIST k", ":1\r\n"),
            ("PERSIST k", ":0\r\n"),
            ("EXPIRE k 10 LT", ":1\r\n"),
        ],
    );
}

#[test]
fn expire_refuses_options_that_contradict_one_another_and_times_that_overflow() {
    check(
        &mut Node::new().client(),
        &[
            ("SET k v", "+OK\r\n"),
            ("EXPIRE k 1 NX GT", "-ERR NX and XX, GT or LT options at the same time are not compatible\r\n"),
            ("EXPIRE k 1 GT LT", "-ERR GT and LT options at the same time are not compatible\r\n"),
            ("EXPIRE k 1 ZZ", "-ERR Unsupported option ZZ\r\n"),
            ("EXPIRE k 9223372036854775807", "-ERR invalid expire time in 'expire' command\r\n"),
            ("PEXPIRE k 9223372036854775807", "-ERR invalid expire time in 'pexpire' command\r\n"),
            ("EXPIRE k x", "-ERR value is not an integer or out of range\r\n"),
            ("TTL k", ":-1\r\n"),
        ],
    );
}

#[test]
fn an_expiry_in_the_past_deletes() {
    check(
        &mut Node::new().client(),
        &[
            ("MSET a 1 b 2 c 3", "+OK\r\n"),
            ("EXPIRE a -1", ":1\r\n"),
            ("PEXPIREAT b 999999", ":1\r\n"),
            ("EXPIREAT c 0", ":1\r\n"),
            ("EXISTS a b c", ":0\r\n"),
            ("DBSIZE", ":0\r\n"),
        ],
    );
}

#[test]
fn a_key_counts_as_often_as_it_is_named_and_goes_once() {
    check(
        &mut Node::new().client(),
        &[
            ("HSET h f v", ":1\r\n"),
            ("EXISTS h h nothing h", ":3\r\n"),
            ("DEL h h", ":1\r\n"),
            ("UNLINK h", ":0\r\n"),
            ("TYPE h", "+none\r\n"),
        ],
    );
}

#[test]
fn flushdb_takes_one_option_of_two() {
    check(
        &mut Node::new().client(),
        &[
            ("SET k v", "+OK\r\n"),
            ("FLUSHDB NOW", "-ERR syntax error\r\n"),
            ("FLUSHDB SYNC ASYNC", "-ERR syntax error\r\n"),
            ("DBSIZE", ":1\r\n"),
            ("FLUSHDB async", "+OK\r\n"),
            ("DBSIZE", ":0\r\n"),
        ],
    );
}
