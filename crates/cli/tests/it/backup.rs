//! Backups, restores, exports and imports of a running node, as an operator makes them.

use std::process::Output;

use crate::data::place;
use crate::process::{Running, binary, binary_on, finished};

fn ask(node: &Running, words: &[&str]) -> Output {
    finished(binary().args(words).args(["--connect", &node.http()]))
}

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

#[track_caller]
fn done(node: &Running, words: &[&str]) -> String {
    let output = ask(node, words);
    assert_eq!(output.status.code(), Some(0), "{words:?}: {}", said(&output));
    said(&output)
}

#[track_caller]
fn refused(node: &Running, words: &[&str], because: &str) {
    let output = ask(node, words);
    assert_eq!(output.status.code(), Some(1), "{words:?}: {}", said(&output));
    assert!(said(&output).contains(because), "{words:?}: {}", said(&output));
}

fn start(data: &std::path::Path) -> Running {
    let node = Running::start(binary_on(data).args(["--http", "127.0.0.1:0", "--name", "shop1"]));
    node.connect().ask("T.WAIT 30000 db0", "+OK\r\n");
    node
}

#[test]
fn a_backup_is_taken_listed_verified_and_restored() {
    let data = place("ctl-backup");
    let node = start(&data);
    let mut client = node.connect();
    client.ask("T.CREATE users ATTRS id:int,name:string STORAGE disc", "+OK\r\n");
    client.ask(r#"T.WRITE users '{"id":1,"name":"Ada"}'"#, "+OK\r\n");
    client.ask("SET greeting hello", "+OK\r\n");
    assert!(done(&node, &["ctl", "status"]).contains("never"));
    assert!(done(&node, &["ctl", "backup", "create", "first"]).contains("first"));
    refused(&node, &["ctl", "backup", "create", "first"], "EXISTS");
    refused(&node, &["ctl", "backup", "create", "../first"], "BADNAME");
    refused(&node, &["ctl", "backup", "create", "second", "--tables", "nobody"], "NOTABLE");
    let listed = done(&node, &["ctl", "backup", "list"]);
    assert!(listed.contains("first") && listed.contains("shop1") && !listed.contains("second"), "{listed}");
    assert!(done(&node, &["ctl", "backup", "verify", "first"]).contains("users, 1 rows"));
    refused(&node, &["ctl", "backup", "verify", "nothing"], "NOBACKUP");
    let status = done(&node, &["ctl", "status"]);
    assert!(status.contains("1 taken, 0 failed"), "{status}");

    client.ask("SET greeting bye", "+OK\r\n");
    client.ask("T.DROP users", "+OK\r\n");
    refused(&node, &["ctl", "restore", "first", "--tables", "peple"], "NOTABLE");
    let restored = done(&node, &["ctl", "restore", "first"]);
    assert!(restored.contains("made") && restored.contains("clear"), "{restored}");
    client.ask("GET greeting", "$5\r\nhello\r\n");
    client.ask("T.READ users 1", "*1\r\n$21\r\n{\"id\":1,\"name\":\"Ada\"}\r\n");

    // The file is nobody's: it is verified without a node, and damage is told.
    let file = data.join("backups/first.backup");
    let copy = data.join("copy.backup");
    let mut bytes = std::fs::read(&file).expect("the backup is there");
    let words = ["ctl", "backup", "verify", "--file"];
    assert_eq!(finished(binary().args(words).arg(&file)).status.code(), Some(0));
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&copy, bytes).expect("it can be written");
    let output = finished(binary().args(words).arg(&copy));
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("is damaged at byte"), "{}", said(&output));
}

#[test]
fn a_restore_at_the_next_start_is_done_before_anybody_is_served() {
    let data = place("ctl-restore-next");
    let node = start(&data);
    let mut client = node.connect();
    client.ask("SET k old", "+OK\r\n");
    client.ask("T.BACKUP kept db0", "*8\r\n$4\r\nname\r\n$4\r\nkept\r\n$6\r\ntables\r\n:1\r\n");
    drop(client);
    let mut client = node.connect();
    client.ask("SET k new", "+OK\r\n");
    assert!(done(&node, &["ctl", "restore", "kept", "--at-next-start"]).contains("next start"));
    refused(&node, &["ctl", "restore", "kept"], "next start");
    client.ask("GET k", "$3\r\nnew\r\n");
    node.signal("TERM");
    assert_eq!(node.end().0.code(), Some(0));
    let node = start(&data);
    node.connect().ask("GET k", "$3\r\nold\r\n");
    assert!(!data.join("restore-pending").exists());
    assert!(done(&node, &["ctl", "restore", "kept", "--at-next-start"]).contains("next start"));
    assert!(done(&node, &["ctl", "restore", "--cancel"]).contains("nothing"));
    node.connect().ask("SET k newer", "+OK\r\n");
    node.signal("TERM");
    assert_eq!(node.end().0.code(), Some(0));
    let node = start(&data);
    node.connect().ask("GET k", "$5\r\nnewer\r\n");
}

#[test]
fn a_start_that_cannot_do_its_restore_serves_nobody() {
    let data = place("ctl-restore-damaged");
    let node = start(&data);
    node.connect().ask("SET k v", "+OK\r\n");
    done(&node, &["ctl", "backup", "create", "a"]);
    done(&node, &["ctl", "restore", "a", "--at-next-start"]);
    node.signal("TERM");
    assert_eq!(node.end().0.code(), Some(0));
    let file = data.join("backups/a.backup");
    let whole = std::fs::read(&file).expect("it is there");
    std::fs::write(&file, &whole[..whole.len() - 1]).expect("it can be written");
    let output = finished(&mut binary_on(&data));
    assert_ne!(output.status.code(), Some(0));
    assert!(
        said(&output).contains("restore-pending") && said(&output).contains("damaged"),
        "{}",
        said(&output)
    );
    std::fs::write(&file, whole).expect("it can be written");
    start(&data).connect().ask("GET k", "$1\r\nv\r\n");
}

#[test]
fn a_table_goes_out_as_text_and_comes_back() {
    let data = place("ctl-export");
    let node = start(&data);
    let mut client = node.connect();
    client.ask("T.CREATE users ATTRS id:int,name:string,tags", "+OK\r\n");
    for id in 0..3_000 {
        client.ask(&format!(r#"T.WRITE users '{{"id":{id},"name":"a, b","tags":[{id},null]}}'"#), "+OK\r\n");
    }
    for format in ["jsonl", "csv"] {
        let file = data.join(format!("users.{format}"));
        let file = file.to_str().expect("UTF-8");
        done(&node, &["ctl", "export", "users", file]);
        client.ask("T.CLEAR users", ":3000\r\n");
        assert!(done(&node, &["ctl", "import", "users", file]).contains("3000 records"));
        client.ask("T.READ users 7", "*1\r\n$38\r\n{\"id\":7,\"name\":\"a, b\",\"tags\":[7,null]}\r\n");
    }
    for (name, words, first) in [
        ("users.text", &[][..], "{"),
        ("users.text", &["--format", "csv"], "id,name,tags"),
        ("users.csv", &["--format", "jsonl"], "{"),
    ] {
        let file = data.join(name);
        done(&node, &[&["ctl", "export", "users", file.to_str().expect("UTF-8")], words].concat());
        let text = std::fs::read_to_string(&file).expect("it is there");
        assert!(text.starts_with(first), "{name} {words:?}");
    }
    let bad = data.join("bad.jsonl");
    std::fs::write(&bad, "{\"id\":1}\n{\"id\":\"x\"}\n").expect("it can be written");
    refused(&node, &["ctl", "import", "users", bad.to_str().expect("UTF-8")], "line 2");
    let nowhere = data.join("nowhere").join("users.csv");
    for word in ["export", "import"] {
        refused(&node, &["ctl", word, "users", nowhere.to_str().expect("UTF-8")], "users.csv: No such file");
    }
    client.ask("T.CREATE kept ATTRS id,tag INDEX tag STORAGE disc_only", "+OK\r\n");
    let long = "k".repeat(70_000);
    std::fs::write(&bad, format!("{{\"id\":1}}\n{{\"id\":2,\"tag\":\"{long}\"}}\n"))
        .expect("it can be written");
    refused(&node, &["ctl", "import", "kept", bad.to_str().expect("UTF-8")], "line 2");
    client.ask("T.INDEXREAD kept tag null", "*1\r\n$19\r\n{\"id\":1,\"tag\":null}\r\n");
    std::fs::write(&bad, "{\"id\":1}\n{\"id\":\"x\"}\n").expect("it can be written");
    refused(&node, &["ctl", "export", "nobody", bad.to_str().expect("UTF-8")], "NOTABLE");
    assert_eq!(std::fs::read(&bad).expect("it is still there").len(), 20, "a failed export leaves the file");
    let mut client = node.connect();
    client.ask("SET k {", "+OK\r\n");
    client.ask("HSET h f v", ":1\r\n");
    client.ask("PEXPIREAT h 9999999999999", ":1\r\n");
    for format in ["jsonl", "csv"] {
        let file = data.with_extension(format);
        let file = file.to_str().expect("UTF-8");
        done(&node, &["ctl", "export", "db0", file, "--format", format, "--expiry"]);
        client.ask("FLUSHDB", "+OK\r\n");
        assert!(done(&node, &["ctl", "import", "db0", file, "--format", format]).contains("2 records"));
        client.ask("GET k", "$1\r\n{\r\n");
        client.ask("HGET h f", "$1\r\nv\r\n");
        client.ask("PEXPIRETIME h", ":9999999999999\r\n");
        client.ask("TTL k", ":-1\r\n");
    }
}

#[test]
fn backups_are_taken_by_schedule_and_old_ones_go() {
    let data = place("ctl-schedule");
    let words = ["--http", "127.0.0.1:0", "--backup-every", "1", "--backup-keep", "2"];
    let node = Running::start(binary_on(&data).args(words));
    let names = || -> Vec<String> {
        let listed = std::fs::read_dir(data.join("backups")).into_iter().flatten().flatten();
        let names = listed.filter_map(|entry| entry.file_name().into_string().ok());
        names.filter(|name| name.ends_with(".backup")).collect()
    };
    crate::process::wait_until(|| !names().is_empty());
    let first = names();
    crate::process::wait_until(|| names().len() == 2 && !names().contains(&first[0]));
    assert!(names().iter().all(|name| name.starts_with("scheduled-mnemon-")), "{:?}", names());
    node.signal("TERM");
    assert_eq!(node.end().0.code(), Some(0));
    assert!(names().len() <= 3, "{:?}", names());
}

/// Kills the node at some moments of a restore in place: what is found is what was there before, or all of the backup.
#[cfg(unix)]
#[test]
fn a_node_that_is_killed_in_a_restore_has_all_of_it_or_nothing() {
    use std::fmt::Write as _;
    const ROWS: usize = 60_000;
    let data = place("ctl-restore-killed");
    let mut node = start(&data);
    let mut client = node.connect();
    for part in 0..ROWS / 1_000 {
        let mut commands = String::new();
        for row in 0..1_000 {
            let key = part * 1_000 + row;
            write!(commands, "SET key:{key} value\r\n").expect("a string takes all");
        }
        client.ask(&commands, &"+OK\r\n".repeat(1_000));
    }
    done(&node, &["ctl", "backup", "create", "all", "--tables", "db0"]);
    let (mut old, mut new) = (0, 0);
    for wait_ms in [0, 20, 40, 60, 90, 130, 200, 400] {
        client.ask("FLUSHDB", "+OK\r\n");
        client.ask("SET only one", "+OK\r\n");
        client.ask("T.BACKUP", "*8\r\n");
        let mut restoring = binary()
            .args(["ctl", "restore", "all", "--connect", &node.http()])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("the binary can be started");
        node.hears_nothing_for(wait_ms);
        node.signal("KILL");
        node.end();
        restoring.wait().expect("it ends when the node does");
        node = start(&data);
        client = node.connect();
        let size = crate::operator::get(&node, "/api/v1/tables/db0");
        let size: serde_json::Value = serde_json::from_str(&size).expect("JSON");
        match size["rows"].as_u64() {
            // The backup before has made `FLUSHDB` and `SET` durable.
            Some(1) => old += 1,
            Some(rows) if rows == ROWS as u64 => new += 1,
            other => panic!("after {wait_ms} ms: {other:?} rows"),
        }
        assert!(!data.join("restore-pending").exists());
        client.ask("SET again works", "+OK\r\n");
        client.ask("DEL again", ":1\r\n");
    }
    assert!(new > 0, "no restore was done or completed: {old} {new}");
}
