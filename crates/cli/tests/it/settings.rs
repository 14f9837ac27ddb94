//! The configuration file, and `mnemon config`.

use std::path::PathBuf;
use std::process::{Command, Output};

use crate::process::{Running, binary, finished};

/// A file in the tests' own directory.
fn file(name: &str, text: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).expect("the tests' directory can be written");
    path
}

fn refusal(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert_eq!((text.lines().count(), output.stdout.len()), (1, 0), "{text}");
    text
}

/// The settings in force by name: their values and sources.
fn effective(command: &mut Command) -> Vec<(String, String, String)> {
    let output = finished(command.args(["-o", "json"]));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    let all: Vec<serde_json::Value> = serde_json::from_str(&text).expect("JSON");
    let field = |entry: &serde_json::Value, name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    all.iter().map(|entry| (field(entry, "name"), field(entry, "value"), field(entry, "from"))).collect()
}

fn of<'a>(all: &'a [(String, String, String)], name: &str) -> (&'a str, &'a str) {
    let found = all.iter().find(|(found, ..)| found == name).unwrap_or_else(|| panic!("{name} in {all:?}"));
    (&found.1, &found.2)
}

#[test]
fn each_setting_says_where_it_comes_from() {
    let path = file(
        "layers.toml",
        "# ours\nname = \"filed\"\nresp = \"127.0.0.1:1\"\nmax_clients = 7\nresp_threads = 3\nunprotected = true\n",
    );
    let at = |line: usize| format!("file {}:{line}", path.display());
    let mut command = binary();
    command.env("MNEMON_RESP", "127.0.0.1:2").env("MNEMON_MAX_CLIENTS", "8").env_remove("MNEMON_HTTP");
    command.args(["config", "effective", "--max-clients", "9", "--config"]).arg(&path);
    let all = effective(&mut command);
    assert_eq!(of(&all, "name"), ("filed", at(2).as_str()));
    assert_eq!(of(&all, "resp"), ("127.0.0.1:2", "environment MNEMON_RESP"));
    assert_eq!(of(&all, "max_clients"), ("9", "flag --max-clients"));
    assert_eq!(of(&all, "resp_threads"), ("3", at(5).as_str()));
    assert_eq!(of(&all, "unprotected"), ("true", at(6).as_str()));
    assert_eq!(of(&all, "http"), ("127.0.0.1:7072", "default"));
    assert_eq!(of(&effective(binary().args(["config", "effective"])), "resp_threads").0, "(half the cores)");
}

#[test]
fn a_node_starts_with_its_file() {
    let path = file("node.toml", "name = \"filed\"\nresp = \"127.0.0.1:0\"\nlog_format = \"json\"\n");
    let node = Running::start(binary().arg("--config").arg(&path));
    assert!(node.banner().contains("node filed"), "{}", node.banner());
    node.connect().ask("PING", "+PONG\r\n");
    let node = Running::start(binary().env("MNEMON_CONFIG", &path).args(["--name", "flagged"]));
    assert!(node.banner().contains("node flagged"), "{}", node.banner());
}

#[test]
fn a_file_that_cannot_be_is_refused_with_the_line() {
    for (number, (text, causes)) in [
        ("name = \"a\"\n\nrsp = \"x\"\n", &["line 3", "no setting \"rsp\"", "resp,"][..]),
        ("[resp]\naddress = 1\n", &["line 1", "resp", "a text or a number"]),
        ("resp = \"nonsense\"\n", &["line 1", "nonsense", "HOST:PORT"]),
        ("\nmax_clients = -1\n", &["line 2", "-1"]),
        ("unprotected = \"yes\"\n", &["line 1", "true or false"]),
        ("name = \n", &["line 1"]),
        ("name = \"a\"\nname = \"b\"\n", &["line 2", "duplicate key"]),
        ("config = \"other.toml\"\n", &["line 1", "no setting \"config\""]),
        ("name = \"a b\"\n", &["name", "a b"]),
        ("resp_threads = 0\n", &["resp_threads", "at least one"]),
        ("resp = \"0.0.0.0:1\"\n", &["0.0.0.0:1", "--unprotected"]),
        ("log = \"=loud==\"\n", &["log"]),
        ("log = \"inof\"\n", &["log", "'inof' is no level"]),
        ("log = \"warn, info=\"\n", &["log", "'info=' is no level"]),
        ("checkpoint_bytes = \"0\"\n", &["checkpoint_bytes", "at least 1"]),
    ]
    .into_iter()
    .enumerate()
    {
        let path = file(&format!("bad{number}.toml"), text);
        let said = refusal(&finished(binary().args(["config", "check", "--config"]).arg(&path)));
        for cause in causes {
            assert!(said.contains(cause), "{cause:?} is not in {said}");
        }
        // What beats a value does not make it right.
        if text.contains("nonsense") {
            refusal(&finished(
                binary().args(["config", "check", "--resp", "127.0.0.1:1", "--config"]).arg(&path),
            ));
        }
    }
    let said = refusal(&finished(binary().args(["config", "check", "--config", "/nosuch/file"])));
    assert!(said.contains("/nosuch/file"), "{said}");
}

#[test]
fn a_bad_variable_of_the_environment_is_named_and_a_bad_flag_too() {
    for (variable, value) in [
        ("MNEMON_MAX_CLIENTS", "lots"),
        ("MNEMON_RESP", "nonsense"),
        ("MNEMON_RAM", "perhaps"),
        ("MNEMON_LOG_FORMAT", "prose"),
    ] {
        let said = refusal(&finished(binary().args(["config", "check"]).env(variable, value)));
        assert!(said.contains(value) && said.contains(&format!("environment variable {variable}")), "{said}");
        assert!(!said.contains("--max-clients"), "{said}");
    }
    let mut both = binary();
    both.env("MNEMON_MAX_CLIENTS", "5").args(["config", "check", "--max-clients", "lots"]);
    let said = refusal(&finished(&mut both));
    assert!(said.contains("--max-clients") && !said.contains("environment"), "{said}");
}

#[test]
fn a_bad_amount_of_memory_is_refused_with_an_example() {
    for flag in ["--max-memory", "--checkpoint-bytes", "--max-argument", "--max-client-memory"] {
        let said = refusal(&finished(binary().args(["config", "check", flag, "much"])));
        assert!(said.contains(flag) && said.contains("for example 256mb"), "{said}");
    }
}

#[test]
fn a_number_below_zero_is_a_value() {
    let all = effective(binary().args(["config", "effective", "--slowlog-slower-than", "-1"]));
    assert_eq!(of(&all, "slowlog_slower_than").0, "-1");
    let said = refusal(&finished(binary().args(["config", "check", "--max-clients", "-1"])));
    assert!(said.contains("--max-clients") && said.contains("invalid value '-1'"), "{said}");
}

#[test]
fn settings_that_need_each_other_may_come_from_different_places() {
    let path = file(
        "tls.toml",
        "password = \"pw\"\ntls_cert = \"cert.pem\"\nuser = [\"ada:s3cret:rw:users\"]\nslowlog_slower_than = -1\n",
    );
    let mut command = binary();
    command
        .args(["config", "effective", "--resp-tls", "127.0.0.1:1", "--tls-key", "key.pem", "--config"])
        .arg(&path);
    let all = effective(&mut command);
    assert_eq!(of(&all, "tls_key"), ("key.pem", "flag --tls-key"));
    assert_eq!(of(&all, "tls_cert").0, "cert.pem");
    assert_eq!(of(&all, "slowlog_slower_than").0, "-1");
    assert_eq!(of(&all, "user").0, "(hidden)");
    let secret = finished(binary().args(["config", "effective", "--password", "s3cret"]));
    let shown = String::from_utf8_lossy(&secret.stdout).into_owned();
    assert!(shown.contains("(hidden)") && !shown.contains("s3cret"), "{shown}");
    let alone = refusal(&finished(binary().args(["config", "check", "--config"]).arg(&path)));
    assert!(alone.contains("--tls-key"), "{alone}");
}

#[test]
fn settings_that_can_be_are_told_so() {
    let output = finished(binary().args(["config", "check"]));
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("ok"));
    let table = finished(binary().args(["config", "effective", "--name", "shop1"]));
    let table = String::from_utf8_lossy(&table.stdout).into_owned();
    let found = table.lines().any(|line| line.split_whitespace().eq(["name", "shop1", "flag", "--name"]));
    assert!(found, "{table}");
}
