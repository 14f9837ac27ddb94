//! Events of tables as push messages.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::{Client, Node, check};

/// The push message that is there, as text.
fn push(client: &mut Client) -> Option<String> {
    let version = client.session.version();
    let mut context = Context::from_waker(Waker::noop());
    match pin!(client.session.next_push()).poll(&mut context) {
        Poll::Ready(push) => Some(String::from_utf8(push.to_bytes(version)).unwrap()),
        Poll::Pending => None,
    }
}

/// The parts of a push message of strings and integers, or `None`.
fn parts(client: &mut Client) -> Option<Vec<String>> {
    let push = push(client)?;
    let lines = push.split_terminator("\r\n").skip(1);
    Some(lines.filter(|line| !line.starts_with('$')).map(str::to_owned).collect())
}

#[test]
fn changes_are_pushed_in_order_with_their_cause() {
    let node = Node::new();
    let (mut client, mut other) = (node.client(), node.client());
    client.say("HELLO 3");
    client.set_up(&["T.CREATE t ATTRS k,v"]);
    let confirmed = client.say("T.SUBSCRIBE t");
    assert!(confirmed.starts_with(">4\r\n$11\r\nt.subscribe\r\n$1\r\nt\r\n:1\r\n:"), "{confirmed}");
    other.set_up(&["T.WRITE t [1,2]", "T.WRITE t [2,2] TTL 10"]);
    other.say("T.DELETE t 1");
    node.clock.advance(10);
    node.catalog.maintain();
    other.say("T.CLEAR t");
    let causes: Vec<Vec<String>> = std::iter::from_fn(|| parts(&mut client))
        .map(|parts| parts.into_iter().filter(|part| !part.starts_with(':')).collect())
        .collect();
    assert_eq!(
        causes,
        [
            vec!["t.event", "t", "write", r#"{"k":1,"v":2}"#],
            vec!["t.event", "t", "write", r#"{"k":2,"v":2}"#],
            vec!["t.event", "t", "delete", "1"],
            vec!["t.event", "t", "expired", "2"],
            vec!["t.event", "t", "clear"],
        ]
    );
}

#[test]
fn events_around_a_transformation_name_the_attributes_of_each_record_s_own_shape() {
    let node = Node::new();
    let (mut client, mut other) = (node.client(), node.client());
    client.say("HELLO 3");
    client.set_up(&["T.CREATE t ATTRS k,a,b"]);
    client.say("T.SUBSCRIBE t DETAILED");
    other.set_up(&["T.WRITE t [1,2,3]"]);
    assert_eq!(other.say("T.TRANSFORM t ATTRS k,b,a,c"), ":1\r\n");
    let records: Vec<String> =
        std::iter::from_fn(|| parts(&mut client)).flatten().filter(|part| part.starts_with('{')).collect();
    let (old, new) = (r#"{"k":1,"a":2,"b":3}"#, r#"{"k":1,"b":3,"a":2,"c":null}"#);
    assert!(records == [old, old, new] || records == [old, new, old], "{records:?}");
}

#[test]
fn a_detailed_subscription_tells_what_was_there_before() {
    let node = Node::new();
    let (mut client, mut other) = (node.client(), node.client());
    client.say("HELLO 3");
    client.set_up(&["SET k old"]);
    client.say("T.SUBSCRIBE db0 DETAILED");
    other.set_up(&["SET k new"]);
    other.say("HSET h f v");
    let event = push(&mut client).unwrap();
    assert!(event.starts_with(">6\r\n$7\r\nt.event\r\n$3\r\ndb0\r\n$5\r\nwrite\r\n:"), "{event}");
    assert!(
        event.contains(r#"{"key":"k","value":"new"}"#) && event.contains(r#"{"key":"k","value":"old"}"#),
        "{event}"
    );
    let event = push(&mut client).unwrap();
    assert!(
        event.contains("$6\r\nfields\r\n") && event.ends_with("$3\r\n\"h\"\r\n%1\r\n$1\r\nf\r\n$1\r\nv\r\n"),
        "{event}"
    );
}

#[test]
fn a_subscription_asked_for_again_stays_detailed() {
    let node = Node::new();
    let (mut client, mut other) = (node.client(), node.client());
    client.say("HELLO 3");
    client.set_up(&["SET k old"]);
    client.say("T.SUBSCRIBE db0 DETAILED");
    client.say("T.SUBSCRIBE db0");
    other.set_up(&["SET k new"]);
    let event = push(&mut client).unwrap();
    assert!(event.contains(r#"{"key":"k","value":"old"}"#), "{event}");
}

#[test]
fn a_resp2_subscriber_runs_few_commands() {
    let node = Node::new();
    let mut client = node.client();
    client.set_up(&["T.CREATE t"]);
    assert!(client.say("T.SUBSCRIBE t").starts_with("*4\r\n"));
    let refused = client.say("GET k");
    assert!(refused.starts_with("-ERR Can't execute 'get': only T.SUBSCRIBE"), "{refused}");
    check(
        &mut client,
        &[
            ("PING", "*2\r\n$4\r\npong\r\n$0\r\n\r\n"),
            ("T.UNSUBSCRIBE", "*3\r\n$13\r\nt.unsubscribe\r\n$1\r\nt\r\n:0\r\n"),
            ("T.UNSUBSCRIBE", "*3\r\n$13\r\nt.unsubscribe\r\n$-1\r\n:0\r\n"),
            ("PING", "+PONG\r\n"),
        ],
    );
}

#[test]
fn a_dropped_table_says_goodbye() {
    let node = Node::new();
    let (mut client, mut other) = (node.client(), node.client());
    client.say("HELLO 3");
    client.set_up(&["T.CREATE t"]);
    client.say("T.SUBSCRIBE t");
    client.say("T.SUBSCRIBE db0");
    other.set_up(&["T.DROP t"]);
    assert_eq!(push(&mut client).unwrap(), ">3\r\n$13\r\nt.unsubscribe\r\n$1\r\nt\r\n:1\r\n");
    assert_eq!(push(&mut client), None);
    other.set_up(&["SET k v"]);
    assert!(push(&mut client).is_some());
}

#[test]
fn a_subscriber_that_is_too_slow_is_told() {
    let node = Node::new();
    let (mut client, mut other) = (node.client(), node.client());
    client.say("HELLO 3");
    client.say("T.SUBSCRIBE db0");
    for _ in 0..mnemon_table::DEFAULT_QUEUE + 10 {
        other.set_up(&["SET k v"]);
    }
    let lagged = ">3\r\n$7\r\nt.event\r\n$3\r\ndb0\r\n$6\r\nlagged\r\n";
    let mut seen = 0;
    while let Some(event) = push(&mut client) {
        if event == lagged {
            assert_eq!(seen, mnemon_table::DEFAULT_QUEUE);
            return;
        }
        seen += 1;
    }
    panic!("after {seen} events nothing was said of the lost ones");
}
