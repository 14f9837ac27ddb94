//! One running node.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use mnemon_http::{DiscFacts, HttpConfig, HttpServer};
use mnemon_line::{Backing, LineConfig, LineServer};
use mnemon_otp::System;
use mnemon_resp::{Server, ServerConfig};
use mnemon_store::{Clock, Durability};
use mnemon_table::{Catalog, Keeper, TableError};
use parking_lot::Mutex;

use crate::backups::NodeBackups;
use crate::config::NodeBuilder;
use crate::disc::{Disc, DiscBytes};
use crate::error::NodeError;
use crate::overview::Overview;
use crate::tree::Tree;
use crate::{maintenance, writing};

/// A running node. Dropping it stops its background work at once; [`Node::shutdown`] also waits for its clients.
pub struct Node {
    overview: Arc<Overview>,
    http: Option<HttpServer>,
    line: Option<LineServer>,
    tree: Tree,
    disc: Option<Arc<Disc>>,
    backups: NodeBackups,
}

impl Node {
    /// Settings for a new node.
    #[must_use]
    pub fn builder() -> NodeBuilder {
        NodeBuilder::default()
    }

    pub(crate) async fn start(settings: NodeBuilder) -> Result<Self, NodeError> {
        let data = settings.data.clone();
        let (catalog, disc) = match settings.data {
            None => (Arc::new(Catalog::local(settings.clock)), None),
            Some(path) => {
                let databases = settings.databases_on_disc.then_some(settings.database_durability);
                let bytes =
                    DiscBytes { checkpoint: settings.checkpoint_bytes, cache: settings.disc_cache_bytes };
                let disc = open(path, settings.clock, databases, bytes).await?;
                (disc.catalog().clone(), Some(disc))
            }
        };
        let backups = NodeBackups::open(
            catalog.clone(),
            &settings.name,
            &settings.backups,
            data.as_deref(),
            disc.clone(),
        )
        .await?;
        let resp = match settings.resp {
            None => None,
            Some(address) => {
                let mut config = ServerConfig { addr: address, ..ServerConfig::default() };
                if let Some(threads) = settings.resp_threads {
                    config.threads = threads;
                }
                config.password = settings.password;
                config.users = settings.users;
                config.tls = settings.tls;
                config.bounds = settings.bounds;
                Some(Server::listen(config, catalog.clone())?)
            }
        };
        let system = System::new()?;
        let line = line_server(&system, settings.line, settings.line_tables, &catalog)?;
        let (tables, pulses) = maintenance::child(&catalog, settings.maintenance_interval);
        let resp_child = resp.as_ref().map(Server::child);
        let overview = Arc::new(Overview {
            name: settings.name,
            started_ms: catalog.store().now_ms(),
            catalog,
            host: resp.as_ref().map(|server| server.host().clone()),
            resp: Mutex::new(resp),
            pulses,
            system: system.clone(),
            failure: OnceLock::new(),
            is_stopping: AtomicBool::new(false),
            disc: disc.clone(),
            backups: backups.backups().clone(),
        });
        let http = match settings.http {
            None => None,
            Some(addr) => {
                let config = HttpConfig { addr, tls: settings.http_tls, ..HttpConfig::default() };
                Some(HttpServer::listen(config, overview.clone())?)
            }
        };
        // Stopped in reverse.
        let parts = [
            http.as_ref().map(HttpServer::child),
            disc.as_ref().map(writing::child),
            Some(tables),
            line.as_ref().map(LineServer::child),
            resp_child,
        ];
        let tree = Tree::start(&system, parts.into_iter().flatten().collect()).await?;
        // Nobody else sets it.
        let _ = overview.failure.set(tree.failure());
        let node = Self { overview, http, line, tree, disc, backups };
        tracing::info!(name = node.name(), resp = ?node.resp_addr(), http = ?node.http_addr(), "node started");
        if !settings.load_in_background
            && let Err(cause) = node.loaded().await
        {
            node.shutdown().await;
            return Err(cause);
        }
        Ok(node)
    }

    /// Waits until all tables are loaded from the data directory. One of which the file is damaged counts as loaded: it
    /// answers `Damaged`, the others are used; [`Catalog::damaged`] names it.
    ///
    /// # Errors
    /// `Data` when the loading had to end. Tables that were not done stay closed; shut the node down and look at the directory.
    pub async fn loaded(&self) -> Result<(), NodeError> {
        match &self.disc {
            Some(disc) => disc.loaded().await,
            None => Ok(()),
        }
    }

    /// How the data directory is doing; `None` where there is none.
    #[must_use]
    pub fn disc_facts(&self) -> Option<DiscFacts> {
        self.disc.as_ref().map(|disc| disc.facts())
    }

    /// Waits until these tables can be used, Mnesia's `wait_for_tables`.
    ///
    /// # Errors
    /// As [`Catalog::wait_for_tables`].
    pub async fn wait_for_tables(
        &self,
        names: &[impl AsRef<str>],
        timeout: Duration,
    ) -> Result<(), TableError> {
        self.catalog().wait_for_tables(names, timeout).await
    }

    pub(crate) fn own_backups(&self) -> &NodeBackups {
        &self.backups
    }

    /// The node's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.overview.name
    }

    /// The node's tables.
    #[must_use]
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.overview.catalog
    }

    /// Where Redis clients connect; `None` when the node serves none.
    #[must_use]
    pub fn resp_addr(&self) -> Option<SocketAddr> {
        self.overview.resp.lock().as_ref().map(Server::local_addr)
    }

    /// Where Redis clients connect over TLS; `None` when they cannot.
    #[must_use]
    pub fn tls_addr(&self) -> Option<SocketAddr> {
        self.overview.resp.lock().as_ref().and_then(Server::tls_addr)
    }

    /// Where health, metrics and the operators' API are served; `None` when they are not.
    #[must_use]
    pub fn http_addr(&self) -> Option<SocketAddr> {
        self.http.as_ref().map(HttpServer::local_addr)
    }

    /// Where they are served over HTTPS; `None` when they are not.
    #[must_use]
    pub fn https_addr(&self) -> Option<SocketAddr> {
        self.http.as_ref().and_then(HttpServer::tls_addr)
    }

    /// Where clients of the line protocol connect; `None` when the node serves none.
    #[must_use]
    pub fn line_addr(&self) -> Option<SocketAddr> {
        self.line.as_ref().map(LineServer::local_addr)
    }

    /// The node's processes. A program may put its own beside them; they end with the node.
    #[must_use]
    pub fn system(&self) -> &System {
        &self.overview.system
    }

    /// Waits until the node's processes have ended although nobody asked them to, more often than they are started again,
    /// and says why: the node is to be shut down then. Without end where that never happens.
    pub fn failed(&self) -> impl Future<Output = String> + Send + use<> {
        self.tree.failed()
    }

    /// Stops the node: `/readyz` says so, no new clients are taken, those there are closed, the background work ends,
    /// HTTP goes last. The tables stay readable through handles that are still held.
    pub async fn shutdown(mut self) {
        self.overview.is_stopping.store(true, Ordering::Relaxed);
        self.tree.unguard();
        self.tree.stop_part("resp").await;
        let resp = self.overview.resp.lock().take();
        if let Some(server) = resp
            && let Err(error) = server.shutdown().await
        {
            tracing::warn!(cause = %error, "the RESP server did not stop cleanly");
        }
        self.tree.stop_part("line").await;
        self.backups.shutdown().await;
        for part in ["tables", "disc"] {
            self.tree.stop_part(part).await;
        }
        if let Some(disc) = self.disc.take() {
            disc.stop_loading().await;
            // A checkpoint under way is waited for by the lock that it holds.
            if let Err(stopped) = tokio::task::spawn_blocking(move || disc.close()).await {
                tracing::error!(cause = %stopped, "the data directory was not closed in order");
            }
        }
        self.tree.stop().await;
        if let Some(http) = self.http.take() {
            http.shutdown().await;
        }
        tracing::info!(name = self.name(), "node stopped");
    }
}

/// Opens the data directory, where that holds up none of the embedder's tasks.
async fn open(
    path: PathBuf,
    clock: Box<dyn Clock>,
    databases: Option<Durability>,
    bytes: DiscBytes,
) -> Result<Arc<Disc>, NodeError> {
    let open = move || Disc::open(&path, clock, databases, bytes);
    let opened = tokio::task::spawn_blocking(open).await;
    let disc = opened.unwrap_or_else(|stopped| Err(NodeError::Data(stopped.to_string()))).map(Arc::new)?;
    let keeper: Weak<dyn Keeper> = Arc::downgrade(&disc) as Weak<dyn Keeper>;
    disc.catalog().set_keeper(keeper);
    Ok(disc)
}

/// The line protocol's door, if one was asked for.
fn line_server(
    system: &System,
    address: Option<SocketAddr>,
    in_tables: bool,
    catalog: &Arc<Catalog>,
) -> Result<Option<LineServer>, NodeError> {
    let Some(addr) = address else { return Ok(None) };
    let backing = if in_tables { Backing::Table(catalog.clone()) } else { Backing::Process };
    Ok(Some(LineServer::bind(system, LineConfig { addr, backing, ..LineConfig::default() })?))
}

impl Drop for Node {
    fn drop(&mut self) {
        self.backups.abort();
        if let Some(disc) = &self.disc {
            disc.abort_loading();
        }
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node")
            .field("name", &self.name())
            .field("resp", &self.resp_addr())
            .field("http", &self.http_addr())
            .finish_non_exhaustive()
    }
}
