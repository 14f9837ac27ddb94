//! What a restore does with tables that are there, and with those that are not.

use mnemon_backup::{BackupError, BackupReader, Mode, Progress, RestorePlan, restore};
use mnemon_store::{Expiry, Op, When};
use mnemon_table::schema::{AttributeType, Kind, Schema};
use mnemon_table::{Catalog, TableError};
use mnemon_term::Term;

use crate::{NOW_MS, backup, bring, catalog, people, rows, write};

fn set(catalog: &Catalog, key: &str, value: &str, expiry: Expiry) {
    let put = Op::Put {
        key: key.as_bytes().into(),
        body: value.as_bytes().into(),
        expiry,
        when: When::Always,
        over_bytes_only: false,
    };
    catalog.database(0).submit(&put).ready().unwrap().unwrap().unwrap();
}

fn set_field(catalog: &Catalog, key: &str, field: &str) {
    let fields = vec![(field.as_bytes().into(), b"v"[..].into())];
    let put = Op::FieldPut { key: key.as_bytes().into(), fields, when: When::Always };
    catalog.database(0).submit(&put).ready().unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn an_empty_node_gets_everything_back() {
    for kind in [Kind::Set, Kind::OrderedSet, Kind::Bag] {
        let old = catalog();
        let table = old.create(people(kind)).await.unwrap();
        for id in 0..1_000 {
            write(&table, &[Term::from(id % 600), Term::from(format!("name {id}"))]).await;
        }
        set(&old, "greeting", "hello", Expiry::Never);
        set(&old, "soon", "gone", Expiry::At(NOW_MS + 5_000));
        (0..300).for_each(|field| set_field(&old, "hash", &field.to_string()));
        let file = backup(&old).await;

        let new = catalog();
        let restored = bring(&new, &file, &RestorePlan::default()).await.unwrap();
        let told: Vec<(&str, bool, u64)> =
            restored.tables.iter().map(|table| (table.name.as_str(), table.made, table.rows)).collect();
        assert_eq!(told, [("db0", false, 3), ("people", true, 600)]);
        let again = new.table("people").unwrap();
        assert_eq!(rows(&again), rows(&table));
        assert_eq!(rows(new.database(0)), rows(old.database(0)));
        assert_eq!(again.schema().attributes(), table.schema().attributes());
        let found = again.index_read("name", &Term::from("name 7")).await.unwrap();
        assert_eq!(found.len(), usize::from(kind == Kind::Bag), "{kind:?}");
        write(&again, &[Term::from(9_999), Term::from("new")]).await;
    }
}

#[tokio::test]
async fn each_mode_does_what_its_name_says() {
    for kind in [Kind::Set, Kind::OrderedSet, Kind::Bag] {
        let catalog = catalog();
        let table = catalog.create(people(kind)).await.unwrap();
        write(&table, &[Term::from(1), Term::from("old")]).await;
        let file = backup(&catalog).await;
        write(&table, &[Term::from(1), Term::from("changed")]).await;
        write(&table, &[Term::from(2), Term::from("young")]).await;
        let names = async |id: i64| {
            let found = catalog.table("people").unwrap().lookup(&Term::from(id)).await.unwrap();
            let name = |object: &mnemon_table::Object| object.record().get(1)?.as_str().map(str::to_owned);
            found.iter().filter_map(name).collect::<Vec<_>>()
        };
        let plan = RestorePlan::all(Mode::Skip);
        assert_eq!(bring(&catalog, &file, &plan).await.unwrap().skipped, ["people"]);
        assert!(names(1).await.contains(&"changed".to_owned()));

        bring(&catalog, &file, &RestorePlan::all(Mode::Keep)).await.unwrap();
        let kept: &[&str] = if kind == Kind::Bag { &["old", "changed"] } else { &["old"] };
        assert_eq!(
            (names(1).await, names(2).await),
            (kept.iter().map(|name| (*name).to_owned()).collect(), vec!["young".to_owned()])
        );

        bring(&catalog, &file, &RestorePlan::all(Mode::Clear)).await.unwrap();
        assert_eq!((names(1).await, names(2).await), (vec!["old".to_owned()], vec![]));
        // The handle of before still serves.
        write(&table, &[Term::from(3), Term::from("by the old handle")]).await;
        assert_eq!(names(3).await, ["by the old handle"]);

        bring(&catalog, &file, &RestorePlan::all(Mode::Recreate)).await.unwrap();
        assert_eq!((names(1).await, names(3).await), (vec!["old".to_owned()], vec![]));
        assert!(matches!(table.read(&Term::from(1)).await, Err(TableError::NoTable(_))));
    }
}

#[tokio::test]
async fn what_does_not_fit_is_refused_before_anything_is_changed() {
    let old = catalog();
    let table = old.create(people(Kind::Set)).await.unwrap();
    write(&table, &[Term::from(1), Term::from("a")]).await;
    old.create(Schema::builder("ahead").build().unwrap()).await.unwrap();
    let file = backup(&old).await;

    let typed =
        Schema::builder("people").attribute("id", AttributeType::Int).attribute("name", AttributeType::Int);
    let wide = Schema::builder("people").attribute("a", AttributeType::Any);
    for other in [typed.build().unwrap(), wide.build().unwrap(), people(Kind::Bag)] {
        let new = catalog();
        let present = new.create(other).await.unwrap();
        let refused = bring(&new, &file, &RestorePlan::default()).await;
        assert!(
            matches!(&refused, Err(BackupError::Misfit { table, .. }) if table == "people"),
            "{refused:?}"
        );
        assert!(new.table("ahead").is_err() && present.size() == 0);
        bring(&new, &file, &RestorePlan::all(Mode::Recreate)).await.unwrap();
        assert_eq!(new.table("people").unwrap().schema().attribute_names(), ["id", "name"]);
    }
    let refused = bring(&catalog(), &file, &RestorePlan::only(["peple"], Mode::Clear)).await;
    assert!(matches!(refused, Err(BackupError::NotInBackup { table, .. }) if table == "peple"));
    let chosen = catalog();
    bring(&chosen, &file, &RestorePlan::only(["people"], Mode::Clear)).await.unwrap();
    assert!(chosen.table("people").is_ok() && chosen.table("ahead").is_err());
}

#[tokio::test]
async fn records_whose_time_has_passed_do_not_come_back() {
    let old = catalog();
    set(&old, "short", "v", Expiry::At(NOW_MS + 10));
    set(&old, "long", "v", Expiry::At(NOW_MS + 10_000));
    let file = backup(&old).await;
    let later = Catalog::local(Box::new(mnemon_store::ManualClock::at(NOW_MS + 100)));
    bring(&later, &file, &RestorePlan::default()).await.unwrap();
    assert_eq!(rows(later.database(0)).len(), 1);
}

#[tokio::test]
async fn a_file_that_is_damaged_after_it_was_checked_never_leaves_a_part_that_takes_writes() {
    let catalog = catalog();
    let table = catalog.create(people(Kind::Set)).await.unwrap();
    for id in 0..20 {
        write(&table, &[Term::from(id), Term::from("old")]).await;
    }
    let file = backup(&catalog).await;
    let mut damaged = file.clone();
    // In the rows: the ends of the table and of the backup are 96 bytes.
    damaged[file.len() - 120] ^= 1;
    let broken = async |mode| {
        let mut opened = 0;
        let open = || {
            opened += 1;
            BackupReader::open("b", if opened == 1 { &file[..] } else { &damaged[..] })
        };
        restore(&catalog, open, &RestorePlan::all(mode), &Progress::default()).await
    };
    let before = rows(&table);
    let stopped = broken(Mode::Recreate).await;
    assert!(matches!(stopped, Err(BackupError::Corrupt { .. })), "{stopped:?}");
    assert_eq!(rows(&catalog.table("people").unwrap()), before);
    write(&table, &[Term::from(21), Term::from("young")]).await;

    let stopped = broken(Mode::Clear).await;
    assert!(
        matches!(&stopped, Err(BackupError::Incomplete { table, sealed: true, .. }) if table == "people"),
        "{stopped:?}"
    );
    let record = mnemon_term::Record::new(&[Term::from(22), Term::from("lost")]).unwrap();
    assert!(matches!(table.write(record.as_ref()).await, Err(TableError::Transforming(_))));
    bring(&catalog, &file, &RestorePlan::default()).await.unwrap();
    assert_eq!(rows(&table), before);
    write(&table, &[Term::from(22), Term::from("kept")]).await;
}
