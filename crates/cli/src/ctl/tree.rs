//! The tree of processes for people: a line a process, drawn below the one that started it.

use mnemon_http::api::{Process, Tree};

use crate::output::{human_bytes, human_seconds, printable, table};

/// Levels that are drawn; what is deeper is counted by its parent.
const DEEPEST: usize = 64;

/// What is told of a process.
const COLUMNS: usize = 11;

/// The tree as lines.
pub(super) fn draw(tree: &Tree) -> String {
    let mut rows = Vec::new();
    for process in &tree.processes {
        push(&mut rows, process, "", "", 0);
    }
    let header: [&str; COLUMNS] = [
        "process",
        "pid",
        "kind",
        "module",
        "mailbox",
        "handled",
        "links",
        "monitors",
        "memory",
        "age",
        "last exit",
    ];
    format!("{}{} processes\n", table(&header, rows.into_iter()), tree.count)
}

/// Adds a process and those below it; `own` and `below` stand before its name and before those of its children. Recurses
/// no deeper than [`DEEPEST`].
fn push(rows: &mut Vec<Vec<String>>, process: &Process, own: &str, below: &str, depth: usize) {
    let name = process.child.as_ref().or(process.name.as_ref()).unwrap_or(&process.module);
    let last_exit = process.last_exit.as_deref().unwrap_or("-");
    rows.push(vec![
        format!("{own}{}", printable(name)),
        process.pid.clone(),
        printable(&process.kind),
        printable(&process.module),
        process.mailbox.to_string(),
        process.handled.to_string(),
        process.links.to_string(),
        process.monitors.to_string(),
        human_bytes(process.memory),
        human_seconds(process.uptime_ms / 1_000),
        printable(last_exit),
    ]);
    let shown = if depth < DEEPEST { process.children.as_slice() } else { &[] };
    let hidden = process.hidden + (process.children.len() - shown.len()) as u64;
    for (place, child) in shown.iter().enumerate() {
        let is_last = place + 1 == shown.len() && hidden == 0;
        let (branch, trunk) = if is_last { ("└── ", "    ") } else { ("├── ", "│   ") };
        push(rows, child, &format!("{below}{branch}"), &format!("{below}{trunk}"), depth + 1);
    }
    if hidden > 0 {
        let mut row = vec![String::new(); COLUMNS];
        row[0] = format!("{below}└── {hidden} more");
        rows.push(row);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(child: &str, children: Vec<Process>) -> Process {
        Process {
            pid: "<1.1>".to_owned(),
            child: Some(child.to_owned()),
            name: None,
            kind: "gen_server".to_owned(),
            module: "shop::Basket".to_owned(),
            mailbox: 0,
            handled: 7,
            links: 1,
            monitors: 3,
            memory: 512,
            uptime_ms: 61_000,
            last_exit: None,
            children,
            hidden: 0,
        }
    }

    #[test]
    fn each_process_stands_below_the_one_that_started_it() {
        let workers = vec![process("worker-0", Vec::new()), process("door-0", Vec::new())];
        let mut resp = process("resp", workers);
        resp.hidden = 3;
        let tree =
            Tree { processes: vec![process("node", vec![process("http", Vec::new()), resp])], count: 8 };
        let text = draw(&tree);
        let names: Vec<&str> = text
            .lines()
            .filter_map(|line| line.split("  ").map(str::trim_end).find(|word| !word.is_empty()))
            .collect();
        let drawn = names.join("\n");
        let expected = "node\n├── http\n└── resp\n";
        assert!(drawn.contains(expected), "{text}");
        let first: Vec<&str> =
            text.lines().find(|line| line.contains("<1.1>")).unwrap_or_default().split_whitespace().collect();
        assert_eq!(first[5..8], ["7", "1", "3"], "handled, links, monitors: {text}");
        assert!(text.contains("    ├── worker-0") && text.contains("    └── 3 more"), "{text}");
        assert!(text.ends_with("8 processes\n"), "{text}");
    }

    #[test]
    fn a_tree_that_is_too_deep_is_cut() {
        let deep = (0..500).fold(process("leaf", Vec::new()), |below, _| process("p", vec![below]));
        let text = draw(&Tree { processes: vec![deep], count: 501 });
        assert!(text.contains("1 more"), "{text}");
    }
}
