//! What clients hear while tables are still being read from the disc.

use std::sync::Arc;

use mnemon_disc::DataDirectory;
use mnemon_disc::log::Workers;
use mnemon_disc::testing::{Fate, FaultyDisc};
use mnemon_resp::{Host, Settings};
use mnemon_store::{Loading, ManualClock};

use super::{Client, Node, START_MS};
use crate::disc::recover;

/// A node on a disc, its rows not yet read.
fn node(disc: &FaultyDisc) -> (Node, Loading, Workers) {
    let clock = Arc::new(ManualClock::at(START_MS));
    let (catalog, loading, workers) = recover(disc, Box::new(clock.clone()));
    let host = Arc::new(Host::new(catalog.clone(), Settings::default()));
    (Node { host, clock, catalog }, loading, workers)
}

fn ask(client: &mut Client, command: &str, reply: &str) {
    assert_eq!(client.say(command), reply, "{command}");
}

#[test]
fn a_database_answers_loading_until_it_is_there_and_others_answer_meanwhile() {
    let disc = FaultyDisc::new();
    let (first, loading, workers) = node(&disc);
    loading.run(first.catalog.store(), |_| 0, |_| first.catalog.note_loaded()).unwrap();
    let mut client = first.client();
    ask(&mut client, "SET k v", "+OK\r\n");
    workers.close().unwrap();

    let (second, loading, _workers) = node(&disc.restart(Fate::Kept));
    let mut client = second.client();
    let text = "-LOADING Mnemon is loading db0 from the disc (0 %); wait with T.WAIT or try again\r\n";
    for command in ["GET k", "SET k w", "DEL k", "DBSIZE", "KEYS *", "MOVE k 1", "FLUSHALL", "SWAPDB 0 1"] {
        ask(&mut client, command, text);
    }
    let waited = client.say("T.WAIT 0 db1 db0");
    assert!(waited.starts_with("-LOADING table \"db0\" "), "{waited}");
    ask(&mut client, "PING", "+PONG\r\n");
    ask(&mut client, "MULTI", "+OK\r\n");
    ask(&mut client, "GET k", text);
    ask(&mut client, "EXEC", "-EXECABORT Transaction discarded because of previous errors.\r\n");
    let info = String::from_utf8(client.call(&[b"INFO", b"persistence"])).unwrap();
    assert!(info.contains("loading:1\r\n"), "{info}");
    // Nothing was ever written to it, so there is nothing to load.
    ask(&mut client, "SELECT 1", "+OK\r\n");
    ask(&mut client, "SET other 1", "+OK\r\n");
    ask(&mut client, "COPY other k DB 0", text);
    ask(&mut client, "SELECT 0", "+OK\r\n");

    loading.run(second.catalog.store(), |_| 0, |_| second.catalog.note_loaded()).unwrap();
    ask(&mut client, "T.WAIT 0 db1 db0", "+OK\r\n");
    ask(&mut client, "GET k", "$1\r\nv\r\n");
    ask(&mut client, "APPEND k w", ":2\r\n");
    let info = String::from_utf8(client.call(&[b"INFO", b"persistence"])).unwrap();
    assert!(info.contains("loading:0\r\n"), "{info}");
}

#[test]
fn a_damaged_database_answers_with_its_file_until_it_is_flushed_and_others_serve() {
    let disc = FaultyDisc::new();
    let (first, loading, workers) = node(&disc);
    loading.run(first.catalog.store(), |_| 0, |_| first.catalog.note_loaded()).unwrap();
    let mut client = first.client();
    ask(&mut client, "SET k v", "+OK\r\n");
    ask(&mut client, "SELECT 1", "+OK\r\n");
    ask(&mut client, "SET other 1", "+OK\r\n");
    let mut directory = DataDirectory::on(Arc::new(disc.clone()), || [7; 16]).unwrap();
    first.catalog.store().checkpoint(&mut directory).unwrap();
    workers.close().unwrap();
    let is_of_db0 = |name: &&String| name.starts_with(&format!("table-{:016x}-", 0));
    let file = disc.names().iter().find(is_of_db0).cloned().expect("a checkpoint of db0");
    let mut bytes = disc.bytes(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    disc.put(&file, bytes);

    let (second, loading, _workers) = node(&disc);
    loading.run(second.catalog.store(), |_| 0, |_| second.catalog.note_loaded()).unwrap();
    let mut client = second.client();
    let begin = format!("-DAMAGED table \"db0\" is damaged: {file}");
    for command in ["GET k", "SET k w", "DEL k", "DBSIZE", "KEYS *", "SWAPDB 0 1", "MOVE k 1"] {
        let answer = client.say(command);
        assert!(answer.starts_with(&begin) && answer.contains("restore"), "{command}: {answer}");
    }
    let info = client.say("T.INFO db0");
    assert!(info.contains(&file), "{info}");
    ask(&mut client, "SELECT 1", "+OK\r\n");
    ask(&mut client, "GET other", "$1\r\n1\r\n");
    ask(&mut client, "SWAPDB 2 1", "+OK\r\n");
    ask(&mut client, "SWAPDB 1 2", "+OK\r\n");
    let answer = client.say("COPY other other DB 0");
    assert!(answer.starts_with(&begin), "{answer}");
    ask(&mut client, "MULTI", "+OK\r\n");
    ask(&mut client, "SELECT 0", "+QUEUED\r\n");
    ask(&mut client, "SET k v", "+QUEUED\r\n");
    let answer = client.say("EXEC");
    assert!(answer.contains("DAMAGED"), "{answer}");
    ask(&mut client, "SELECT 0", "+OK\r\n");
    ask(&mut client, "FLUSHDB", "+OK\r\n");
    ask(&mut client, "DBSIZE", ":0\r\n");
    ask(&mut client, "SET k w", "+OK\r\n");
    let info = String::from_utf8(client.call(&[b"INFO", b"persistence"])).unwrap();
    assert!(info.contains("damaged_tables:0\r\n"), "{info}");
}
