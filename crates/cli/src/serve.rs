//! `mnemon serve`: starts a node, says where it is, and ends it when it is told to.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use mnemon_node::{Bounds, Node, NodeBuilder, Storage};

use crate::arguments::{Buckets, Door, Settings};
use crate::error::CliError;
use crate::signals::Signals;
use crate::{descriptors, logging, progress};

/// How long the announcement waits for tables to be loaded.
const READY_WITHIN: Duration = Duration::from_millis(50);

/// Runs a node until a signal ends it.
pub(crate) fn run(settings: Settings) -> Result<(), CliError> {
    logging::start(settings.log.as_deref(), settings.log_format)?;
    // The threads that serve clients are the node's own; this one starts, waits and stops.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(settings))
}

async fn serve(settings: Settings) -> Result<(), CliError> {
    // Taken before anybody is told that the node is there, so that whoever reads it may stop the node at once.
    let mut signals = Signals::new()?;
    let clients = settings.clients.max_clients.unwrap_or(Bounds::default().max_clients);
    descriptors::provide_for(clients);
    let node = builder(&settings).load_in_background(true).start().await?;
    // A small node is ready at once and should say so.
    let mut loaded = tokio::time::timeout(READY_WITHIN, node.loaded()).await;
    if let Some(address) = node.resp_addr()
        && !matches!(loaded, Ok(Err(_)))
    {
        let doors = Doors {
            resp: address,
            tls: node.tls_addr(),
            http: node.http_addr(),
            https: node.https_addr(),
            line: node.line_addr(),
            protected: settings.clients.are_protected(),
            data: settings.directory(),
            loading: node.catalog().loading().len(),
        };
        announce(node.name(), &doors);
    }
    let stopped = async {
        if loaded.is_err() {
            loaded = Ok(progress::watch(&node).await);
        }
        match &loaded {
            Ok(Err(_)) => {}
            _ => std::future::pending::<()>().await,
        }
    };
    let signal = tokio::select! {
        () = stopped => None,
        cause = node.failed() => {
            node.shutdown().await;
            return Err(CliError::Failed(cause));
        }
        (signal, _) = signals.next() => Some(signal),
    };
    let Some(signal) = signal else {
        node.shutdown().await;
        return loaded.unwrap_or(Ok(())).map_err(CliError::from);
    };
    tracing::info!(signal, "stopping; a second signal stops at once");
    tokio::select! {
        () = node.shutdown() => Ok(()),
        (signal, status) = signals.next() => {
            tracing::warn!(signal, "stopped at once");
            std::process::exit(status)
        }
    }
}

/// The node that the settings describe.
pub(crate) fn builder(settings: &Settings) -> NodeBuilder {
    let mut node = Node::builder().name(&settings.name).resp(settings.resp);
    if let Door::At(address) = settings.http {
        node = node.http(address);
        let tls = match settings.http_tls {
            Some(Door::Off) => None,
            Some(Door::At(beside)) => settings.clients.tls_at(Some(beside)),
            None => settings.clients.tls_at(None),
        };
        node = tls.into_iter().fold(node, NodeBuilder::http_tls);
    }
    if let Door::At(address) = settings.line {
        node = node.line(address).line_tables(settings.line_buckets == Buckets::Table);
    }
    if let Some(threads) = settings.resp_threads {
        node = node.resp_threads(threads);
    }
    if let Some(directory) = settings.directory() {
        let on_disc = settings.default_storage != Some(Storage::Ram);
        node = node
            .data(directory)
            .database_durability(settings.default_durability)
            .databases_on_disc(on_disc)
            .checkpoint_bytes(settings.checkpoint_bytes)
            .disc_cache_bytes(settings.disc_cache_bytes);
    }
    if let Some(directory) = &settings.backup_dir {
        node = node.backup_dir(directory);
    }
    let every = Duration::from_secs(settings.backup_every);
    node = node.backup_every(every).backup_keep(settings.backup_keep);
    settings.clients.apply(node)
}

/// Says on stdout that the node is ready. Whoever started it may have closed that; the node runs all the same.
fn announce(name: &str, doors: &Doors) {
    let mut out = io::stdout().lock();
    let written = out.write_all(banner(name, doors).as_bytes()).and_then(|()| out.flush());
    if let Err(cause) = written {
        tracing::debug!(%cause, "nobody reads stdout");
    }
}

/// Where a node listens.
struct Doors {
    resp: SocketAddr,
    /// Where TLS is spoken; it may be the address before.
    tls: Option<SocketAddr>,
    http: Option<SocketAddr>,
    /// Where HTTPS is spoken; it may be the address before.
    https: Option<SocketAddr>,
    /// Where the line protocol is spoken.
    line: Option<SocketAddr>,
    /// A password is needed.
    protected: bool,
    /// The data directory.
    data: Option<PathBuf>,
    /// Tables that are still being loaded from it.
    loading: usize,
}

fn banner(name: &str, doors: &Doors) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let Doors { resp: address, http, .. } = *doors;
    let loading = match doors.loading {
        0 => String::new(),
        loading => format!("; {loading} tables are still being loaded and answer LOADING"),
    };
    let data = match &doors.data {
        None => "in RAM only: it is lost when this process ends".to_owned(),
        Some(directory) => format!("in {}{loading}", directory.display()),
    };
    let state = if doors.loading > 0 { "answers" } else { "is ready" };
    let (host, port) = (address.ip(), address.port());
    let host = if host == std::net::Ipv4Addr::LOCALHOST || host.is_unspecified() {
        String::new()
    } else {
        format!(" -h {host}")
    };
    let http = http.filter(|http| doors.https != Some(*http)).map(|http| ("http", http));
    let https = doors.https.map(|https| ("https", https));
    let http: String = [http, https]
        .into_iter()
        .flatten()
        .map(|(scheme, at)| format!("  HTTP     {scheme}://{at}/healthz\n"))
        .collect();
    let line = doors.line.map_or_else(String::new, |line| format!("  line     {line}\n"));
    let secure = if doors.tls == Some(address) { " --tls" } else { "" };
    let login = if doors.protected { " --askpass" } else { "" };
    let tls = doors.tls.map_or_else(String::new, |tls| format!("  TLS      {tls}\n"));
    let mut text = format!(
        "Mnemon {version}, node {name}, {state}\n\
         \x20 RESP     {address}\n\
         {tls}\
         \x20 connect  redis-cli{host} -p {port}{secure}{login}\n\
         {http}{line}\
         \x20 data     {data}\n"
    );
    if !doors.protected && !address.ip().to_canonical().is_loopback() {
        text.push_str(
            "  warning  no password: whoever reaches this address can read and change everything\n",
        );
    }
    text.push_str("  stop     Ctrl-C or SIGTERM\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_banner_tells_how_to_connect() {
        for (address, command) in [
            ("127.0.0.1:7070", "redis-cli -p 7070\n"),
            ("0.0.0.0:7070", "redis-cli -p 7070\n"),
            ("[::1]:7071", "redis-cli -h ::1 -p 7071\n"),
            ("10.1.2.3:7070", "redis-cli -h 10.1.2.3 -p 7070\n"),
        ] {
            let address: SocketAddr = address.parse().unwrap();
            let http = Some(([127, 0, 0, 1], 7072).into());
            let banner = banner(
                "shop1",
                &Doors {
                    resp: address,
                    tls: None,
                    http,
                    https: None,
                    line: None,
                    protected: false,
                    data: None,
                    loading: 0,
                },
            );
            assert!(
                banner.contains(command)
                    && banner.contains("HTTP     http://127.0.0.1:7072/healthz\n")
                    && banner.contains("shop1")
                    && banner.contains("RAM"),
                "{banner}"
            );
            assert_eq!(banner.contains("warning"), !address.ip().is_loopback(), "{banner}");
        }
    }

    #[test]
    fn the_banner_tells_of_tls_and_passwords() {
        let resp: SocketAddr = "0.0.0.0:7070".parse().unwrap();
        let http = ([127, 0, 0, 1], 7072).into();
        let text = banner(
            "shop1",
            &Doors {
                resp,
                tls: Some(resp),
                http: Some(http),
                https: Some(http),
                line: None,
                protected: true,
                data: Some("/d".into()),
                loading: 2,
            },
        );
        assert!(text.contains("data     in /d; 2 tables are still being loaded"), "{text}");
        assert!(text.contains("TLS      0.0.0.0:7070\n"), "{text}");
        assert!(text.contains("HTTP     https://127.0.0.1:7072/") && !text.contains("http://"), "{text}");
        assert!(text.contains("redis-cli -p 7070 --tls --askpass\n") && !text.contains("warning"), "{text}");
    }
}
