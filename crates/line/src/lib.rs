//! The key-value line protocol: buckets of keys and values, a line a request, for `nc` and for hands.
//!
//! ```text
//! CREATE shopping            OK
//! PUT shopping eggs 3        OK
//! GET shopping eggs          3, then OK
//! ```
//!
//! A bucket is an [`Agent`](mnemon_otp::Agent) under a dynamic supervisor, or, by configuration, a local table. It is found
//! through a [`Registry`](mnemon_otp::Registry) without a process hop; an event manager tells who listens when one comes
//! and goes. Each client is a process of its own. What must stay true:
//!
//! - A client that crashes, stalls or floods takes nothing else down: its lines, its subscriptions and its unsent replies are
//!   bounded.
//! - A bucket that has ended is forgotten before anybody hears of its end.
//! - Every part can be killed and comes back; buckets die only with their own process or their supervisor's.
//!
//! ```text
//! line                      one_for_one
//! ├── line.events           who hears of buckets
//! ├── line.buckets          dynamic: a process a bucket, temporary
//! ├── line.registry         makes buckets, one at a time; watches them
//! ├── line.clients          dynamic: a process a client, temporary
//! └── line.door             accepts clients
//! ```
//!
//! `docs/line.md` of the repository is the protocol's manual.

mod bucket;
mod buckets;
mod command;
mod connection;
mod door;
mod error;
mod feed;
mod framing;
mod registrar;
mod server;
mod shelf;

pub use buckets::{BucketEvent, Buckets, CreateError};
pub use error::LineError;
pub use server::{Backing, LineConfig, LineServer};
