//! Tables inside a program: a struct a table, an index, a transaction, a subscription.

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use mnemon::{Error, Event, Kind, Node};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
struct User {
    id: u32, // the first field is the key
    name: String,
    age: u8,
    coins: i64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let node = Node::builder().start().await?;
    let users = node.create_table::<User>("users").kind(Kind::OrderedSet).index("age").await?;
    let mut changes = users.subscribe()?;

    for (id, name, age) in [(1, "Ada", 36), (2, "Joe", 58), (3, "Grace", 36)] {
        users.write(&User { id, name: name.into(), age, coins: 10 }).await?;
    }
    println!("user 2: {:?}", users.read(&2).await?);
    println!("aged 36: {}", users.index_read("age", &36).await?.len());
    println!("ids 2 and up: {}", users.range(2..).await?.len());
    println!("over 40: {:?}", users.select(&users.query(r#"{"age": {">": 40}}"#)?).await?);

    // Both writes or none, and nobody sees the one without the other.
    let pay = async |from: u32, to: u32, coins: i64| {
        node.transaction(async |tx| {
            let left = tx.update_counter(&users, &from, "coins", -coins).await?;
            tx.update_counter(&users, &to, "coins", coins).await?;
            if left < 0 { Err(Error::Aborted("too few coins".into())) } else { Ok(left) }
        })
        .await
    };
    println!("Ada pays 7 and keeps {}", pay(1, 2, 7).await?);
    println!("Ada pays 7 again: {:?}", pay(1, 2, 7).await);

    while let Some(event) = changes.try_recv()? {
        if let Event::Written { clock, old: Some(old), new } = event {
            println!("commit {clock}: {} had {} coins and has {}", new.name, old.coins, new.coins);
        }
    }
    node.shutdown().await;
    Ok(())
}
