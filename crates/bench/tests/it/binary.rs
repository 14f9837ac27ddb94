//! What the binary prints and how it exits.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::stand_in::{StandIn, find};

fn bench() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mnemon-bench"));
    command.args(["--json", "--quick", "--runs", "1"]);
    command
}

/// The lines the binary printed, without the header, which must come first and name the machine.
fn records(output: &Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    let mut lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("every line is JSON")).collect();
    assert!(!lines.is_empty(), "nothing printed; errors: {}", String::from_utf8_lossy(&output.stderr));
    let header = lines.remove(0);
    assert_eq!(header["bench"], "header");
    assert!(header["cores"].as_u64().is_some_and(|cores| cores > 0), "{header}");
    lines
}

fn figure(record: &Value, name: &str) -> f64 {
    record[name].as_f64().unwrap_or_else(|| panic!("no figure {name} in {record}"))
}

#[test]
fn every_command_and_pipeline_is_measured_on_both_sides() {
    let Some(stand_in) = StandIn::make("resp", "") else {
        return;
    };
    let output = bench().args(["--only", "resp", "--server"]).arg(stand_in.program()).output().unwrap();
    let records = records(&output);
    assert!(output.status.success(), "{records:?}");
    for record in &records {
        let expected = figure(record, "mnemon_ops") / figure(record, "peer_ops");
        assert!((figure(record, "ratio") - expected).abs() < 0.01, "{record}");
        assert!(figure(record, "mnemon_cpu_us") > 0.0 && figure(record, "cpu_ratio") > 0.0, "{record}");
        assert!(record["peer"].as_str().unwrap().starts_with("redis-"), "{record}");
    }
    let measured: Vec<(&str, u64)> = records
        .iter()
        .map(|record| (record["command"].as_str().unwrap(), record["pipeline"].as_u64().unwrap()))
        .collect();
    let commands = ["set", "get", "incr", "hset", "mget of 10", "hgetall of 100"];
    let expected: Vec<(&str, u64)> =
        [1, 16].iter().flat_map(|pipeline| commands.map(|command| (command, *pipeline))).collect();
    assert_eq!(measured, expected);
}

#[test]
fn a_command_the_server_refuses_fails_alone() {
    let Some(stand_in) = StandIn::make("refusing", "--rename-command INCR ''") else {
        return;
    };
    let output = bench().args(["--only", "resp", "--server"]).arg(stand_in.program()).output().unwrap();
    let records = records(&output);
    assert_eq!(output.status.code(), Some(1));
    let failed: Vec<_> = records.iter().filter_map(|record| record["failed"].as_str()).collect();
    assert_eq!(failed, ["incr with pipeline 1 on mnemon", "incr with pipeline 16 on mnemon"]);
    assert_eq!(records.iter().filter(|record| record["ratio"].is_number()).count(), 10, "{records:?}");
}

#[test]
fn the_same_server_on_both_sides_costs_the_same_memory() {
    let Some(stand_in) = StandIn::make("memory", "") else {
        return;
    };
    let output = bench().args(["--only", "memory", "--server"]).arg(stand_in.program()).output().unwrap();
    let records = records(&output);
    assert!(output.status.success(), "{records:?}");
    assert_eq!(records.iter().map(|record| figure(record, "keys")).collect::<Vec<_>>(), [9e4, 1e5, 1.2e5]);
    for record in &records {
        assert!((0.9..1.1).contains(&figure(record, "ratio")), "{record}");
        // The 56 bytes of key and value are the least, and several times that would be no key's price.
        assert!((56.0..400.0).contains(&figure(record, "mnemon_bytes_per_key")), "{record}");
    }
}

#[test]
fn absent_peers_are_results_and_no_failure() {
    let Some(stand_in) = StandIn::make("absent", "") else {
        return;
    };
    let mut command = bench();
    command.args(["--only", "memory,embedded", "--server"]).arg(stand_in.program());
    let output = command.env("PATH", stand_in.directory()).output().unwrap();
    let records = records(&output);
    assert!(output.status.success(), "{records:?}");
    let absent: Vec<&str> = records
        .iter()
        .filter(|record| record["absent"].as_str().is_some_and(|reason| reason.contains("not in PATH")))
        .filter_map(|record| record["peer"].as_str())
        .collect();
    assert_eq!(absent, ["redis", "ets", "mnesia"]);
    let memory: Vec<_> = records.iter().filter(|record| record["keys"].is_u64()).collect();
    assert_eq!(memory.len(), 3, "{records:?}");
    assert!(
        memory.iter().all(|record| figure(record, "mnemon_bytes_per_key") > 0.0 && record["ratio"].is_null())
    );
}

#[test]
fn a_server_that_does_not_serve_is_reported_and_fails_the_run() {
    let server = ["/bin/false", "/usr/bin/false"].map(Path::new).into_iter().find(|path| path.exists());
    let output = bench().args(["--only", "memory", "--server"]).arg(server.unwrap()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let records = records(&output);
    assert!(
        records.iter().any(|record| record["failed"] == "all" && record["error"].is_string()),
        "{records:?}"
    );
}

#[test]
fn embedded_figures_stand_beside_the_peers_where_erlang_is_installed() {
    let output = bench().args(["--only", "embedded"]).output().unwrap();
    let records = records(&output);
    assert!(output.status.success(), "{records:?}");
    let of = |command: &str| {
        let found = records.iter().find(|record| record["command"] == command);
        found.unwrap_or_else(|| panic!("no {command} in {records:?}"))
    };
    for command in ["read", "write", "transaction", "dirty"] {
        assert!(figure(of(command), "mnemon_ops") > 0.0);
    }
    assert_eq!(of("one row, 8 tasks")["increments"], 80_000);
    if find("erl").is_none() {
        assert!(
            records.iter().any(|record| record["peer"] == "ets" && record["absent"].is_string()),
            "{records:?}"
        );
        return;
    }
    for command in ["read", "write"] {
        assert!(figure(of(command), "peer_ops") > 0.0);
    }
    if of("transaction")["peer_ops"].is_null() {
        let absent = |record: &Value| record["peer"] == "mnesia" && record["absent"].is_string();
        assert!(records.iter().any(absent), "{records:?}");
    } else {
        for command in ["transaction", "dirty"] {
            assert!(figure(of(command), "peer_ops") > 0.0);
        }
    }
}

#[test]
fn hashes_are_measured_large_beside_small() {
    let Some(stand_in) = StandIn::make("hash", "") else {
        return;
    };
    let output = bench().args(["--only", "hash", "--server"]).arg(stand_in.program()).output().unwrap();
    let records = records(&output);
    assert!(output.status.success(), "{records:?}");
    let measured: Vec<_> = records.iter().filter_map(|record| record["command"].as_str()).collect();
    let under_snapshot = "hset over resp under a snapshot";
    let expected = [&["hset over resp"; 4][..], &[under_snapshot; 2], &["hset", "hset under a snapshot"]];
    assert_eq!(measured, expected.concat());
    assert!(records.iter().all(|record| figure(record, "cost") > 0.0), "{records:?}");
}

#[test]
fn walks_messages_idle_connections_and_fields_are_measured_on_both_sides() {
    let Some(stand_in) = StandIn::make("doors", "") else {
        return;
    };
    let benches = "walk,publish,idle,fields";
    let output = bench().args(["--only", benches, "--server"]).arg(stand_in.program()).output().unwrap();
    let records = records(&output);
    assert!(output.status.success(), "{records:?}");
    let measured: Vec<&str> = records.iter().filter_map(|record| record["bench"].as_str()).collect();
    assert_eq!(measured, ["walk", "walk", "publish", "publish", "idle", "fields"]);
    let first = |record: &Value| match record["bench"].as_str().unwrap() {
        "walk" => ["mnemon_keys_per_second", "peer_keys_per_second"],
        "publish" => ["mnemon_delivered_per_second", "peer_delivered_per_second"],
        "idle" => ["mnemon_p999_us", "peer_p999_us"],
        _ => ["mnemon_bytes_per_field", "peer_bytes_per_field"],
    };
    for record in &records {
        let [ours, theirs] = first(record).map(|name| figure(record, name));
        assert!(ours > 0.0 && (figure(record, "ratio") - ours / theirs).abs() < 0.01, "{record}");
        assert!(record["peer"].as_str().unwrap().starts_with("redis-"), "{record}");
    }
    let steps: Vec<u64> = records.iter().filter_map(|record| record["count"].as_u64()).collect();
    assert_eq!(steps, [1000, 10]);
    // Key and value are 58 bytes; several times that would be no field's price.
    assert!((58.0..400.0).contains(&figure(&records[5], "mnemon_bytes_per_field")), "{records:?}");
}
