//! Each process of a serving node is killed in turn, under load: clients see an error that they can retry, nothing that was
//! acknowledged is lost, and the tree is whole again.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread::JoinHandle;
use std::time::Duration;

use mnemon_node::{Durability, Node};
use mnemon_otp::{ExitReason, Pid, ProcessTree, System};

use crate::{DEADLINE, get};

/// Clients of each door.
const CLIENTS: u64 = 2;

/// The processes that are always there, by their way from the root: connections come and go.
fn parts(system: &System) -> BTreeMap<String, Pid> {
    let mut found = BTreeMap::new();
    let mut left: Vec<(String, ProcessTree)> =
        system.tree().into_iter().map(|tree| (String::new(), tree)).collect();
    while let Some((above, tree)) = left.pop() {
        let process = tree.process;
        if process.kind.ends_with("::Connection") {
            continue;
        }
        let name = process.child.or(process.name).unwrap_or(process.kind);
        let path = format!("{above}/{name}");
        left.extend(tree.children.into_iter().map(|child| (path.clone(), child)));
        found.insert(path, process.pid);
    }
    found
}

/// Waits until `holds`, looking again and again.
async fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let looked = async {
        let mut looks = tokio::time::interval(Duration::from_millis(2));
        while !holds() {
            looks.tick().await;
        }
    };
    tokio::time::timeout(DEADLINE, looked).await.unwrap_or_else(|_| panic!("not in time: {what}"));
}

/// What the clients have been told.
#[derive(Default)]
struct Told {
    /// The last number that was acknowledged, by client.
    acknowledged: [AtomicU64; CLIENTS as usize],
    /// Errors that clients saw, and retried.
    retried: AtomicU64,
    over: AtomicBool,
}

impl Told {
    fn sum(&self) -> u64 {
        self.acknowledged.iter().map(|number| number.load(SeqCst)).sum()
    }
}

/// Writes rising numbers to its own key until it is over; connects again whenever the connection ends. `lines` makes the
/// request for a number; its answer is so many lines, the last of which says yes with `yes`.
fn write(
    addr: SocketAddr,
    client: u64,
    told: &Arc<Told>,
    lines: fn(u64, u64) -> (String, usize),
    yes: &'static str,
) -> JoinHandle<()> {
    let told = told.clone();
    std::thread::spawn(move || {
        let acknowledged = &told.acknowledged[client as usize];
        let mut connection: Option<BufReader<TcpStream>> = None;
        while !told.over.load(SeqCst) {
            let number = acknowledged.load(SeqCst) + 1;
            let mut say = || -> std::io::Result<bool> {
                let stream = match &mut connection {
                    Some(stream) => stream,
                    none => {
                        let stream = TcpStream::connect(addr)?;
                        stream.set_read_timeout(Some(DEADLINE))?;
                        none.insert(BufReader::new(stream))
                    }
                };
                let (request, answers) = lines(client, number);
                stream.get_mut().write_all(request.as_bytes())?;
                let mut line = String::new();
                for _ in 0..answers {
                    line.clear();
                    if stream.read_line(&mut line)? == 0 {
                        return Ok(false);
                    }
                }
                Ok(line == yes)
            };
            match say() {
                Ok(true) => acknowledged.store(number, SeqCst),
                Ok(false) | Err(_) => {
                    connection = None;
                    told.retried.fetch_add(1, SeqCst);
                }
            }
        }
    })
}

fn set(client: u64, number: u64) -> (String, usize) {
    (format!("SET c{client} {number}\r\n"), 1)
}

fn put(client: u64, number: u64) -> (String, usize) {
    (format!("CREATE b\r\nPUT b c{client} {number}\r\n"), 2)
}

async fn start(directory: &PathBuf) -> Node {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let node = Node::builder().name("n").resp(any).http(any).line(any).line_tables(true).resp_threads(2);
    let node = node.data(directory).database_durability(Durability::Commit);
    node.maintenance_interval(Duration::from_millis(5)).start().await.expect("a node")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_process_can_be_killed_under_load_and_nothing_acknowledged_is_lost() {
    let directory = std::env::temp_dir().join(format!("mnemon-killing-{}", std::process::id()));
    drop(std::fs::remove_dir_all(&directory));
    let node = start(&directory).await;
    let (resp, http) = (node.resp_addr().expect("RESP"), node.http_addr().expect("HTTP"));
    let line = node.line_addr().expect("the line protocol");
    let (redis, lines) = (Arc::new(Told::default()), Arc::new(Told::default()));
    let mut clients = Vec::new();
    for client in 0..CLIENTS {
        clients.push(write(resp, client, &redis, set, "+OK\r\n"));
        clients.push(write(line, client, &lines, put, "OK\r\n"));
    }
    let whole = parts(node.system());
    for expected in [
        "/node/disc/committer",
        "/node/disc/checkpoints",
        "/node/tables/expiry",
        "/node/http",
        "/node/tables/subscriptions",
        "/node/tables/snapshots",
        "/node/resp/heartbeat",
        "/node/resp/worker-1",
        "/node/resp/door-0",
        "/node/line/registry",
        "/node/line/door",
        "/node/line/clients",
        "/node",
    ] {
        assert!(whole.contains_key(expected), "{expected} is not among {whole:?}");
    }
    for path in whole.keys() {
        let (before, lines_before) = (redis.sum(), lines.sum());
        wait_until("clients get on", || redis.sum() > before && lines.sum() > lines_before).await;
        let pid = parts(node.system())[path];
        assert!(node.system().exit(pid, ExitReason::Kill), "{path}");
        let is_whole = || {
            let now = parts(node.system());
            now.get(path).is_some_and(|now| *now != pid) && whole.keys().all(|part| now.contains_key(part))
        };
        wait_until(&format!("{path} is there again"), is_whole).await;
        let (before, lines_before) = (redis.sum(), lines.sum());
        wait_until(&format!("clients get on after {path}"), || {
            redis.sum() > before + CLIENTS && lines.sum() > lines_before + CLIENTS
        })
        .await;
    }
    assert!(get(http, "/readyz").starts_with("HTTP/1.1 200"), "{}", get(http, "/readyz?verbose"));
    for told in [&redis, &lines] {
        told.over.store(true, SeqCst);
        assert!(told.retried.load(SeqCst) > 0, "the doors were killed too");
    }
    clients.into_iter().for_each(|client| client.join().expect("a client sees errors and never panics"));
    for client in 0..CLIENTS {
        let (_, last) = lines.acknowledged.iter().enumerate().nth(client as usize).expect("its numbers");
        crate::say(line, &format!("GET b c{client}\n"), &format!("{}\r\nOK\r\n", last.load(SeqCst)));
    }
    node.shutdown().await;
    let node = start(&directory).await;
    for client in 0..CLIENTS {
        let last = redis.acknowledged[client as usize].load(SeqCst).to_string();
        let resp = node.resp_addr().expect("RESP");
        crate::say(resp, &format!("GET c{client}\r\n"), &format!("${}\r\n{last}\r\n", last.len()));
    }
    node.shutdown().await;
    std::fs::remove_dir_all(&directory).expect("the directory was made");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_with_writes_that_are_not_synced_yet_stops_in_order() {
    let directory = std::env::temp_dir().join(format!("mnemon-unsynced-{}", std::process::id()));
    drop(std::fs::remove_dir_all(&directory));
    let start = || {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        // An hour: nothing is synced unless the end of the node asks for it.
        let durability = Durability::Interval(3_600_000);
        Node::builder().resp(any).resp_threads(1).data(&directory).database_durability(durability).start()
    };
    let node = start().await.expect("a node");
    crate::say(node.resp_addr().expect("RESP"), "SET k v\r\n", "+OK\r\n");
    tokio::time::timeout(DEADLINE, node.shutdown()).await.expect("it ends");
    let node = start().await.expect("a node");
    crate::say(node.resp_addr().expect("RESP"), "GET k\r\n", "$1\r\nv\r\n");
    tokio::time::timeout(DEADLINE, node.shutdown()).await.expect("it ends");
    std::fs::remove_dir_all(&directory).expect("the directory was made");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tree_is_shown_over_http() {
    let node = crate::node("n").await;
    let answer = get(node.http_addr().expect("HTTP"), "/api/v1/tree");
    for part in ["\"child\":\"expiry\"", "\"child\":\"worker-0\"", "\"child\":\"http\"", "\"name\":\"node\""]
    {
        assert!(answer.contains(part), "{part}: {answer}");
    }
    node.shutdown().await;
}
