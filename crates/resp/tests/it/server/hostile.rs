//! Clients that mean harm, or have gone wrong: the server goes on, and its memory stays bounded.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use mnemon_resp::protocol::{Reply, writer};
use mnemon_resp::{ClientMemoryLimit, OutputLimit, Server};

use crate::client::{Client, is_closed, serve};

/// No condition takes longer than this to come true, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until something holds.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    #[expect(clippy::disallowed_methods, reason = "a deadline of the test, not a time of the server")]
    let now = Instant::now;
    let end = now() + PATIENCE;
    while !holds() {
        assert!(now() < end, "in vain: {what}");
        std::thread::yield_now();
    }
}

fn is_alive(server: &Server) {
    assert_eq!(Client::connect(server.local_addr()).say("PING"), Reply::simple("PONG"));
}

/// Memory that this process holds, in bytes; `None` where the operating system does not tell.
fn resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<usize>().ok()? << 10)
}

#[test]
fn what_is_only_announced_takes_no_memory() {
    let server = serve(|_| {});
    is_alive(&server);
    let before = resident();
    let mut clients: Vec<Client> = (0..20).map(|_| Client::connect(server.local_addr())).collect();
    for client in &mut clients {
        client.send_bytes(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$419430400\r\n");
        client.send_bytes(&[b'x'; 100_000]);
    }
    until("all of it is read", || server.host().stats().totals().bytes_in > 20 * 100_000);
    is_alive(&server);
    if let (Some(before), Some(after)) = (before, resident()) {
        // Other tests of this process run meanwhile; 20 announced values would be 8 GB.
        let grown = after.saturating_sub(before);
        println!("20 half-sent values of 400 MB: {grown} bytes of memory");
        assert!(grown < 1 << 30, "{grown}");
    }
}

/// Sends so much of a value of 400 MB, or as much as the server takes before it closes the connection.
fn send_part(server: &Server, mebibytes: usize) -> TcpStream {
    let mut stream = TcpStream::connect(server.local_addr()).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$419430400\r\n").unwrap();
    let part = vec![b'x'; 1 << 20];
    let _ = (0..mebibytes).try_for_each(|_| stream.write_all(&part));
    stream
}

#[test]
fn half_sent_requests_take_no_more_memory_than_all_clients_may() {
    const MAX: usize = 96 << 20;
    let server = serve(|config| config.bounds.max_client_memory = ClientMemoryLimit::Bytes(MAX as u64));
    let mut bystander = Client::connect(server.local_addr());
    let before = resident();
    let mut most = 0;
    std::thread::scope(|scope| {
        // Who has sent its part stays connected until the end.
        let senders: Vec<_> = (0..20).map(|_| scope.spawn(|| send_part(&server, 48))).collect();
        while !senders.iter().all(|sender| sender.is_finished()) {
            assert_eq!(bystander.say("PING"), Reply::simple("PONG"));
            most = most.max(resident().unwrap_or(0));
        }
    });
    let evicted = server.host().stats().totals().evicted;
    if let Some(before) = before {
        let grown = most.saturating_sub(before);
        println!(
            "20 values of 400 MB, 48 MB sent of each: {grown} bytes of memory, {evicted} clients sent away"
        );
        // Other tests of this process run meanwhile; what was sent is 960 MB.
        assert!(grown < 4 * MAX, "{grown}");
    }
    assert!(evicted >= 10, "{evicted}");
    // The last of them may not have heard of it yet.
    until("INFO tells of all who were sent away", || {
        let evicted = server.host().stats().totals().evicted;
        let Reply::Bulk(info) = bystander.say("INFO stats") else { panic!("no text") };
        String::from_utf8_lossy(&info).contains(&format!("evicted_clients:{evicted}\r\n"))
    });
}

#[test]
fn who_asked_not_to_be_evicted_stays() {
    let server = serve(|config| config.bounds.max_client_memory = ClientMemoryLimit::Bytes(4 << 20));
    let mut careful = Client::connect(server.local_addr());
    assert_eq!(careful.say("CLIENT NO-EVICT on"), Reply::OK);
    careful.send_bytes(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$8388608\r\n");
    careful.send_bytes(&vec![b'x'; 8 << 20]);
    let mut careless = send_part(&server, 8);
    assert!(is_closed(&mut careless));
    until("it is counted", || server.host().stats().totals().evicted == 1);
    careful.send_bytes(b"\r\n");
    assert_eq!(careful.receive().0, Reply::OK);
}

#[test]
fn a_reader_that_never_reads_is_cut_off() {
    let server = serve(|config| config.bounds.write_timeout_s = 1);
    let mut writer = Client::connect(server.local_addr());
    assert_eq!(writer.call(&[b"SET", &b"k"[..], &vec![b'v'; 1 << 20]]), Reply::OK);
    let mut bytes = Vec::new();
    (0..1_000).for_each(|_| writer::write_command(&mut bytes, ["GET", "k"]));
    let mut lazy = Client::connect(server.local_addr());
    lazy.send_bytes(&bytes);
    until("the client is cut off", || server.host().stats().totals().stalled == 1);
    assert!(lazy.rest().len() < 64 << 20);
    assert_eq!(writer.say("PING"), Reply::simple("PONG"));
}

#[test]
fn a_subscriber_that_reads_no_messages_is_cut_off() {
    let server = serve(|config| {
        config.bounds.output_pubsub = OutputLimit { hard: 4 << 20, soft: 0, soft_seconds: 0 };
    });
    let mut listener = Client::connect(server.local_addr());
    assert!(matches!(listener.say("SUBSCRIBE c"), Reply::Array(_)));
    let mut speaker = Client::connect(server.local_addr());
    let text = vec![b'x'; 1 << 20];
    let mut heard = 1;
    for _ in 0..1_000 {
        let Reply::Int(receivers) = speaker.call(&[b"PUBLISH", &b"c"[..], &text]) else {
            panic!("no number")
        };
        heard = receivers;
        if heard == 0 {
            break;
        }
    }
    assert_eq!((heard, server.host().stats().totals().overflowed), (0, 1));
    assert!(listener.rest().len() < 64 << 20);
}

#[test]
fn an_answer_larger_than_the_limit_is_not_made() {
    let server = serve(|config| {
        config.bounds.output_normal = OutputLimit { hard: 8 << 20, soft: 0, soft_seconds: 0 };
    });
    let mut client = Client::connect(server.local_addr());
    assert_eq!(client.call(&[b"SET", &b"k"[..], &vec![b'v'; 1 << 20]]), Reply::OK);
    let before = resident();
    let mut all = vec!["MGET"];
    all.extend(std::iter::repeat_n("k", 100_000));
    client.send(&all);
    assert_eq!(client.rest(), b"");
    assert_eq!(server.host().stats().totals().overflowed, 1);
    if let (Some(before), Some(after)) = (before, resident()) {
        assert!(after.saturating_sub(before) < 1 << 30, "100 GB were asked for");
    }
    is_alive(&server);
}

#[test]
fn random_bytes_end_in_an_error_or_nothing() {
    let server = serve(|_| {});
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    for _ in 0..200 {
        let bytes: Vec<u8> = (0..4_096)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                state.to_le_bytes()[7]
            })
            .collect();
        let mut client = Client::connect(server.local_addr());
        // The server may have closed already.
        let _ = client.stream.write_all(&bytes);
        let _ = client.stream.shutdown(std::net::Shutdown::Write);
        let rest = client.rest();
        assert!(rest.is_empty() || rest.starts_with(b"-ERR"), "{}", rest.escape_ascii());
    }
    is_alive(&server);
}

#[test]
fn idle_clients_are_closed_and_others_are_not() {
    let server = serve(|config| config.bounds.idle_timeout_s = 1);
    let mut listener = Client::connect(server.local_addr());
    assert!(matches!(listener.say("SUBSCRIBE c"), Reply::Array(_)));
    let mut idle = Client::connect(server.local_addr());
    assert_eq!(idle.say("PING"), Reply::simple("PONG"));
    assert_eq!(idle.rest(), b"", "closed without a word");
    assert_eq!(server.host().stats().totals().idle, 1);
    assert_eq!(listener.say("PING"), Reply::Array(vec![Reply::bulk("pong"), Reply::bulk("")]));
}

/// How many idle connections are opened.
const IDLE: usize = 10_000;
/// Tells the other end where to connect to.
const OTHER_END: &str = "MNEMON_TEST_OTHER_END";

#[test]
fn ten_thousand_idle_connections_are_held() {
    // The other ends are in a process of their own, so that each process has one file a connection.
    let needed = IDLE as u64 + 1_000;
    let raised = rlimit::increase_nofile_limit(needed);
    if !raised.as_ref().is_ok_and(|limit| *limit >= needed) {
        println!("skipped: this process may not open {needed} files: {raised:?}");
        return;
    }
    let server = serve(|config| config.bounds.max_clients = IDLE + 100);
    let before = resident();
    let mut other_end = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "server::hostile::the_other_end_of_idle_connections"])
        .env(OTHER_END, server.local_addr().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    until("all are accepted", || server.host().stats().totals().connected == IDLE);
    is_alive(&server);
    if let (Some(before), Some(after)) = (before, resident()) {
        println!("an idle connection takes {} bytes", after.saturating_sub(before) / IDLE);
    }
    let mut one = Client::connect(server.local_addr());
    let Reply::Bulk(text) = one.say("INFO clients") else { panic!("INFO answers text") };
    assert!(String::from_utf8_lossy(&text).contains("connected_clients:1000"));
    // It ends with its standard input.
    drop(other_end.stdin.take());
    assert!(other_end.wait().unwrap().success());
    until("all have gone", || server.host().stats().totals().connected <= 1);
}

#[test]
#[ignore = "the other end of a test, run by it in a process of its own"]
fn the_other_end_of_idle_connections() {
    let Ok(addr) = std::env::var(OTHER_END) else { return };
    let clients: Vec<TcpStream> = (0..IDLE).map(|_| TcpStream::connect(&addr).unwrap()).collect();
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    drop(clients);
}
