//! `mnemon ctl` and `mnemon check` against a running node, as an operator uses them.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Output;
use std::time::Duration;

use crate::process::{Running, binary, finished};

fn node() -> Running {
    Running::start(binary().args(["--resp", "127.0.0.1:0", "--http", "127.0.0.1:0", "--name", "shop1"]))
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The body of a page of the node's HTTP server.
pub(crate) fn get(node: &Running, path: &str) -> String {
    let address = node.http().replace("http://", "");
    let mut stream = TcpStream::connect(&address).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a deadline can be set");
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("it answers and hangs up");
    text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default()
}

/// The output of `mnemon` with these words against this node.
fn ask(node: &Running, words: &[&str]) -> Output {
    finished(binary().args(words).args(["--connect", &node.http()]))
}

#[test]
fn ctl_shows_the_node_its_tables_and_clients() {
    let node = node();
    let mut client = node.connect();
    client.ask("CLIENT SETNAME tester", "+OK\r\n");
    client.ask("T.CREATE users ATTRS id,name INDEX name", "+OK\r\n");
    client.ask(r#"T.WRITE users '{"id":1,"name":"Ada"}'"#, "+OK\r\n");
    client.ask("SET a 1", "+OK\r\n");

    let status = ask(&node, &["ctl", "status"]);
    for part in ["shop1", "ready", "yes", "clients", &node.address().to_string()] {
        assert!(text(&status).contains(part), "{part:?} is not in {}", text(&status));
    }
    let status: serde_json::Value =
        serde_json::from_str(&text(&ask(&node, &["ctl", "status", "-o", "json"]))).unwrap();
    assert_eq!((&status["rows"], &status["clients"], &status["ready"]), (&2.into(), &1.into(), &true.into()));

    let tables = text(&ask(&node, &["ctl", "tables"]));
    let lines: Vec<Vec<&str>> = tables.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0][..3], ["NAME", "KIND", "ROWS"]);
    assert_eq!(lines[1][..3], ["db0", "set", "1"]);
    assert_eq!(lines[2][..3], ["users", "set", "1"]);

    assert!(text(&ask(&node, &["ctl", "changes"])).starts_with("TABLE"));
    let none = ask(&node, &["ctl", "cancel", "users"]);
    assert!(
        none.status.code() != Some(0) && String::from_utf8_lossy(&none.stderr).contains("NOCHANGE"),
        "{none:?}"
    );

    let table = text(&ask(&node, &["ctl", "table", "users"]));
    assert!(table.lines().any(|line| line.split_whitespace().eq(["attributes", "id,", "name"])), "{table}");
    let table: serde_json::Value =
        serde_json::from_str(&text(&ask(&node, &["ctl", "table", "users", "-o", "json"]))).unwrap();
    assert_eq!(table["attributes"][1]["indexed"], true);

    let clients: serde_json::Value =
        serde_json::from_str(&text(&ask(&node, &["ctl", "clients", "-o", "json"]))).unwrap();
    let found = clients.as_array().unwrap();
    assert_eq!(found.len(), 1, "{clients}");
    assert_eq!((&found[0]["name"], &found[0]["command"]), (&"tester".into(), &"set".into()), "{clients}");
    assert!(text(&ask(&node, &["ctl", "clients"])).contains("tester"));
}

#[test]
fn what_cannot_be_answered_is_one_line_and_a_status() {
    let node = node();
    let output = ask(&node, &["ctl", "table", "nosuch"]);
    assert_eq!((output.status.code(), text(&output).as_str()), (Some(1), ""));
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(log.contains("NOTABLE") && log.contains("nosuch") && log.lines().count() == 1, "{log}");
    // It speaks RESP, not HTTP.
    let resp = node.address().to_string();
    for words in [&["ctl", "status", "--connect", &resp][..], &["check", "ready", "--connect", &resp]] {
        let output = finished(binary().args(words));
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{log}");
        assert!(log.contains(&resp) && log.lines().count() == 1, "{log}");
    }
}

#[test]
fn check_ready_speaks_by_its_status() {
    let node = node();
    let output = ask(&node, &["check", "ready"]);
    assert_eq!((output.status.code(), text(&output).as_str()), (Some(0), "ready\n"));
    let url = node.http();
    drop(node);
    let output = finished(binary().args(["check", "ready", "--connect", &url]));
    assert_eq!((output.status.code(), text(&output).as_str()), (Some(2), ""));
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(log.contains(&url) && log.lines().count() == 1, "{log}");
}

#[test]
fn a_password_keeps_strangers_out_and_the_tools_bring_it() {
    let node = Running::start(
        binary().args(["--resp", "127.0.0.1:0", "--http", "127.0.0.1:0"]).env("MNEMON_PASSWORD", "s3cret"),
    );
    let refused = ask(&node, &["ctl", "tables"]);
    let log = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!((refused.status.code(), log.lines().count()), (Some(1), 1), "{log}");
    assert!(log.contains("NOAUTH") && log.contains("MNEMON_PASSWORD"), "{log}");
    // A probe is nobody's secret.
    assert!(ask(&node, &["check", "ready"]).status.success());
    let resp = node.address().to_string();
    for (password, status) in [("s3cret", 0), ("wrong", 1)] {
        let words: [&[&str]; 3] = [
            &["ctl", "status", "--connect", &node.http()],
            &["shell", "--connect", &resp, "-c", "SET a 1"],
            &["bench", "--connect", &resp, "-n", "10", "-c", "2", "-t", "ping"],
        ];
        for words in words {
            let output = finished(binary().args(words).env("MNEMON_PASSWORD", password));
            assert_eq!(output.status.code(), Some(status), "{words:?} {output:?}");
        }
    }
    let metrics = get(&node, "/metrics");
    assert!(metrics.contains("NOAUTH"), "{metrics}");
}

#[test]
fn the_http_door_can_be_closed_and_must_be_wanted_by_others() {
    let node = Running::start(binary().args(["--resp", "127.0.0.1:0", "--http", "off"]));
    assert!(!node.banner().contains("HTTP"), "{}", node.banner());
    let output = finished(binary().args(["--resp", "127.0.0.1:0", "--http", "0.0.0.0:0"]));
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{log}");
    assert!(log.contains("0.0.0.0:0") && log.contains("--unprotected"), "{log}");
}
