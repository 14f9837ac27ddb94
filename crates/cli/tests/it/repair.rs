//! `mnemon repair` on the directory of a node that was stopped.

use std::fs;
use std::path::Path;
use std::process::Output;

use crate::data::place;
use crate::process::{Running, binary, binary_on, finished};

fn repair(data: &Path, words: &[&str]) -> Output {
    finished(binary().arg("repair").arg(data).args(words))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Flips a byte of the table's only checkpoint.
fn damage(data: &Path) -> String {
    let mut names = fs::read_dir(data).expect("it can be listed");
    let name = names.find_map(|entry| {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        name.starts_with("table-0000000000000010").then_some(name)
    });
    let name = name.expect("the first user's table has a checkpoint");
    let mut bytes = fs::read(data.join(&name)).expect("it can be read");
    // In its block of rows, before the index of 12 bytes and the 48 of the end.
    let place = bytes.len() - 65;
    bytes[place] ^= 1;
    fs::write(data.join(&name), bytes).expect("it can be written");
    name
}

#[cfg(unix)]
#[test]
fn a_damaged_table_is_told_of_beside_those_that_serve_and_repaired() {
    let data = place("repaired");
    let node = Running::start(&mut binary_on(&data));
    let mut client = node.connect();
    client.ask("SET k v", "+OK\r\n");
    client.ask("T.CREATE orders STORAGE disc", "+OK\r\n");
    client.ask("T.WRITE orders '[1,\"one\"]'", "+OK\r\n");
    let busy = repair(&data, &["--dry-run"]);
    assert_eq!(busy.status.code(), Some(2));
    assert!(text(&busy.stderr).contains("in use by another node"), "{}", text(&busy.stderr));
    node.signal("TERM");
    assert_eq!(node.end().0.code(), Some(0));
    let intact = repair(&data, &["--dry-run"]);
    assert_eq!(intact.status.code(), Some(0), "{}", text(&intact.stdout));

    let file = damage(&data);
    let node = Running::start(binary_on(&data).args(["--http", "127.0.0.1:0"]));
    let mut client = node.connect();
    client.ask("T.WAIT 30000 db0", "+OK\r\n");
    client.ask("GET k", "$1\r\nv\r\n");
    client.send("T.READ orders 1\r\n");
    client.expect(&format!("-DAMAGED table \"orders\" is damaged: {file}"));
    for (words, part) in [(["ctl", "tables"], "DAMAGED orders"), (["ctl", "status"], "damaged-tables")] {
        let said = text(&finished(binary().args(words).args(["--connect", &node.http()])).stdout);
        assert!(said.contains(part) && said.contains(&file), "{part:?} and {file} are not in {said}");
    }
    let ready = finished(binary().args(["check", "ready", "--connect", &node.http()]));
    assert_eq!(ready.status.code(), Some(0), "one table takes no node out of service");
    node.signal("TERM");
    assert_eq!(node.end().0.code(), Some(0));
    let look = repair(&data, &["--dry-run"]);
    let said = text(&look.stdout);
    assert_eq!(look.status.code(), Some(1), "{said}");
    for part in [file.as_str(), "DAMAGED", "table orders: 0 rows intact, 1 LOST", "table db0: 1 rows intact"]
    {
        assert!(said.contains(part), "{part:?} is not in {said}");
    }
    let done = repair(&data, &[]);
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stdout));
    assert!(data.join("broken-1").join(&file).exists());
    let node = Running::start(&mut binary_on(&data));
    let mut client = node.connect();
    client.ask("T.WAIT 30000 db0 orders", "+OK\r\n");
    client.ask("GET k", "$1\r\nv\r\n");
    client.ask("T.READ orders 1", "*0\r\n");
    client.ask("T.WRITE orders '[1,\"two\"]'", "+OK\r\n");
}

#[test]
fn what_is_no_data_directory_is_refused() {
    let missing = repair(&place("no-such"), &["--dry-run"]);
    assert_eq!(missing.status.code(), Some(2));
    let empty = place("empty");
    fs::create_dir_all(&empty).expect("the tests' directory can be written");
    let output = repair(&empty, &["--dry-run"]);
    let said = text(&output.stderr);
    assert_eq!((output.status.code(), said.lines().count()), (Some(2), 1), "{said}");
    assert!(said.contains("no file of a node"), "{said}");
}
