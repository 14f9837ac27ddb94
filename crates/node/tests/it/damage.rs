//! Flipped bytes in a data directory: each is found and named, or harmless; what was damaged is never served.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use mnemon_backup::{Mode, RestorePlan};
use mnemon_node::{Durability, Node, repair};
use mnemon_table::schema::{AttributeType, Schema, Storage};
use mnemon_table::{Table, TableError};
use mnemon_term::{Record, Term};

use crate::{DEADLINE, place};

async fn start(data: &Path) -> Result<Node, mnemon_node::NodeError> {
    Node::builder().data(data).database_durability(Durability::Commit).start().await
}

/// What is in the tables: records as text, by table.
type Rows = BTreeMap<String, Vec<String>>;

async fn rows(node: &Node) -> Rows {
    let mut all = Rows::new();
    for table in node.catalog().user_tables() {
        all.insert(table.name(), records(&table).await);
    }
    all
}

async fn records(table: &Table) -> Vec<String> {
    let folded = table.fold(Vec::new(), |mut records, record| {
        records.push(format!("{record:?}"));
        records
    });
    let mut records = folded.await.expect("a fold");
    records.sort_unstable();
    records
}

/// Two tables, each half in a checkpoint and half in the log. Gives what is in them.
async fn fill(data: &Path, closed: bool) -> Rows {
    let node = start(data).await.expect("a node");
    for name in ["orders", "stock"] {
        let schema = Schema::builder(name)
            .attribute("id", AttributeType::Int)
            .attribute("text", AttributeType::String)
            .index("text")
            .storage(Storage::Disc)
            .build()
            .expect("a schema");
        node.catalog().create(schema).await.expect("a table");
    }
    write(&node, 0..300).await;
    node.shutdown().await;
    let node = start(data).await.expect("a node");
    write(&node, 300..400).await;
    let rows = rows(&node).await;
    if closed {
        node.shutdown().await;
    } else {
        // No last checkpoint is made, so the second half stands in the log.
        drop(node);
        let gone = async {
            while repair(data, true).is_err() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(DEADLINE, gone).await.expect("the directory is let go of");
    }
    rows
}

fn text(table: &str, id: i64) -> String {
    format!("{table} {id} {}", "abcdefgh".repeat(4))
}

async fn write(node: &Node, ids: std::ops::Range<i64>) {
    for name in ["orders", "stock"] {
        let table = node.catalog().table(name).expect("the table");
        for id in ids.clone() {
            let record = Record::new(&[Term::from(id), Term::from(text(name, id))]).expect("a record");
            table.write(record.as_ref()).await.expect("a write");
        }
    }
}

fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("it can be listed") {
        let entry = entry.expect("an entry");
        if entry.file_type().expect("a type").is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).expect("a copy");
        }
    }
}

/// Every file with its bytes that are of account, so that flips are spread over what was written.
fn files(data: &Path) -> Vec<(String, u64)> {
    let mut files: Vec<(String, u64)> = fs::read_dir(data)
        .expect("it can be listed")
        .map(|entry| entry.expect("an entry"))
        .filter(|entry| entry.file_type().expect("a type").is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name != "lock" && !name.starts_with("spare-"))
        .map(|name| {
            let bytes = fs::read(data.join(&name)).expect("it can be read");
            let written = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1);
            (name, written)
        })
        .collect();
    files.sort_unstable();
    files
}

fn flip(path: &Path, at: u64) {
    let mut bytes = fs::read(path).expect("it can be read");
    bytes[usize::try_from(at).expect("small")] ^= 0x10;
    fs::write(path, bytes).expect("it can be written");
}

/// Records of a table that a damaged directory gave, against what was in it.
fn are_of(found: &Rows, whole: &Rows) -> bool {
    found.iter().all(|(name, records)| {
        whole.get(name).is_some_and(|all| records.iter().all(|record| all.contains(record)))
    })
}

async fn every_flip_is_found(name: &str, closed: bool) {
    let (data, broken) = (place(name), place(&format!("{name}-broken")));
    let whole = fill(&data, closed).await;
    let flips = 12;
    for (file, written) in files(&data) {
        for step in 0..flips {
            let at = written * step / flips;
            copy(&data, &broken);
            flip(&broken.join(&file), at);
            let what = format!("{file}, byte {at} of {written}");
            match start(&broken).await {
                Err(cause) => {
                    let text = cause.to_string();
                    let is_named = text.contains(&file) || (file == "node" && text.contains("node"));
                    assert!(is_named, "{what}: the file is not named in: {text}");
                    assert!(!file.starts_with("table-"), "{what}: one table ends the start: {text}");
                    is_reported(&broken, &file, &what);
                }
                Ok(node) if node.catalog().damaged().is_empty() => {
                    // Only what nobody needs may be flipped: then all of it is there.
                    assert_eq!(rows(&node).await, whole, "{what}: damage was served");
                    // Only this waits until the directory can be used by others.
                    node.shutdown().await;
                }
                Ok(node) => {
                    assert!(file.starts_with("table-"), "{what}: no table's file was touched");
                    one_is_damaged(&node, &file, &whole, &what).await;
                    node.shutdown().await;
                    is_reported(&broken, &file, &what);
                }
            }
            if step % 6 == 1 {
                mend(&broken, &whole, &what).await;
            }
        }
    }
}

fn is_reported(broken: &Path, file: &str, what: &str) {
    let report = repair(broken, true).expect("a report");
    assert!(!report.is_intact(), "{what}: the report finds nothing:\n{report}");
    assert!(report.to_string().contains(file), "{what}: {report}");
}

/// One table is damaged and says so, the other serves all it has.
async fn one_is_damaged(node: &Node, file: &str, whole: &Rows, what: &str) {
    let damaged = node.catalog().damaged();
    assert_eq!(damaged.len(), 1, "{what}: {damaged:?}");
    assert!(damaged[0].cause.contains(file), "{what}: the file is not named in {damaged:?}");
    let is_refused = |answer: Result<(), TableError>| {
        matches!(&answer, Err(TableError::Damaged { table, cause })
            if *table == damaged[0].table && cause.contains(file))
    };
    for table in node.catalog().user_tables() {
        let read = table.read(&Term::from(1)).await.map(drop);
        let found = table.index_read("text", &Term::from(text(&table.name(), 1))).await.map(drop);
        let record = Record::new(&[Term::from(1), Term::from(text(&table.name(), 1))]).expect("a record");
        let written = table.write(record.as_ref()).await;
        if table.name() == damaged[0].table {
            for answer in [read, found, written, table.check_open()] {
                assert!(is_refused(answer), "{what}");
            }
        } else {
            for answer in [read, found, written] {
                answer.unwrap_or_else(|cause| panic!("{what}: {}: {cause}", table.name()));
            }
            assert_eq!(records(&table).await, whole[&table.name()], "{what}");
        }
    }
}

/// Repairs a directory: it then starts, and shows nothing that was not there.
async fn mend(broken: &Path, whole: &Rows, what: &str) {
    repair(broken, false).unwrap_or_else(|cause| panic!("{what}: {cause}"));
    let node = start(broken).await.unwrap_or_else(|cause| panic!("{what}: after the repair: {cause}"));
    let found = rows(&node).await;
    assert!(are_of(&found, whole), "{what}: after the repair there is what never was");
    for table in node.catalog().user_tables() {
        for id in 0..400 {
            let by_key = table.read(&Term::from(id)).await.expect("a read").is_some();
            let text = Term::from(text(&table.name(), id));
            let by_index = table.index_read("text", &text).await.expect("a read");
            assert_eq!(by_index.len(), usize::from(by_key), "{what}: the index of {} at {id}", table.name());
        }
    }
    assert!(repair_is_clean(broken, node).await, "{what}: a repaired directory is intact");
}

async fn repair_is_clean(data: &Path, node: Node) -> bool {
    node.shutdown().await;
    repair(data, true).expect("a report").is_intact()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_byte_in_a_directory_that_was_closed_is_found_or_harmless() {
    every_flip_is_found("flips-closed", true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_byte_in_a_directory_without_a_last_checkpoint_is_found_or_harmless() {
    every_flip_is_found("flips-log", false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repair_keeps_all_that_is_intact_and_puts_the_broken_files_aside() {
    let data = place("repair");
    let whole = fill(&data, false).await;
    let (file, _) =
        files(&data).into_iter().find(|(name, _)| name.starts_with("table-")).expect("a checkpoint");
    // In its only block of rows.
    flip(&data.join(&file), 4_000);
    // What the log has of a damaged table is kept when checkpoints are made beside it.
    for _ in 0..2 {
        let node = start(&data).await.expect("a node with a damaged table");
        one_is_damaged(&node, &file, &whole, "a start before the repair").await;
        node.shutdown().await;
    }
    let report = repair(&data, true).expect("a report");
    let lost = |report: &mnemon_node::RepairReport, name: &str| {
        let table = report.tables.iter().find(|table| table.name == name).expect("the table");
        (table.rows, table.lost_rows)
    };
    assert_eq!(lost(&report, "orders"), (100, Some(300)), "{report}");
    assert_eq!(lost(&report, "stock"), (400, Some(0)), "{report}");
    assert!(report.aside.is_none() && data.join(&file).exists());
    let report = repair(&data, false).expect("a repair");
    let aside = report.aside.clone().expect("files were put aside");
    assert!(aside.join(&file).exists() && !data.join("repairing").exists(), "{report}");
    let node = start(&data).await.expect("a node");
    let found = rows(&node).await;
    assert_eq!(found["stock"], whole["stock"]);
    assert_eq!(found["orders"].len(), 100);
    assert!(are_of(&found, &whole));
    node.shutdown().await;
    assert!(repair(&data, false).expect("a report").aside.is_none(), "an intact directory is left alone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_that_is_gone_damages_its_table_and_no_other() {
    let (data, away) = (place("missing"), place("missing-file"));
    let whole = fill(&data, false).await;
    let (file, _) =
        files(&data).into_iter().find(|(name, _)| name.starts_with("table-")).expect("a checkpoint");
    fs::rename(data.join(&file), &away).expect("it can be moved");
    for _ in 0..2 {
        let node = start(&data).await.expect("a node without one of its files");
        one_is_damaged(&node, &file, &whole, "without its file").await;
        // A last checkpoint is made of the others.
        node.shutdown().await;
        is_reported(&data, &file, "without its file");
    }
    // Nothing was lost by serving the others: with the file everything is there again.
    fs::rename(&away, data.join(&file)).expect("it can be moved back");
    let node = start(&data).await.expect("a node");
    assert_eq!((node.catalog().damaged(), rows(&node).await), (Vec::new(), whole.clone()));
    write(&node, 0..1).await;
    assert_eq!(node.catalog().table("orders").expect("the table").clear().await.expect("a clear"), 400);
    write(&node, 0..300).await;
    node.shutdown().await;
    let (file, _) =
        files(&data).into_iter().find(|(name, _)| name.starts_with("table-")).expect("a checkpoint");
    fs::remove_file(data.join(&file)).expect("it can be removed");
    mend(&data, &whole, "without its file").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_any_manifest_tables_are_known_by_their_checkpoints() {
    let data = place("repair-manifest");
    let whole = fill(&data, true).await;
    let (manifest, _) =
        files(&data).into_iter().find(|(name, _)| name.starts_with("manifest-")).expect("a manifest");
    flip(&data.join(&manifest), 20);
    assert!(start(&data).await.is_err());
    repair(&data, false).expect("a repair");
    let node = start(&data).await.expect("a node");
    assert_eq!(rows(&node).await, whole);
}

/// A node with a damaged table `orders`; the backup was taken before.
async fn damaged(name: &str) -> (PathBuf, String, Rows) {
    let data = place(name);
    let whole = fill(&data, true).await;
    let node = start(&data).await.expect("a node");
    let backups = node.backups();
    backups.create(None, None).await.expect("a backup");
    node.shutdown().await;
    let (file, _) =
        files(&data).into_iter().find(|(name, _)| name.starts_with("table-")).expect("a checkpoint");
    flip(&data.join(&file), 4_000);
    (data, file, whole)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_table_comes_back_by_a_restore_of_any_kind_or_goes_by_a_drop() {
    for mode in [Some(Mode::Recreate), Some(Mode::Clear), None] {
        let (data, file, whole) = damaged("damaged-restore").await;
        let node = start(&data).await.expect("a node with a damaged table");
        one_is_damaged(&node, &file, &whole, "before").await;
        let refused = node.backups().create(None, None).await;
        assert!(refused.is_err_and(|cause| cause.word() == "DAMAGED"), "no backup that lacks a table");
        if let Some(mode) = mode {
            let list = node.backups().list().await.expect("a list");
            let keep = RestorePlan::only(["orders"], Mode::Keep);
            assert!(
                node.backups().restore(&list[0].name, keep).await.is_err(),
                "nothing is there to be kept"
            );
            let plan = RestorePlan::only(["orders"], mode);
            node.backups().restore(&list[0].name, plan).await.expect("a restore");
        } else {
            node.catalog().drop_table("orders").await.expect("a drop");
        }
        assert_eq!(node.catalog().damaged(), []);
        let mut expected = whole.clone();
        if mode.is_none() {
            expected.remove("orders");
        }
        assert_eq!(rows(&node).await, expected, "{mode:?}");
        node.shutdown().await;
        let node = start(&data).await.expect("a node");
        assert_eq!(rows(&node).await, expected, "{mode:?} after a restart");
        node.shutdown().await;
        assert!(!data.join(&file).exists() && repair(&data, true).expect("a report").is_intact());
    }
}
