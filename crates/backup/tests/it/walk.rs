//! Backups that are walked and rewritten record by record.

use mnemon_backup::{BackedTable, BackupReader, Entry, RestorePlan, Rewritten, rewrite, traverse};
use mnemon_store::{Expiry, Op, When};
use mnemon_table::schema::{AttributeType, Kind, Schema};
use mnemon_term::{Record, Term, TermRef};

use crate::{backup, bring, catalog, people, write};

#[tokio::test]
async fn a_backup_is_rewritten_with_another_shape_and_without_a_table() {
    let old = catalog();
    for kind in [Kind::Set, Kind::Bag] {
        let name = format!("{kind:?}").to_lowercase();
        let schema = Schema::builder(&name).kind(kind).attribute("id", AttributeType::Int);
        let table = old.create(schema.attribute("n", AttributeType::Int).build().unwrap()).await.unwrap();
        for id in 0..10 {
            write(&table, &[Term::from(id % 5), Term::from(id)]).await;
        }
    }
    old.create(people(Kind::Set)).await.unwrap();
    let key = b"k"[..].into();
    let put = Op::Put {
        key,
        body: b"v"[..].into(),
        expiry: Expiry::Never,
        when: When::Always,
        over_bytes_only: false,
    };
    old.database(3).submit(&put).ready().unwrap().unwrap().unwrap();
    let file = backup(&old).await;

    let wider = |table: &BackedTable| {
        if table.name() == "people" {
            return Ok(None);
        }
        if table.database {
            return Ok(Some(table.clone()));
        }
        let builder = Schema::builder(table.name()).kind(table.schema.kind());
        let builder = builder.attribute("id", AttributeType::Int).attribute("n", AttributeType::Int);
        let schema = builder.attribute("twice", AttributeType::Int).build()?;
        Ok(Some(BackedTable { schema, database: false }))
    };
    let twice = |_: &BackedTable, entry: Entry<'_>| {
        let Entry::Record { record, .. } = entry else { return Ok(Rewritten::AsItIs) };
        let (id, n) = (record.get(0).and_then(TermRef::as_int), record.get(1).and_then(TermRef::as_int));
        let (id, n) = (id.unwrap(), n.unwrap());
        if id == 0 {
            return Ok(Rewritten::Gone);
        }
        let wide = Record::new(&[Term::from(id), Term::from(n), Term::from(2 * n)]).unwrap();
        Ok(Rewritten::Becomes(vec![wide]))
    };
    let open = || BackupReader::open("old.backup", &file[..]);
    let (new, written) = rewrite(open, ("new.backup", [9; 16], Vec::new()), wider, twice).unwrap();
    assert_eq!((written.tables, written.rows), (3, 9));
    let reader = BackupReader::open("new.backup", &new[..]).unwrap();
    assert_eq!(
        (reader.header().id, &reader.header().meta.tables[..]),
        ([9; 16], &["db3", "bag", "set"].map(str::to_owned)[..])
    );
    let mut sum = 0;
    let summary = traverse(reader, |_, entry| {
        if let Entry::Record { record, .. } = entry {
            sum += record.get(2).and_then(TermRef::as_int).unwrap();
        }
        Ok(())
    });
    assert_eq!(
        summary.unwrap().tables,
        [("db3".to_owned(), 1), ("bag".to_owned(), 4), ("set".to_owned(), 4)]
    );
    assert_eq!(sum, 2 * (1 + 2 + 3 + 4) + 4 * (6 + 7 + 8 + 9));
    let restored = catalog();
    bring(&restored, &new, &RestorePlan::default()).await.unwrap();
    assert_eq!(restored.table("bag").unwrap().lookup(&Term::from(2)).await.unwrap().len(), 2);
}
