//! Tables on disc only: used as any other, far larger than what is in memory of them, and there again after a crash.

use std::fs;
use std::ops::Bound;
use std::path::{Path, PathBuf};

use mnemon_node::{Node, repair};
use mnemon_store::Durability;
use mnemon_table::schema::{AttributeType, Kind, Schema, Storage};
use mnemon_table::{KeyRange, Table, TableError};
use mnemon_term::{Record, Term};

use crate::{DEADLINE, place};

/// Far less than what the tables hold.
const CACHE_BYTES: u64 = 128 << 10;
const ROWS: i64 = 3_000;

pub(crate) async fn start(data: &Path) -> Node {
    let builder = Node::builder().data(data).disc_cache_bytes(CACHE_BYTES).checkpoint_bytes(1 << 20);
    builder.start().await.expect("a node")
}

pub(crate) fn schema(name: &str, kind: Kind) -> Schema {
    Schema::builder(name)
        .kind(kind)
        .attribute("id", AttributeType::Int)
        .attribute("group", AttributeType::Int)
        .attribute("text", AttributeType::String)
        .index("group")
        .storage(Storage::DiscOnly)
        .durability(Durability::Commit)
        .build()
        .expect("a schema")
}

fn record(id: i64, text: &str) -> Record {
    record_of(id, text, 40)
}

/// A record with so many words behind its text.
pub(crate) fn record_of(id: i64, text: &str, words: usize) -> Record {
    let text = format!("{text} {}", "abcdefgh".repeat(words));
    Record::new(&[Term::from(id), Term::from(id % 10), Term::from(text)]).expect("a record")
}

/// Lets the node's process end, as a crash does: no last checkpoint is made.
async fn crash(node: Node, data: &Path) {
    drop(node);
    let mut last = None;
    let gone = async {
        while let Err(cause) = repair(data, true) {
            last = Some(cause);
            tokio::task::yield_now().await;
        }
    };
    let gone = tokio::time::timeout(DEADLINE, gone).await;
    assert!(gone.is_ok(), "the directory is not let go of: {last:?}");
}

async fn count(table: &Table) -> usize {
    table.fold(0, |count, _| count + 1).await.expect("a fold")
}

/// What all three kinds of tables must show: rows from 1,000 on, those below 2,000 written twice.
async fn check(node: &Node, name: &str) {
    let table = node.catalog().table(name).expect("the table");
    let text = |id: i64| if id < 2_000 { "second" } else { "first" };
    assert_eq!(count(&table).await, 2_000, "{name}");
    assert_eq!(table.size(), 2_000, "{name}");
    for id in (0..ROWS).step_by(37) {
        let found = table.read(&Term::from(id)).await.expect("a read");
        let expected = (id >= 1_000).then(|| record(id, text(id)).into_bytes());
        let found = found.map(|object| object.record().as_bytes().to_vec());
        assert_eq!(found, expected, "{name} {id}");
    }
    let group = table.index_read("group", &Term::from(3)).await.expect("an index read");
    assert_eq!(group.len(), 200, "{name}");
    let info = table.info();
    assert!(info.disc_bytes.is_some(), "{info:?}");
    assert!(info.memory_bytes < 1 << 20, "{info:?}");
    if table.kind() == Kind::OrderedSet {
        let range = KeyRange { limit: Some(5), reverse: true, ..KeyRange::default() };
        let last = table.range(&range).await.expect("a range");
        let keys: Vec<_> =
            last.iter().filter_map(|object| object.record().get(0).map(|t| t.to_term())).collect();
        let expected: Vec<Term> = (0..5).map(|back| Term::from(ROWS - 1 - back)).collect();
        assert_eq!(keys.into_iter().collect::<Result<Vec<_>, _>>().expect("terms"), expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_on_disc_only_is_used_as_any_other_and_comes_back_after_a_crash() {
    let data = place("disc-only");
    let node = start(&data).await;
    let kinds = [("set", Kind::Set), ("ordered", Kind::OrderedSet), ("bag", Kind::Bag)];
    for (name, kind) in kinds {
        node.catalog().create(schema(name, kind)).await.expect("a table");
    }
    for (name, kind) in kinds {
        let table = node.catalog().table(name).expect("the table");
        for id in 0..ROWS {
            table.dirty_write(record(id, "first").as_ref()).expect("a write");
        }
        for id in 0..2_000 {
            if kind == Kind::Bag {
                table.dirty_delete(&Term::from(id)).expect("a delete");
            }
            table.dirty_write(record(id, "second").as_ref()).expect("a write");
        }
        for id in 0..1_000 {
            assert!(table.delete(&Term::from(id)).await.expect("a delete"));
        }
        check(&node, name).await;
    }
    node.shutdown().await;

    let node = start(&data).await;
    for (name, _) in kinds {
        check(&node, name).await;
    }
    let table = node.catalog().table("ordered").expect("the table");
    table.write_with_ttl(record(9_999, "short").as_ref(), 1).await.expect("a write");
    let expired = async {
        while table.size() > 2_000 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, expired).await.expect("it expires");
    let set = node.catalog().table("set").expect("the table");
    let was_there = node
        .catalog()
        .transaction(|tx| {
            let (ordered, set) = (table.clone(), set.clone());
            async move {
                let first = tx.read(&ordered, &Term::from(1_500)).await?;
                tx.delete(&ordered, &Term::from(1_500)).await?;
                tx.write(&set, record(5_000, "second").as_ref()).await?;
                Ok::<_, TableError>(first.is_some())
            }
        })
        .await
        .expect("a transaction");
    assert!(was_there);
    drop((table, set));
    crash(node, &data).await;

    let node = start(&data).await;
    let ordered = node.catalog().table("ordered").expect("the table");
    assert_eq!((count(&ordered).await, ordered.size()), (1_999, 1_999));
    ordered.write(record(1_500, "second").as_ref()).await.expect("a write");
    let set = node.catalog().table("set").expect("the table");
    assert!(set.delete(&Term::from(5_000)).await.expect("a delete"));
    for (name, _) in kinds {
        check(&node, name).await;
    }
    assert_eq!(set.clear().await.expect("a clear"), 2_000);
    assert_eq!(count(&set).await, 0);
    node.catalog().drop_table("bag").await.expect("a drop");
    node.shutdown().await;

    let node = start(&data).await;
    check(&node, "ordered").await;
    assert_eq!(node.catalog().table("set").expect("the table").size(), 0);
    node.shutdown().await;
    let trees = fs::read_dir(data.join("rows")).expect("the rows").count();
    assert_eq!(trees, 2, "what was dropped or emptied is gone");
}

/// All rows as bytes, with what the index leads to.
async fn seen(table: &Table) -> (Vec<Vec<u8>>, usize) {
    let mut records = table
        .fold(Vec::new(), |mut records, record| {
            records.push(record.as_bytes().to_vec());
            records
        })
        .await
        .expect("a fold");
    records.sort_unstable();
    (records, table.index_read("group", &Term::from(3)).await.expect("an index read").len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_moves_to_the_disc_alone_and_back_with_all_that_is_in_it() {
    let data = place("disc-only-moves");
    let mut node = start(&data).await;
    for (name, kind) in [("set", Kind::Set), ("ordered", Kind::OrderedSet), ("bag", Kind::Bag)] {
        let schema = schema(name, kind).alter().storage(Storage::Ram).build().expect("a schema");
        let table = node.catalog().create(schema).await.expect("a table");
        for id in 0..700 {
            table.dirty_write(record(id, "first").as_ref()).expect("a write");
        }
        table.write_with_ttl(record(700, "lives long").as_ref(), 3_600_000).await.expect("a write");
    }
    let ways = [Storage::DiscOnly, Storage::Disc, Storage::DiscOnly, Storage::Ram, Storage::DiscOnly];
    for (round, to) in ways.into_iter().enumerate() {
        for name in ["set", "ordered", "bag"] {
            let before = node.catalog().table(name).expect("the table");
            let rows = seen(&before).await;
            assert_eq!(rows.0.len(), 701);
            node.catalog().change_table_storage(name, to, Durability::Commit).await.expect("a move");
            let table = node.catalog().table(name).expect("the table");
            assert_eq!(table.schema().storage(), to);
            assert_eq!((seen(&table).await, table.info().expiring), (rows, 1), "{name} in {to}");
            assert_eq!(table.info().disc_bytes.is_some(), to == Storage::DiscOnly);
            table.write(record(5, &format!("round {round}")).as_ref()).await.expect("a write");
            table.delete(&Term::from(5)).await.expect("a delete");
            table.write(record(5, "first").as_ref()).await.expect("a write");
            // A handle of before means the table still.
            assert_eq!((before.schema().storage(), seen(&before).await), (to, seen(&table).await));
            before.write(record(1, "first").as_ref()).await.expect("a write");
        }
        if round % 2 == 0 {
            crash(node, &data).await;
        } else {
            node.shutdown().await;
        }
        node = start(&data).await;
        if to == Storage::Ram {
            // What is in RAM alone ends with the process.
            for name in ["set", "ordered", "bag"] {
                let table = node.catalog().table(name).expect("the table");
                assert_eq!(table.size(), 0);
                (0..700).for_each(|id| table.dirty_write(record(id, "first").as_ref()).expect("a write"));
                let long = record(700, "lives long");
                table.write_with_ttl(long.as_ref(), 3_600_000).await.expect("a write");
            }
        }
    }
    let schema = Schema::builder("cache").max_entries(10).build().expect("a schema");
    node.catalog().create(schema).await.expect("a table");
    let refused = node.catalog().change_table_storage("cache", Storage::DiscOnly, Durability::Commit).await;
    assert!(matches!(refused, Err(TableError::BadSchema(_))), "{refused:?}");
    let cache = node.catalog().table("cache").expect("the table");
    cache
        .write(Record::new(&[Term::from(1), Term::from(2)]).expect("a record").as_ref())
        .await
        .expect("a write");
    node.shutdown().await;
}

/// The runs of a table's rows.
fn runs(data: &Path, table: u32) -> Vec<PathBuf> {
    let trees = fs::read_dir(data.join("rows")).expect("the rows").map(|tree| tree.expect("an entry").path());
    let own = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&format!("{table}.")))
    };
    let tree = trees.into_iter().find(own).expect("the table's tree");
    fs::read_dir(tree.join("tables")).expect("the runs").map(|run| run.expect("an entry").path()).collect()
}

/// A compaction went on after the node had ended, and took away runs that the next node had just found.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_has_ended_compacts_no_more() {
    let data = place("disc-only-ended");
    for round in 0..10 {
        let node = start(&data).await;
        let table = match node.catalog().table("t") {
            Ok(table) => table,
            Err(_) => node.catalog().create(schema("t", Kind::OrderedSet)).await.expect("a table"),
        };
        assert_eq!(count(&table).await, if round == 0 { 0 } else { 2_000 }, "round {round}");
        for id in 0..2_000 {
            table.dirty_write(record(id, "first").as_ref()).expect("a write");
        }
        drop(table);
        node.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_rows_are_never_served_and_the_intact_part_is_saved() {
    let data = place("disc-only-damage");
    let node = start(&data).await;
    let mut ids = Vec::new();
    for name in ["good", "bad"] {
        let table = node.catalog().create(schema(name, Kind::OrderedSet)).await.expect("a table");
        for id in 0..2_000 {
            table.dirty_write(record(id, "first").as_ref()).expect("a write");
        }
        ids.push(table.id().0);
    }
    node.shutdown().await;
    // Among its rows: a byte of a short run is one of the lists at its end, without which none of its rows is found.
    let len = |run: &PathBuf| fs::metadata(run).expect("a run").len();
    let run = runs(&data, ids[1]).into_iter().max_by_key(len).expect("there are rows");
    let mut bytes = fs::read(&run).expect("a run");
    let at = bytes.len() / 3;
    bytes[at] ^= 0x40;
    fs::write(&run, bytes).expect("it can be written");

    let node = start(&data).await;
    let (good, bad) = (node.catalog().table("good"), node.catalog().table("bad").expect("the table"));
    let mut refused = 0;
    for id in 0..2_000 {
        match bad.read(&Term::from(id)).await {
            Ok(found) => {
                let found = found.map(|object| object.record().as_bytes().to_vec());
                assert_eq!(found, Some(record(id, "first").into_bytes()), "{id}");
            }
            Err(TableError::Damaged { .. }) => refused += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert!(refused > 0, "the damage is met by some read, and closes the table");
    assert!(bad.write(record(1, "second").as_ref()).await.is_err());
    let good = good.expect("the table");
    good.write(record(2_000, "first").as_ref()).await.expect("a write");
    assert_eq!(count(&good).await, 2_001);
    drop((good, bad));
    node.shutdown().await;

    let told = repair(&data, true).expect("a look").to_string();
    assert!(told.contains("table bad") && told.contains("LOST") && told.contains("rows/"), "{told}");
    let report = repair(&data, false).expect("a repair");
    let aside = report.aside.expect("there is damage");
    assert!(fs::read_dir(&aside).expect("it").any(|entry| {
        entry.expect("an entry").file_name().to_string_lossy().starts_with(&format!("rows-{}.", ids[1]))
    }));
    let node = start(&data).await;
    let good = node.catalog().table("good").expect("the table");
    assert_eq!(count(&good).await, 2_001);
    let bad = node.catalog().table("bad").expect("the table");
    let saved = count(&bad).await;
    assert!(saved > 500 && saved < 2_000, "{saved} rows before and behind the damage");
    assert_eq!(bad.index_read("group", &Term::from(3)).await.expect("an index read").len(), {
        let threes = bad.fold(0, |count, record| {
            count + usize::from(record.get(1).is_some_and(|group| group.to_term() == Ok(Term::from(3))))
        });
        threes.await.expect("a fold")
    });
    bad.write(record(1, "second").as_ref()).await.expect("a write");
    node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_whose_directory_is_gone_or_renamed_damage_their_table_and_no_other() {
    for to in ["elsewhere", "7777.1", ".gone"] {
        let data = place("disc-only-missing");
        let node = start(&data).await;
        let mut ids = Vec::new();
        for name in ["good", "bad"] {
            let table = node.catalog().create(schema(name, Kind::Set)).await.expect("a table");
            (0..300).for_each(|id| table.dirty_write(record(id, "first").as_ref()).expect("a write"));
            ids.push(table.id().0);
        }
        node.shutdown().await;
        let run = runs(&data, ids[1]).pop().expect("rows");
        let tree = run.parent().and_then(Path::parent).expect("its tree").to_owned();
        let away = tree.with_file_name(to);
        fs::rename(&tree, &away).expect("it can be renamed");
        for round in 0..2 {
            let node = start(&data).await;
            let damaged = node.catalog().damaged();
            assert_eq!(damaged.len(), 1, "{to} {round}: {damaged:?}");
            let name = tree.file_name().expect("a name").to_string_lossy().into_owned();
            assert!(damaged[0].table == "bad" && damaged[0].cause.contains(&name), "{damaged:?}");
            let bad = node.catalog().table("bad").expect("the table");
            assert!(matches!(bad.read(&Term::from(1)).await, Err(TableError::Damaged { .. })));
            assert!(matches!(bad.write(record(1, "x").as_ref()).await, Err(TableError::Damaged { .. })));
            let good = node.catalog().table("good").expect("the table");
            assert_eq!(count(&good).await, 300);
            good.write(record(1, "first").as_ref()).await.expect("a write");
            drop((good, bad));
            node.shutdown().await;
            assert!(!repair(&data, true).expect("a report").is_intact());
        }
        // Renamed back, it is whole.
        fs::rename(&away, &tree).expect("it can be renamed");
        let node = start(&data).await;
        assert_eq!(count(&node.catalog().table("bad").expect("the table")).await, 300, "{to}");
        node.shutdown().await;
        fs::remove_dir_all(&tree).expect("it can be removed");
        let node = start(&data).await;
        let bad = node.catalog().table("bad").expect("the table");
        assert_eq!(bad.clear().await.expect("the way out"), 0);
        bad.write(record(1, "again").as_ref()).await.expect("a write");
        drop(bad);
        node.shutdown().await;
        let node = start(&data).await;
        assert_eq!(count(&node.catalog().table("bad").expect("the table")).await, 1);
        node.shutdown().await;
    }
}

/// The refusal named the table's internal number.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_too_long_for_the_disc_is_refused_with_the_tables_name() {
    let data = place("disc-only-long-key");
    let node = start(&data).await;
    let schema = Schema::builder("long").storage(Storage::DiscOnly).build().expect("a schema");
    let table = node.catalog().create(schema).await.expect("a table");
    let key = "k".repeat(70_000);
    let record = Record::new(&[Term::from(key.as_str()), Term::from(1)]).expect("a record");
    for refused in [table.write(record.as_ref()).await, table.dirty_write(record.as_ref())] {
        match refused {
            Err(TableError::BadRecord { table, cause }) => {
                assert!(table == "long" && cause.contains("70002 bytes"), "{table}: {cause}");
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(count(&table).await, 0);
    drop(table);
    node.shutdown().await;
}

/// A read of one used to end in the library's memory of the tree, and the table was taken for damaged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_no_row_can_have_is_absent_for_everybody_who_looks_for_it() {
    let data = place("disc-only-absent-key");
    let node = start(&data).await;
    for kind in [Kind::OrderedSet, Kind::Set, Kind::Bag] {
        let builder = Schema::builder("t").kind(kind).attribute("id", AttributeType::Any);
        let builder = builder.attribute("tag", AttributeType::Any).index("tag").storage(Storage::DiscOnly);
        let table = node.catalog().create(builder.build().expect("a schema")).await.expect("a table");
        for id in 0..ROWS {
            let note = format!("{id}{}", "n".repeat(100));
            let record = Record::new(&[Term::from(id), Term::from(note)]).expect("a record");
            table.write(record.as_ref()).await.expect("a write");
        }
        let long = Term::from("k".repeat(70_000));
        let record = Record::new(&[long.clone(), Term::from(1)]).expect("a record");
        assert!(table.read(&long).await.expect("a read").is_none());
        assert!(table.dirty_read(&long).expect("a read").is_none());
        assert!(table.lookup(&long).await.expect("a read").is_empty());
        assert!(!table.delete(&long).await.expect("a delete"));
        let object = table.delete_object(record.as_ref()).await;
        assert!(matches!(object, Err(TableError::BadRecord { .. })), "no record of this table: {object:?}");
        assert!(table.index_read("tag", &long).await.expect("a read").is_empty());
        let looked = node.catalog().transaction(async |tx| {
            let found = tx.read(&table, &long).await?;
            tx.delete(&table, &long).await?;
            let record = Record::new(&[Term::from(ROWS), Term::from(0)])?;
            tx.write(&table, record.as_ref()).await.map(|()| found)
        });
        assert!(looked.await.expect("it is committed").is_none());
        if kind == Kind::OrderedSet {
            // Behind all numbers.
            for reverse in [false, true] {
                let from = KeyRange { from: Bound::Included(long.clone()), reverse, ..KeyRange::default() };
                assert_eq!(table.range(&from).await.expect("a read").len(), 0);
                let to = KeyRange { to: Bound::Excluded(long.clone()), reverse, ..KeyRange::default() };
                assert_eq!(table.range(&to).await.expect("a read").len(), ROWS as usize + 1);
            }
        }
        assert_eq!(count(&table).await, ROWS as usize + 1, "the table is as healthy as before");
        node.catalog().drop_table("t").await.expect("it goes");
    }
    node.shutdown().await;
}
