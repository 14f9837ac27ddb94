//! What is refused, and who is cut off.

use std::io::{Read, Write};
use std::time::Duration;

use mnemon_http::HttpConfig;

use crate::stand_in::{Site, StandIn, is_closed};

const PRIVATE: [&str; 4] = ["/metrics", "/api/v1/status", "/api/v1/tables/db0", "/api/v1/clients"];

#[test]
fn a_password_keeps_all_but_the_probes() {
    let node = StandIn { password: Some("s3cret"), ..StandIn::new() };
    let (site, _) = Site::start(HttpConfig::default(), node);
    for path in PRIVATE {
        let answer = site.get(path);
        assert_eq!(answer.status, 401, "{path}");
        assert!(
            answer.head.contains("www-authenticate: basic") && answer.body.contains("NOAUTH"),
            "{answer:?}"
        );
        assert_eq!(site.get_with(path, "authorization: Bearer wrong\r\n").status, 401);
        assert_ne!(site.get_with(path, "authorization: Bearer s3cret\r\n").status, 401);
    }
    assert_eq!(site.get_with("/metrics", "authorization: Basic ZGVmYXVsdDpzM2NyZXQ=\r\n").status, 200);
    assert_eq!(site.get("/livez").status, 200);
    assert_eq!(site.get("/nosuch").status, 404);
}

#[test]
fn a_page_whose_domain_points_here_is_refused() {
    let (site, _) = Site::start(HttpConfig::default(), StandIn::new());
    for path in PRIVATE {
        let answer =
            site.raw(&format!("GET {path} HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n"));
        assert_eq!(answer.status, 403, "{path}");
        assert_ne!(site.get(path).status, 403, "{path}");
    }
}

#[test]
fn only_small_questions_are_taken() {
    let (site, _) = Site::start(HttpConfig::default(), StandIn::new());
    let ask = |line: &str, rest: &str| {
        site.raw(&format!("{line} HTTP/1.1\r\nhost: [::1]\r\nconnection: close\r\n{rest}")).status
    };
    assert_eq!(ask("GET /livez", "\r\n"), 200);
    assert_eq!(ask("HEAD /livez", "\r\n"), 200);
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        assert_eq!(ask(&format!("{method} /livez"), "\r\n"), 405, "{method}");
    }
    assert_eq!(ask("GET /livez", "content-length: 10000000\r\n\r\n"), 413);
    assert_eq!(ask("GET /livez", "transfer-encoding: chunked\r\n\r\n0\r\n\r\n"), 413);
    let long = "x".repeat(20 << 10);
    assert_eq!(ask("GET /livez", &format!("x: {long}\r\n\r\n")), 431);
    let many: String = (0..200).map(|number| format!("h{number}: 1\r\n")).collect();
    assert_eq!(ask("GET /livez", &format!("{many}\r\n")), 431);
    assert_eq!(ask("nonsense", "\r\n"), 400);
}

#[test]
fn what_changes_something_is_taken_only_as_json() {
    let (site, _) = Site::start(HttpConfig::default(), StandIn::new());
    let ask = |path: &str, rest: &str| {
        let head = format!("POST {path} HTTP/1.1\r\nhost: [::1]\r\nconnection: close\r\n{rest}\r\n");
        site.raw(&head).status
    };
    for path in
        ["/api/v1/backups", "/api/v1/backups/a/restore", "/api/v1/tables/t/import", "/api/v1/cancel-restore"]
    {
        assert_eq!(ask(path, ""), 415, "{path}");
        assert_eq!(ask(path, "content-type: text/plain\r\n"), 415, "{path}");
        assert_eq!(
            ask(path, "content-type: application/json\r\ncontent-length: 10000000\r\n"),
            413,
            "{path}"
        );
    }
    // The stand-in takes no backups and has no such table.
    assert_eq!(ask("/api/v1/backups", "content-type: application/json\r\n"), 400);
    assert_eq!(ask("/api/v1/tables/t/import", "content-type: application/json\r\n"), 404);
    assert_eq!(ask("/api/v1/status", "content-type: application/json\r\n"), 405);
}

#[test]
fn who_says_nothing_is_sent_away() {
    let head_within = Duration::from_millis(100);
    let (site, _) = Site::start(HttpConfig { head_within, ..HttpConfig::default() }, StandIn::new());
    for said in
        ["", "GET /livez HTTP/1.1\r\nhost: localhost\r\n", "GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n"]
    {
        let mut stream = site.connect();
        stream.write_all(said.as_bytes()).unwrap();
        // Ends only because the server hangs up: the client asks for nothing of the kind.
        let mut told = String::new();
        stream.read_to_string(&mut told).unwrap();
        assert_eq!(told.starts_with("HTTP/1.1 200"), said.ends_with("\r\n\r\n"), "{told}");
    }
}

#[test]
fn connections_are_bounded_and_their_places_come_back() {
    let (site, _) = Site::start(HttpConfig { max_connections: 2, ..HttpConfig::default() }, StandIn::new());
    let asked = |stream: &mut std::net::TcpStream| {
        stream.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        // Its body is `ok`.
        while !answer.ends_with(b"\r\n\r\nok") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            answer.extend(byte);
        }
        answer.starts_with(b"HTTP/1.1 200")
    };
    let (mut first, mut second) = (site.connect(), site.connect());
    assert!(asked(&mut first));
    assert!(asked(&mut second));
    let mut told = String::new();
    // It may be reset instead, when more was sent than was read; here nothing was sent.
    site.connect().read_to_string(&mut told).unwrap();
    assert!(told.starts_with("HTTP/1.1 503"), "{told}");
    drop(first);
    let freed = (0..10_000).find(|_| {
        std::thread::yield_now();
        // Until then a refusal may come as a reset: a request was sent that nobody reads.
        let mut stream = site.connect();
        let asked = stream.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        let mut text = String::new();
        asked.is_ok() && stream.read_to_string(&mut text).is_ok() && text.starts_with("HTTP/1.1 200")
    });
    assert!(freed.is_some(), "a place comes back");
    assert!(asked(&mut second));
}

#[test]
fn a_connection_does_not_live_for_ever() {
    let connection_within = Duration::from_millis(100);
    let (site, _) = Site::start(HttpConfig { connection_within, ..HttpConfig::default() }, StandIn::new());
    let mut stream = site.connect();
    assert!(is_closed(&mut stream));
}

#[test]
fn shutdown_frees_the_address_and_ends_idle_connections() {
    let (site, _) = Site::start(HttpConfig::default(), StandIn::new());
    let mut idle = site.connect();
    assert_eq!(site.get("/livez").status, 200);
    let Site { addr, runtime, server } = site;
    runtime.block_on(server.shutdown());
    assert!(is_closed(&mut idle));
    std::net::TcpListener::bind(addr).expect("the address is free");
}

#[test]
fn an_address_in_use_is_refused() {
    let (site, node) = Site::start(HttpConfig::default(), StandIn::new());
    let config = HttpConfig { addr: site.addr, ..HttpConfig::default() };
    let refused = site.runtime.block_on(mnemon_http::HttpServer::bind(config, node)).unwrap_err();
    assert!(refused.to_string().contains(&site.addr.to_string()), "{refused}");
}
