//! A program that shares its tables with Redis clients: what they write it sees, and the other way round.

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use mnemon::{Event, Node};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
struct Order {
    id: u32,
    article: String,
    pieces: u32,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Port 0 takes a free one; a real program gives its own, 127.0.0.1:7070 say.
    let node = Node::builder().name("shop1").resp("127.0.0.1:0".parse()?).resp_threads(1).start().await?;
    let address = node.resp_addr().ok_or("a RESP address was given")?;
    println!("redis-cli -p {}", address.port());
    let orders = node.create_table::<Order>("orders").await?;
    orders.write(&Order { id: 1, article: "nuts".into(), pieces: 40 }).await?;

    // The program's own work: it reacts to orders, wherever they come from.
    let mut changes = orders.subscribe()?;
    let worker = tokio::spawn(async move {
        while let Some(event) = changes.recv().await? {
            if let Event::Written { new, .. } = event {
                println!("the program sees {new:?}");
                return Ok(());
            }
        }
        Ok::<_, mnemon::Error>(())
    });

    // What `redis-cli` does, over a connection of its own and without a client's library.
    tokio::task::spawn_blocking(move || talk(address)).await??;
    worker.await??;
    println!("orders: {}", orders.size());
    node.shutdown().await;
    Ok(())
}

fn talk(address: SocketAddr) -> io::Result<()> {
    let mut client = TcpStream::connect(address)?;
    let order = r#"T.WRITE orders '{"id":2,"article":"bolts","pieces":7}'"#;
    for command in ["T.READ orders 1", order, "SET greeting hello", "GET greeting"] {
        client.write_all(format!("{command}\r\n").as_bytes())?;
        let mut reply = [0; 256];
        let length = client.read(&mut reply)?;
        println!("{command} -> {:?}", String::from_utf8_lossy(&reply[..length]));
    }
    Ok(())
}
