//! Whole nodes inside one process: their doors, and what they tell of themselves.

mod backups;
mod damage;
mod disc_only;
mod disc_only_backups;
mod held;
mod killing;
mod moving;
mod rewriting;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use mnemon_node::Node;

const DEADLINE: Duration = Duration::from_secs(30);

/// An empty place of this name for a node's data, made by whoever needs it.
fn place(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    drop(std::fs::remove_dir_all(&path));
    path
}

fn connect(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).expect("it listens");
    stream.set_read_timeout(Some(DEADLINE)).expect("a deadline can be set");
    stream
}

/// Sends commands as lines and reads so many bytes of answers.
fn say(addr: SocketAddr, commands: &str, answer: &str) {
    let mut stream = connect(addr);
    stream.write_all(commands.as_bytes()).expect("it reads");
    let mut found = vec![0; answer.len()];
    stream.read_exact(&mut found).expect("it answers");
    assert_eq!(String::from_utf8_lossy(&found), answer, "{commands}");
}

/// The answer to a GET, head and body.
fn get(addr: SocketAddr, path: &str) -> String {
    let mut stream = connect(addr);
    let request = format!("GET {path} HTTP/1.1\r\nhost: {addr}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("it answers and hangs up");
    text
}

async fn node(name: &str) -> Node {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    Node::builder().name(name).resp(any).http(any).resp_threads(1).start().await.expect("a node")
}

fn has_line(text: &str, line: &str) -> bool {
    text.lines().any(|found| found == line)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_nodes_in_one_process_tell_of_themselves_only() {
    let mut nodes = Vec::new();
    for number in 0..10 {
        nodes.push(node(&format!("n{number}")).await);
    }
    for (number, node) in nodes.iter().enumerate() {
        let (resp, http) = (node.resp_addr().expect("RESP"), node.http_addr().expect("HTTP"));
        say(resp, &"SET k v\r\n".repeat(number + 1), &"+OK\r\n".repeat(number + 1));
        let metrics = get(http, "/metrics");
        for line in [
            format!("mnemon_commits_total {}", number + 1),
            format!("mnemon_resp_commands_total {}", number + 1),
            "mnemon_table_rows{table=\"db0\"} 1".to_owned(),
            "mnemon_check_ok{check=\"resp\"} 1".to_owned(),
        ] {
            assert!(has_line(&metrics, &line), "n{number}: {line:?} is not in\n{metrics}");
        }
        let labels = format!("node=\"n{number}\"");
        assert!(metrics.contains(&labels), "{labels}");
        // The first command of a connection is timed, and counts for those of its kind that are not.
        let timed = metrics.lines().find_map(|line| {
            line.strip_prefix("mnemon_resp_command_duration_seconds_count{family=\"string\"} ")
        });
        assert_eq!(timed, Some("64"), "n{number}");
    }
    for node in nodes {
        node.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_read_or_write_asks_no_process() {
    fn handled(trees: &[mnemon_otp::ProcessTree]) -> u64 {
        trees.iter().map(|tree| tree.process.handled + tree.process.mailbox + handled(&tree.children)).sum()
    }
    const COMMANDS: usize = 5_000;
    let node = node("shop1").await;
    let before = handled(&node.system().tree());
    let resp = node.resp_addr().expect("RESP");
    say(resp, &"SET k v\r\nGET k\r\n".repeat(COMMANDS), &"+OK\r\n$1\r\nv\r\n".repeat(COMMANDS));
    let more = handled(&node.system().tree()) - before;
    // The client itself comes and goes, and processes have their own messages now and then.
    assert!(more < COMMANDS as u64 / 10, "{more} messages for {COMMANDS} reads and writes");
    node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_is_ready_until_it_stops() {
    let node = node("shop1").await;
    let http = node.http_addr().expect("HTTP");
    assert!(get(http, "/readyz").starts_with("HTTP/1.1 200"));
    let listed = get(http, "/livez?verbose");
    assert!(has_line(&listed, "[+]background ok") && has_line(&listed, "[+]resp ok"), "{listed}");
    node.shutdown().await;
    assert!(TcpStream::connect(http).is_err(), "the address is free again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_closes_the_api_and_not_the_probes() {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let node = Node::builder().resp(any).http(any).password("s3cret").start().await.expect("a node");
    let http = node.http_addr().expect("HTTP");
    assert!(get(http, "/metrics").starts_with("HTTP/1.1 401"));
    assert!(get(http, "/api/v1/clients").starts_with("HTTP/1.1 401"));
    assert!(get(http, "/readyz").starts_with("HTTP/1.1 200"));
    node.shutdown().await;
}

#[tokio::test]
async fn an_http_address_in_use_leaves_nothing_running() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let address = taken.local_addr().expect("it is bound");
    let refused = Node::builder().resp(any).http(address).start().await.expect_err("it is taken");
    assert!(refused.to_string().contains(&address.to_string()), "{refused}");
}
