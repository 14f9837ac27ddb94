//! A disc that is full: writes are refused and applied nowhere, reads go on, and writes do by themselves when there is room.
//!
//! Needs a file system of its own, so it mounts a small one in memory; where that is not allowed it says that it is skipped.

use std::path::{Path, PathBuf};
use std::process::Command;

use redis::{Connection, RedisResult, Value, cmd};

use crate::crash::connect;
use crate::data::place;
use crate::process::{Running, binary_on, wait_until};

/// Room for a few segments of the log.
const SIZE: &str = "size=80m";
const BALLAST: usize = 24 << 20;

/// A file system in memory, unmounted when it is dropped.
struct Mounted(PathBuf);

impl Mounted {
    fn make(name: &str) -> Result<Self, String> {
        let path = place(name);
        std::fs::create_dir_all(&path).expect("the tests' directory can be written");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", SIZE, "tmpfs"]).arg(&path).output();
        match mount {
            Ok(output) if output.status.success() => Ok(Self(path)),
            refused => Err(format!("{refused:?}")),
        }
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Lazily, as a failed test may have left a node on it.
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

fn start(data: &Path) -> Running {
    let mut command = binary_on(data);
    Running::start(command.args([
        "--default-durability",
        "commit",
        "--checkpoint-bytes",
        "1gb",
        "--http",
        "127.0.0.1:0",
    ]))
}

fn open(node: &Running) -> Connection {
    let mut client = connect(node.address()).expect("the node listens");
    cmd("T.WAIT").arg(30_000).arg("db0").query::<()>(&mut client).expect("tables are loaded");
    client
}

fn put(client: &mut Connection, number: u64) -> RedisResult<()> {
    cmd("SET").arg(format!("k{number}")).arg(vec![b'v'; 200_000]).query(client)
}

/// A transaction over a database and a table with an index.
fn put_both(client: &mut Connection) -> RedisResult<Value> {
    cmd("MULTI").query::<()>(client)?;
    cmd("SET").arg("both").arg(vec![b'v'; 200_000]).query::<()>(client)?;
    cmd("T.WRITE").arg("t").arg(r#"[1,"x"]"#).query::<()>(client)?;
    cmd("EXEC").query(client)
}

/// Writes until the disc is full. Gives how many were taken.
fn fill(client: &mut Connection, from: u64) -> u64 {
    for number in from..from + 10_000 {
        if let Err(refused) = put(client, number) {
            assert_eq!(refused.code(), Some("DISCFULL"), "{refused}");
            assert!(refused.to_string().contains("free space"), "{refused}");
            return number;
        }
    }
    panic!("the disc never gets full");
}

fn exists(client: &mut Connection, key: &str) -> bool {
    cmd("EXISTS").arg(key).query(client).expect("reads go on")
}

#[test]
fn a_full_disc_refuses_writes_and_nothing_else_until_there_is_room() {
    let mounted = match Mounted::make("full") {
        Ok(mounted) => mounted,
        Err(cause) => {
            println!("skipped: no file system can be mounted here: {cause}");
            return;
        }
    };
    let (data, ballast) = (mounted.0.join("data"), mounted.0.join("ballast"));
    std::fs::write(&ballast, vec![1; BALLAST]).expect("there is room for it");
    let node = start(&data);
    let mut client = open(&node);
    let mut create = cmd("T.CREATE");
    create.arg("t").arg("ATTRS").arg("id,tag").arg("INDEX").arg("tag").arg("STORAGE").arg("disc");
    create.query::<()>(&mut client).expect("a table");

    let written = fill(&mut client, 0);
    assert!(written > 20, "{written}");
    assert!(
        exists(&mut client, "k0") && !exists(&mut client, &format!("k{written}")),
        "what is refused is not there"
    );
    let refused = put_both(&mut client).expect_err("no room for a transaction");
    assert_eq!(refused.code(), Some("DISCFULL"), "{refused}");
    assert!(!exists(&mut client, "both"));
    let rows: Vec<String> = cmd("T.READ").arg("t").arg(1).query(&mut client).expect("reads go on");
    let indexed: Vec<String> =
        cmd("T.INDEXREAD").arg("t").arg("tag").arg(r#""x""#).query(&mut client).expect("a read");
    assert_eq!((rows.len(), indexed.len()), (0, 0), "nothing of a refused transaction");
    let ready = crate::operator::get(&node, "/readyz");
    assert!(ready.contains("[-]disc failed: no room for the log"), "{ready}");

    std::fs::remove_file(&ballast).expect("it can be removed");
    wait_until(|| put(&mut client, written).is_ok());
    put_both(&mut client).expect("writes go on by themselves");
    wait_until(|| crate::operator::get(&node, "/readyz") == "ok");
    let written = fill(&mut client, written + 1);

    // Full, and killed; then full, and stopped in order, which leaves no room for a checkpoint.
    drop(node);
    for _ in 0..2 {
        let node = start(&data);
        let mut client = open(&node);
        assert!(
            (0..written).all(|number| exists(&mut client, &format!("k{number}"))),
            "what was taken is there"
        );
        assert!(!exists(&mut client, &format!("k{written}")) && exists(&mut client, "both"));
        let indexed: Vec<String> =
            cmd("T.INDEXREAD").arg("t").arg("tag").arg(r#""x""#).query(&mut client).expect("a read");
        assert_eq!(indexed.len(), 1);
        node.signal("TERM");
        let (status, log) = node.end();
        assert_eq!(status.code(), Some(0), "{log}");
    }
}

const ROW_BYTES: usize = 60_000;

/// A record whose text cannot be packed.
fn record(number: u64) -> String {
    let mut state = number;
    let letter = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'a' + ((state >> 33) % 26) as u8)
    };
    let text: String = (0..ROW_BYTES).map(letter).collect();
    format!(r#"{{"id":{number},"tag":"t{number}","text":"{text}"}}"#)
}

fn start_small(data: &Path) -> Running {
    let mut command = binary_on(data);
    Running::start(command.args(["--disc-cache-bytes", "1mb", "--checkpoint-bytes", "4mb"]))
}

fn write_row(client: &mut Connection, number: u64) -> RedisResult<()> {
    cmd("T.WRITE").arg("rows").arg(record(number)).query(client)
}

/// Writes rows until there is no room. Gives how many are there then.
fn fill_rows(client: &mut Connection, from: u64) -> u64 {
    for number in from..from + 10_000 {
        if let Err(refused) = write_row(client, number) {
            assert_eq!(refused.code(), Some("DISCFULL"), "{refused}");
            return number;
        }
    }
    panic!("the disc never gets full");
}

/// All rows up to `count` are there, whole and by their index, and the next one is not.
fn check_rows(client: &mut Connection, count: u64) {
    for number in 0..count {
        let rows: Vec<String> = cmd("T.READ").arg("rows").arg(number).query(client).expect("reads go on");
        assert!(rows == [record(number)], "row {number} of {count}");
    }
    let rows: Vec<String> = cmd("T.READ").arg("rows").arg(count).query(client).expect("reads go on");
    assert!(rows.is_empty(), "what was refused is there");
    for (number, found) in [(0, 1), (count - 1, 1), (count, 0)] {
        let tag = format!("\"t{number}\"");
        let rows: Vec<String> =
            cmd("T.INDEXREAD").arg("rows").arg("tag").arg(tag).query(client).expect("an index read");
        assert_eq!(rows.len(), found, "by the index, {number} of {count}");
    }
}

#[test]
fn a_full_disc_refuses_writes_of_rows_on_disc_only_and_loses_none_that_it_took() {
    let mounted = match Mounted::make("full-rows") {
        Ok(mounted) => mounted,
        Err(cause) => {
            println!("skipped: no file system can be mounted here: {cause}");
            return;
        }
    };
    let data = mounted.0.join("data");
    let ballast = |number: u32| mounted.0.join(format!("ballast{number}"));
    for number in 0..2 {
        std::fs::write(ballast(number), vec![1; BALLAST / 2]).expect("there is room for it");
    }
    let node = start_small(&data);
    let mut client = open(&node);
    let mut create = cmd("T.CREATE");
    create
        .arg("rows")
        .arg("KIND")
        .arg("ordered_set")
        .arg("ATTRS")
        .arg("id:int,tag,text")
        .arg("INDEX")
        .arg("tag");
    create.arg("STORAGE").arg("disc_only").arg("DURABILITY").arg("commit");
    create.query::<()>(&mut client).expect("a table");

    let mut count = fill_rows(&mut client, 0);
    // How many fit depends on when they were written to the tree, and on what the log keeps until then.
    assert!(count > 10, "{count}");
    check_rows(&mut client, count);
    std::fs::remove_file(ballast(0)).expect("it can be removed");
    wait_until(|| write_row(&mut client, count).is_ok());
    count = fill_rows(&mut client, count + 1);

    // Killed while it is full, twice.
    drop(node);
    for _ in 0..2 {
        let node = start_small(&data);
        let mut client = open(&node);
        cmd("T.WAIT").arg(30_000).arg("rows").query::<()>(&mut client).expect("it is loaded");
        check_rows(&mut client, count);
        // A start may have freed some.
        count = fill_rows(&mut client, count);
        check_rows(&mut client, count);
        drop(node);
    }
    std::fs::remove_file(ballast(1)).expect("it can be removed");
    let node = start_small(&data);
    let mut client = open(&node);
    cmd("T.WAIT").arg(30_000).arg("rows").query::<()>(&mut client).expect("it is loaded");
    wait_until(|| write_row(&mut client, count).is_ok());
    check_rows(&mut client, count + 1);
    node.signal("TERM");
    let (status, log) = node.end();
    assert_eq!(status.code(), Some(0), "{log}");
}
