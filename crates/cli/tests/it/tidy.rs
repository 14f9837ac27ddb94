//! Holds the workspace's sources against the rules on files and layers that `CONTRIBUTING.md` states.
//!
//! The rules are pure functions from a path and a text to violations, so that each is itself tested on a text that breaks
//! it. What rustfmt and clippy already enforce is left to them.

use std::fs;
use std::path::{Path, PathBuf};

/// The crates of the workspace each crate may depend on. Everything a crate reaches through these is below it.
const LAYERS: &[(&str, &[&str])] = &[
    ("allocator", &[]),
    ("term", &[]),
    ("disc", &[]),
    ("otp", &[]),
    ("tls", &[]),
    ("store", &["disc", "term"]),
    ("table", &["store", "term"]),
    ("backup", &["disc", "table", "store", "term"]),
    ("resp", &["otp", "table", "store", "term", "tls"]),
    ("http", &["backup", "otp", "table", "store", "term", "tls"]),
    ("line", &["otp", "table", "store", "term"]),
    ("node", &["backup", "disc", "http", "line", "otp", "resp", "table", "store", "term", "tls"]),
    ("mnemon", &["backup", "node", "table", "store", "term"]),
    ("cli", &["allocator", "backup", "http", "resp", "node", "mnemon", "table", "term"]),
    ("sim", &["disc", "store", "table", "term"]),
    ("fuzz", &["resp", "store", "table", "term"]),
    ("bench", &["allocator", "mnemon", "node", "otp", "resp", "table", "store", "term"]),
];

/// What only tests depend on, beside what is below the crate under test.
const FOR_TESTS: &[&str] = &["sim", "bench"];

/// Dev-dependencies that point sideways, and why.
const SIDEWAYS_IN_TESTS: &[(&str, &str)] = &[
    // The checkers are tried on what the command layer really commits.
    ("sim", "resp"),
];

const BANNED_NAMES: &[&str] = &["mod", "utils", "util", "common", "misc", "helper", "helpers", "manager"];

const MAX_LINES: usize = 500;

/// Files that may be longer, each with the reason.
const LONG_FILES: &[(&str, &str)] = &[];

/// The call that makes a test slow and flaky; written in two parts so that this file does not contain it.
const BLIND_WAIT: &str = concat!("sle", "ep(");

/// Violations of the rules on one source file; `path` is relative to the workspace and uses `/`.
fn check_source(path: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let name = path.rsplit('/').next().unwrap_or(path).trim_end_matches(".rs");
    if name == "mod" {
        found.push(format!("{path}: `foo.rs` stands beside `foo/`; there is no mod.rs"));
    } else if BANNED_NAMES.contains(&name) {
        found.push(format!("{path}: a file named `{name}` says nothing: name it after what it owns"));
    }
    if !text.trim_start().starts_with("//!") {
        found.push(format!(
            "{path}: must open with `//!`: what it owns, what stays true, what it leaves to others"
        ));
    }
    let lines = text.lines().count();
    if lines > MAX_LINES && !LONG_FILES.iter().any(|(long, _)| *long == path) {
        found.push(format!(
            "{path}: {lines} lines; split files past {MAX_LINES}, or give a reason in LONG_FILES"
        ));
    }
    let mut in_tests = path.contains("/tests/") || name == "tests";
    for (number, line) in text.lines().enumerate() {
        in_tests |= line.trim_start().starts_with("#[cfg(test)]");
        let code = line.split("//").next().unwrap_or(line);
        if in_tests && code.contains(BLIND_WAIT) {
            found.push(format!(
                "{path}:{}: a test waits for a condition with a deadline, never blindly",
                number + 1
            ));
        }
    }
    found
}

/// The workspace's crates that `text`, a `Cargo.toml`, depends on, and whether only its tests do.
fn workspace_dependencies(text: &str) -> Vec<(&str, bool)> {
    let mut found = Vec::new();
    let mut section = "";
    for line in text.lines().map(str::trim) {
        let key = if let Some(header) = line.strip_prefix('[') {
            let header = header.trim_end_matches(']');
            // `[dependencies.mnemon-term]` is a section and a dependency at once.
            match header.rsplit_once("dependencies.") {
                Some((kind, name)) => {
                    section = if kind.ends_with("dev-") { "dev-dependencies" } else { "dependencies" };
                    name
                }
                None => {
                    section = header;
                    continue;
                }
            }
        } else {
            line.split(['.', '=', ' ']).next().unwrap_or("")
        };
        if section.ends_with("dependencies") && (key == "mnemon" || key.starts_with("mnemon-")) {
            found.push((key.strip_prefix("mnemon-").unwrap_or(key), section.ends_with("dev-dependencies")));
        }
    }
    found
}

fn allowed(crate_name: &str) -> Option<&'static [&'static str]> {
    LAYERS.iter().find(|(name, _)| *name == crate_name).map(|(_, below)| *below)
}

/// Whether `other` can be reached downwards from `crate_name`. The table has no cycle, or the depth would be its length.
fn is_below(crate_name: &str, other: &str, depth: usize) -> bool {
    depth <= LAYERS.len()
        && allowed(crate_name)
            .is_some_and(|below| below.iter().any(|name| *name == other || is_below(name, other, depth + 1)))
}

/// Violations of the layering by the crate `name` whose manifest is `text`.
fn check_manifest(name: &str, text: &str) -> Vec<String> {
    let Some(below) = allowed(name) else {
        return vec![format!("crates/{name}/Cargo.toml: no layer is set for `{name}`: add it to LAYERS")];
    };
    let mut found = Vec::new();
    for (other, only_tests) in workspace_dependencies(text) {
        let fine = if only_tests {
            FOR_TESTS.contains(&other)
                || SIDEWAYS_IN_TESTS.contains(&(name, other))
                || is_below(name, other, 0)
        } else {
            below.contains(&other)
        };
        if !fine {
            let section = if only_tests { "dev-dependencies" } else { "dependencies" };
            found.push(format!(
                "crates/{name}/Cargo.toml: `{name}` must not have `{other}` in [{section}]; allowed: {below:?}"
            ));
        }
    }
    found
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("the workspace stands two levels up")
}

/// All `.rs` files below `directory`, without following links or entering build output.
fn rust_files(directory: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("a source directory can be read") {
        let entry = entry.expect("a directory entry can be read");
        let kind = entry.file_type().expect("an entry has a type");
        if kind.is_dir() && entry.file_name() != "target" {
            rust_files(&entry.path(), into);
        } else if kind.is_file() && entry.path().extension().is_some_and(|extension| extension == "rs") {
            into.push(entry.path());
        }
    }
}

#[test]
fn every_source_file_keeps_the_rules() {
    let root = workspace();
    let mut files = Vec::new();
    rust_files(&root.join("crates"), &mut files);
    files.sort();
    assert!(files.len() > LAYERS.len(), "only {} files found below {}", files.len(), root.display());
    let mut found = Vec::new();
    let mut paths = Vec::new();
    for file in &files {
        let path = file.strip_prefix(&root).expect("below the root").to_string_lossy().replace('\\', "/");
        found.extend(check_source(&path, &fs::read_to_string(file).expect("a source file is UTF-8")));
        paths.push(path);
    }
    let stale = LONG_FILES.iter().filter(|(long, _)| !paths.iter().any(|path| path == long));
    found.extend(stale.map(|(long, _)| format!("{long}: stands in LONG_FILES but does not exist")));
    assert!(found.is_empty(), "{} violations:\n{}", found.len(), found.join("\n"));
}

#[test]
fn every_crate_keeps_to_its_layer() {
    let mut found = Vec::new();
    for entry in fs::read_dir(workspace().join("crates")).expect("crates/ can be read") {
        let directory = entry.expect("a directory entry can be read").path();
        let name = directory.file_name().expect("a crate has a name").to_string_lossy().into_owned();
        if let Ok(text) = fs::read_to_string(directory.join("Cargo.toml")) {
            found.extend(check_manifest(&name, &text));
        }
    }
    assert!(found.is_empty(), "{} violations:\n{}", found.len(), found.join("\n"));
}

#[test]
fn each_rule_on_files_refuses_what_breaks_it() {
    let good = "//! Owns rows.\nfn f() {}\n";
    assert_eq!(check_source("crates/store/src/rows.rs", good), Vec::<String>::new());
    for name in BANNED_NAMES {
        assert_eq!(check_source(&format!("crates/store/src/{name}.rs"), good).len(), 1, "{name}");
    }
    assert_eq!(check_source("crates/store/src/rows.rs", "use std::fs;\n//! Late.\n").len(), 1);
    assert_eq!(check_source("crates/store/src/rows.rs", &"//! Long.\n".repeat(MAX_LINES)).len(), 0);
    assert_eq!(check_source("crates/store/src/rows.rs", &"//! Long.\n".repeat(MAX_LINES + 1)).len(), 1);
    let wait = format!("//! Rows.\nfn f() {{ {BLIND_WAIT}1) }}\n");
    assert_eq!(check_source("crates/store/src/rows.rs", &wait).len(), 0);
    assert_eq!(check_source("crates/store/tests/it/rows.rs", &wait).len(), 1);
    let inline = format!("//! Rows.\n#[cfg(test)]\nmod tests {{\n    fn f() {{ {BLIND_WAIT}1) }}\n}}\n");
    assert_eq!(check_source("crates/store/src/rows.rs", &inline).len(), 1);
}

#[test]
fn a_dependency_upwards_is_refused_however_it_is_written() {
    for up in [
        "[dependencies]\nmnemon-table.workspace = true\n",
        "[dependencies]\nmnemon-table = { path = \"../table\" }\n",
        "[dependencies.mnemon-table]\nworkspace = true\n",
        "[target.'cfg(unix)'.dependencies]\nmnemon-table.workspace = true\n",
        "[build-dependencies]\nmnemon-table.workspace = true\n",
        "[dev-dependencies]\nmnemon-table.workspace = true\n",
        "[dependencies]\nmnemon-sim.workspace = true\n",
        "[dependencies]\nmnemon = { workspace = true }\n",
    ] {
        assert_eq!(check_manifest("store", up).len(), 1, "{up}");
    }
    for fine in [
        "[dependencies]\nmnemon-term.workspace = true\n",
        "[dev-dependencies]\nmnemon-sim.workspace = true\n",
        "[package]\nname = \"mnemon-store\"\n",
    ] {
        assert_eq!(check_manifest("store", fine), Vec::<String>::new(), "{fine}");
    }
    assert_eq!(check_manifest("cli", "[dev-dependencies]\nmnemon-resp.workspace = true\n").len(), 0);
    assert_eq!(check_manifest("new", "").len(), 1, "a crate without a layer");
}
