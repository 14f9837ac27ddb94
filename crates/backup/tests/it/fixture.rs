//! Backups of earlier formats stay readable.

use std::path::Path;

use mnemon_backup::{BackupReader, RestorePlan};
use mnemon_store::{Expiry, Op, When};
use mnemon_table::Catalog;
use mnemon_table::schema::Kind;
use mnemon_term::Term;

use crate::{NOW_MS, backup, bring, catalog, people, rows, write};

fn path() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/format-1.backup")
}

/// What the fixture holds.
async fn model() -> std::sync::Arc<Catalog> {
    let catalog = catalog();
    let table = catalog.create(people(Kind::Bag)).await.unwrap();
    for (id, name) in [(1, "Ada"), (1, "Grace"), (2, "Barbara")] {
        write(&table, &[Term::from(id), Term::from(name)]).await;
    }
    for (key, expiry) in [("a", Expiry::Never), ("b", Expiry::At(NOW_MS + 1_000))] {
        let (key, body) = (key.as_bytes().into(), b"value"[..].into());
        let put = Op::Put { key, body, expiry, when: When::Always, over_bytes_only: false };
        catalog.database(0).submit(&put).ready().unwrap().unwrap().unwrap();
    }
    let fields = vec![(b"f"[..].into(), b"v"[..].into())];
    let put = Op::FieldPut { key: b"h"[..].into(), fields, when: When::Always };
    catalog.database(0).submit(&put).ready().unwrap().unwrap().unwrap();
    catalog
}

#[tokio::test]
async fn a_backup_of_format_1_is_read() {
    let file = std::fs::read(path()).unwrap();
    let model = model().await;
    assert_eq!(BackupReader::open("f", &file[..]).unwrap().header().meta.node, "test");
    let restored = catalog();
    bring(&restored, &file, &RestorePlan::default()).await.unwrap();
    assert_eq!(rows(&restored.table("people").unwrap()), rows(&model.table("people").unwrap()));
    assert_eq!(rows(restored.database(0)), rows(model.database(0)));
}

/// Run once a format: `cargo test -p mnemon-backup -- --ignored`.
#[tokio::test]
#[ignore = "writes the fixture of the present format"]
async fn write_the_fixture() {
    std::fs::write(path(), backup(&*model().await).await).unwrap();
}
