//! One running node.

use std::net::SocketAddr;
use std::sync::Arc;

use mnemon_resp::{Server, ServerConfig};
use mnemon_table::Catalog;
use tokio::task::JoinHandle;

use crate::config::NodeBuilder;
use crate::error::NodeError;
use crate::maintenance;

/// A running node. Dropping it stops its background work at once; [`Node::shutdown`] also waits for its clients.
pub struct Node {
    name: String,
    catalog: Arc<Catalog>,
    resp: Option<Server>,
    maintenance: JoinHandle<()>,
}

impl Node {
    /// Settings for a new node.
    #[must_use]
    pub fn builder() -> NodeBuilder {
        NodeBuilder::default()
    }

    pub(crate) async fn start(settings: NodeBuilder) -> Result<Self, NodeError> {
        let catalog = Arc::new(Catalog::local(settings.clock));
        let resp = match settings.resp {
            None => None,
            Some(address) => {
                let mut config = ServerConfig { addr: address, ..ServerConfig::default() };
                if let Some(threads) = settings.resp_threads {
                    config.threads = threads;
                }
                if let Some(clients) = settings.max_clients {
                    config.max_clients = clients;
                }
                Some(Server::bind(config, catalog.clone())?)
            }
        };
        let maintenance = maintenance::spawn(catalog.clone(), settings.maintenance_interval);
        tracing::info!(name = settings.name, resp = ?resp.as_ref().map(Server::local_addr), "node started");
        Ok(Self { name: settings.name, catalog, resp, maintenance })
    }

    /// The node's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The node's tables.
    #[must_use]
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// Where Redis clients connect; `None` when the node serves none.
    #[must_use]
    pub fn resp_addr(&self) -> Option<SocketAddr> {
        self.resp.as_ref().map(Server::local_addr)
    }

    /// Stops the node: no new clients, those there are closed, the background work ends. The tables stay readable
    /// through handles that are still held.
    pub async fn shutdown(mut self) {
        if let Some(server) = self.resp.take()
            && let Err(error) = server.shutdown().await
        {
            tracing::warn!(cause = %error, "the RESP server did not stop cleanly");
        }
        self.maintenance.abort();
        tracing::info!(name = self.name, "node stopped");
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.maintenance.abort();
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node")
            .field("name", &self.name)
            .field("resp", &self.resp_addr())
            .finish_non_exhaustive()
    }
}
