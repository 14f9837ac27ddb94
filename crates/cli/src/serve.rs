//! `mnemon serve`: starts a node, says where it is, and ends it when it is told to.

use std::io::{self, Write as _};
use std::net::SocketAddr;

use mnemon_node::Node;

use crate::arguments::Settings;
use crate::error::CliError;
use crate::logging;
use crate::signals::Signals;

/// Runs a node until a signal ends it.
pub(crate) fn run(settings: Settings) -> Result<(), CliError> {
    logging::start(settings.log_format)?;
    // The threads that serve clients are the node's own; this one starts, waits and stops.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(settings))
}

async fn serve(settings: Settings) -> Result<(), CliError> {
    // Taken before anybody is told that the node is there, so that whoever reads it may stop the node at once.
    let mut signals = Signals::new()?;
    let mut node = Node::builder().name(settings.name).resp(settings.resp);
    if let Some(threads) = settings.resp_threads {
        node = node.resp_threads(threads);
    }
    if let Some(clients) = settings.max_clients {
        node = node.max_clients(clients);
    }
    let node = node.start().await?;
    if let Some(address) = node.resp_addr() {
        announce(node.name(), address);
    }
    let (signal, _) = signals.next().await;
    tracing::info!(signal, "stopping; a second signal stops at once");
    tokio::select! {
        () = node.shutdown() => Ok(()),
        (signal, status) = signals.next() => {
            tracing::warn!(signal, "stopped at once");
            std::process::exit(status)
        }
    }
}

/// Says on stdout that the node is ready. Whoever started it may have closed that; the node runs all the same.
fn announce(name: &str, address: SocketAddr) {
    let mut out = io::stdout().lock();
    let written = out.write_all(banner(name, address).as_bytes()).and_then(|()| out.flush());
    if let Err(cause) = written {
        tracing::debug!(%cause, "nobody reads stdout");
    }
}

fn banner(name: &str, address: SocketAddr) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let (host, port) = (address.ip(), address.port());
    let host = if host == std::net::Ipv4Addr::LOCALHOST || host.is_unspecified() {
        String::new()
    } else {
        format!(" -h {host}")
    };
    let mut text = format!(
        "Mnemon {version}, node {name}, is ready\n\
         \x20 RESP     {address}\n\
         \x20 connect  redis-cli{host} -p {port}\n\
         \x20 data     in RAM only: it is lost when this process ends\n"
    );
    if !address.ip().to_canonical().is_loopback() {
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
            let banner = banner("shop1", address);
            assert!(
                banner.contains(command) && banner.contains("shop1") && banner.contains("RAM"),
                "{banner}"
            );
            assert_eq!(banner.contains("warning"), !address.ip().is_loopback(), "{banner}");
        }
    }
}
