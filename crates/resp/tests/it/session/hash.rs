//! Hashes.

use super::{Node, check};

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";

#[test]
fn fields_are_set_read_counted_and_deleted() {
    check(
        &mut Node::new().client(),
        &[
            ("HSET h a 1 b 2 a 3", ":2\r\n"),
            ("HSET h a 4 c 5", ":1\r\n"),
            ("HGET h a", "$1\r\n4\r\n"),
            ("HMGET h a z c", "*3\r\n$1\r\n4\r\n$-1\r\n$1\r\n5\r\n"),
            ("HLEN h", ":3\r\n"),
            ("HEXISTS h b", ":1\r\n"),
            ("HSTRLEN h z", ":0\r\n"),
            ("HSETNX h a 9", ":0\r\n"),
            ("HSETNX h d 9", ":1\r\n"),
            ("HKEYS h", "*4\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n$1\r\nd\r\n"),
            ("HVALS h", "*4\r\n$1\r\n4\r\n$1\r\n2\r\n$1\r\n5\r\n$1\r\n9\r\n"),
            ("HDEL h a a z", ":1\r\n"),
            ("HDEL h b c d", ":3\r\n"),
            ("EXISTS h", ":0\r\n"),
            ("HGETALL h", "*0\r\n"),
            ("HMSET h a 1", "+OK\r\n"),
        ],
    );
}

#[test]
fn odd_fields_and_values_are_refused_by_the_name_of_the_command() {
    check(
        &mut Node::new().client(),
        &[
            ("HSET h a 1 b", "-ERR wrong number of arguments for 'hset' command\r\n"),
            ("HMSET h a 1 b", "-ERR wrong number of arguments for 'hmset' command\r\n"),
            ("HSET h a", "-ERR wrong number of arguments for 'hset' command\r\n"),
            ("EXISTS h", ":0\r\n"),
        ],
    );
}

#[test]
fn a_string_is_no_hash() {
    let mut client = Node::new().client();
    client.set_up(&["SET s v"]);
    for command in [
        "HSET s f v",
        "HGET s f",
        "HMGET s f",
        "HGETALL s",
        "HKEYS s",
        "HVALS s",
        "HLEN s",
        "HEXISTS s f",
        "HDEL s f",
        "HSTRLEN s f",
        "HINCRBY s f 1",
        "HINCRBYFLOAT s f 1",
        "HSETNX s f v",
    ] {
        assert_eq!(client.say(command), WRONG_TYPE, "{command}");
    }
}

#[test]
fn fields_count_like_strings_with_words_of_their_own() {
    check(
        &mut Node::new().client(),
        &[
            ("HINCRBY h n 5", ":5\r\n"),
            ("HINCRBY h n 9223372036854775807", "-ERR increment or decrement would overflow\r\n"),
            ("HINCRBY h n x", "-ERR value is not an integer or out of range\r\n"),
            ("HSET h t text", ":1\r\n"),
            ("HINCRBY h t 1", "-ERR hash value is not an integer\r\n"),
            ("HINCRBYFLOAT h t 1", "-ERR hash value is not a float\r\n"),
            ("HINCRBYFLOAT h n 0.5", "$3\r\n5.5\r\n"),
            ("HINCRBYFLOAT h n x", "-ERR value is not a valid float\r\n"),
            ("HINCRBYFLOAT h n inf", "-ERR value is NaN or Infinity\r\n"),
        ],
    );
}

#[test]
fn a_hash_of_many_fields_loses_none() {
    let mut client = Node::new().client();
    for number in 0..1_000 {
        assert_eq!(client.say(&format!("HSET h f{number} v{number}")), ":1\r\n");
    }
    assert_eq!(client.say("HLEN h"), ":1000\r\n");
    let mut fields = client.strings("HKEYS h");
    fields.sort_unstable();
    fields.dedup();
    assert_eq!(fields.len(), 1_000);
    assert_eq!(client.say("HGET h f517"), "$4\r\nv517\r\n");
}
