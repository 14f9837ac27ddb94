//! What a client that has subscribed reads.

use crate::{Client, LIMIT, server};

#[tokio::test]
async fn a_subscriber_reads_each_change_in_order() {
    let (_system, server) = server(|_| {}).await;
    let (mut writer, mut reader) = (Client::of(&server).await, Client::of(&server).await);
    writer.say("CREATE b", "OK\r\n").await;
    // The answer to the line after it tells that the subscription stands.
    reader.say("SUBSCRIBE b\r\nGET b k", "\r\nOK\r\n").await;
    for (line, answer) in
        [("PUT b k 1", "OK\r\n"), ("PUT b k 2", "OK\r\n"), ("DELETE b k", "OK\r\n"), ("DELETE b k", "OK\r\n")]
    {
        writer.say(line, answer).await;
    }
    writer.say("PUT b end .", "OK\r\n").await;
    reader.expect("k SET TO 1\r\nk SET TO 2\r\nk DELETED\r\nend SET TO .\r\n").await;
}

#[tokio::test]
async fn a_client_follows_several_buckets_and_each_once() {
    let (_system, server) = server(|_| {}).await;
    let (mut writer, mut reader) = (Client::of(&server).await, Client::of(&server).await);
    writer.say("CREATE a\r\nCREATE b", "OK\r\nOK\r\n").await;
    reader.say("SUBSCRIBE a\r\nSUBSCRIBE b\r\nSUBSCRIBE a\r\nGET a k", "\r\nOK\r\n").await;
    writer.say("PUT a k 1", "OK\r\n").await;
    reader.expect("k SET TO 1\r\n").await;
    writer.say("PUT b k 2", "OK\r\n").await;
    reader.expect("k SET TO 2\r\n").await;
}

#[tokio::test]
async fn a_subscriber_that_does_not_read_costs_the_writer_nothing_and_is_told() {
    let (system, server) = server(|config| config.subscriber_queue = 4).await;
    let (mut writer, mut reader) = (Client::of(&server).await, Client::of(&server).await);
    writer.say("CREATE b", "OK\r\n").await;
    reader.say("SUBSCRIBE b\r\nGET b k", "\r\nOK\r\n").await;
    let value = "v".repeat(60_000);
    // Until the bucket has no subscriber any more: then more than the queue and the sockets' buffers hold was written.
    let bucket = server.buckets().pid(b"b").expect("it runs");
    let clients = system.whereis("line.clients").expect("it runs");
    let written = tokio::time::timeout(LIMIT, async {
        for number in 0..400 {
            writer.say(&format!("PUT b k{number} {value}"), "OK\r\n").await;
        }
    });
    written.await.expect("a writer waits for no subscriber");
    assert!(system.is_alive(bucket) && system.is_alive(clients));
    let mut all = Vec::new();
    let read = tokio::io::AsyncReadExt::read_to_end(&mut reader.0, &mut all);
    tokio::time::timeout(LIMIT, read).await.expect("the end in time").expect("an orderly end");
    assert!(all.starts_with(b"k0 SET TO v") && all.ends_with(b"ERROR\r\n"));
    assert!(all.len() < 400 * 60_000, "some were lost");
}
