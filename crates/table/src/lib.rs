//! Schema, catalog, operations, queries, transactions, subscriptions.
mod batch;
mod catalog;
mod error;
mod feed;
mod fetch;
mod object;
mod operations;
pub mod query;
mod reading;
pub mod schema;
mod table;
mod transaction;
mod transform;
mod view;

pub use batch::{Search, Step, StepAnswer};
pub use catalog::{Catalog, DATABASES};
pub use error::TableError;
pub use feed::{DEFAULT_QUEUE, Detail, Event, Subscription};
pub use fetch::{Fetched, Load};
pub use object::Object;
pub use reading::KeyRange;
pub use table::{Table, TableInfo};
pub use transaction::{Transaction, TransactionOptions};
pub use transform::{Column, Reshape};
