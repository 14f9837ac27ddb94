//! `docs/commands.md`: the page of all commands, made of the command table and a text by hand. Test code only.
//!
//! `MNEMON_BLESS=1 cargo test -p mnemon-resp docs` writes the page; without it the test fails when the page is stale.

use std::fmt::Write;
use std::path::Path;

use crate::command::entry::{Command, Family};
use crate::command::table::COMMANDS;

/// The hand-written part: tables' commands in full, databases, transactions, events, errors.
const GUIDE: &str = include_str!("docs/guide.md");

/// Commands of Redis 7.0 that are not supported, where others of their family are.
const ABSENT: &[(Family, &[&str])] = &[
    (Family::Generic, &["dump", "migrate", "restore", "sort", "sort_ro"]),
    (
        Family::Server,
        &[
            "bgrewriteaof",
            "bgsave",
            "failover",
            "lastsave",
            "monitor",
            "psync",
            "replconf",
            "replicaof",
            "save",
            "shutdown",
            "slaveof",
            "sync",
        ],
    ),
    (Family::Connection, &["asking", "readonly", "readwrite"]),
];

const INTRODUCTION: &str = "# Commands

This page is generated: change the command table or the guide it names, then bless it.

A client of Redis 7.0 finds its commands here with the same replies and the same error texts, over RESP2 and RESP3. Where
one differs, the last column says how. Lists, sets, sorted sets, streams, HyperLogLog, geography, scripts, functions and
Redis Cluster are not supported. Data in `db0` to `db15` are strings and hashes; everything else is a
[table](#tables).
";

fn title(family: Family) -> &'static str {
    match family {
        Family::String => "Strings",
        Family::Bitmap => "Bits",
        Family::Generic => "Keys",
        Family::Hash => "Hashes",
        Family::Connection => "Connection",
        Family::PubSub => "Channels",
        Family::Server => "Server",
        Family::Transactions => "Transactions",
        Family::Table => "Tables at a glance",
    }
}

fn row(page: &mut String, name: &str, supported: &str, complexity: &str, differs: &str) {
    let cell = |text: &str| text.replace('|', "\\|");
    let (complexity, differs) = (cell(complexity), cell(differs));
    writeln!(page, "| `{}` | {supported} | {complexity} | {differs} |", name.to_ascii_uppercase())
        .expect("a string takes everything");
}

fn whole_name(command: &Command) -> String {
    let subcommands: Vec<&str> = command.subcommands.iter().map(|sub| sub.name).collect();
    if subcommands.is_empty() {
        return command.name.to_owned();
    }
    format!("{} {}", command.name, subcommands.join("\\|"))
}

fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    for family in Family::ALL {
        write!(
            page,
            "\n## {}\n\n| command | supported | time | how it differs from Redis 7.0 |\n|---|---|---|---|\n",
            title(family)
        )
        .expect("a string takes everything");
        for command in COMMANDS.iter().filter(|command| command.family == family) {
            row(&mut page, &whole_name(command), "yes", command.complexity, command.differs);
        }
        let absent = ABSENT.iter().filter(|(of, _)| *of == family).flat_map(|(_, names)| *names);
        absent.for_each(|name| row(&mut page, name, "no", "", ""));
    }
    page.push('\n');
    page.push_str(GUIDE);
    page
}

#[test]
fn every_command_tells_its_time() {
    for command in COMMANDS {
        assert!(!command.complexity.is_empty(), "{} has no complexity", command.name);
        assert!(command.differs.is_empty() || command.differs.ends_with('.'), "{}", command.name);
    }
}

#[test]
fn no_command_is_supported_and_absent() {
    for name in ABSENT.iter().flat_map(|(_, names)| *names) {
        assert!(COMMANDS.iter().all(|command| command.name != *name), "{name} is supported");
    }
}

#[test]
fn the_guide_tells_of_every_command_of_tables() {
    for command in COMMANDS.iter().filter(|command| command.family == Family::Table) {
        let name = command.name.to_ascii_uppercase();
        assert!(GUIDE.contains(&format!("`{name}")), "the guide says nothing of {name}");
    }
}

#[test]
fn the_page_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/commands.md");
    let page = page();
    if std::env::var_os("MNEMON_BLESS").is_some_and(|value| value == "1") {
        std::fs::write(&path, &page).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = found.lines().zip(page.lines()).position(|(one, other)| one != other);
    let line = differs.unwrap_or_else(|| found.lines().count().min(page.lines().count())) + 1;
    assert!(
        found == page,
        "docs/commands.md is stale from line {line} on: write it with `MNEMON_BLESS=1 cargo test -p mnemon-resp docs`"
    );
}
