//! A run of the binary: its start, its output, its end. Every wait has a deadline.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

/// Longer than any wait that ends as it should.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Longer than any run of a node. It is killed then, which ends the waits of clients without deadlines.
const LIFETIME: Duration = Duration::from_secs(10 * 60);

/// The binary under test: the one that `MNEMON_BINARY` names, else the one cargo built for the tests, in an environment
/// without settings of its own.
pub(crate) fn binary() -> Command {
    let path =
        std::env::var_os("MNEMON_BINARY").map_or_else(|| env!("CARGO_BIN_EXE_mnemon").into(), PathBuf::from);
    let mut command = Command::new(path);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("MNEMON_") {
            command.env_remove(name);
        }
    }
    // The default port may be taken: by another test, or by a node on this machine.
    command.env_remove("RUST_LOG").env("MNEMON_HTTP", "off").env("MNEMON_RAM", "true").stdin(Stdio::null());
    command
}

/// The same with a data directory.
pub(crate) fn binary_on(data: &Path) -> Command {
    let mut command = binary();
    command.env_remove("MNEMON_RAM").args(["serve", "--resp", "127.0.0.1:0", "--data"]).arg(data);
    command
}

/// Asks again and again, until it is so.
pub(crate) fn wait_until(mut is_so: impl FnMut() -> bool) {
    let (_keep, never) = channel::<()>();
    let found = (0..DEADLINE.as_millis() / 20).any(|_| {
        let so = is_so();
        if !so {
            // Nothing ever comes: it is the pause between two looks.
            let _ = never.recv_timeout(Duration::from_millis(20));
        }
        so
    });
    assert!(found, "it did not become so within {DEADLINE:?}");
}

/// The output of a run that ends by itself.
pub(crate) fn finished(command: &mut Command) -> Output {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let running = Running::spawn(command);
    let stdout = running.rest_of_stdout();
    let (status, stderr) = running.end();
    Output { status, stdout: stdout.into_bytes(), stderr: stderr.into_bytes() }
}

/// A running node. Killed when it is dropped.
pub(crate) struct Running {
    child: Child,
    stdout: Receiver<String>,
    stderr: Option<JoinHandle<String>>,
    banner: String,
    address: SocketAddr,
    /// Gone with it, which ends the watch.
    _watched: Sender<()>,
}

impl Running {
    /// Starts the binary and waits until it says that it is ready.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut running = Self::spawn(command);
        while !running.banner.contains("stop ") {
            match running.stdout.recv_timeout(DEADLINE) {
                Ok(line) => running.banner += &(line + "\n"),
                Err(cause) => {
                    let banner = running.banner.clone();
                    panic!("no banner ({cause}); so far: {banner}; log: {}", running.end().1)
                }
            }
        }
        let resp = running.banner.lines().find_map(|line| line.trim().strip_prefix("RESP "));
        running.address = resp.expect("the banner has the address").trim().parse().expect("an address");
        running
    }

    /// Starts the binary.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary can be started");
        let out = BufReader::new(child.stdout.take().expect("piped"));
        let mut log = child.stderr.take().expect("piped");
        let (lines, stdout) = channel();
        spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if lines.send(line).is_err() {
                    break;
                }
            }
        });
        let stderr = Some(spawn(move || {
            let mut text = String::new();
            log.read_to_string(&mut text).expect("the log is UTF-8");
            text
        }));
        let address = ([127, 0, 0, 1], 0).into();
        let _watched = watch(child.id());
        Self { child, stdout, stderr, banner: String::new(), address, _watched }
    }

    /// Lets so much time pass, unless the run ends or its banner goes on: for tests whose random variable is a moment.
    #[cfg(unix)]
    pub(crate) fn hears_nothing_for(&self, wait_ms: u64) {
        drop(self.stdout.recv_timeout(Duration::from_millis(wait_ms)));
    }

    /// The number of its process.
    #[cfg(target_os = "linux")]
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn banner(&self) -> &str {
        &self.banner
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where HTTP is served, as `http://HOST:PORT`.
    pub(crate) fn http(&self) -> String {
        let line = self.banner.lines().find_map(|line| line.trim().strip_prefix("HTTP "));
        let url = line.expect("the banner has the HTTP address").trim();
        url.strip_suffix("/healthz").expect("it names the health page").to_owned()
    }

    /// A client of it, over the loopback interface.
    pub(crate) fn connect(&self) -> Client {
        let address = SocketAddr::from(([127, 0, 0, 1], self.address.port()));
        let stream = TcpStream::connect(address).expect("it listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("a deadline can be set");
        Client(stream)
    }

    /// Sends a signal, by its name without `SIG`.
    #[cfg(unix)]
    pub(crate) fn signal(&self, name: &str) {
        assert!(kill(name, self.child.id()), "SIG{name}");
    }

    /// All that is still written to stdout. Waits for the end of the run.
    fn rest_of_stdout(&self) -> String {
        let mut text = String::new();
        loop {
            match self.stdout.recv_timeout(DEADLINE) {
                Ok(line) => text += &(line + "\n"),
                Err(RecvTimeoutError::Disconnected) => return text,
                Err(RecvTimeoutError::Timeout) => panic!("it did not end; stdout so far: {text}"),
            }
        }
    }

    /// Kills the run; gives what it has logged.
    pub(crate) fn stop(mut self) -> String {
        drop(self.child.kill());
        self.end().1
    }

    /// Waits for the end of the run; gives its status and what it logged.
    pub(crate) fn end(mut self) -> (ExitStatus, String) {
        // Its stdout ends with it.
        self.rest_of_stdout();
        let status = self.child.wait().expect("it can be waited for");
        let log = self.stderr.take().map(|reader| reader.join().expect("the reader ends"));
        (status, log.unwrap_or_default())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Sends a signal to a process; says whether it was there.
fn kill(name: &str, process: u32) -> bool {
    let sent = Command::new("sh").args(["-c", &format!("kill -{name} {process}")]).status();
    sent.expect("sh runs").success()
}

/// Kills a process that outlives its time, unless the sender has gone before.
fn watch(process: u32) -> Sender<()> {
    let (watched, gone) = channel();
    spawn(move || {
        if gone.recv_timeout(LIFETIME) == Err(RecvTimeoutError::Timeout) {
            kill("KILL", process);
        }
    });
    watched
}

/// A client that speaks commands as text.
pub(crate) struct Client(TcpStream);

impl Client {
    /// Sends a command and checks its answer.
    pub(crate) fn ask(&mut self, command: &str, answer: &str) {
        self.send(&format!("{command}\r\n"));
        self.expect(answer);
    }

    /// Sends bytes.
    pub(crate) fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).expect("it can be written to");
    }

    /// Checks the next bytes that come.
    pub(crate) fn expect(&mut self, answer: &str) {
        let mut found = vec![0; answer.len()];
        self.0.read_exact(&mut found).unwrap_or_else(|cause| panic!("{answer}: {cause}"));
        assert_eq!(String::from_utf8_lossy(&found), answer);
    }

    /// Whether the other side has closed the connection.
    #[cfg(unix)]
    pub(crate) fn is_closed(&mut self) -> bool {
        // Unlike `read`, it goes on when the process is paused meanwhile. After a reset, a write fails.
        matches!(self.0.read_to_end(&mut Vec::new()), Ok(0)) || self.0.write_all(b"PING\r\n").is_err()
    }
}
