//! Schema, catalog, operations, queries, transactions, subscriptions.
mod catalog;
mod error;
mod feed;
mod fetch;
mod key_buffer;
mod object;
mod operations;
pub mod query;
mod reading;
pub mod schema;
mod search;
mod table;
mod transaction;
mod transform;
mod view;

pub use catalog::{Catalog, DATABASES};
pub use error::TableError;
pub use feed::{DEFAULT_QUEUE, Detail, Event, Subscription};
pub use fetch::{Fetched, Load};
pub use key_buffer::KeyBuffer;
pub use object::Object;
pub use reading::KeyRange;
pub use search::Search;
pub use table::{Table, TableInfo};
pub use transaction::{Transaction, TransactionOptions};
pub use transform::{Column, Reshape};
