//! The real binary: what it says, whom it serves, how it ends.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;

use crate::process::{DEADLINE, Running, binary, finished};

/// Checks that a run was refused: status 2, nothing on stdout, one line on stderr that contains all of `causes`.
fn refused(command: &mut Command, causes: &[&str]) {
    let output = finished(command);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    assert_eq!(output.stdout, b"", "{text}");
    for cause in causes {
        assert!(text.contains(cause), "{cause:?} is not in {text}");
    }
}

#[test]
fn redis_and_table_commands_are_served() {
    let node = Running::start(binary().args(["serve", "--resp", "127.0.0.1:0", "--name", "shop1"]));
    let mut client = node.connect();
    let ada = r#"{"id":1,"name":"Ada","age":36}"#;
    client.ask("SET greeting hello", "+OK\r\n");
    client.ask("GET greeting", "$5\r\nhello\r\n");
    client.ask("T.CREATE users ATTRS id,name,age INDEX age", "+OK\r\n");
    client.ask(&format!("T.WRITE users '{ada}'"), "+OK\r\n");
    let answer = format!("*1\r\n${}\r\n{ada}\r\n", ada.len());
    client.ask("T.READ users 1", &answer);
    client.ask("T.INDEXREAD users age 36", &answer);
    node.connect().ask("GET greeting", "$5\r\nhello\r\n");
}

#[test]
fn the_line_protocol_is_served_and_its_processes_are_shown() {
    let options = ["serve", "--resp", "127.0.0.1:0", "--http", "127.0.0.1:0", "--line", "127.0.0.1:0"];
    let node = Running::start(binary().args(options));
    let line = node.banner().lines().find_map(|line| line.trim().strip_prefix("line "));
    let mut client =
        TcpStream::connect(line.expect("the banner has the address").trim()).expect("it listens");
    client.set_read_timeout(Some(DEADLINE)).expect("a deadline can be set");
    client.write_all(b"CREATE shopping\r\nPUT shopping eggs 3\r\nGET shopping eggs\r\n").expect("it reads");
    let mut answers = [0; 15];
    client.read_exact(&mut answers).expect("it answers");
    assert_eq!(String::from_utf8_lossy(&answers), "OK\r\nOK\r\n3\r\nOK\r\n");
    let output = finished(binary().args(["ctl", "tree", "--connect", &node.http()]));
    let tree = String::from_utf8_lossy(&output.stdout);
    for part in ["├── line ", "│   │   └── bucket ", "│   │   └── client-1 ", "└── resp ", " processes\n"]
    {
        assert!(tree.contains(part), "{part:?} is not in {tree}");
    }
}

#[test]
fn serve_is_the_default_command_and_the_banner_tells_all_one_needs() {
    let node =
        Running::start(binary().args(["--resp", "127.0.0.1:0", "--name", "shop1", "--resp-threads", "1"]));
    let port = node.address().port();
    for part in ["Mnemon", "node shop1", &format!("redis-cli -p {port}"), "RAM only"] {
        assert!(node.banner().contains(part), "{part:?} is not in {}", node.banner());
    }
    node.connect().ask("PING", "+PONG\r\n");
}

#[test]
fn redis_cli_talks_to_it() {
    if Command::new("redis-cli").arg("--version").output().is_err() {
        let required =
            std::env::var_os("MNEMON_REQUIRE_PEERS").is_some_and(|value| !value.is_empty() && value != "0");
        assert!(!required, "redis-cli is not installed and MNEMON_REQUIRE_PEERS is set");
        println!("skipped: redis-cli is not installed");
        return;
    }
    let node = Running::start(binary().args(["--resp", "127.0.0.1:0"]));
    let port = node.address().port().to_string();
    let cli = |words: &[&str]| {
        let output =
            Command::new("redis-cli").args(["-p", &port]).args(words).output().expect("redis-cli runs");
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    };
    assert_eq!(cli(&["T.CREATE", "users", "KIND", "ordered_set", "ATTRS", "id,name,age"]), "OK");
    assert_eq!(cli(&["T.WRITE", "users", r#"{"id":1,"name":"Ada","age":36}"#]), "OK");
    assert_eq!(cli(&["T.MATCH", "users", r#"{"age":{">":30}}"#]), r#"{"id":1,"name":"Ada","age":36}"#);
    assert_eq!(cli(&["INCR", "hits"]), "1");
}

#[test]
fn an_address_in_use_is_refused() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("it is bound").to_string();
    refused(binary().args(["--resp", &address]), &[&address, "in use", "choose another"]);
}

#[test]
fn what_cannot_be_is_refused() {
    refused(binary().arg("--frobnicate"), &["--frobnicate", "try 'mnemon --help'"]);
    refused(binary().args(["serve", "--resp", "nonsense"]), &["nonsense", "HOST:PORT"]);
    refused(binary().args(["--resp", "127.0.0.1:0", "--name", "a b"]), &["name", "a b"]);
    refused(
        binary().args(["--resp", "127.0.0.1:0", "--resp-threads", "0"]),
        &["resp_threads", "at least one"],
    );
    refused(binary().args(["--resp", "127.0.0.1:0"]).env("RUST_LOG", "=loud=="), &["RUST_LOG"]);
    refused(
        binary().args(["--resp", "127.0.0.1:0"]).env("MNEMON_LOG_FORMAT", "xml"),
        &["xml", "human, json"],
    );
}

#[test]
fn an_address_that_others_reach_is_refused_unless_unprotected() {
    refused(binary().args(["--resp", "0.0.0.0:0"]), &["0.0.0.0:0", "password", "--unprotected"]);
    let node = Running::start(binary().args(["--resp", "0.0.0.0:0", "--unprotected"]));
    assert!(node.banner().contains("no password"), "{}", node.banner());
    node.connect().ask("PING", "+PONG\r\n");
}

#[test]
fn flags_beat_the_environment_and_that_beats_the_default() {
    let from_environment =
        Running::start(binary().env("MNEMON_RESP", "127.0.0.1:0").env("MNEMON_NAME", "env"));
    assert_ne!(from_environment.address().port(), 7070);
    assert!(from_environment.banner().contains("node env"));
    let command = &mut binary();
    command.env("MNEMON_NAME", "env").env("MNEMON_RESP", "nonsense");
    let from_flags = Running::start(command.args(["serve", "--name", "flag", "--resp", "127.0.0.1:0"]));
    assert!(from_flags.banner().contains("node flag"));
}

#[test]
fn help_and_version_go_to_stdout_with_status_0() {
    for (flag, part) in [("--help", "--resp <ADDR>"), ("--version", env!("CARGO_PKG_VERSION"))] {
        let output = finished(binary().arg(flag));
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains(part), "{text}");
    }
}

#[cfg(unix)]
#[test]
fn a_signal_ends_it_cleanly() {
    for signal in ["TERM", "INT"] {
        let node = Running::start(binary().args(["--resp", "127.0.0.1:0", "--log-format", "json"]));
        let mut client = node.connect();
        client.ask("SET a 1", "+OK\r\n");
        let address = node.address();
        node.signal(signal);
        let (status, log) = node.end();
        assert_eq!(status.code(), Some(0), "SIG{signal}: {log}");
        assert!(client.is_closed(), "SIG{signal}");
        assert!(TcpListener::bind(address).is_ok(), "the port is free again");
        assert!(log.contains(&format!(r#""signal":"SIG{signal}""#)), "{log}");
        for line in log.lines() {
            assert!(line.starts_with('{') && line.ends_with('}'), "{line:?} is no object");
        }
    }
}

#[test]
fn a_password_opens_the_node_to_other_machines_and_keeps_strangers_out() {
    let node = Running::start(
        binary()
            .args([
                "--resp",
                "0.0.0.0:0",
                "--http",
                "off",
                "--max-memory",
                "100mb",
                "--client-timeout",
                "600",
            ])
            .env("MNEMON_PASSWORD", "secret")
            .env("MNEMON_USER", "ada:pw:rw:db0;bob:pw:r:db1"),
    );
    assert!(!node.banner().contains("warning"), "{}", node.banner());
    let mut client = node.connect();
    client.ask("GET k", "-NOAUTH Authentication required.\r\n");
    client.ask("AUTH secret", "+OK\r\n");
    client.ask(
        "CONFIG GET maxmemory timeout",
        "*4\r\n$9\r\nmaxmemory\r\n$9\r\n104857600\r\n$7\r\ntimeout\r\n$3\r\n600\r\n",
    );
    let mut ada = node.connect();
    ada.ask("AUTH ada pw", "+OK\r\n");
    ada.ask("SET k v", "+OK\r\n");
    let mut bob = node.connect();
    bob.ask("AUTH bob pw", "+OK\r\n");
    bob.ask("GET k", "-NOPERM this user has no permissions to access one of the keys used as arguments\r\n");
}

#[test]
fn limits_and_users_that_cannot_be_are_refused() {
    for (flags, parts) in [
        (&["--max-memory", "much"][..], &["--max-memory", "memory value"][..]),
        (&["--client-output-limit", "normal 1"], &["--client-output-limit", "Wrong number"]),
        (&["--user", "ada:pw:x:t"], &["--user", "r, w or rw"]),
        (&["--user", "ada:pw:rw:t"], &["password", "protect nothing"]),
        (&["--tls-cert", "a.pem"], &["--tls-key"]),
        (&["--tls-cert", "absent.pem", "--tls-key", "absent.pem"], &["absent.pem", "PEM"]),
    ] {
        refused(binary().args(["--resp", "127.0.0.1:0", "--http", "off"]).args(flags), parts);
    }
}

#[cfg(unix)]
#[test]
fn a_second_signal_ends_it_at_once() {
    let node = Running::start(binary().args(["--resp", "127.0.0.1:0"]));
    let mut client = node.connect();
    // Answers that this client never reads hold an orderly end up.
    let size = 16 << 20;
    client.ask(&format!("SETRANGE big {} x", size - 1), &format!(":{size}\r\n"));
    client.ask("GET big", &format!("${size}\r\n"));
    node.signal("TERM");
    node.signal("INT");
    let (status, log) = node.end();
    assert!([Some(143), Some(130)].contains(&status.code()), "{status}: {log}");
    assert!(log.contains("a second signal stops at once") && log.contains("stopped at once"), "{log}");
}

#[cfg(unix)]
#[test]
fn a_stop_answers_what_has_arrived() {
    let node = Running::start(binary().args(["--resp", "127.0.0.1:0"]));
    let mut client = node.connect();
    client.ask("PING", "+PONG\r\n");
    client.send(&"INCR n\r\n".repeat(1_000));
    client.expect(":1\r\n");
    node.signal("TERM");
    // They arrived in one piece, so the first answer says that all of them were read.
    (2..=1_000).for_each(|number| client.expect(&format!(":{number}\r\n")));
    assert_eq!(node.end().0.code(), Some(0));
    assert!(client.is_closed());
}

#[test]
fn the_level_of_the_log_is_a_setting() {
    let start = |level: &str, by_environment: &str| {
        let mut command = binary();
        command.args(["--resp", "127.0.0.1:0", "--log-format", "json"]).env("RUST_LOG", by_environment);
        if !level.is_empty() {
            command.args(["--log", level]);
        }
        let node = Running::start(&mut command);
        node.connect().ask("PING", "+PONG\r\n");
        node.stop()
    };
    assert!(start("", "info").contains("node started"));
    assert!(!start("", "error").contains("node started"));
    assert!(start("mnemon_node=info", "error").contains("node started"));
    assert!(start("error, mnemon_node=info ", "error").contains("node started"));
    assert!(!start("error", "info").contains("node started"));
    refused(binary().args(["--resp", "127.0.0.1:0", "--log", "=loud=="]), &["log", "mnemon_resp=debug"]);
    // Not a module of that name, with all others silent.
    refused(binary().args(["--resp", "127.0.0.1:0", "--log", "inof"]), &["'inof' is no level", "info"]);
}
