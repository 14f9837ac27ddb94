//! Backups of tables on disc only, and all that is made of them: kinds, indexes and times to live come back.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use mnemon_backup::Progress;
use mnemon_backup::text::{TextFormat, TextOptions, export, import};
use mnemon_node::{Mode, Node, RestorePlan};
use mnemon_store::Durability;
use mnemon_table::schema::{AttributeType, Kind, Schema, Storage};
use mnemon_table::{Table, TableError};
use mnemon_term::{Record, Term};

use crate::disc_only::{record_of, schema, start};
use crate::{place, say};

const KINDS: [(&str, Kind); 3] = [("set", Kind::Set), ("ordered", Kind::OrderedSet), ("bag", Kind::Bag)];
const ROWS: i64 = 700;
/// Rows that expire, far from now.
const EXPIRING: usize = 5;
const FAR_MS: u64 = 3_600_000;

fn record(id: i64, text: &str) -> Record {
    record_of(id, text, 20)
}

fn table(node: &Node, name: &str) -> Arc<Table> {
    node.catalog().table(name).expect("the table")
}

/// Three tables, one of each kind.
async fn filled(data: &Path) -> Node {
    let node = start(data).await;
    for (name, kind) in KINDS {
        let table = node.catalog().create(schema(name, kind)).await.expect("a table");
        for id in 0..ROWS {
            table.dirty_write(record(id, "first").as_ref()).expect("a write");
            if kind == Kind::Bag {
                table.dirty_write(record(id, "another").as_ref()).expect("a write");
            }
        }
        for id in 0..EXPIRING as i64 {
            let record = record(ROWS + id, "short");
            table.write_with_ttl(record.as_ref(), FAR_MS).await.expect("a write");
        }
    }
    node
}

/// What is in a table: its records, how many of them an index leads to, how many expire.
#[derive(Debug, PartialEq)]
struct Seen {
    records: Vec<Vec<u8>>,
    indexed: usize,
    expiring: usize,
    size: usize,
}

async fn seen(node: &Node, name: &str) -> Seen {
    let table = table(node, name);
    assert_eq!(table.schema().storage(), Storage::DiscOnly, "{name}");
    let folded = table.fold(Vec::new(), |mut records, record| {
        records.push(record.as_bytes().to_vec());
        records
    });
    let mut records = folded.await.expect("a fold");
    records.sort_unstable();
    let indexed = table.index_read("group", &Term::from(3)).await.expect("an index read").len();
    Seen { records, indexed, expiring: table.info().expiring, size: table.size() }
}

async fn all(node: &Node) -> Vec<Seen> {
    let mut all = Vec::new();
    for (name, _) in KINDS {
        all.push(seen(node, name).await);
    }
    all
}

/// Deletes, changes and adds rows.
fn disturb(node: &Node) {
    for (name, _) in KINDS {
        let table = table(node, name);
        for id in (0..100).chain([ROWS]) {
            table.dirty_delete(&Term::from(id)).expect("a delete");
        }
        (90..200).for_each(|id| table.dirty_write(record(id, "later").as_ref()).expect("a write"));
        (5_000..5_100).for_each(|id| table.dirty_write(record(id, "new").as_ref()).expect("a write"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_on_disc_only_come_back_from_a_backup_in_every_way() {
    let data = place("disc-only-backup");
    let mut node = filled(&data).await;
    let whole = all(&node).await;
    assert_eq!(whole[0].expiring, EXPIRING);
    assert!(whole[2].records.len() > 2 * ROWS as usize && whole[0].indexed == whole[1].indexed);
    let report = node.backup(Some("b"), None).await.expect("a backup");
    assert_eq!(report.rows as usize, whole.iter().map(|seen| seen.size).sum::<usize>());
    let summary = node.backups().verify("b").await.expect("it is whole");
    assert_eq!(format!("{summary:?}"), format!("{:?}", node.backups().verify("b").await.expect("still")));
    for mode in [Mode::Clear, Mode::Recreate] {
        disturb(&node);
        node.restore("b", RestorePlan::all(mode)).await.expect("a restore");
        assert_eq!(all(&node).await, whole, "{mode:?}");
        node.shutdown().await;
        node = start(&data).await;
        assert_eq!(all(&node).await, whole, "{mode:?}, after a restart");
    }
    disturb(&node);
    let disturbed = all(&node).await;
    node.restore("b", RestorePlan::all(Mode::Skip)).await.expect("a restore of nothing");
    assert_eq!(all(&node).await, disturbed);
    node.restore("b", RestorePlan::only(["ordered"], Mode::Keep)).await.expect("a restore");
    let kept = all(&node).await;
    assert_eq!((&kept[0], &kept[2]), (&disturbed[0], &disturbed[2]), "those that were not named");
    // Rows of the backup are there again, beside those that came later.
    assert_eq!(kept[1].size, whole[1].size + 100);
    assert!(whole[1].records.iter().all(|record| kept[1].records.binary_search(record).is_ok()));
    assert_eq!(kept[1].expiring, EXPIRING);
    // Tables that are not there any more are made.
    for (name, _) in KINDS {
        node.catalog().drop_table(name).await.expect("a drop");
    }
    node.restore("b", RestorePlan::default()).await.expect("a restore");
    assert_eq!(all(&node).await, whole);
    node.shutdown().await;
    let trees = fs::read_dir(data.join("rows")).expect("the rows").count();
    assert_eq!(trees, KINDS.len(), "what was replaced is gone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_tables_on_disc_only_is_of_one_moment_while_they_change() {
    let data = place("disc-only-backup-moment");
    let node = filled(&data).await;
    let whole = all(&node).await;
    let moment = node.catalog().moment(60_000).await;
    disturb(&node);
    // What has changed goes to disc, and the trees are written anew, while the moment is read.
    for (name, _) in KINDS {
        table(&node, name).clear().await.expect("a clear");
    }
    for still in moment.tables().iter().filter(|still| !still.table.is_database()) {
        let rows: usize = moment.pages(still).map(|page| page.expect("a page").len()).sum();
        let at = KINDS.iter().position(|(name, _)| *name == still.schema.name()).expect("one of the three");
        assert_eq!(rows, whole[at].size, "{}", still.schema.name());
    }
    drop(moment);
    node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_start_restores_tables_on_disc_only() {
    let data = place("disc-only-fallback");
    let node = filled(&data).await;
    let whole = all(&node).await;
    node.backup(Some("b"), None).await.expect("a backup");
    disturb(&node);
    node.backups().restore_at_next_start("b", RestorePlan::all(Mode::Recreate)).await.expect("a note");
    assert_ne!(all(&node).await, whole);
    node.shutdown().await;
    let node = start(&data).await;
    assert_eq!(all(&node).await, whole);
    assert!(node.backups().pending_restore().await.expect("a look").is_none());
    disturb(&node);
    node.backups().restore_at_next_start("b", RestorePlan::all(Mode::Clear)).await.expect("a note");
    node.shutdown().await;
    let node = start(&data).await;
    assert_eq!(all(&node).await, whole);
    node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn text_of_tables_on_disc_only_brings_all_of_them_back() -> Result<(), TableError> {
    let data = place("disc-only-text");
    let node = filled(&data).await;
    let whole = all(&node).await;
    for format in [TextFormat::Jsonl, TextFormat::Csv] {
        for (at, (name, kind)) in KINDS.into_iter().enumerate() {
            let moment = node.catalog().moment(60_000).await;
            let still = moment.tables().iter().find(|still| still.schema.name() == name).expect("the table");
            let (mut text, options) = (Vec::new(), TextOptions { format, expiry: true });
            let count = export(&moment, still, options, &mut text, &Progress::default()).expect("an export");
            assert_eq!(count as usize, whole[at].records.len(), "{name} {kind:?}");
            drop(moment);
            let table = table(&node, name);
            table.clear().await?;
            assert_eq!(import(&table, format, &text[..]).await.expect("an import"), count);
        }
        assert_eq!(all(&node).await, whole, "{format:?}");
    }
    node.shutdown().await;
    let node = start(&data).await;
    assert_eq!(all(&node).await, whole);
    node.shutdown().await;
    Ok(())
}

/// The restore used to begin, lose the rows that were there, and be tried again in vain at every start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_that_no_table_on_disc_only_can_hold_is_refused_before_anything_is_changed() {
    let data = place("disc-only-misfit");
    let node = start(&data).await;
    let shape = |storage| {
        let builder = Schema::builder("t").attribute("id", AttributeType::Any).storage(storage);
        builder.attribute("tag", AttributeType::Any).index("tag").build().expect("a schema")
    };
    let long = || Term::from("k".repeat(70_000));
    for (name, fields) in [("key", [long(), Term::from(1)]), ("value", [Term::from(1), long()])] {
        let table = node.catalog().create(shape(Storage::Ram)).await.expect("a table");
        table.write(Record::new(&fields).expect("a record").as_ref()).await.expect("RAM holds it");
        node.backup(Some(name), None).await.expect("a backup");
        node.catalog().drop_table("t").await.expect("it goes");
        let table = node.catalog().create(shape(Storage::DiscOnly)).await.expect("a table");
        let kept = Record::new(&[Term::from(100), Term::from("kept")]).expect("a record");
        table.write(kept.as_ref()).await.expect("a write");
        for mode in [Mode::Clear, Mode::Keep] {
            let refused = node.restore(name, RestorePlan::all(mode)).await;
            let told = refused.expect_err("it cannot be").to_string();
            assert!(told.contains("\"t\"") && told.contains("at most 65519"), "{told}");
            assert_eq!(
                table.read(&Term::from(100)).await.expect("a read").map(|found| found.record().arity()),
                Some(2)
            );
            table.write(kept.as_ref()).await.expect("it takes writes");
        }
        node.restore(name, RestorePlan::only(["t"], Mode::Recreate)).await.expect("it is in RAM again");
        assert_eq!(node.catalog().table("t").expect("it is there").size(), 1);
        let moved = node.catalog().change_table_storage("t", Storage::DiscOnly, Durability::Commit).await;
        assert!(matches!(&moved, Err(TableError::BadRecord { table, .. }) if table == "t"), "{moved:?}");
        node.catalog().drop_table("t").await.expect("it goes");
    }
    node.shutdown().await;
}

/// As a client meets it that speaks RESP: the other commands of the transaction are applied.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_exec_a_key_that_is_too_long_is_refused_by_itself() {
    let data = place("disc-only-exec");
    let any = ([127, 0, 0, 1], 0).into();
    let node = Node::builder().data(&data).resp(any).start().await.expect("a node");
    let addr = node.resp_addr().expect("RESP");
    let record = format!("[\"{}\",1]", "k".repeat(70_000));
    let write = format!("*3\r\n$7\r\nT.WRITE\r\n$1\r\nd\r\n${}\r\n{record}\r\n", record.len());
    let cause = "-BADRECORD table \"d\" cannot take the record: a key of 70002 bytes; rows on disc and their indexes have at most \
                 65519\r\n";
    say(addr, "T.CREATE d STORAGE disc_only\r\n", "+OK\r\n");
    let told = format!("+OK\r\n{}*3\r\n+OK\r\n{cause}+OK\r\n", "+QUEUED\r\n".repeat(3));
    say(addr, &format!("MULTI\r\nSET a 1\r\n{write}SET b 2\r\nEXEC\r\n"), &told);
    say(addr, "MGET a b\r\n", "*2\r\n$1\r\n1\r\n$1\r\n2\r\n");
    node.shutdown().await;
}
