//! The data directory of the real binary: who may use it, what is there again after a stop, and who waits meanwhile.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;

use crate::process::{Client, DEADLINE, Running, binary, binary_on, finished};

/// A directory of its own for a test; what an earlier run has left is removed.
pub(crate) fn place(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    drop(std::fs::remove_dir_all(&path));
    path
}

fn stop(node: Running) {
    node.signal("TERM");
    let (status, log) = node.end();
    assert_eq!(status.code(), Some(0), "{log}");
}

/// A client that waits until the tables are there.
fn ready(node: &Running, tables: &str) -> Client {
    let mut client = node.connect();
    client.ask(&format!("T.WAIT 30000 {tables}"), "+OK\r\n");
    client
}

#[test]
fn without_other_words_data_is_kept_in_the_working_directory() {
    let here = place("default-data");
    std::fs::create_dir_all(&here).expect("the tests' directory can be written");
    let start = |words: &[&str]| {
        let mut command: Command = binary();
        command.env_remove("MNEMON_RAM").current_dir(&here).args(["--resp", "127.0.0.1:0"]).args(words);
        Running::start(&mut command)
    };
    let node = start(&[]);
    assert!(node.banner().contains("data     in mnemon-data\n"), "{}", node.banner());
    node.connect().ask("SET k v", "+OK\r\n");
    stop(node);
    assert!(here.join("mnemon-data").is_dir());
    let node = start(&[]);
    ready(&node, "db0").ask("GET k", "$1\r\nv\r\n");
    stop(node);
    let node = start(&["--ram"]);
    assert!(node.banner().contains("in RAM only"), "{}", node.banner());
    node.connect().ask("GET k", "$-1\r\n");
}

/// A container or a machine that is paused interrupts whatever its processes wait for.
#[cfg(unix)]
#[test]
fn a_node_that_is_paused_again_and_again_serves_on_and_loses_nothing() {
    const CLIENTS: usize = 4;
    let data = place("paused");
    let start = || {
        Running::start(binary_on(&data).args(["--default-durability", "commit", "--checkpoint-bytes", "1"]))
    };
    let node = start();
    let enough = AtomicBool::new(false);
    let counted = std::thread::scope(|scope| {
        let (tell, progress) = channel();
        let counts = |client| {
            let (mut connection, tell, enough) = (node.connect(), tell.clone(), &enough);
            scope.spawn(move || {
                let mut count = 0;
                while !enough.load(Ordering::Relaxed) {
                    count += 1;
                    connection.ask(&format!("INCR n:{client}"), &format!(":{count}\r\n"));
                    tell.send(()).expect("somebody listens");
                }
                count
            })
        };
        let clients: Vec<_> = (0..CLIENTS).map(counts).collect();
        for wait_ms in 0..30 {
            (0..20).for_each(|_| progress.recv_timeout(DEADLINE).expect("they get on"));
            node.signal("STOP");
            node.hears_nothing_for(wait_ms % 7);
            node.signal("CONT");
            progress.try_iter().for_each(drop);
        }
        enough.store(true, Ordering::Relaxed);
        clients.into_iter().map(|client| client.join().expect("every answer is right")).collect::<Vec<u64>>()
    });
    drop(node);
    let node = start();
    let mut client = ready(&node, "db0");
    for (name, count) in counted.iter().enumerate() {
        client.ask(&format!("INCR n:{name}"), &format!(":{}\r\n", count + 1));
    }
}

#[test]
fn databases_may_stay_in_ram_beside_tables_on_disc() {
    let data = place("ram-databases");
    let start = || Running::start(binary_on(&data).args(["--default-storage", "ram"]));
    let node = start();
    let mut client = node.connect();
    client.ask("SET k v", "+OK\r\n");
    client.ask("T.CREATE kept STORAGE disc LOADORDER 5", "+OK\r\n");
    client.ask("T.WRITE kept '[1,2]'", "+OK\r\n");
    stop(node);
    let node = start();
    let mut client = ready(&node, "kept db0");
    client.ask("GET k", "$-1\r\n");
    client.ask("T.READ kept 1", "*1\r\n$17\r\n{\"key\":1,\"val\":2}\r\n");
}

#[test]
fn a_second_node_on_a_directory_is_refused_in_one_line() {
    let data = place("second-node");
    let _first = Running::start(&mut binary_on(&data));
    let output = finished(binary_on(&data).args(["--log", "off"]));
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert_eq!((text.lines().count(), output.stdout.len()), (1, 0), "{text}");
    for part in [&data.display().to_string(), "in use by another node", "stop that node"] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
}

#[test]
fn what_stands_in_the_log_or_in_a_checkpoint_is_there_again() {
    let data = place("log-and-checkpoint");
    let start =
        || Running::start(binary_on(&data).args(["--default-durability", "commit", "--log-format", "json"]));
    let node = start();
    let mut client = node.connect();
    client.ask("T.CREATE t ATTRS id,tag INDEX tag STORAGE disc", "+OK\r\n");
    client.ask("SET text a", "+OK\r\n");
    client.ask("T.WRITE t '[1,\"x\"]'", "+OK\r\n");
    let killed = node.stop();
    assert!(!killed.contains("checkpoint made"), "{killed}");
    for round in 0..2 {
        let node = start();
        let mut client = ready(&node, "db0 t");
        client.ask("GET text", &format!("${}\r\na{}\r\n", 1 + round, "b".repeat(round)));
        client.ask("T.INDEXREAD t tag '\"x\"'", "*1\r\n$18\r\n{\"id\":1,\"tag\":\"x\"}\r\n");
        client.ask("APPEND text b", &format!(":{}\r\n", 2 + round));
        node.signal("TERM");
        let (status, log) = node.end();
        assert_eq!(status.code(), Some(0), "{log}");
        assert!(log.contains("checkpoint made"), "{log}");
        // Only after the kill was there something to read in the log.
        assert_eq!(log.contains(r#""entries":0"#), round > 0, "{log}");
    }
}

#[test]
fn waiting_for_a_table_that_is_not_there_is_refused() {
    let node = Running::start(&mut binary_on(&place("wait")));
    let mut client = node.connect();
    client.ask(
        "T.WAIT 10 nosuch",
        "-NOTABLE there is no table \"nosuch\"; create it or list the tables that exist\r\n",
    );
    client.ask(
        "T.WAIT soon db0",
        "-ERR 'soon' is no timeout; write milliseconds, 0 to ask without waiting\r\n",
    );
    client.ask("T.WAIT 0 db0 db1", "+OK\r\n");
}
