//! HTTP as an operators' door of a node: is it well, how is it doing, what does it hold.
//!
//! | path | answer |
//! |---|---|
//! | `/livez` | 200 while the process does its work; otherwise it should be restarted |
//! | `/readyz` | 200 while clients should be sent here |
//! | `/healthz` | both; each of the three lists its checks with `?verbose` |
//! | `/metrics` | counters and gauges in Prometheus's text format |
//! | `/api/v1/status`, `tables`, `tables/NAME`, `clients`, `backups` | the types of [`api`] as JSON |
//! | `POST /api/v1/backups`, `backups/NAME/verify`, `backups/NAME/restore`; `jobs/ID` | work that is begun; how it stands |
//! | `/api/v1/tables/NAME/export`, `POST …/import` | a table as text |
//!
//! What must stay true: nothing here is global, so ten nodes serve ten addresses in one process; a request is answered
//! within a deadline and from bounded memory; without credentials nobody learns more than whether the node is well, where
//! a password is set; what is shown never holds a lock for longer than a sum over one table.
//!
//! What a node is, and how its parts are counted, is told by whoever implements [`Observed`]. This crate changes nothing but what
//! [`mnemon_backup`] does for it.

pub mod api;
mod backups;
mod changes;
mod connection;
mod door;
mod error;
mod exposition;
mod guard;
mod health;
mod metrics;
mod observed;
mod process;
mod route;
mod server;
mod show;

pub use error::HttpError;
pub use metrics::TABLE_LABELS_MAX;
pub use mnemon_tls::{TlsError, TlsSettings};
pub use observed::{Bucket, Check, CheckpointFacts, Counts, DiscFacts, Latency, Observed, Weight};
pub use server::{HttpConfig, HttpServer};
