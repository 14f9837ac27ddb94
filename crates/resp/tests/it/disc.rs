//! A catalog on a disc in memory.

use std::sync::Arc;

use mnemon_disc::log::{Opened, Workers};
use mnemon_disc::testing::FaultyDisc;
use mnemon_disc::time::SystemTicker;
use mnemon_disc::{DataDirectory, LogConfig};
use mnemon_store::clock::Clock;
use mnemon_store::{Durability, Loading, StoreConfig, StoreError};
use mnemon_table::{Catalog, TableError};

/// Why a directory was not opened.
#[derive(Debug)]
#[expect(dead_code, reason = "shown when the test fails")]
enum Failure {
    Table(TableError),
    Store(StoreError),
}

impl From<TableError> for Failure {
    fn from(cause: TableError) -> Self {
        Self::Table(cause)
    }
}

/// What the disc holds, its rows not yet read.
pub(crate) fn recover(disc: &FaultyDisc, clock: Box<dyn Clock>) -> (Arc<Catalog>, Loading, Workers) {
    let directory = DataDirectory::on(Arc::new(disc.clone()), || [7; 16]).unwrap();
    let mut begun: Option<(Opened, Loading)> = None;
    let catalog = Catalog::recovered(StoreConfig::new(clock), Some(Durability::None), |store| {
        let small = LogConfig { segment_bytes: 1 << 16, ..LogConfig::default() };
        let begin = store.begin_recovery(&directory, small, Box::new(SystemTicker::new()));
        let (tables, opened, loading) = begin.map_err(Failure::Store)?;
        begun = Some((opened, loading));
        Ok::<_, Failure>(tables)
    });
    let (catalog, (opened, loading)) = (Arc::new(catalog.unwrap()), begun.unwrap());
    let (log, workers, _) = opened.start().unwrap();
    catalog.store().set_log(log);
    catalog.make_databases().unwrap();
    (catalog, loading, workers)
}
