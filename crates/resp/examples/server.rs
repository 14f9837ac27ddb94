//! A bare RESP server over an empty catalog: `cargo run --release -p mnemon-resp --example server -- 127.0.0.1:7070 1`.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use mnemon_resp::{Server, ServerConfig};
use mnemon_store::SystemClock;
use mnemon_table::Catalog;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let mut config = ServerConfig::default();
    if let Some(addr) = args.next() {
        config.addr = addr.parse()?;
    }
    if let Some(threads) = args.next() {
        config.threads = threads.parse()?;
    }
    let catalog = Arc::new(Catalog::local(Box::new(SystemClock)));
    let server = Server::bind(config, catalog.clone())?;
    #[expect(clippy::print_stdout, reason = "who starts it wants to know the port")]
    {
        println!("listening on {}", server.local_addr());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    runtime.block_on(async {
        let mut tick = tokio::time::interval(Duration::from_millis(100));
        loop {
            tick.tick().await;
            catalog.maintain();
        }
    })
}
