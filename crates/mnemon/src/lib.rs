//! Mnemon: Mnesia for Rust, an in-memory database and cache inside your program.
mod codec;
mod node;
mod range;
mod shape;
mod table;
mod transaction;

#[doc(inline)]
pub use mnemon_node::NodeError as StartError;
#[doc(inline)]
pub use mnemon_store::{Cause, Clock, ManualClock, SystemClock};
#[doc(inline)]
pub use mnemon_table::schema::{AccessMode, Attribute, AttributeType, Kind, Schema, SchemaBuilder};
#[doc(inline)]
pub use mnemon_table::{TableError as Error, TableInfo, TransactionOptions, query};
#[doc(inline)]
pub use mnemon_term::{Atom, Record, Term};
pub use node::{Node, NodeBuilder};
pub use range::{IntoKeyRange, KeyRange};
pub use table::{Event, Load, Snapshot, Subscription, Table, TableBuilder};
pub use transaction::Transaction;
