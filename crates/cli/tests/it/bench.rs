//! `mnemon bench` against a running node.

use crate::process::{Running, binary, finished};

#[test]
fn it_measures_what_it_is_told_to() {
    let node = Running::start(binary().args(["--resp", "127.0.0.1:0"]));
    let address = node.address().to_string();
    let output = finished(binary().args([
        "bench",
        "--connect",
        &address,
        "-c",
        "4",
        "-n",
        "1003",
        "-P",
        "10",
        "-d",
        "16",
        "-r",
        "50",
        "-t",
        "set,get,incr,hset,mget,ping",
        "--threads",
        "2",
        "-o",
        "json",
    ]));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let outcomes: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    let names: Vec<&str> = outcomes.iter().filter_map(|outcome| outcome["test"].as_str()).collect();
    assert_eq!(names, ["set", "get", "incr", "hset", "mget", "ping"]);
    for outcome in &outcomes {
        let number = |name: &str| outcome[name].as_f64().unwrap_or(f64::NAN);
        assert_eq!(number("requests"), 1003.0);
        assert!(number("requests_per_second") > 0.0 && number("seconds") > 0.0, "{outcome}");
        let latencies = ["p50_us", "p95_us", "p99_us", "p999_us", "max_us"].map(number);
        assert!(latencies[0] > 0.0 && latencies.is_sorted(), "{outcome}");
    }
    // All of it arrived: 1003 increments over 50 counters, and keys no further than the keyspace.
    let sum =
        finished(binary().args(["shell", "--connect", &address, "-o", "json", "-c", "KEYS bench:counter:*"]));
    let keys: Vec<String> = serde_json::from_slice(&sum.stdout).expect("JSON");
    assert!((1..=50).contains(&keys.len()));
    let mget = format!("MGET {}", keys.join(" "));
    let values = finished(binary().args(["shell", "--connect", &address, "-o", "json", "-c", &mget]));
    let values: Vec<String> = serde_json::from_slice(&values.stdout).expect("JSON");
    assert_eq!(values.iter().map(|value| value.parse::<u64>().unwrap()).sum::<u64>(), 1003);
}

#[test]
fn results_stand_in_a_table_and_failures_in_one_line() {
    let node = Running::start(binary().args(["--resp", "127.0.0.1:0"]));
    let address = node.address().to_string();
    let output =
        finished(binary().args(["bench", "--connect", &address, "-c", "2", "-n", "100", "-t", "ping"]));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("REQUESTS/S") && text.lines().any(|line| line.starts_with("ping ")), "{text}");
    node.connect().ask("SET bench:hash:000000000000 x", "+OK\r\n");
    let refused =
        finished(binary().args(["bench", "--connect", &address, "-n", "10", "-r", "1", "-t", "hset"]));
    let log = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!((refused.status.code(), log.lines().count()), (Some(1), 1), "{log}");
    assert!(log.contains("WRONGTYPE"), "{log}");
    drop(node);
    let gone = finished(binary().args(["bench", "--connect", &address, "-t", "ping"]));
    assert_eq!(gone.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&gone.stderr).contains(&address));
}
