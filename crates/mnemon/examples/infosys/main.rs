//! One question to many backends at once: each is a temporary process, all share one deadline, and none can harm the others.

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

mod backends;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use backends::{Facts, Service};
use mnemon::{Node, Table};
use mnemon_otp::{ChildSpec, DynamicSpec, DynamicSupervisor, Restart, Shutdown, SpawnOptions, System};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

/// What a backend found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Answer {
    /// How well it fits; the best comes first.
    score: f64,
    text: String,
    url: Option<String>,
    backend: String,
}

type Answers = Pin<Box<dyn Future<Output = Vec<Answer>> + Send>>;

/// Who can be asked. It may take its time, answer nothing, or panic.
trait Backend: Send + Sync + 'static {
    fn name(&self) -> &'static str;
    fn ask(&self, query: &str, limit: usize) -> Answers;
}

/// Backend, query and limit.
type Key = (String, String, u64);

/// Answers that were found before.
#[derive(Debug, Serialize, Deserialize)]
struct Found {
    key: Key,
    answers: Vec<Answer>,
}

/// How much is asked for, and until when.
#[derive(Clone, Copy)]
struct Wish {
    limit: usize,
    within: Duration,
}

impl Default for Wish {
    fn default() -> Self {
        Self { limit: 10, within: Duration::from_secs(5) }
    }
}

struct Infosys {
    supervisor: DynamicSupervisor,
    backends: Vec<Arc<dyn Backend>>,
    cache: Option<Table<Found>>,
}

impl Infosys {
    async fn start(
        system: &System,
        backends: Vec<Arc<dyn Backend>>,
        cache: Option<Table<Found>>,
    ) -> mnemon_otp::Result<Self> {
        let supervisor = DynamicSpec::new().name("infosys").start(system).await?;
        Ok(Self { supervisor, backends, cache })
    }

    /// Asks all backends; the best answers of those that came in time. A cache that fails is as good as none, and a backend
    /// that finds no room for a process is not asked.
    async fn ask(&self, query: &str, wish: Wish) -> Vec<Answer> {
        let deadline = Instant::now() + wish.within;
        // Answers come through a channel that ends with the question: a late one meets nobody.
        let (sender, mut results) = mpsc::channel(self.backends.len().max(1));
        let (mut all, mut asked) = (Vec::new(), Vec::new());
        for backend in &self.backends {
            let key: Key = (backend.name().to_owned(), query.to_owned(), wish.limit as u64);
            let known = self.cache.as_ref().and_then(|cache| cache.dirty_read(&key).ok().flatten());
            match known {
                Some(found) => all.extend(found.answers),
                None => {
                    let proxy = proxy(backend.clone(), key, wish.limit, sender.clone());
                    asked.extend(self.supervisor.start_child(proxy).await.ok().flatten());
                }
            }
        }
        drop(sender);
        // `None`: every backend has answered, or has crashed.
        while let Ok(Some(found)) = timeout_at(deadline, results.recv()).await {
            if let Some(cache) = self.cache.as_ref().filter(|_| !found.answers.is_empty()) {
                drop(cache.write(&found).await);
            }
            all.extend(found.answers);
        }
        for backend in asked {
            // Those that have ended are no longer known.
            drop(self.supervisor.terminate_child(backend).await);
        }
        all.sort_by(|one, other| other.score.total_cmp(&one.score));
        all.truncate(wish.limit);
        all
    }
}

/// The process that asks one backend: never started again, and killed when its time is over.
fn proxy(backend: Arc<dyn Backend>, key: Key, limit: usize, sender: mpsc::Sender<Found>) -> ChildSpec {
    let child = ChildSpec::new(backend.name(), move |me| {
        let (backend, key, sender) = (backend.clone(), key.clone(), sender.clone());
        async move {
            let options = SpawnOptions::new().link().module(backend.name());
            let body = move |_| async move {
                tokio::select! {
                    answers = backend.ask(&key.1, limit) => drop(sender.send(Found { key, answers }).await),
                    // Who asked has gone.
                    () = sender.closed() => {}
                }
            };
            me.spawn_with(options, body).map(|spawned| spawned.pid)
        }
    });
    child.restart(Restart::Temporary).shutdown(Shutdown::Brutal)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let node = Node::builder().start().await?;
    let cache =
        node.create_table::<Found>("answers").max_entries(1_000).ttl(Duration::from_secs(600)).await?;
    let facts = Facts::new(&node, &[("one plus one", "2"), ("the answer", "42")]).await?;
    let mut backends: Vec<Arc<dyn Backend>> = vec![Arc::new(facts)];
    // An answer service that speaks Wolfram|Alpha's XML, as HOST:PORT.
    backends.extend(std::env::var("ANSWERS").ok().map(|at| Arc::new(Service::new(at)) as Arc<dyn Backend>));
    let system = System::new()?;
    let infosys = Infosys::start(&system, backends, Some(cache)).await?;
    for query in ["one plus one", "the answer", "nobody knows"] {
        println!("{query}? {:?}", infosys.ask(query, Wish::default()).await);
    }
    node.shutdown().await;
    Ok(())
}
