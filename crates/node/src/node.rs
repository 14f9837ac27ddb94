//! One running node.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use mnemon_http::{DiscFacts, HttpConfig, HttpServer};
use mnemon_resp::{Server, ServerConfig};
use mnemon_table::{Catalog, Keeper, TableError};
use parking_lot::Mutex;
use tokio::task::JoinHandle;

use crate::backups::NodeBackups;
use crate::config::NodeBuilder;
use crate::disc::Disc;
use crate::error::NodeError;
use crate::maintenance;
use crate::overview::{Overview, Pulse};

/// A running node. Dropping it stops its background work at once; [`Node::shutdown`] also waits for its clients.
pub struct Node {
    overview: Arc<Overview>,
    http: Option<HttpServer>,
    maintenance: JoinHandle<()>,
    disc: Option<(Arc<Disc>, JoinHandle<()>)>,
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
                let (clock, bytes) = (settings.clock, settings.checkpoint_bytes);
                let open = move || Disc::open(&path, clock, databases, bytes);
                let opened = tokio::task::spawn_blocking(open).await;
                let disc = opened.unwrap_or_else(|stopped| Err(NodeError::Data(stopped.to_string())))?;
                let disc = Arc::new(disc);
                let keeper: Weak<dyn Keeper> = Arc::downgrade(&disc) as Weak<dyn Keeper>;
                disc.catalog().set_keeper(keeper);
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
                Some(Server::bind(config, catalog.clone())?)
            }
        };
        let pulse = Arc::new(Pulse::new(settings.maintenance_interval));
        let overview = Arc::new(Overview {
            name: settings.name,
            started_ms: catalog.store().now_ms(),
            catalog: catalog.clone(),
            host: resp.as_ref().map(|server| server.host().clone()),
            resp: Mutex::new(resp),
            pulse: pulse.clone(),
            is_stopping: AtomicBool::new(false),
            disc: disc.clone(),
            backups: backups.backups().clone(),
        });
        let http = match settings.http {
            None => None,
            Some(addr) => {
                let config = HttpConfig { addr, tls: settings.http_tls, ..HttpConfig::default() };
                Some(HttpServer::bind(config, overview.clone()).await?)
            }
        };
        let maintenance = maintenance::spawn(catalog, settings.maintenance_interval, pulse);
        let disc = disc.map(|disc| {
            disc.load();
            let checkpoints = disc.spawn();
            (disc, checkpoints)
        });
        let node = Self { overview, http, maintenance, disc, backups };
        tracing::info!(name = node.name(), resp = ?node.resp_addr(), http = ?node.http_addr(), "node started");
        if !settings.load_in_background
            && let Err(cause) = node.loaded().await
        {
            node.shutdown().await;
            return Err(cause);
        }
        Ok(node)
    }

    /// Waits until all tables are loaded from the data directory.
    ///
    /// # Errors
    /// `Data` with the table and the file, when one cannot be brought back. That table and those that were not done stay
    /// closed; shut the node down and look at the directory.
    pub async fn loaded(&self) -> Result<(), NodeError> {
        match &self.disc {
            Some((disc, _)) => disc.loaded().await,
            None => Ok(()),
        }
    }

    /// How the data directory is doing; `None` where there is none.
    #[must_use]
    pub fn disc_facts(&self) -> Option<DiscFacts> {
        self.disc.as_ref().map(|(disc, _)| disc.facts())
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

    /// Stops the node: `/readyz` says so, no new clients are taken, those there are closed, the background work ends,
    /// HTTP goes last. The tables stay readable through handles that are still held.
    pub async fn shutdown(mut self) {
        self.overview.is_stopping.store(true, Ordering::Relaxed);
        let resp = self.overview.resp.lock().take();
        if let Some(server) = resp
            && let Err(error) = server.shutdown().await
        {
            tracing::warn!(cause = %error, "the RESP server did not stop cleanly");
        }
        self.backups.shutdown().await;
        self.maintenance.abort();
        if let Some((disc, checkpoints)) = self.disc.take() {
            checkpoints.abort();
            disc.stop_loading().await;
            // A checkpoint under way is waited for by the lock that it holds.
            if let Err(stopped) = tokio::task::spawn_blocking(move || disc.close()).await {
                tracing::error!(cause = %stopped, "the data directory was not closed in order");
            }
        }
        if let Some(http) = self.http.take() {
            http.shutdown().await;
        }
        tracing::info!(name = self.name(), "node stopped");
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.backups.abort();
        self.maintenance.abort();
        if let Some((disc, checkpoints)) = &self.disc {
            checkpoints.abort();
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
