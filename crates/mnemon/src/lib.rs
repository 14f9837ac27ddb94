//! Mnemon is Mnesia for Rust: an in-memory database and cache that lives inside your program, with tables of your own
//! types, transactions, queries, subscriptions, and a door for Redis clients where one is wanted.
//!
//! This crate is what a program depends on; its documentation is the library's. It owns the Rust face of things, types and
//! names; rows, transactions and protocols belong to the crates beneath, whose types it re-exports under one name each.
//!
//! # A tour
//!
//! A [`Node`] is one running Mnemon. A [`Table`] holds values of a type that serde can read and write; the first field is
//! the key.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use mnemon::{Kind, Node};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
//! struct User { id: u32, name: String, age: u8 }
//!
//! let node = Node::builder().start().await?;
//! let users = node.create_table::<User>("users").kind(Kind::OrderedSet).index("age").await?;
//!
//! let ada = User { id: 1, name: "Ada".into(), age: 36 };
//! users.write(&ada).await?;
//! assert_eq!(users.read(&1).await?, Some(ada.clone()));
//! assert_eq!(users.range(1..=9).await?, [ada.clone()]);
//! assert_eq!(users.index_read("age", &36).await?, [ada.clone()]);
//! assert_eq!(users.select(&users.query(r#"{"name": {"prefix": "A"}}"#)?).await?, [ada]);
//! # Ok(()) }
//! ```
//!
//! ## Kinds of tables
//!
//! | kind | a key holds | good for |
//! |---|---|---|
//! | [`Kind::Set`] | one record | lookups, caches |
//! | [`Kind::OrderedSet`] | one record, in the order of the keys | ranges, queues, time series |
//! | [`Kind::Bag`] | any number of different records | relations, tags |
//!
//! Any of them may have a time to live, a bound on entries or bytes beyond which the least used records are evicted, and
//! indexes on attributes other than the key: see [`TableBuilder`].
//!
//! ## One operation
//!
//! [`Table`]'s methods are each one atomic step: [`write`](Table::write), [`insert_new`](Table::insert_new),
//! [`delete`](Table::delete), [`update_counter`](Table::update_counter) and so on. They bear Mnesia's names. Most exist once
//! more with `dirty_` in front, for code that is not `async`. Reads of several records, like
//! [`range`](Table::range) and [`select`](Table::select), see one moment; their dirty forms see each record as it is met.
//!
//! ## Transactions
//!
//! What belongs together goes into a [`transaction`](Node::transaction): an async closure that reads and writes through its
//! [`Transaction`]. All it reads is of one state, and its writes are applied at one moment or not at all. Nothing is locked
//! while it runs; if something it read has changed meanwhile, it runs again.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let node = mnemon::Node::builder().start().await?;
//! let stock = node.create_table::<(String, u64)>("stock").await?;
//! let orders = node.create_table::<(u64, String)>("orders").await?;
//! stock.write(&("nuts".into(), 1)).await?;
//!
//! let order = async |number: u64| {
//!     node.transaction(async |tx| {
//!         let Some((article, pieces @ 1..)) = tx.read(&stock, "nuts").await? else { return Ok(false) };
//!         tx.write(&orders, &(number, article.clone())).await?;
//!         tx.write(&stock, &(article, pieces - 1)).await?;
//!         Ok::<_, mnemon::Error>(true)
//!     })
//!     .await
//! };
//! assert!(order(1).await?);
//! assert!(!order(2).await?);
//! # Ok(()) }
//! ```
//!
//! An error that the closure returns, of your own type if you like, aborts. [`Transaction::nested`] is a savepoint;
//! [`Node::transaction_with`] runs read-only transactions on a snapshot.
//!
//! ## Following changes
//!
//! [`Table::subscribe`] gives every change from then on, in the order of the commits, with the value before and after and
//! the cause: a write, a delete, expiry, eviction. A subscriber that is too slow is told so and reads a
//! [`snapshot`](Table::snapshot).
//!
//! ## Caching
//!
//! [`Table::fetch`] reads a record or loads it once, however many callers wait; the loader says whether and how long it is
//! kept.
//!
//! ## Redis clients
//!
//! [`NodeBuilder::resp`] opens a port for them. They see the same tables through commands like `T.READ users 1`, with
//! records as JSON by attribute name, and have sixteen databases of strings and hashes besides.
//!
//! ## Attributes and Rust types
//!
//! A record is a sequence of terms, Erlang's values, one for each field: numbers, text and bytes (binaries), unit variants
//! (atoms), tuples, lists, maps; `None` is `nil`. A table's attributes are named after the fields of its type, which are
//! found out without a value of it. [`Table<Vec<Term>>`](Term) reads any table.
//!
//! # What is promised
//!
//! One node, all data in RAM: what is promised of it stands in `docs/guarantees.md`. In short: every operation and every
//! transaction is atomic, transactions are strictly serializable, and everything is lost when the process ends.
//!
//! # Errors
//!
//! Everything but starting a node answers with [`Error`]. Unless a variant says otherwise nothing was applied, and
//! [`Error::is_retryable`] says whether the same request may well succeed when it is made again. Starting a node answers
//! with [`StartError`].
//!
//! # Cost
//!
//! Reads and writes of one key take one short lock. A read builds the value from the row's bytes; a write encodes it into
//! them. No tree of terms is built between, except for the keys of transactions, ranges and counters. No call waits for
//! the network or the disc, so the `async` ones are ready at once, except where they wait for other tasks:
//! [`transaction`](Node::transaction) after conflicts, [`fetch`](Table::fetch) for its loader, and
//! [`Subscription::recv`]. A read of very many records occupies its thread until it is done; use
//! `tokio::task::spawn_blocking` with the dirty forms where that matters.

mod codec;
mod node;
mod range;
mod shape;
mod table;
mod transaction;

/// Backups as files: what [`Node::backup`] and [`Node::restore`] use, and walking, rewriting, exporting and importing.
#[doc(inline)]
pub use mnemon_backup as backup;
#[doc(inline)]
pub use mnemon_node::NodeError as StartError;
#[doc(inline)]
pub use mnemon_store::{Cause, Clock, Durability, ManualClock, OpError, SystemClock};
#[doc(inline)]
pub use mnemon_table::schema::{AccessMode, Attribute, AttributeType, Kind, Schema, SchemaBuilder};
#[doc(inline)]
pub use mnemon_table::{TableChange, TableError as Error, TableInfo, TransactionOptions, query};
#[doc(inline)]
pub use mnemon_term::{Atom, Record, Term};
pub use node::{Node, NodeBuilder};
pub use range::{IntoKeyRange, KeyRange};
pub use table::{Event, Load, Snapshot, Subscription, Table, TableBuilder};
pub use transaction::Transaction;
