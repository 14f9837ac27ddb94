//! Limits: connections, buffers, addresses in use.

use std::sync::Arc;
use std::time::Duration;

use mnemon_resp::protocol::{Reply, writer};
use mnemon_resp::{RespError, Server, ServerConfig};
use mnemon_store::SystemClock;
use mnemon_table::Catalog;

use crate::client::{Client, serve};

#[test]
fn an_address_in_use_is_named() {
    let server = serve(|_| {});
    let config = ServerConfig { addr: server.local_addr(), ..ServerConfig::default() };
    let refused = Server::bind(config, Arc::new(Catalog::local(Box::new(SystemClock)))).unwrap_err();
    assert!(matches!(refused, RespError::Bind { .. }));
    assert!(refused.to_string().contains(&server.local_addr().to_string()), "{refused}");
}

#[test]
fn too_many_clients_are_told_and_closed() {
    let server = serve(|config| config.bounds.max_clients = 2);
    let mut clients: Vec<Client> = (0..2).map(|_| Client::connect(server.local_addr())).collect();
    clients.iter_mut().for_each(|client| assert_eq!(client.say("PING"), Reply::simple("PONG")));
    let refused = Client::connect(server.local_addr()).rest();
    assert_eq!(refused, b"-ERR max number of clients reached\r\n");
    assert_eq!(server.host().stats().totals().rejected, 1);
    assert_eq!(clients[0].say("QUIT"), Reply::OK);
    assert_eq!(clients[0].rest(), b"");
    // The place is free once the server has noticed; until then a newcomer is refused.
    loop {
        let mut next = Client::connect(server.local_addr());
        next.send(&["PING"]);
        if next.rest_starts_with(b"+PONG\r\n") {
            break;
        }
    }
}

#[test]
fn a_client_that_reads_nothing_is_not_read_from_for_ever() {
    let server = serve(|_| {});
    let mut reader = Client::connect(server.local_addr());
    assert_eq!(reader.call(&[b"SET", &b"k"[..], &vec![b'v'; 1 << 20]]), Reply::OK);
    let mut bytes = Vec::new();
    (0..1_000).for_each(|_| writer::write_command(&mut bytes, ["GET", "k"]));
    let mut lazy = Client::connect(server.local_addr());
    lazy.send_bytes(&bytes);
    // Answers to all of them would be a gibibyte; what the server has written so far stays far below.
    assert_eq!(reader.say("PING"), Reply::simple("PONG"));
    let before = server.host().stats().totals();
    assert!(before.bytes_out < 64 << 20, "{before:?}");
    for _ in 0..1_000 {
        assert!(matches!(lazy.receive().0, Reply::Bulk(value) if value.len() == 1 << 20));
    }
}

#[test]
fn a_subscriber_that_does_not_read_is_cut_off() {
    let server = serve(|_| {});
    let mut subscriber = Client::connect(server.local_addr());
    assert!(matches!(subscriber.say("T.SUBSCRIBE db0"), Reply::Array(_)));
    let mut writer = Client::connect(server.local_addr());
    let value = vec![b'v'; 1 << 20];
    for _ in 0..1_000 {
        if server.host().stats().totals().overflowed > 0 {
            break;
        }
        assert_eq!(writer.call(&[b"SET", &b"k"[..], &value]), Reply::OK);
    }
    assert_eq!(server.host().stats().totals().overflowed, 1);
    subscriber.stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let rest = subscriber.rest();
    assert!(rest.len() < 64 << 20, "{}", rest.len());
    assert_eq!(writer.say("PING"), Reply::simple("PONG"));
}

#[test]
fn a_stranger_may_not_send_much() {
    let server = serve(|config| config.password = Some("secret".to_owned()));
    let mut stranger = Client::connect(server.local_addr());
    stranger.send_bytes(b"*11\r\n");
    assert_eq!(stranger.rest(), b"-ERR Protocol error: unauthenticated multibulk length\r\n");
    let mut friend = Client::connect(server.local_addr());
    assert_eq!(friend.say("AUTH secret"), Reply::OK);
    assert_eq!(friend.say("MSET a 1 b 2 c 3 d 4 e 5 f 6 g 7"), Reply::OK);
}

#[test]
fn every_thread_gets_its_share_of_connections() {
    let server = serve(|config| config.threads = 2);
    let mut clients: Vec<Client> = (0..10).map(|_| Client::connect(server.local_addr())).collect();
    clients.iter_mut().for_each(|client| assert_eq!(client.say("SET k v"), Reply::OK));
    let totals = server.host().stats().totals();
    assert_eq!((totals.connected, totals.accepted), (10, 10));
    let named = std::fs::read_dir("/proc/self/task").map_or(0, |tasks| {
        let name = |task: std::io::Result<std::fs::DirEntry>| {
            std::fs::read_to_string(task.ok()?.path().join("comm")).ok()
        };
        tasks.filter_map(name).filter(|name| name.starts_with("resp-1")).count()
    });
    assert!(named > 0 || !cfg!(target_os = "linux"));
}
