//! A cache in front of something slow: bounded, with a time to live, each key loaded once however many ask.

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mnemon::{Event, Load, Node};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
struct Page {
    path: String,
    body: String,
}

/// Stands for a database or another service.
#[derive(Default)]
struct Origin {
    requests: AtomicU32,
}

impl Origin {
    async fn load(self: Arc<Self>, path: &'static str) -> io::Result<Load<Page>> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        // Others ask for the same page while this answer is under way.
        tokio::task::yield_now().await;
        let page = |body: String| Page { path: path.to_owned(), body };
        match path {
            "/news" => Ok(Load::CommitFor(page("news of the second".to_owned()), Duration::from_secs(1))),
            "/me" => Ok(Load::Ignore(page("private, not to be kept".to_owned()))),
            "/gone" => Err(io::Error::other("404")),
            other => Ok(Load::Commit(page(format!("the page {other}")))),
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let node = Node::builder().start().await?;
    let pages = node.create_table::<Page>("pages").max_entries(1_000).ttl(Duration::from_secs(300)).await?;
    let origin = Arc::new(Origin::default());

    let mut readers = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let (pages, origin) = (pages.clone(), origin.clone());
        readers.spawn(async move { pages.fetch("/home", origin.load("/home")).await });
    }
    let answers = readers.join_all().await;
    println!("{} readers, {} request to the origin", answers.len(), origin.requests.load(Ordering::Relaxed));

    for path in ["/home", "/news", "/me", "/gone"] {
        match pages.fetch(path, origin.clone().load(path)).await {
            Ok(page) => println!("{path}: {}", page.body),
            Err(error) => println!("{path}: {error}"),
        }
    }
    println!("kept: {} pages", pages.size());

    // The table never outgrows its bound; what is read seldom goes first.
    let mut changes = pages.subscribe()?;
    for number in 0..1_500 {
        pages.write(&Page { path: format!("/{number}"), body: String::new() }).await?;
    }
    let mut evicted = 0;
    while let Some(event) = changes.try_recv()? {
        evicted += u32::from(matches!(event, Event::Deleted { .. }));
    }
    println!("after 1500 writes: {} pages, {evicted} were evicted", pages.size());
    node.shutdown().await;
    Ok(())
}
