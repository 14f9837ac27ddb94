//! Values that go from one key, or one database, to another.

use super::{Node, check};

#[test]
fn a_renamed_key_keeps_value_and_expiry() {
    check(
        &mut Node::new().client(),
        &[
            ("SET a 1 EX 100", "+OK\r\n"),
            ("HSET b f v", ":1\r\n"),
            ("RENAME a b", "+OK\r\n"),
            ("GET b", "$1\r\n1\r\n"),
            ("TTL b", ":100\r\n"),
            ("EXISTS a", ":0\r\n"),
            ("RENAME a b", "-ERR no such key\r\n"),
            ("RENAME b b", "+OK\r\n"),
            ("SET c 1", "+OK\r\n"),
            ("RENAMENX b c", ":0\r\n"),
            ("RENAMENX b d", ":1\r\n"),
            ("TTL d", ":100\r\n"),
        ],
    );
}

#[test]
fn a_copy_goes_its_own_way() {
    let mut client = Node::new().client();
    for field in 0..500 {
        client.say(&format!("HSET h f{field} v"));
    }
    check(
        &mut client,
        &[
            ("COPY h h", "-ERR source and destination objects are the same\r\n"),
            ("COPY h c", ":1\r\n"),
            ("HSET c f0 changed new 1", ":1\r\n"),
            ("HDEL h f1", ":1\r\n"),
            ("HGET h f0", "$1\r\nv\r\n"),
            ("HEXISTS c f1", ":1\r\n"),
            ("HLEN h", ":499\r\n"),
            ("HLEN c", ":501\r\n"),
            ("COPY h c", ":0\r\n"),
            ("COPY h c REPLACE", ":1\r\n"),
            ("HLEN c", ":499\r\n"),
            ("COPY h c DB 16", "-ERR DB index is out of range\r\n"),
        ],
    );
}

#[test]
fn keys_move_between_databases() {
    check(
        &mut Node::new().client(),
        &[
            ("SET k v EX 100", "+OK\r\n"),
            ("MOVE k 0", "-ERR source and destination objects are the same\r\n"),
            ("MOVE k 3", ":1\r\n"),
            ("MOVE k 3", ":0\r\n"),
            ("SET k w", "+OK\r\n"),
            ("MOVE k 3", ":0\r\n"),
            ("COPY k l DB 3", ":1\r\n"),
            ("SELECT 3", "+OK\r\n"),
            ("TTL k", ":100\r\n"),
            ("GET l", "$1\r\nw\r\n"),
        ],
    );
}

#[test]
fn databases_are_exchanged_as_wholes() {
    check(
        &mut Node::new().client(),
        &[
            ("MSET a zero both zero", "+OK\r\n"),
            ("SELECT 1", "+OK\r\n"),
            ("MSET b one both one", "+OK\r\n"),
            ("SWAPDB 0 1", "+OK\r\n"),
            ("MGET a b both", "*3\r\n$4\r\nzero\r\n$-1\r\n$4\r\nzero\r\n"),
            ("SELECT 0", "+OK\r\n"),
            ("MGET a b both", "*3\r\n$-1\r\n$3\r\none\r\n$3\r\none\r\n"),
            ("SWAPDB x 1", "-ERR invalid first DB index\r\n"),
            ("SWAPDB 1 x", "-ERR invalid second DB index\r\n"),
            ("SWAPDB 1 16", "-ERR DB index is out of range\r\n"),
        ],
    );
}

#[test]
fn a_transaction_sees_what_it_has_carried() {
    let mut client = Node::new().client();
    client.set_up(&["SET a 1", "MULTI"]);
    for command in [
        "RENAME a b",
        "INCR b",
        "COPY b c",
        "MOVE c 1",
        "DBSIZE",
        "KEYS *",
        "HSET h f v",
        "SCAN 0 TYPE hash",
        "HDEL h f",
        "DBSIZE",
        "RANDOMKEY",
        "SELECT 1",
        "RENAME c d",
        "KEYS *",
    ] {
        assert_eq!(client.say(command), "+QUEUED\r\n");
    }
    let expected = "*14\r\n+OK\r\n:2\r\n:1\r\n:1\r\n:1\r\n*1\r\n$1\r\nb\r\n:1\r\n*2\r\n$1\r\n0\r\n*1\r\n$1\r\nh\r\n:1\r\n:1\r\n\
                    $1\r\nb\r\n+OK\r\n+OK\r\n*1\r\n$1\r\nd\r\n";
    assert_eq!(client.say("EXEC"), expected);
}
