//! A node that speaks TLS at all its doors, and the tools that speak to it.

use std::path::PathBuf;
use std::process::Output;

use crate::process::{Running, binary, finished};

/// A certificate for `localhost` and 127.0.0.1 in a directory of its own; gives the paths of certificate and key.
fn identity(name: &str) -> [String; 2] {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("tls-{name}"));
    std::fs::create_dir_all(&directory).expect("the tests' directory can be written");
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).expect("the names are names");
    let paths = ["cert.pem", "key.pem"].map(|name| directory.join(name).display().to_string());
    std::fs::write(&paths[0], made.cert.pem()).expect("the tests' directory can be written");
    std::fs::write(&paths[1], made.signing_key.serialize_pem()).expect("the tests' directory can be written");
    paths
}

fn start(name: &str, more: &[&str]) -> (Running, String) {
    let [certificate, key] = identity(name);
    let node = Running::start(
        binary()
            .args(["--resp", "127.0.0.1:0", "--http", "127.0.0.1:0"])
            .args(["--tls-cert", &certificate, "--tls-key", &key])
            .args(more)
            .env("MNEMON_PASSWORD", "s3cret"),
    );
    (node, certificate)
}

fn run(words: &[&str]) -> Output {
    finished(binary().args(words).env("MNEMON_PASSWORD", "s3cret"))
}

/// What was said on stdout, and on stderr.
fn told(output: &Output) -> [String; 2] {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned())
}

#[test]
fn every_tool_speaks_tls_to_a_node_that_speaks_nothing_else() {
    let (node, ca) = start("all", &[]);
    let (http, resp) = (node.http(), node.address().to_string());
    assert!(http.starts_with("https://"), "{}", node.banner());
    for words in [
        &["check", "ready", "--connect", &http, "--ca", &ca][..],
        &["ctl", "status", "--connect", &http, "--ca", &ca],
        &["shell", "--connect", &resp, "--ca", &ca, "-c", "SET a 1", "-c", "GET a"],
        &[
            "bench",
            "--connect",
            &resp,
            "--tls",
            "--ca",
            &ca,
            "-n",
            "200",
            "-c",
            "3",
            "-P",
            "7",
            "-t",
            "set,get",
        ],
    ] {
        let output = run(words);
        assert!(output.status.success(), "{words:?}: {output:?}");
    }
    assert_eq!(told(&run(&["shell", "--connect", &resp, "--ca", &ca, "-c", "GET a"]))[0], "1\n");
}

#[test]
fn whom_the_tools_do_not_trust_they_tell_nothing() {
    let (node, _) = start("untrusted", &[]);
    let [other, _] = identity("other");
    let (http, resp) = (node.http(), node.address().to_string());
    for words in [
        &["check", "ready", "--connect", &http, "--ca", &other][..],
        &["ctl", "status", "--connect", &http, "--ca", &other],
        &["shell", "--connect", &resp, "--ca", &other, "-c", "GET a"],
        &["bench", "--connect", &resp, "--ca", &other, "-n", "1"],
    ] {
        let output = run(words);
        let [_, log] = told(&output);
        assert_eq!((output.status.code(), log.lines().count()), (Some(2), 1), "{words:?}: {log}");
        assert!(log.contains("certificate"), "{words:?}: {log}");
    }
    // Who asks plainly is told what is spoken there.
    let plain = http.replace("https://", "http://");
    let [_, log] = told(&run(&["ctl", "status", "--connect", &plain]));
    assert!(log.contains("TLSREQUIRED") && log.contains("https://"), "{log}");
    let [_, log] = told(&run(&["ctl", "status", "--connect", &http, "--ca", "absent.pem"]));
    assert!(log.contains("absent.pem") && log.lines().count() == 1, "{log}");
}

#[test]
fn http_may_stay_plain_or_stand_beside_https() {
    let (node, ca) = start("beside", &["--http-tls", "127.0.0.1:0", "--resp-tls", "127.0.0.1:0"]);
    let urls: Vec<&str> =
        node.banner().lines().filter_map(|line| line.trim().strip_prefix("HTTP ")).map(str::trim).collect();
    let [plain, secure] = urls[..] else { panic!("{}", node.banner()) };
    assert!(plain.starts_with("http://") && secure.starts_with("https://"), "{}", node.banner());
    for url in [plain, secure] {
        let url = url.trim_end_matches("/healthz");
        let output = run(&["check", "ready", "--connect", url, "--ca", &ca]);
        assert_eq!(told(&output)[0], "ready\n", "{url}: {output:?}");
    }
    let (node, _) = start("off", &["--http-tls", "off"]);
    assert!(node.http().starts_with("http://"), "{}", node.banner());
    assert!(run(&["check", "ready", "--connect", &node.http()]).status.success());
}

#[test]
fn https_needs_a_certificate_and_protection_as_every_address() {
    for (flags, part) in [
        (&["--http-tls", "127.0.0.1:0"][..], "--tls-cert"),
        (&["--http-tls", "0.0.0.0:0", "--tls-cert", "a", "--tls-key", "b"], "--unprotected"),
    ] {
        let output = finished(binary().args(["--resp", "127.0.0.1:0", "--http", "127.0.0.1:0"]).args(flags));
        let [_, log] = told(&output);
        assert_eq!((output.status.code(), log.lines().count()), (Some(2), 1), "{log}");
        assert!(log.contains(part), "{log}");
    }
}
