//! Processes that are killed: what clients see, and what comes back.

use mnemon_line::BucketEvent;
use mnemon_otp::Streamed;

use crate::{Client, LIMIT, kill, server};

#[tokio::test]
async fn a_bucket_that_crashes_is_forgotten_and_can_be_made_again() {
    let (system, server) = server(|_| {}).await;
    let (mut client, mut follower) = (Client::of(&server).await, Client::of(&server).await);
    client.say("CREATE b\r\nPUT b k v\r\nCREATE other\r\nPUT other k v", "OK\r\nOK\r\nOK\r\nOK\r\n").await;
    follower.say("SUBSCRIBE b\r\nGET b k", "v\r\nOK\r\n").await;
    kill(&system, server.buckets().pid(b"b").expect("it runs")).await;
    client.say("GET b k", "NOT FOUND\r\n").await;
    client.say("GET other k", "v\r\nOK\r\n").await;
    follower.expect("ERROR\r\n").await;
    follower.expect_end().await;
    client.say("CREATE b\r\nGET b k", "OK\r\n\r\nOK\r\n").await;
}

#[tokio::test]
async fn events_tell_of_buckets_that_come_and_go() {
    let (system, server) = server(|_| {}).await;
    let events = server.buckets().events().expect("it runs");
    let mut stream = events.stream(16).await.expect("room for a stream");
    server.buckets().create(b"b").await.expect("room for a bucket");
    kill(&system, server.buckets().pid(b"b").expect("it runs")).await;
    for expected in [BucketEvent::Create((*b"b").into()), BucketEvent::Exit((*b"b").into())] {
        let next = tokio::time::timeout(LIMIT, stream.next()).await.expect("an event in time");
        let Some(Streamed::Event(event)) = next else { panic!("an event") };
        assert_eq!(event, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_starts_too_late_is_told_of_and_watched_too() {
    let (system, server) = server(|_| {}).await;
    let mut stream = server.buckets().events().expect("it runs").stream(16).await.expect("room for a stream");
    let supervisor = system.whereis("line.buckets").expect("it runs");
    mnemon_otp::sys::suspend(&system, supervisor, LIMIT).await.expect("it answers");
    assert!(server.buckets().create(b"b").await.is_err(), "nobody starts it in time");
    assert_eq!(server.buckets().pid(b"b"), None);
    mnemon_otp::sys::resume(&system, supervisor, LIMIT).await.expect("it answers");
    for create in [true, false] {
        let name = (*b"b").into();
        let expected = if create { BucketEvent::Create(name) } else { BucketEvent::Exit(name) };
        let next = tokio::time::timeout(LIMIT, stream.next()).await.expect("an event in time");
        assert_eq!(next, Some(Streamed::Event(expected)));
        if create {
            kill(&system, server.buckets().pid(b"b").expect("it runs")).await;
        }
    }
}

#[tokio::test]
async fn the_registry_comes_back_and_tells_what_went_meanwhile() {
    let (system, server) = server(|_| {}).await;
    let mut client = Client::of(&server).await;
    client.say("CREATE a\r\nCREATE b\r\nPUT b k v", "OK\r\nOK\r\nOK\r\n").await;
    let mut stream = server.buckets().events().expect("it runs").stream(16).await.expect("room for a stream");
    let registrar = system.whereis("line.registry").expect("it runs");
    let bucket = server.buckets().pid(b"a").expect("it runs");
    mnemon_otp::sys::suspend(&system, registrar, LIMIT).await.expect("it answers");
    kill(&system, bucket).await;
    kill(&system, registrar).await;
    let next = tokio::time::timeout(LIMIT, stream.next()).await.expect("an event in time");
    let Some(Streamed::Event(event)) = next else { panic!("an event") };
    assert_eq!(event, BucketEvent::Exit((*b"a").into()));
    client.say("GET b k\r\nCREATE b\r\nCREATE c\r\nGET b k", "v\r\nOK\r\nOK\r\nOK\r\nv\r\nOK\r\n").await;
}

#[tokio::test]
async fn a_client_that_crashes_takes_nothing_else_down() {
    let (system, server) = server(|_| {}).await;
    let (mut one, mut other) = (Client::of(&server).await, Client::of(&server).await);
    one.say("CREATE b", "OK\r\n").await;
    other.say("PUT b k v", "OK\r\n").await;
    let clients = system.whereis("line.clients").expect("it runs");
    let supervisor = mnemon_otp::DynamicSupervisor::of(&system, clients).expect("it runs");
    let first = supervisor.which_children().await.expect("it answers").first().and_then(|child| child.pid);
    kill(&system, first.expect("the first client")).await;
    one.expect_end().await;
    other.say("GET b k", "v\r\nOK\r\n").await;
}

#[tokio::test]
async fn every_part_comes_back_after_a_kill_and_the_door_keeps_its_address() {
    for part in ["line.events", "line.buckets", "line.registry", "line.clients", "line.door"] {
        // Three restarts in five seconds are borne; this is a server of its own for each.
        let (system, server) = server(|_| {}).await;
        let mut before = Client::of(&server).await;
        before.say("CREATE b", "OK\r\n").await;
        kill(&system, system.whereis(part).expect("it runs")).await;
        let served = async {
            loop {
                let mut client = Client::of(&server).await;
                client.send("CREATE b\r\nPUT b k v\r\nGET b k\r\n").await;
                let mut answer = Vec::new();
                let mut rest = tokio::io::AsyncReadExt::take(&mut client.0, 15);
                drop(tokio::io::AsyncReadExt::read_to_end(&mut rest, &mut answer).await);
                if answer == b"OK\r\nOK\r\nv\r\nOK\r\n" {
                    break;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(LIMIT, served).await.unwrap_or_else(|_| panic!("{part} did not come back"));
        assert!(system.whereis(part).is_some(), "{part}");
    }
}
