//! `docs/operating.md` holds what the program says of itself: every setting and every metric, and no others.

use std::collections::BTreeSet;
use std::path::Path;

use crate::process::{Running, binary, binary_on, finished, wait_until};

fn manual() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operating.md");
    std::fs::read_to_string(path).expect("the manual can be read")
}

/// The names in the first column of all tables below a heading, up to the next heading of its rank.
fn names_below(manual: &str, heading: &str) -> BTreeSet<String> {
    let (_, rest) = manual.split_once(&format!("\n## {heading}\n")).expect("the heading is there");
    let section = rest.split("\n## ").next().unwrap_or(rest);
    let names = section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    names.map(str::to_owned).collect()
}

#[test]
fn every_setting_is_explained() {
    let output = finished(binary().args(["config", "effective", "-o", "json"]));
    let settings: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    let known: BTreeSet<String> =
        settings.iter().filter_map(|setting| Some(setting["name"].as_str()?.to_owned())).collect();
    assert!(known.len() > 10, "{known:?}");
    assert_eq!(names_below(&manual(), "Settings"), known);
}

#[test]
fn every_metric_is_explained() {
    let data = crate::data::place("manual-metrics");
    let start =
        || Running::start(binary_on(&data).args(["--http", "127.0.0.1:0", "--checkpoint-bytes", "1"]));
    let node = start();
    let mut client = node.connect();
    client.ask("T.WAIT 30000 db0", "+OK\r\n");
    client.ask("SET a 1", "+OK\r\n");
    // A map of four pairs.
    client.ask("T.BACKUP manual", "*8\r\n");
    // It is looked at once a second whether a checkpoint is due.
    wait_until(|| crate::operator::get(&node, "/metrics").contains("mnemon_disc_checkpoint_age_seconds"));
    let text = crate::operator::get(&node, "/metrics");
    let known: BTreeSet<String> = text
        .lines()
        .filter_map(|line| Some(line.strip_prefix("# HELP ")?.split(' ').next()?.to_owned()))
        .collect();
    assert!(known.len() > 10, "{text}");
    assert_eq!(names_below(&manual(), "Metrics"), known);
}

#[test]
fn every_check_is_explained() {
    let data = crate::data::place("manual-checks");
    let node = Running::start(binary_on(&data).args(["--http", "127.0.0.1:0"]));
    node.connect().ask("T.WAIT 30000 db0", "+OK\r\n");
    let text = crate::operator::get(&node, "/readyz?verbose");
    let known: BTreeSet<String> = text
        .lines()
        .filter_map(|line| Some(line.strip_prefix("[+]")?.split(' ').next()?.to_owned()))
        .collect();
    let explained = names_below(&manual(), "Health");
    let checks: BTreeSet<String> = explained.into_iter().filter(|name| !name.starts_with('/')).collect();
    assert_eq!(checks, known);
}
