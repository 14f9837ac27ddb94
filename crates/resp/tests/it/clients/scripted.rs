//! Clients for Python and JavaScript: a script each, which fails with a status when something is not as it should be.

use std::path::PathBuf;
use std::process::{Command, Output};

use super::skip;
use crate::client::serve;

/// Runs a command and gives what it wrote; `Err`: why it cannot be.
fn run(command: &mut Command) -> Result<Output, String> {
    let output = command.output().map_err(|cause| cause.to_string())?;
    if output.status.success() {
        return Ok(output);
    }
    Err(format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)))
}

/// Runs a script against a fresh server.
fn play(command: &mut Command) {
    let server = serve(|config| {
        config.threads = 2;
        config.users = vec!["ada:pw:r:db0".parse().unwrap()];
    });
    command.arg(server.local_addr().port().to_string());
    match run(command) {
        Ok(output) => assert!(String::from_utf8_lossy(&output.stdout).ends_with("ok\n"), "{output:?}"),
        Err(text) => panic!("{text}"),
    }
}

/// The first Python that has the library.
fn python() -> Result<String, String> {
    let mut why = String::new();
    for python in ["python3", "/usr/bin/python3"] {
        match run(Command::new(python).args(["-c", "import redis"])) {
            Ok(_) => return Ok(python.to_owned()),
            Err(cause) => why = cause,
        }
    }
    Err(why)
}

#[test]
fn python_s_redis_works() {
    match python() {
        Ok(python) => play(Command::new(python).args(["-c", include_str!("check.py")])),
        Err(why) => skip("redis for Python", &why),
    }
}

/// Node.js with the directory of its packages.
fn node() -> Command {
    let mut node = Command::new("node");
    if let Some(modules) = std::env::var_os("MNEMON_NODE_MODULES") {
        node.env("NODE_PATH", PathBuf::from(modules));
    }
    node
}

fn play_on_node(package: &str, script: &str) {
    match run(node().args(["-e", &format!("require('{package}')")])) {
        Ok(_) => play(node().args(["-e", script, "--"])),
        Err(why) => skip(package, &why),
    }
}

#[test]
fn ioredis_works() {
    play_on_node("ioredis", include_str!("ioredis.js"));
}

#[test]
fn node_redis_works() {
    play_on_node("redis", include_str!("node_redis.js"));
}
