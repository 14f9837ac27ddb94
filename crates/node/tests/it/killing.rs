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
        if process.module.ends_with("::Connection") {
            continue;
        }
        let name = process.child.or(process.name).unwrap_or(process.module);
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
    // The process that watches the loading goes when all is there, and is not to come back.
    wait_until("all is loaded", || !parts(node.system()).contains_key("/node/disc/loading")).await;
    let whole = parts(node.system());
    for expected in [
        "/node/disc/committer",
        "/node/disc/preparer",
        "/node/disc/checkpoints",
        "/node/tables/expiry",
        "/node/http/clients",
        "/node/http/door",
        "/node/tables/subscriptions",
        "/node/tables/snapshots",
        "/node/resp/heartbeat",
        "/node/resp/postman-0",
        "/node/resp/postman-1",
        "/node/resp/clients",
        "/node/resp/door",
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
    for part in ["\"child\":\"expiry\"", "\"child\":\"door\"", "\"child\":\"http\"", "\"name\":\"node\""] {
        assert!(answer.contains(part), "{part}: {answer}");
    }
    node.shutdown().await;
}

/// The pid of a process by its way from the root, connections included.
fn find(system: &System, path: &[&str]) -> Option<Pid> {
    let (mut level, mut found) = (system.tree(), None);
    for name in path {
        let tree = level.into_iter().find(|tree| {
            [&tree.process.child, &tree.process.name].iter().any(|is| is.as_deref() == Some(name))
        })?;
        (found, level) = (Some(tree.process.pid), tree.children);
    }
    found
}

/// Sends a line and reads one.
fn ask(client: &mut BufReader<TcpStream>, line: &str) -> String {
    client.get_mut().write_all(line.as_bytes()).expect("it reads");
    let mut answer = String::new();
    client.read_line(&mut answer).expect("it answers, or hangs up");
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_is_a_process_that_is_killed_alone_and_with_its_supervisor() {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let node = Node::builder().name("n").resp(any).http(any).line(any).resp_threads(2).start().await;
    let node = node.expect("a node");
    let system = node.system();
    let doors = [
        ("resp", node.resp_addr().expect("RESP"), "PING\r\n", "+PONG\r\n"),
        ("line", node.line_addr().expect("the line protocol"), "CREATE b\r\n", "OK\r\n"),
        (
            "http",
            node.http_addr().expect("HTTP"),
            "GET /livez HTTP/1.1\r\nhost: n\r\n\r\n",
            "HTTP/1.1 200 OK\r\n",
        ),
    ];
    for (part, addr, question, answer) in doors {
        let mut clients: Vec<_> = (0..3).map(|_| BufReader::new(crate::connect(addr))).collect();
        for client in &mut clients {
            assert_eq!(ask(client, question), answer, "{part}");
        }
        // The door is killed: those that are connected stay.
        let door = find(system, &["node", part, "door"]).expect("a door");
        assert!(system.exit(door, ExitReason::Kill));
        wait_until("the door is there again", || {
            find(system, &["node", part, "door"]).is_some_and(|now| now != door)
        })
        .await;
        let second = find(system, &["node", part, "clients", "client-2"]).expect("its number is its name");
        let end = system.watch(second);
        assert!(system.exit(second, ExitReason::Kill));
        assert_eq!(end.await, ExitReason::Killed);
        // What was left unread of the answer to HTTP is read first.
        let mut rest = Vec::new();
        drop(std::io::Read::read_to_end(&mut clients.remove(1), &mut rest));
        if part != "http" {
            for client in &mut clients {
                assert_eq!(ask(client, question), answer, "{part}: only the one that was killed is closed");
            }
        }
        for number in [1, 3] {
            let name = format!("client-{number}");
            assert!(find(system, &["node", part, "clients", &name]).is_some(), "{part} {name}");
        }
        let all = find(system, &["node", part, "clients"]).expect("their supervisor");
        let end = system.watch(all);
        assert!(system.exit(all, ExitReason::Kill));
        assert_eq!(end.await, ExitReason::Killed);
        for client in &mut clients {
            // Without an end this runs into the deadline of the socket.
            let read = std::io::Read::read_to_end(client, &mut rest);
            assert!(read.is_ok() || read.is_err_and(|error| error.kind() != std::io::ErrorKind::WouldBlock));
        }
        wait_until("clients are served again", || {
            let mut next = BufReader::new(crate::connect(addr));
            ask(&mut next, question) == answer
        })
        .await;
    }
    node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_audience_hears_all_messages_while_those_who_tell_it_are_killed() {
    const MESSAGES: usize = 2_000;
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let node = Node::builder().name("n").resp(any).resp_threads(2).start().await.expect("a node");
    let (system, addr) = (node.system(), node.resp_addr().expect("RESP"));
    let mut audience: Vec<_> = (0..20).map(|_| BufReader::new(crate::connect(addr))).collect();
    let mut line = String::new();
    let mut read = |client: &mut BufReader<TcpStream>| {
        line.clear();
        client.read_line(&mut line).expect("there is more");
        line.trim_end().to_owned()
    };
    for client in &mut audience {
        ask(client, "SUBSCRIBE news\r\n");
        (0..5).for_each(|_| drop(read(client)));
    }
    let publisher = std::thread::spawn(move || {
        let mut publisher = BufReader::new(crate::connect(addr));
        for number in 0..MESSAGES {
            assert_eq!(ask(&mut publisher, &format!("PUBLISH news {number}\r\n")), ":20\r\n");
        }
    });
    for name in ["postman-0", "postman-1"].into_iter().cycle().take(8) {
        let postman = find(system, &["node", "resp", name]).expect("every thread has one");
        assert!(system.exit(postman, ExitReason::Kill));
        wait_until("the next has taken over", || {
            find(system, &["node", "resp", name]).is_some_and(|now| now != postman)
        })
        .await;
    }
    publisher.join().expect("it publishes all");
    for client in &mut audience {
        for number in 0..MESSAGES {
            let message: Vec<String> = (0..7).map(|_| read(client)).collect();
            assert_eq!((message[2].as_str(), &message[6]), ("message", &number.to_string()));
        }
    }
    node.shutdown().await;
}
