//! Lines and their answers.

use crate::{Client, server};

#[tokio::test]
async fn a_bucket_keeps_what_is_put_into_it() {
    let (_system, server) = server(|_| {}).await;
    let mut client = Client::of(&server).await;
    for (line, answer) in [
        ("GET shopping eggs", "NOT FOUND\r\n"),
        ("PUT shopping eggs 3", "NOT FOUND\r\n"),
        ("DELETE shopping eggs", "NOT FOUND\r\n"),
        ("SUBSCRIBE shopping", "NOT FOUND\r\n"),
        ("CREATE shopping", "OK\r\n"),
        ("CREATE shopping", "OK\r\n"),
        ("GET shopping eggs", "\r\nOK\r\n"),
        ("PUT shopping eggs 3", "OK\r\n"),
        ("GET shopping eggs", "3\r\nOK\r\n"),
        ("CREATE other", "OK\r\n"),
        ("GET other eggs", "\r\nOK\r\n"),
        ("DELETE shopping eggs", "OK\r\n"),
        ("DELETE shopping eggs", "OK\r\n"),
        ("GET shopping eggs", "\r\nOK\r\n"),
    ] {
        client.say(line, answer).await;
    }
}

#[tokio::test]
async fn lines_sent_at_once_are_answered_in_order() {
    let (_system, server) = server(|_| {}).await;
    let mut client = Client::of(&server).await;
    client.send("CREATE shopping\r\nPUT shopping eggs 3\nGET shopping eggs\r\n").await;
    client.expect("OK\r\nOK\r\n3\r\nOK\r\n").await;
    client.send("CREATE n\n".to_owned() + &"PUT n k v\nGET n k\n".repeat(5_000)).await;
    client.expect("OK\r\n".to_owned() + &"OK\r\nv\r\nOK\r\n".repeat(5_000)).await;
}

#[tokio::test]
async fn what_is_no_command_is_answered_and_costs_nothing() {
    let (_system, server) = server(|_| {}).await;
    let mut client = Client::of(&server).await;
    for line in [
        "",
        "   ",
        "create b",
        "HELLO",
        "CREATE",
        "CREATE a b",
        "PUT b k",
        "PUT b k v w",
        "GET b",
        "DELETE b k l",
    ] {
        client.say(line, "UNKNOWN COMMAND\r\n").await;
    }
    client.say("  CREATE\tb ", "OK\r\n").await;
}

#[tokio::test]
async fn any_bytes_but_white_space_are_names_keys_and_values() {
    let (_system, server) = server(|_| {}).await;
    let mut client = Client::of(&server).await;
    client.send(b"CREATE \xff\xfe\nPUT \xff\xfe \0\x01 \x80\xc2\xa0\nGET \xff\xfe \0\x01\n").await;
    client.expect(b"OK\r\nOK\r\n\x80\xc2\xa0\r\nOK\r\n").await;
}

#[tokio::test]
async fn a_line_that_is_too_long_is_an_error_and_the_end() {
    let (_system, server) = server(|config| config.max_line_bytes = 32).await;
    let mut client = Client::of(&server).await;
    client.say("CREATE b", "OK\r\n").await;
    client.send("PUT b k ".to_owned() + &"v".repeat(100)).await;
    client.expect("ERROR\r\n").await;
    client.expect_end().await;
    let mut other = Client::of(&server).await;
    other.say("GET b k", "\r\nOK\r\n").await;
}

#[tokio::test]
async fn more_buckets_or_keys_than_may_be_are_an_error_and_the_end() {
    let (_system, server) = server(|config| (config.max_buckets, config.max_keys) = (1, 1)).await;
    let mut client = Client::of(&server).await;
    client.say("CREATE b", "OK\r\n").await;
    client.say("PUT b k 1", "OK\r\n").await;
    client.say("PUT b other 1", "ERROR\r\n").await;
    client.expect_end().await;
    let mut client = Client::of(&server).await;
    client.say("PUT b k 2", "OK\r\n").await;
    client.say("CREATE other", "ERROR\r\n").await;
    client.expect_end().await;
}

#[tokio::test]
async fn one_client_more_than_may_be_is_sent_away() {
    let (_system, server) = server(|config| config.max_clients = 1).await;
    let mut first = Client::of(&server).await;
    first.say("CREATE b", "OK\r\n").await;
    let mut second = Client::of(&server).await;
    second.expect("ERROR\r\n").await;
    second.expect_end().await;
    first.say("GET b k", "\r\nOK\r\n").await;
}

#[tokio::test]
async fn an_unfinished_line_is_not_carried_out() {
    let (_system, server) = server(|_| {}).await;
    let mut client = Client::of(&server).await;
    client.say("CREATE b", "OK\r\n").await;
    client.send("PUT b k v").await;
    drop(client);
    let mut client = Client::of(&server).await;
    client.say("GET b k", "\r\nOK\r\n").await;
}
