//! A node with real tables, whose other parts say what a test wants, and a client of its server.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mnemon_http::api::Client;
use mnemon_http::{Bucket, Check, Counts, HttpConfig, HttpServer, Latency, Observed, Weight};
use mnemon_otp::ProcessTree;
use mnemon_store::ManualClock;
use mnemon_table::Catalog;

pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) struct StandIn {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) failure: Mutex<Option<String>>,
    pub(crate) password: Option<&'static str>,
}

impl StandIn {
    pub(crate) fn new() -> Self {
        let catalog = Arc::new(Catalog::local(Box::new(ManualClock::at(1_000_000))));
        Self { catalog, failure: Mutex::default(), password: None }
    }
}

impl Observed for StandIn {
    fn name(&self) -> &'static str {
        "shop1"
    }

    fn version(&self) -> &'static str {
        "1.2.3"
    }

    fn started_ms(&self) -> u64 {
        998_500
    }

    fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    fn resp_address(&self) -> Option<String> {
        Some("127.0.0.1:7070".to_owned())
    }

    fn checks(&self) -> Vec<Check> {
        let failure = self.failure.lock().expect("no test panics with it").clone();
        vec![
            Check { name: "ping", failure: None, weight: Weight::Vital },
            Check { name: "resp", failure, weight: Weight::Ready },
        ]
    }

    fn counts(&self) -> Option<Counts> {
        let bucket = |up_to_seconds, count| Bucket { up_to_seconds, count };
        let buckets = vec![bucket(0.000_001, 5), bucket(0.000_002, 7)];
        Some(Counts {
            commands: 42,
            connected: 3,
            refused: vec![("clients", 9)],
            latencies: vec![Latency { family: "string", buckets, longer: 1, sum_seconds: 0.5 }],
            ..Counts::default()
        })
    }

    fn clients(&self, after: u64, limit: usize) -> Vec<Client> {
        let ids = (after + 1..=3).take(limit);
        ids.map(|id| Client { id, address: format!("10.0.0.{id}:5"), ..Client::default() }).collect()
    }

    fn processes(&self) -> Vec<ProcessTree> {
        Vec::new()
    }

    fn is_protected(&self) -> bool {
        self.password.is_some()
    }

    fn admits(&self, user: &str, password: &str) -> bool {
        user == "default" && Some(password) == self.password
    }
}

/// A server in a runtime of its own thread, and what asks it.
pub(crate) struct Site {
    pub(crate) addr: SocketAddr,
    pub(crate) runtime: tokio::runtime::Runtime,
    pub(crate) server: HttpServer,
}

/// An answer: its status, its head in lower case, its body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// Whether the server closes the connection, in order or by a reset, and says nothing before.
pub(crate) fn is_closed(stream: &mut TcpStream) -> bool {
    // Unlike `read`, it goes on when the process is paused meanwhile.
    match stream.read_to_end(&mut Vec::new()) {
        Ok(count) => count == 0,
        Err(cause) => cause.kind() == ErrorKind::ConnectionReset,
    }
}

impl Site {
    pub(crate) fn start(config: HttpConfig, node: StandIn) -> (Self, Arc<StandIn>) {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime can be made");
        let node = Arc::new(node);
        let config = HttpConfig { addr: ([127, 0, 0, 1], 0).into(), ..config };
        let server = runtime.block_on(HttpServer::bind(config, node.clone())).expect("a free port");
        (Self { addr: server.local_addr(), runtime, server }, node)
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.addr).expect("it listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("a deadline can be set");
        stream
    }

    /// Sends a whole request and reads until the server hangs up.
    pub(crate) fn raw(&self, request: &str) -> Answer {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).expect("it takes the request");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("it answers and hangs up");
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
    }

    /// A GET with more header lines, each ending with a line break.
    pub(crate) fn get_with(&self, path: &str, headers: &str) -> Answer {
        self.raw(&format!("GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n{headers}\r\n", self.addr))
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.get_with(path, "")
    }
}
