//! A Redis server of one's own.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};

pub(super) struct Redis {
    child: Child,
    pub(super) addr: SocketAddr,
}

impl Redis {
    /// Starts one that keeps nothing on disc. `None` when Redis is not installed, unless it is required.
    pub(super) fn start() -> Option<Self> {
        let free = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let addr = free.local_addr().unwrap();
        drop(free);
        let port = addr.port().to_string();
        let arguments = ["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
        let started = Command::new("redis-server")
            .args(arguments)
            .current_dir(std::env::temp_dir())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut child = match started {
            Ok(child) => child,
            Err(error) => {
                let required = std::env::var_os("MNEMON_REQUIRE_PEERS").is_some_and(|value| value == "1");
                assert!(!required, "redis-server cannot be started: {error}");
                println!("skipped: redis-server cannot be started: {error}");
                return None;
            }
        };
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = lines.any(|line| line.is_ok_and(|line| line.contains("Ready to accept connections")));
        assert!(ready, "redis-server ended instead of serving on {addr}");
        Some(Self { child, addr })
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
