//! The protocol as clients see it, over real sockets, and what happens when its processes end.

mod crashes;
mod protocol;
mod subscriptions;
mod tables;

use std::time::Duration;

use mnemon_line::{LineConfig, LineServer};
use mnemon_otp::{ExitReason, Pid, System};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longer than any wait of a test that succeeds.
const LIMIT: Duration = Duration::from_secs(30);

async fn server(change: impl FnOnce(&mut LineConfig)) -> (System, LineServer) {
    let system = System::new().expect("a test runs in a runtime");
    let mut config = LineConfig { addr: ([127, 0, 0, 1], 0).into(), ..LineConfig::default() };
    change(&mut config);
    let server = LineServer::bind(&system, config).expect("a free port");
    server.start(&system).await.expect("its processes start");
    (system, server)
}

/// A client that knows what it waits for.
struct Client(TcpStream);

impl Client {
    async fn of(server: &LineServer) -> Self {
        Self(TcpStream::connect(server.local_addr()).await.expect("it listens"))
    }

    async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.expect("it reads");
    }

    /// Reads exactly these bytes.
    async fn expect(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        let mut found = Vec::new();
        let mut rest = (&mut self.0).take(bytes.len() as u64);
        let read = tokio::time::timeout(LIMIT, rest.read_to_end(&mut found)).await;
        read.expect("an answer in time").expect("an answer");
        assert_eq!(String::from_utf8_lossy(&found), String::from_utf8_lossy(bytes));
    }

    async fn say(&mut self, line: &str, answer: &str) {
        self.send(format!("{line}\r\n")).await;
        self.expect(answer).await;
    }

    /// Nothing more comes.
    async fn expect_end(&mut self) {
        let mut rest = Vec::new();
        let read = tokio::time::timeout(LIMIT, self.0.read_to_end(&mut rest)).await;
        // Closed with something unread, a socket may be reset.
        drop(read.expect("the end in time"));
        assert_eq!(String::from_utf8_lossy(&rest), "");
    }
}

/// Kills the process and waits until it has ended.
async fn kill(system: &System, pid: Pid) {
    let end = system.watch(pid);
    system.exit(pid, ExitReason::Kill);
    tokio::time::timeout(LIMIT, end).await.expect("a killed process ends");
}
