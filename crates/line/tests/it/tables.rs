//! Buckets that are tables.

use std::sync::Arc;

use mnemon_line::{Backing, BucketEvent};
use mnemon_otp::Streamed;
use mnemon_store::SystemClock;
use mnemon_table::Catalog;
use mnemon_term::Term;

use crate::{Client, LIMIT, kill, server};

fn catalog() -> Arc<Catalog> {
    Arc::new(Catalog::local(Box::new(SystemClock)))
}

#[tokio::test]
async fn a_bucket_may_be_a_table_that_others_see() {
    let catalog = catalog();
    let (system, server) = server(|config| config.backing = Backing::Table(catalog.clone())).await;
    let (mut client, mut follower) = (Client::of(&server).await, Client::of(&server).await);
    client.say("GET b k", "NOT FOUND\r\n").await;
    client
        .say(
            "CREATE b\r\nCREATE b\r\nPUT b k v\r\nGET b k\r\nGET b x",
            "OK\r\nOK\r\nOK\r\nv\r\nOK\r\n\r\nOK\r\n",
        )
        .await;
    let table = catalog.table("line.b").expect("the bucket's table");
    assert!(table.dirty_read(&Term::from("k")).expect("a table").is_some());
    follower.say("SUBSCRIBE b\r\nGET b k", "v\r\nOK\r\n").await;
    client.say("PUT b k w\r\nDELETE b k\r\nDELETE b k\r\nGET b k", "OK\r\nOK\r\nOK\r\n\r\nOK\r\n").await;
    follower.expect("k SET TO w\r\nk DELETED\r\n").await;
    client.say("PUT b k kept", "OK\r\n").await;
    kill(&system, system.whereis("line.registry").expect("it runs")).await;
    client.say("GET b k", "kept\r\nOK\r\n").await;
    catalog.drop_table("line.b").await.expect("it is there");
    client.say("GET b k", "NOT FOUND\r\n").await;
}

#[tokio::test]
async fn events_tell_of_tables_that_come_and_go_whoever_drops_them() {
    let catalog = catalog();
    let (system, server) = server(|config| config.backing = Backing::Table(catalog.clone())).await;
    let mut stream = server.buckets().events().expect("it runs").stream(16).await.expect("room for a stream");
    let mut expect = async |event: BucketEvent| {
        let next = tokio::time::timeout(LIMIT, stream.next()).await.expect("an event in time");
        let Some(Streamed::Event(told)) = next else { panic!("an event") };
        assert_eq!(told, event);
    };
    let (create, exit) = (BucketEvent::Create((*b"b").into()), BucketEvent::Exit((*b"b").into()));
    let mut client = Client::of(&server).await;
    client.say("CREATE b\r\nCREATE b", "OK\r\nOK\r\n").await;
    expect(create.clone()).await;
    catalog.drop_table("line.b").await.expect("it is there");
    expect(exit.clone()).await;
    client.say("CREATE b", "OK\r\n").await;
    expect(create).await;
    // Dropped while nobody looks: the next registrar tells of it.
    let registrar = system.whereis("line.registry").expect("it runs");
    mnemon_otp::sys::suspend(&system, registrar, LIMIT).await.expect("it answers");
    catalog.drop_table("line.b").await.expect("it is there");
    kill(&system, registrar).await;
    expect(exit).await;
}

#[tokio::test]
async fn a_name_that_no_table_can_have_is_an_error() {
    let catalog = catalog();
    let (_system, server) = server(|config| config.backing = Backing::Table(catalog.clone())).await;
    let mut client = Client::of(&server).await;
    client.say("CREATE a/b", "ERROR\r\n").await;
    client.expect_end().await;
}
