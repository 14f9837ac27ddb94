//! The library as an embedder uses it.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod fetching;
mod nodes;
mod queries;
mod readme;
mod records;
mod subscriptions;
mod transactions;

use std::sync::Arc;

use mnemon::{ManualClock, Node};
use serde::{Deserialize, Serialize};

/// The record of most tests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct User {
    id: u32,
    name: String,
    age: Option<u8>,
}

fn user(id: u32, name: &str, age: impl Into<Option<u8>>) -> User {
    User { id, name: name.to_owned(), age: age.into() }
}

async fn node() -> Node {
    Node::builder().start().await.unwrap()
}

/// A node whose time stands still until the clock is told.
async fn node_at(now_ms: u64) -> (Node, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(now_ms));
    let node = Node::builder().clock(clock.clone()).start().await.unwrap();
    (node, clock)
}
