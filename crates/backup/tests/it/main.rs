//! Backups as their users see them.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod damage;
mod fixture;
mod modes;
mod moment;
mod text;
mod walk;

use std::sync::Arc;

use mnemon_backup::{
    BackupError, BackupReader, Progress, RestorePlan, Restored, Source, restore, write_backup,
};
use mnemon_store::{ManualClock, Row, Scan};
use mnemon_table::schema::{AttributeType, Kind, Schema};
use mnemon_table::{Catalog, Table};
use mnemon_term::{Record, Term};

const NOW_MS: u64 = 1_700_000_000_000;

fn catalog() -> Arc<Catalog> {
    Arc::new(Catalog::local(Box::new(ManualClock::at(NOW_MS))))
}

fn people(kind: Kind) -> Schema {
    Schema::builder("people")
        .kind(kind)
        .attribute("id", AttributeType::Int)
        .attribute("name", AttributeType::String)
        .index("name")
        .build()
        .unwrap()
}

async fn write(table: &Table, terms: &[Term]) {
    table.write(Record::new(terms).unwrap().as_ref()).await.unwrap();
}

/// A backup of all tables as bytes.
async fn backup(catalog: &Catalog) -> Vec<u8> {
    let moment = catalog.moment(60_000).await;
    let source = Source { catalog, moment: &moment, node: "test", id: [7; 16] };
    write_backup(&source, None, "test.backup", Vec::new(), &Progress::default()).unwrap().0
}

async fn bring(catalog: &Catalog, file: &[u8], plan: &RestorePlan) -> Result<Restored, BackupError> {
    restore(catalog, || BackupReader::open("test.backup", file), plan, &Progress::default()).await
}

/// All rows of a table, in an order of their own, without their versions.
fn rows(table: &Table) -> Vec<String> {
    let (mut scan, mut all) = (Scan::all(), Vec::<Row>::new());
    while let Some(page) = scan.next_page(table.store(), table.copy(), None).unwrap() {
        all.extend(page.rows);
    }
    let mut all: Vec<String> =
        all.iter().map(|row| format!("{:?} {:?} {:?}", row.key(), row.value(), row.expires_at())).collect();
    all.sort();
    all
}
