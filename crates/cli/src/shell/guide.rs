//! What the shell knows of the server's commands and tables: completions and hints.

use std::io;

use mnemon_resp::protocol::Reply;

use crate::client::Client;

/// A command, as the server describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Upper case.
    name: String,
    /// What stands behind the name.
    arguments: Vec<String>,
    summary: String,
}

/// What `help` says.
const HELP: &str = "\
help COMMAND     what a command takes and does; help T. lists those on tables, help H those that begin with H
Tab              completes commands, and tables behind commands that begin with T.
Up, Ctrl-R       earlier lines, and a search in them; a line that begins with a blank is not kept
Ctrl-C           forgets the line, or ends listening
exit, Ctrl-D     ends the shell
Quote as for redis-cli: T.WRITE users '{\"id\":1}'. Each command is explained in docs/commands.md.
";

/// What is known.
#[derive(Debug, Default)]
pub(super) struct Guide {
    commands: Vec<Entry>,
    tables: Vec<String>,
}

impl Guide {
    /// Asks the server what it can do. What it does not tell is left out.
    pub(super) fn learn(client: &mut Client) -> io::Result<Self> {
        let docs = client.ask(&["COMMAND", "DOCS"])?;
        let infos = client.ask(&["COMMAND"])?;
        let mut guide = Self { commands: commands(docs, &infos), tables: Vec::new() };
        guide.learn_tables(client)?;
        Ok(guide)
    }

    /// Asks the server what tables there are.
    pub(super) fn learn_tables(&mut self, client: &mut Client) -> io::Result<()> {
        if self.command("T.LIST").is_some() {
            let tables = client.ask(&["T.LIST"])?;
            self.tables = items(&tables).iter().map(text).collect();
        }
        Ok(())
    }

    fn command(&self, name: &str) -> Option<&Entry> {
        self.commands.iter().find(|entry| entry.name.eq_ignore_ascii_case(name))
    }

    /// Where the word under the cursor begins, and what it may become.
    pub(super) fn complete(&self, line: &str, cursor: usize) -> (usize, Vec<String>) {
        let before = line.get(..cursor).unwrap_or(line);
        let start = before.rfind(char::is_whitespace).map_or(0, |at| at + 1);
        let word = before.get(start..).unwrap_or_default();
        let head = before.get(..start).unwrap_or_default().trim();
        let fits = |candidate: &str| {
            candidate.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word))
        };
        if head.is_empty() {
            let names = self.commands.iter().map(|entry| entry.name.as_str()).filter(|name| fits(name));
            return (start, names.map(str::to_owned).collect());
        }
        let is_table_command =
            head.split_whitespace().count() == 1 && head.to_ascii_uppercase().starts_with("T.");
        let tables = self.tables.iter().filter(|table| is_table_command && fits(table));
        (start, tables.cloned().collect())
    }

    /// What may still be typed, and what the command does.
    pub(super) fn hint(&self, line: &str) -> Option<String> {
        let mut words = line.split_whitespace();
        let entry = self.command(words.next()?)?;
        // A word that is being typed is not there yet.
        let typed =
            words.count() - usize::from(!line.ends_with(char::is_whitespace) && line.trim().contains(' '));
        if !line.contains(char::is_whitespace) {
            return Some(format!(" {}", self.describe(entry, 0))).filter(|hint| hint.len() > 1);
        }
        let rest = self.describe(entry, typed);
        let blank = if line.ends_with(char::is_whitespace) { "" } else { return None };
        Some(format!("{blank}{rest}")).filter(|hint| !hint.is_empty())
    }

    /// What `help`, or `help COMMAND`, says.
    pub(super) fn help(&self, topic: Option<&str>) -> String {
        let Some(topic) = topic else {
            return format!("{HELP}{} commands are known to this server\n", self.commands.len());
        };
        let fits = |entry: &&Entry| {
            entry.name.get(..topic.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(topic))
        };
        let line = |entry: &Entry| format!("{} {}\n", entry.name, self.describe(entry, 0));
        if let Some(entry) = self.command(topic) {
            return line(entry);
        }
        let found: String = self.commands.iter().filter(fits).map(line).collect();
        if found.is_empty() { format!("no command begins with {topic}; help explains\n") } else { found }
    }

    fn describe(&self, entry: &Entry, typed: usize) -> String {
        let arguments = entry.arguments.get(typed..).unwrap_or_default().join(" ");
        match (arguments.is_empty(), entry.summary.is_empty() || typed > 0) {
            (true, true) => String::new(),
            (false, true) => arguments,
            (true, false) => format!("— {}", entry.summary),
            (false, false) => format!("{arguments} — {}", entry.summary),
        }
    }
}

/// The commands of `COMMAND DOCS`; their arguments from there, or, if it does not tell, from `COMMAND`.
fn commands(docs: Reply, infos: &Reply) -> Vec<Entry> {
    let mut found: Vec<Entry> = pairs(&docs)
        .into_iter()
        .map(|(name, facts)| {
            let facts = pairs(facts);
            let fact =
                |wanted: &str| facts.iter().find(|(name, _)| text(name) == wanted).map(|(_, fact)| *fact);
            let name = text(name);
            let told = fact("arguments")
                .map(|arguments| items(arguments).iter().map(|one| argument(one, 0)).collect());
            let info =
                items(infos).iter().find(|info| items(info).first().is_some_and(|own| text(own) == name));
            Entry {
                arguments: told.or_else(|| info.map(|info| placeholders(&name, info))).unwrap_or_default(),
                name: name.to_ascii_uppercase(),
                summary: fact("summary").map(text).unwrap_or_default(),
            }
        })
        .collect();
    found.sort_by(|one, other| one.name.cmp(&other.name));
    found
}

/// Arguments within arguments that are shown.
const DEPTH_MAX: usize = 4;

/// An argument in the notation of Redis's documentation.
fn argument(described: &Reply, depth: usize) -> String {
    let facts = pairs(described);
    let fact = |wanted: &str| facts.iter().find(|(name, _)| text(name) == wanted).map(|(_, fact)| *fact);
    let flags: Vec<String> =
        fact("flags").map(|flags| items(flags).iter().map(text).collect()).unwrap_or_default();
    let parts = |sign: &str| {
        let parts = fact("arguments").map(items).unwrap_or_default();
        let shown = parts.iter().filter(|_| depth < DEPTH_MAX).map(|part| argument(part, depth + 1));
        shown.collect::<Vec<_>>().join(sign)
    };
    let own = match fact("type").map(text).unwrap_or_default().as_str() {
        "pure-token" => String::new(),
        "oneof" => parts("|"),
        "block" => parts(" "),
        _ => fact("display_text").or(fact("name")).map(text).unwrap_or_default(),
    };
    let token = fact("token").map(text).unwrap_or_default();
    let mut shown =
        if token.is_empty() || own.is_empty() { format!("{token}{own}") } else { format!("{token} {own}") };
    if flags.iter().any(|flag| flag == "multiple") {
        shown = format!("{shown} [{shown} …]");
    }
    if flags.iter().any(|flag| flag == "optional") { format!("[{shown}]") } else { shown }
}

/// Arguments by what `COMMAND` tells: how many there are, and which are keys.
fn placeholders(name: &str, info: &Reply) -> Vec<String> {
    let number = |place: usize| match items(info).get(place) {
        Some(Reply::Int(number)) => *number,
        _ => 0,
    };
    let (arity, first, last) = (number(1), number(3), number(4));
    let is_key = |place: i64| first > 0 && place >= first && (last < 0 || place <= last);
    let word = |place: i64| match (is_key(place), name.starts_with("t."), place) {
        (_, true, 1) => "table",
        (true, ..) => "key",
        _ => "arg",
    };
    // No description is so long; a server that says otherwise is not believed.
    let least = arity.unsigned_abs().clamp(1, 16) as i64;
    let mut words: Vec<String> = (1..least).map(|place| word(place).to_owned()).collect();
    if arity < 0 {
        words.push(format!("[{} …]", word(least)));
    }
    words
}

fn items(reply: &Reply) -> &[Reply] {
    match reply {
        Reply::Array(items) | Reply::Set(items) | Reply::Push(items) => items,
        _ => &[],
    }
}

/// The pairs of a map, also of one that came in RESP2, flat.
fn pairs(reply: &Reply) -> Vec<(&Reply, &Reply)> {
    match reply {
        Reply::Map(pairs) => pairs.iter().map(|(key, value)| (key, value)).collect(),
        other => items(other)
            .chunks_exact(2)
            .filter_map(|pair| match pair {
                [key, value] => Some((key, value)),
                _ => None,
            })
            .collect(),
    }
}

fn text(reply: &Reply) -> String {
    match reply {
        Reply::Simple(text) => text.to_string(),
        Reply::Bulk(bytes) => crate::output::printable(&String::from_utf8_lossy(bytes)),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, Reply)]) -> Reply {
        Reply::Map(pairs.iter().map(|(name, value)| (Reply::bulk(name), value.clone())).collect())
    }

    fn guide() -> Guide {
        let plain = |name: &str| map(&[("name", Reply::bulk(name)), ("type", Reply::bulk("string"))]);
        let px = map(&[
            ("name", Reply::bulk("milliseconds")),
            ("type", Reply::bulk("integer")),
            ("token", Reply::bulk("PX")),
            ("flags", Reply::Array(vec![Reply::simple("optional")])),
        ]);
        let docs = map(&[
            (
                "set",
                map(&[
                    ("summary", Reply::bulk("Set a key")),
                    ("arguments", Reply::Array(vec![plain("key"), plain("value"), px])),
                ]),
            ),
            ("t.read", map(&[("summary", Reply::bulk("Read records"))])),
            ("t.list", map(&[])),
        ]);
        let info = |name: &str, arity: i64| {
            Reply::Array(vec![
                Reply::bulk(name),
                Reply::Int(arity),
                Reply::Set(vec![]),
                Reply::Int(0),
                Reply::Int(0),
                Reply::Int(0),
            ])
        };
        let infos = Reply::Array(vec![info("t.read", -3), info("t.list", 1)]);
        Guide { commands: commands(docs, &infos), tables: vec!["db0".into(), "users".into()] }
    }

    #[test]
    fn commands_are_completed_first_and_tables_behind_them() {
        let guide = guide();
        assert_eq!(guide.complete("t.", 2), (0, vec!["T.LIST".into(), "T.READ".into()]));
        assert_eq!(guide.complete("T.READ us", 9), (7, vec!["users".into()]));
        assert_eq!(guide.complete("T.READ users 1", 14), (13, vec![]));
        assert_eq!(guide.complete("SET us", 6), (4, vec![]));
        assert_eq!(guide.complete("é", 2).1, Vec::<String>::new());
    }

    #[test]
    fn help_tells_of_one_command_or_of_those_that_begin_so() {
        let guide = guide();
        let entry = guide.commands.first().expect("a command");
        assert!(guide.help(None).contains("help COMMAND"), "{}", guide.help(None));
        assert!(guide.help(Some(&entry.name.to_lowercase())).starts_with(&entry.name));
        let on_tables = guide.help(Some("t."));
        assert!(on_tables.lines().all(|line| line.starts_with("T.")) && !on_tables.is_empty(), "{on_tables}");
        assert!(guide.help(Some("nosuch")).contains("no command begins with nosuch"));
    }

    #[test]
    fn hints_tell_what_is_still_missing() {
        let guide = guide();
        assert_eq!(guide.hint("set").unwrap(), " key value [PX milliseconds] — Set a key");
        assert_eq!(guide.hint("SET ").unwrap(), "key value [PX milliseconds] — Set a key");
        assert_eq!(guide.hint("SET a "), Some("value [PX milliseconds]".into()));
        assert_eq!(guide.hint("SET a"), None);
        assert_eq!(guide.hint("SET a b PX 1 "), None);
        assert_eq!(guide.hint("t.read ").unwrap(), "table arg [arg …] — Read records");
        assert_eq!(guide.hint("nosuch "), None);
        assert_eq!(guide.hint(""), None);
    }
}
