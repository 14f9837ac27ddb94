//! Backups of nodes with and without a data directory, and what a start finds to do.

use mnemon_node::{BackupError, Mode, Node, RestorePlan};
use mnemon_store::{Expiry, Op, When};

use crate::place;

fn set(node: &Node, key: &str, value: &str) -> Result<(), mnemon_table::TableError> {
    let put = Op::Put {
        key: key.as_bytes().into(),
        body: value.as_bytes().into(),
        expiry: Expiry::Never,
        when: When::Always,
        over_bytes_only: false,
    };
    let answer = node.catalog().database(0).submit(&put).ready().expect("a local table answers at once");
    answer.map(drop)
}

fn get(node: &Node, key: &str) -> Option<String> {
    let table = node.catalog().database(0);
    let row = table.store().get(table.copy(), key.as_bytes())?;
    Some(String::from_utf8_lossy(row.body()).into_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_without_data_directory_backs_up_where_it_is_told() {
    let directory = place("backups-of-ram");
    let node = Node::builder().start().await.expect("a node");
    assert!(matches!(node.backup(None, None).await, Err(BackupError::NoDirectory)));
    node.shutdown().await;
    let node = Node::builder().backup_dir(&directory).start().await.expect("a node");
    set(&node, "k", "v").expect("it takes writes");
    let report = node.backup(None, None).await.expect("a backup");
    assert_eq!((report.rows, node.backups().figures().taken), (1, 1));
    let refused = node.backups().restore_at_next_start(&report.name, RestorePlan::default()).await;
    assert!(matches!(refused, Err(BackupError::Unsupported(_))), "{refused:?}");
    node.shutdown().await;

    let other = Node::builder().name("other").backup_dir(&directory).start().await.expect("a node");
    let restored = other.restore(&report.name, RestorePlan::default()).await.expect("a restore");
    assert_eq!((restored.tables.len(), get(&other, "k").as_deref()), (1, Some("v")));
    other.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_completes_the_table_that_a_crash_left_half_restored() {
    let data = place("half-restored");
    let node = Node::builder().data(&data).start().await.expect("a node");
    (0..500).for_each(|number| set(&node, &format!("k{number}"), "v").expect("it takes writes"));
    let report = node.backup(Some("all"), None).await.expect("a backup");
    node.catalog().database(0).clear().await.expect("it takes writes");
    // What the crash left: a part of the rows, and the note.
    (0..100).for_each(|number| set(&node, &format!("k{number}"), "v").expect("it takes writes"));
    node.shutdown().await;
    let id = mnemon_backup::open_file(&data.join("backups/all.backup")).expect("it is there").header().id;
    let file = std::path::absolute(data.join("backups/all.backup")).expect("a path");
    let note = format!(
        r#"{{"format":1,"file":{file:?},"id":{id:?},"plan":{{"default":"skip","tables":{{"db0":"clear"}}}}}}"#
    );
    std::fs::write(data.join("restore-pending"), &note).expect("it can be written");

    let node = Node::builder().data(&data).start().await.expect("a node");
    assert_eq!(node.catalog().database(0).size() as u64, report.rows);
    assert!(set(&node, "k", "v").is_ok() && !data.join("restore-pending").exists());
    node.shutdown().await;

    // Another file in the place of the one that is meant is no backup of it.
    let wrong = note.replace(&format!("{id:?}"), &format!("{:?}", [0; 16]));
    std::fs::write(data.join("restore-pending"), wrong).expect("it can be written");
    let refused = Node::builder().data(&data).start().await.expect_err("it is another backup");
    assert!(refused.to_string().contains("restore-pending"), "{refused}");
    std::fs::write(data.join("restore-pending"), "{}").expect("it can be written");
    assert!(Node::builder().data(&data).start().await.is_err());
    std::fs::remove_file(data.join("restore-pending")).expect("it is there");
    let node = Node::builder().data(&data).start().await.expect("a node");
    assert_eq!(node.catalog().database(0).size(), 501);
    node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recreated_table_on_disc_is_there_after_a_restart() {
    use mnemon_table::schema::{AttributeType, Schema, Storage};
    use mnemon_term::{Record, Term};
    let data = place("recreated");
    let node = Node::builder().data(&data).start().await.expect("a node");
    let schema = Schema::builder("t").attribute("k", AttributeType::Int).attribute("v", AttributeType::Any);
    let schema = schema.index("v").storage(Storage::Disc).build().expect("a schema");
    let table = node.catalog().create(schema).await.expect("a table");
    for key in 0..300 {
        let record = Record::new(&[Term::from(key), Term::from("v")]).expect("a record");
        table.write(record.as_ref()).await.expect("it takes writes");
    }
    node.backup(Some("b"), None).await.expect("a backup");
    table.clear().await.expect("it takes writes");
    node.restore("b", RestorePlan::only(["t"], Mode::Recreate)).await.expect("a restore");
    assert!(table.clear().await.is_err(), "the old handle has ended");
    // A handle keeps the log's files, and so the directory.
    drop(table);
    node.shutdown().await;
    let node = Node::builder().data(&data).start().await.expect("a node");
    let table = node.catalog().table("t").expect("it is there");
    assert_eq!(
        (table.size(), table.index_read("v", &Term::from("v")).await.expect("an index").len()),
        (300, 300)
    );
    node.shutdown().await;
}
