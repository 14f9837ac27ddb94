//! Publish and subscribe without a socket.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::{Client, Node, check};

/// The push messages that are there, as text.
fn pushes(client: &mut Client) -> String {
    let version = client.session.version();
    let mut context = Context::from_waker(Waker::noop());
    let mut all = Vec::new();
    while let Poll::Ready(push) = pin!(client.session.next_push()).poll(&mut context) {
        push.write(version, &mut all);
    }
    String::from_utf8(all).unwrap()
}

#[test]
fn a_message_reaches_those_who_listen() {
    let node = Node::new();
    let (mut one, mut other, mut speaker) = (node.client(), node.client(), node.client());
    assert_eq!(
        one.say("SUBSCRIBE news sport"),
        "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$5\r\nsport\r\n:2\r\n"
    );
    other.say("HELLO 3");
    assert_eq!(other.say("PSUBSCRIBE n*"), ">3\r\n$10\r\npsubscribe\r\n$2\r\nn*\r\n:1\r\n");
    assert_eq!(speaker.say("PUBLISH news hello"), ":2\r\n");
    assert_eq!(speaker.say("PUBLISH sport 1:0"), ":1\r\n");
    assert_eq!(speaker.say("PUBLISH else x"), ":0\r\n");
    assert_eq!(
        pushes(&mut one),
        "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n*3\r\n$7\r\nmessage\r\n$5\r\nsport\r\n$3\r\n1:0\r\n"
    );
    assert_eq!(pushes(&mut other), ">4\r\n$8\r\npmessage\r\n$2\r\nn*\r\n$4\r\nnews\r\n$5\r\nhello\r\n");
}

#[test]
fn nothing_is_told_behind_the_end_of_a_subscription() {
    let node = Node::new();
    let (mut one, mut speaker) = (node.client(), node.client());
    one.say("SUBSCRIBE c");
    speaker.say("PUBLISH c 1");
    assert_eq!(
        one.say("UNSUBSCRIBE c"),
        "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\n1\r\n*3\r\n$11\r\nunsubscribe\r\n$1\r\nc\r\n:0\r\n"
    );
    assert_eq!(speaker.say("PUBLISH c 2"), ":0\r\n");
    assert_eq!(pushes(&mut one), "");
}

#[test]
fn a_client_that_goes_or_resets_listens_no_more() {
    let node = Node::new();
    let (mut one, mut other, mut speaker) = (node.client(), node.client(), node.client());
    one.say("SUBSCRIBE c");
    other.say("SSUBSCRIBE c");
    drop(one);
    assert_eq!(other.say("RESET"), "+RESET\r\n");
    check(
        &mut speaker,
        &[
            ("PUBLISH c 1", ":0\r\n"),
            ("SPUBLISH c 1", ":0\r\n"),
            ("PUBSUB CHANNELS", "*0\r\n"),
            ("PUBSUB SHARDCHANNELS", "*0\r\n"),
        ],
    );
    assert_eq!(other.say("GET k"), "$-1\r\n");
}

#[test]
fn a_transaction_publishes_when_it_stands() {
    let node = Node::new();
    let (mut listener, mut client, mut other) = (node.client(), node.client(), node.client());
    listener.say("SUBSCRIBE c");
    client.say("WATCH k");
    client.set_up(&["MULTI"]);
    assert_eq!(client.say("PUBLISH c 1"), "+QUEUED\r\n");
    assert_eq!(client.say("INCR n"), "+QUEUED\r\n");
    assert_eq!(pushes(&mut listener), "");
    assert_eq!(client.say("EXEC"), "*2\r\n:1\r\n:1\r\n");
    assert!(pushes(&mut listener).ends_with("$1\r\n1\r\n"));
    client.say("WATCH k");
    client.set_up(&["MULTI"]);
    client.say("PUBLISH c 2");
    other.set_up(&["SET k v"]);
    assert_eq!(client.say("EXEC"), "*-1\r\n");
    assert_eq!(pushes(&mut listener), "", "a transaction that failed says nothing");
}

#[test]
fn every_subscriber_gets_the_same_order() {
    let node = Node::new();
    let mut listeners: Vec<Client> = (0..4).map(|_| node.client()).collect();
    listeners.iter_mut().for_each(|listener| drop(listener.say("SUBSCRIBE c")));
    std::thread::scope(|scope| {
        for speaker in 0..3 {
            let mut client = node.client();
            scope.spawn(move || {
                (0..200).for_each(|at| drop(client.say(&format!("PUBLISH c {speaker}-{at}"))))
            });
        }
    });
    let heard: Vec<String> = listeners.iter_mut().map(pushes).collect();
    assert_eq!(heard[0].matches("message").count(), 600);
    assert!(heard.iter().all(|other| *other == heard[0]));
}

#[test]
fn a_resp2_subscriber_runs_few_commands() {
    let mut client = Node::new().client();
    client.say("SUBSCRIBE c");
    let refused = "-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in \
                   this context\r\n";
    check(&mut client, &[("GET k", refused), ("PING hi", "*2\r\n$4\r\npong\r\n$2\r\nhi\r\n")]);
    client.say("UNSUBSCRIBE");
    check(&mut client, &[("GET k", "$-1\r\n"), ("PING", "+PONG\r\n")]);
}

#[test]
fn one_client_cannot_subscribe_without_end() {
    let node = Node::new();
    let mut client = node.client();
    client.say("HELLO 3");
    for block in 0..100 {
        let names: Vec<String> = (0..1_000).map(|at| format!("{block}-{at}")).collect();
        client.say(&format!("SUBSCRIBE {}", names.join(" ")));
    }
    assert!(client.say("SUBSCRIBE more").starts_with("-TOOLARGE"));
    assert!(client.say("SUBSCRIBE 0-0").ends_with(":100000\r\n"));
}
