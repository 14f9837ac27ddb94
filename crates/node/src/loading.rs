//! The rows of the data directory on their way into RAM, while the doors are open already.
//!
//! What must stay true: whoever waits hears of the end, good or bad; a node that stops ends the loading first. Which table
//! answers what meanwhile is the catalog's business.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use mnemon_disc::time::{SystemTicker, Ticker};
use mnemon_store::{Loading, StopLoading, TableId};
use mnemon_table::Catalog;
use tokio::sync::watch;

use crate::error::NodeError;

/// How often the log is told how far the loading is.
const TELL_EVERY: Duration = Duration::from_secs(2);

/// How the loading ended, after how many microseconds; `None` while it goes on.
type Ended = Option<Result<u64, String>>;

/// The loading of a node's tables.
pub(crate) struct Loads {
    ended: watch::Receiver<Ended>,
    stopper: StopLoading,
}

impl Loads {
    /// Begins to load, on threads of its own. Must be called inside a tokio runtime.
    pub(crate) fn begin(loading: Loading, catalog: Arc<Catalog>) -> Self {
        let (end, ended) = watch::channel(None);
        let stopper = loading.stopper();
        tell_while(ended.clone(), catalog.clone());
        tokio::task::spawn_blocking(move || {
            let ticker = SystemTicker::new();
            let outcome = caught(&catalog, || load(loading, &catalog, &ticker)).map(|()| ticker.now_us());
            // Nobody may wait any more.
            drop(end.send(Some(outcome)));
        });
        Self { ended, stopper }
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// `Data` when the loading was stopped. A table that is damaged is none.
    pub(crate) async fn ended(&self) -> Result<(), NodeError> {
        let mut ended = self.ended.clone();
        let lost = || Err("the loading ended without a word".to_owned());
        let outcome = match ended.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone().unwrap_or_else(lost),
            Err(_) => lost(),
        };
        outcome.map(drop).map_err(NodeError::Data)
    }

    /// Whether all tables are there.
    pub(crate) fn is_complete(&self) -> bool {
        self.took_us().is_some()
    }

    /// How long it took, once all tables are there.
    pub(crate) fn took_us(&self) -> Option<u64> {
        self.ended.borrow().as_ref()?.as_ref().ok().copied()
    }

    /// Ends the loading as soon as can be. [`Loads::ended`] tells when that is.
    pub(crate) fn stop(&self) {
        self.stopper.stop();
    }
}

/// A panic of `work` is told as any other failure: the tables that were not done stay closed, and whoever waits hears of it.
fn caught(catalog: &Catalog, work: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    // The tables that it was at are not opened, so nobody sees what it has left half done.
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_or_else(|_| {
        let cause = catalog.note_load_end("the loading of the tables has panicked; see the log".to_owned());
        tracing::error!(%cause, "the loading has ended");
        Err(cause)
    })
}

fn load(loading: Loading, catalog: &Catalog, ticker: &SystemTicker) -> Result<(), String> {
    let names: HashMap<TableId, String> =
        catalog.tables().into_iter().map(|table| (table.id(), table.name())).collect();
    let orders: HashMap<TableId, i64> =
        loading.tables().map(|table| (table, catalog.load_order(table).into())).collect();
    let tables = orders.len();
    let loaded = |id: TableId| {
        catalog.note_loaded();
        let copy = catalog.store().copy(id).ok();
        let table = names.get(&id).map_or("?", String::as_str);
        if let Some(cause) = copy.as_ref().and_then(|copy| copy.damage()) {
            tracing::error!(table, cause, "a table is damaged and answers nobody; the others are served");
            return;
        }
        let rows = copy.map_or(0, |copy| copy.len());
        tracing::info!(table, rows, after_ms = ticker.now_us() / 1000, "table loaded");
    };
    let order = |id: TableId| orders.get(&id).copied().unwrap_or_default();
    match loading.run(catalog.store(), order, loaded) {
        Ok(()) => {
            if tables > 0 {
                let damaged = catalog.damaged().len();
                tracing::info!(tables, damaged, took_ms = ticker.now_us() / 1000, "all tables loaded");
            }
            Ok(())
        }
        Err(failure) => {
            let cause = catalog.note_load_failure(&failure);
            tracing::error!(%cause, "a table could not be loaded");
            Err(cause)
        }
    }
}

/// Tells the log how far the loading is, as long as it lasts.
fn tell_while(mut ended: watch::Receiver<Ended>, catalog: Arc<Catalog>) {
    tokio::spawn(async move {
        while tokio::time::timeout(TELL_EVERY, ended.wait_for(Option::is_some)).await.is_err() {
            for loading in catalog.loading() {
                let (done, total) = (loading.progress.done, loading.progress.total);
                tracing::info!(
                    table = loading.table,
                    done,
                    total,
                    percent = loading.progress.percent(),
                    "loading"
                );
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use mnemon_store::SystemClock;

    use super::*;

    #[test]
    fn a_loading_that_panics_is_a_failure_that_everybody_hears_of() {
        let catalog = Catalog::local(Box::new(SystemClock));
        assert_eq!(caught(&catalog, || Ok(())), Ok(()));
        assert_eq!(catalog.load_failure(), None);
        let failed = caught(&catalog, || panic!("a test's panic")).expect_err("it has panicked");
        assert_eq!(catalog.load_failure(), Some(failed.as_str()));
    }
}
