//! A running Mnemon: the tables, the doors that are open to them, and the work in the background.
//!
//! This is the one place that wires things together. Nothing here is global: ten nodes run in one process, each with
//! its own tables, clock and threads. It holds no logic of tables or protocols.
//!
//! ```
//! # async fn demo() -> Result<(), mnemon_node::NodeError> {
//! let node = mnemon_node::Node::builder().name("shop1").resp("127.0.0.1:0".parse().unwrap()).start().await?;
//! println!("RESP on {}", node.resp_addr().expect("a RESP address was given"));
//! node.shutdown().await;
//! # Ok(())
//! # }
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(demo()).unwrap();
//! ```

mod backups;
mod config;
mod disc;
mod error;
mod loading;
mod maintenance;
mod node;
mod overview;
mod repair;
mod tree;
mod writing;

pub use config::NodeBuilder;
pub use error::NodeError;
pub use mnemon_backup::{BackupError, BackupReport, Backups, Mode, RestorePlan, Restored};
pub use mnemon_http::{CheckpointFacts, DiscFacts};
pub use mnemon_resp::{Bounds, ClientMemoryLimit, OutputLimit, TlsSettings, UserSpec};
pub use mnemon_store::Durability;
pub use mnemon_table::TableError;
pub use mnemon_table::schema::{Storage, parse_durability};
pub use node::Node;
pub use repair::{RepairReport, TableReport, repair};
