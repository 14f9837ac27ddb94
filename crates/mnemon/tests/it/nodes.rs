//! Nodes: several in one process, with and without Redis clients, and how they end.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use mnemon::{Durability, Error, Event, Node, StartError, Table, TransactionOptions};

use crate::{User, node, user};

fn any_port() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

/// Sends commands as text and reads until the answers that are expected have come.
fn ask(address: SocketAddr, commands: &str, expected: &str) {
    let mut client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    client.write_all(commands.as_bytes()).unwrap();
    let mut answer = vec![0; expected.len()];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(String::from_utf8_lossy(&answer), expected);
}

#[tokio::test]
async fn nodes_of_one_process_share_nothing() {
    let (one, two) = (node().await, node().await);
    let here: Table<(u32, u32)> = one.create_table("t").await.unwrap();
    let there: Table<(u32, u32)> = two.create_table("t").await.unwrap();
    here.write(&(1, 1)).await.unwrap();
    assert_eq!(there.read(&1).await.unwrap(), None);
    let crossing = one.transaction(async |tx| tx.read(&there, &1).await).await;
    assert!(matches!(crossing, Err(Error::CrossGroup(_))));
    two.shutdown().await;
    assert_eq!(here.read(&1).await.unwrap(), Some((1, 1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_clients_and_the_program_see_the_same_tables() {
    let node = Node::builder().name("shop1").resp(any_port()).resp_threads(1).start().await.unwrap();
    let address = node.resp_addr().unwrap();
    let users = node.create_table::<User>("users").await.unwrap();
    users.write(&user(1, "Ada", 36)).await.unwrap();
    let mut changes = users.subscribe().unwrap();
    let bob = r#"{"id":2,"name":"Bob","age":null}"#;
    let client = tokio::task::spawn_blocking(move || {
        let ada = r#"{"id":1,"name":"Ada","age":36}"#;
        let command = format!("T.READ users 1\r\nT.WRITE users '{bob}'\r\n");
        ask(address, &command, &format!("*1\r\n${}\r\n{ada}\r\n+OK\r\n", ada.len()));
    });
    client.await.unwrap();
    assert_eq!(users.read(&2).await.unwrap(), Some(user(2, "Bob", None)));
    assert!(matches!(changes.recv().await, Ok(Some(Event::Written { new: User { id: 2, .. }, .. }))));
    node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_closes_clients_and_may_be_asked_for_twice() {
    let node = Node::builder().resp(any_port()).start().await.unwrap();
    let address = node.resp_addr().unwrap();
    let users = node.create_table::<User>("users").await.unwrap();
    let mut client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    client.write_all(b"PING\r\n").unwrap();
    let mut pong = [0; 7];
    client.read_exact(&mut pong).unwrap();
    assert_eq!(&pong, b"+PONG\r\n");
    let again = node.clone();
    tokio::join!(node.shutdown(), again.shutdown());
    assert_eq!(client.read_to_end(&mut Vec::new()).unwrap(), 0, "the client was closed");
    assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
    users.write(&user(1, "Ada", None)).await.unwrap();
    assert!(users.read(&1).await.unwrap().is_some(), "handles outlive the node");
}

#[tokio::test]
async fn a_port_in_use_is_an_error_that_names_it() {
    let taken = std::net::TcpListener::bind(any_port()).unwrap();
    let address = taken.local_addr().unwrap();
    let error = Node::builder().resp(address).start().await.unwrap_err();
    assert!(matches!(error, StartError::Resp(_)));
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}

#[tokio::test]
async fn a_bad_setting_is_named() {
    let error = Node::builder().name("a b").start().await.unwrap_err();
    assert!(matches!(error, StartError::BadSetting { setting: "name", .. }), "{error}");
    let error = Node::builder().maintenance_interval(Duration::ZERO).start().await.unwrap_err();
    assert!(matches!(error, StartError::BadSetting { setting: "maintenance_interval", .. }), "{error}");
}

/// What an embedder needs to put into tasks, statics and other threads.
#[test]
fn handles_are_send_sync_and_cheap_to_clone() {
    fn check<T: Clone + Send + Sync + 'static>() {}
    check::<Node>();
    // Even of records that are neither: a handle holds none.
    check::<Table<std::rc::Rc<std::cell::Cell<u8>>>>();
    check::<mnemon::Transaction>();
    check::<TransactionOptions>();
    fn check_send<T: Send>(_: T) {}
    let builder = Node::builder();
    check_send(builder.start());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loading_table_is_waited_for_and_answers_nothing_before() {
    let data = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("loading");
    drop(std::fs::remove_dir_all(&data));
    let node = Node::builder().data(&data).start().await.unwrap();
    let table = node.create_table::<(u32, u32)>("t").index("val").disc(Durability::None).await.unwrap();
    for id in 0..50_000 {
        table.dirty_write(&(id, id % 10)).unwrap();
    }
    node.shutdown().await;
    let node = Node::builder().data(&data).load_in_background(true).start().await.unwrap();
    let table: Table<(u32, u32)> = node.table("t").unwrap();
    // Whatever is answered before all is there is that it is not: a part is never seen.
    let mut waited = false;
    loop {
        match table.read(&49_999).await {
            Ok(found) => break assert_eq!(found, Some((49_999, 9))),
            Err(Error::Loading { table, percent }) => assert!(table == "t" && percent < 100),
            Err(other) => panic!("{other}"),
        }
        assert!(matches!(table.write(&(1, 1)).await, Ok(()) | Err(Error::Loading { .. })));
        if !waited {
            node.wait_for_tables(&["t"], Duration::from_secs(30)).await.unwrap();
            waited = true;
        }
    }
    assert_eq!(table.index_read("val", &9).await.unwrap().len(), 5_000);
    let missing = node.wait_for_tables(&["nosuch"], Duration::ZERO).await;
    assert!(matches!(missing, Err(Error::NoTable(_))));
    node.shutdown().await;
}
