//! Tables to put records into: alone in their store, with a clock that stands still.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use mnemon_store::{Local, ManualClock, Store, StoreConfig};
use mnemon_table::schema::Schema;
use mnemon_table::{Catalog, Table};

/// An empty table of this schema.
pub(crate) fn table(schema: Schema) -> Arc<Table> {
    let mut config = StoreConfig::new(Box::new(ManualClock::at(1)));
    // Cheap to make, and the same rows stand in the same places each time.
    config.shards = 2;
    config.hash_seed = [1, 2, 3, 4];
    let catalog = Catalog::with_replica(config, |config| Arc::new(Local::new(Store::new(config))));
    at_once(catalog.create(schema)).expect("a schema that was built, and no other table")
}

/// What a future gives that has nothing to wait for, as those of local tables.
pub(crate) fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a local table answers at once"),
    }
}
