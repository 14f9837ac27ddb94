//! Files that are not what was written: every one is found, named, and changes nothing.

use std::io::{Cursor, Write};
use std::sync::Arc;

use mnemon_backup::{BackupError, BackupReader, Mode, RestorePlan, Shelf};
use mnemon_disc::Disc;
use mnemon_disc::testing::{Fault, FaultyDisc};
use mnemon_table::Catalog;
use mnemon_table::schema::Kind;
use mnemon_term::Term;

use crate::{backup, bring, catalog, people, write};

async fn small() -> (Arc<Catalog>, Vec<u8>) {
    let catalog = catalog();
    let table = catalog.create(people(Kind::Set)).await.unwrap();
    for id in 0..20 {
        write(&table, &[Term::from(id), Term::from(format!("a name that is written often {id}"))]).await;
    }
    let file = backup(&catalog).await;
    (catalog, file)
}

fn verify(bytes: &[u8]) -> Result<(), BackupError> {
    BackupReader::open("a.backup", Cursor::new(bytes))?.verify(|_| ()).map(drop)
}

#[tokio::test]
async fn every_flipped_bit_is_found_and_a_restore_changes_nothing() {
    let (catalog, file) = small().await;
    verify(&file).unwrap();
    let table = catalog.table("people").unwrap();
    let clock = catalog.store().clock();
    for at in 0..file.len() {
        for bit in 0..8 {
            let mut bytes = file.clone();
            bytes[at] ^= 1 << bit;
            let found = verify(&bytes).expect_err("a flipped bit");
            match &found {
                BackupError::Corrupt { file, offset, .. } => {
                    assert!(file == "a.backup" && *offset <= at as u64, "{at}: {found}");
                }
                // The format's number stands before everything that would tell it to be damaged.
                BackupError::UnknownFormat { .. } => assert!((8..10).contains(&at), "{at}: {found}"),
                other => panic!("{at}: {other}"),
            }
            if bit == at % 8 {
                let refused = bring(&catalog, &bytes, &RestorePlan::all(Mode::Clear)).await;
                assert!(refused.is_err(), "{at}");
            }
        }
    }
    assert_eq!((table.size(), catalog.store().clock()), (20, clock));
}

#[tokio::test]
async fn a_damaged_row_is_named_with_its_table_and_its_place() {
    let (_, file) = small().await;
    // The ends of the table and of the backup take 96 bytes, the rows stand before them.
    let at = file.len() - 150;
    let mut bytes = file;
    bytes[at] ^= 1;
    let Err(BackupError::Corrupt { table, offset, .. }) = verify(&bytes) else { panic!("it was not found") };
    assert_eq!(table.as_deref(), Some("people"));
    assert!(offset > 64 && offset < at as u64);
}

#[tokio::test]
async fn every_truncation_and_every_addition_is_found() {
    let (_, file) = small().await;
    for length in 0..file.len() {
        let found = verify(&file[..length]).expect_err("a truncated file");
        assert!(found.is_damage(), "{length}: {found}");
    }
    let longer = [&file[..], b"x"].concat();
    assert!(verify(&longer).expect_err("a file with more behind it").is_damage());
}

#[tokio::test]
async fn blocks_of_another_backup_or_in_another_order_are_found() {
    let (catalog, one) = small().await;
    write(&catalog.table("people").unwrap(), &[Term::from(1), Term::from("x")]).await;
    let two = backup(&catalog).await;
    let cut = one.len() - 40;
    let mixed = [&one[..cut], &two[two.len() - 40..]].concat();
    assert!(verify(&mixed).expect_err("a mixture").is_damage());
}

#[tokio::test]
async fn a_full_or_failing_disc_leaves_no_backup_behind() {
    let (_, file) = small().await;
    let take = |disc: &FaultyDisc| -> Result<(), BackupError> {
        let shelf = Shelf::on(Arc::new(disc.clone()));
        let mut draft = shelf.create("a")?;
        for part in file.chunks(100) {
            draft.write_all(part).map_err(|cause| BackupError::Unsupported(cause.to_string()))?;
        }
        draft.keep()
    };
    let whole = FaultyDisc::new();
    take(&whole).unwrap();
    assert_eq!(whole.bytes("a.backup").unwrap(), file);
    for step in 0..whole.steps() {
        for fault in [Fault::Stop, Fault::Error(std::io::ErrorKind::StorageFull)] {
            let disc = FaultyDisc::new();
            disc.fail_at(step, fault);
            assert!(take(&disc).is_err(), "step {step}");
            for fate in [mnemon_disc::testing::Fate::Lost, mnemon_disc::testing::Fate::Kept] {
                let found = disc.restart(fate);
                // The last step is the rename: after a power cut it may have been done.
                let done = found.bytes("a.backup").is_some_and(|bytes| bytes == file);
                let named = found.list().unwrap().iter().any(|name| name.ends_with(".backup"));
                assert!(!named || done, "step {step}: half a file has the final name");
            }
        }
    }
    let disc = FaultyDisc::new();
    disc.set_capacity(Some(file.len() as u64 / 2));
    assert!(take(&disc).is_err());
    assert!(disc.list().unwrap().is_empty());
}
