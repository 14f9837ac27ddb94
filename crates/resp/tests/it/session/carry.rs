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
fn databases_past_any_number_of_keys_are_exchanged() {
    let mut client = Node::new().client();
    for round in 0..70 {
        let pairs: String = (0..1_000).map(|number| format!(" k{round}-{number} v")).collect();
        assert_eq!(client.say(&format!("MSET{pairs}")), "+OK\r\n");
    }
    check(
        &mut client,
        &[
            ("SET own 1 EX 100", "+OK\r\n"),
            ("SWAPDB 0 5", "+OK\r\n"),
            ("DBSIZE", ":0\r\n"),
            ("SELECT 5", "+OK\r\n"),
            ("DBSIZE", ":70001\r\n"),
            ("TTL own", ":100\r\n"),
        ],
    );
}

#[test]
fn a_transaction_goes_on_with_what_an_exchange_has_brought() {
    let mut client = Node::new().client();
    client.set_up(&["SET a zero", "SET n 5", "SELECT 1", "SET b one", "SELECT 0", "MULTI"]);
    for command in [
        "SET mine 1",
        "SWAPDB 0 1",
        "KEYS *",
        "INCR n",
        "RENAME b c",
        "SWAPDB 1 2",
        "SELECT 2",
        "KEYS *",
        "RENAME a d",
        "GETEX d EX 100",
        "SWAPDB 2 0",
        "SELECT 0",
        "MGET d n mine c",
        "SCAN 0 MATCH d",
        "DBSIZE",
    ] {
        assert_eq!(client.say(command), "+QUEUED\r\n");
    }
    let answers = client.say("EXEC");
    let sorted = |keys: &[&str]| keys.iter().all(|key| answers.contains(&format!("\r\n{key}\r\n")));
    assert!(
        answers.starts_with("*15\r\n+OK\r\n+OK\r\n*1\r\n$1\r\nb\r\n:1\r\n+OK\r\n+OK\r\n+OK\r\n*3\r\n"),
        "{answers}"
    );
    assert!(sorted(&["a", "n", "mine"]), "{answers}");
    let end = "+OK\r\n$4\r\nzero\r\n+OK\r\n+OK\r\n*4\r\n$4\r\nzero\r\n$1\r\n5\r\n$1\r\n1\r\n$-1\r\n*2\r\n$1\r\n0\r\n*1\r\n$1\r\nd\r\n:3\r\n";
    assert!(answers.ends_with(end), "{answers}");
    check(
        &mut client,
        &[("DBSIZE", ":3\r\n"), ("SELECT 2", "+OK\r\n"), ("MGET c n", "*2\r\n$3\r\none\r\n$1\r\n1\r\n")],
    );
}

#[test]
fn a_watched_key_of_an_exchanged_database_has_changed_if_it_is_in_either() {
    for (here, there, runs) in
        [(true, false, false), (false, true, false), (true, true, false), (false, false, true)]
    {
        let node = Node::new();
        let (mut client, mut other) = (node.client(), node.client());
        other.set_up(&["SET unrelated 1", "SELECT 3", "SET unrelated 2"]);
        if there {
            other.set_up(&["SET k there"]);
        }
        if here {
            client.set_up(&["SET k here"]);
        }
        client.set_up(&["WATCH k", "MULTI"]);
        client.say("DBSIZE");
        other.set_up(&["SWAPDB 3 0"]);
        let answer = client.say("EXEC");
        assert_eq!(answer.starts_with("*1\r\n"), runs, "{here} {there}: {answer}");
        // Back again is a change too.
        client.set_up(&["SET w 1", "WATCH w", "MULTI"]);
        client.say("DBSIZE");
        other.set_up(&["SWAPDB 3 0", "SWAPDB 0 3"]);
        assert_eq!(client.say("EXEC"), "*-1\r\n");
    }
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
