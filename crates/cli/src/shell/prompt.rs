//! The shell on a terminal: a line editor with history, completion and hints, and a connection that comes back.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Context, Editor, Helper};

use crate::client::Client;
use crate::error::CliError;
use crate::output::print;
use crate::shell::Talk;
use crate::shell::guide::Guide;

/// Lines of history that are kept.
const HISTORY_MAX: usize = 10_000;

/// The guide, as the line editor asks it.
#[derive(Default)]
struct Advice(Guide);

impl Helper for Advice {}
impl Validator for Advice {}

impl Highlighter for Advice {
    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(format!("\x1b[2m{hint}\x1b[0m"))
    }
}

impl Hinter for Advice {
    type Hint = String;

    fn hint(&self, line: &str, cursor: usize, _: &Context<'_>) -> Option<String> {
        if cursor < line.len() { None } else { self.0.hint(line) }
    }
}

impl Completer for Advice {
    type Candidate = Pair;

    fn complete(&self, line: &str, cursor: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let (start, words) = self.0.complete(line, cursor);
        let pair = |word: String| Pair { display: word.clone(), replacement: format!("{word} ") };
        Ok((start, words.into_iter().map(pair).collect()))
    }
}

/// Reads and runs lines until the end of input, `exit` or `quit`; `help` is answered here.
pub(super) fn run(talk: &mut Talk) -> Result<(), CliError> {
    let failed = |cause: ReadlineError| CliError::Terminal(cause.to_string());
    let config = Config::builder()
        .completion_type(CompletionType::List)
        .history_ignore_space(true)
        .max_history_size(HISTORY_MAX)
        .map_err(failed)?
        .build();
    let mut editor: Editor<Advice, DefaultHistory> = Editor::with_config(config).map_err(failed)?;
    editor.set_helper(Some(Advice::default()));
    let history = history_file();
    if let Some(file) = &history {
        // The first time there is none.
        drop(editor.load_history(file));
    }
    learn(talk, &mut editor);
    print("help explains, Tab completes, exit ends\n");
    let prompt = format!("{}> ", crate::output::printable(talk.client.address()));
    loop {
        talk.width = editor.dimensions().map(|(columns, _)| columns);
        let line = match editor.readline(&prompt) {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => break,
            Err(cause) => return Err(failed(cause)),
        };
        let name = line.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
        if ["exit", "quit"].contains(&name.as_str()) {
            break;
        }
        if !line.trim().is_empty() && !is_secret(&line) {
            drop(editor.add_history_entry(line.as_str()));
        }
        if let (true, Some(advice)) = (["help", "?"].contains(&name.as_str()), editor.helper()) {
            print(&advice.0.help(line.split_whitespace().nth(1)));
            continue;
        }
        answer(talk, &line);
        if ["t.create", "t.drop", "select"].contains(&name.as_str())
            && let Some(advice) = editor.helper_mut()
        {
            drop(advice.0.learn_tables(&mut talk.client));
        }
    }
    if let Some(file) = &history {
        if let Some(directory) = file.parent() {
            drop(std::fs::create_dir_all(directory));
        }
        if let Err(cause) = editor.save_history(file) {
            talk.complain(&format!("the history could not be saved in {}: {cause}", file.display()));
        }
    }
    Ok(())
}

fn learn(talk: &mut Talk, editor: &mut Editor<Advice, DefaultHistory>) {
    // Hints are no more than that: a server that gives none, or not yet, is as good.
    if let Ok(guide) = Guide::learn(&mut talk.client) {
        editor.set_helper(Some(Advice(guide)));
    }
}

/// Runs a line; a connection that was closed meanwhile is made anew before the line is sent.
fn answer(talk: &mut Talk, line: &str) {
    if talk.client.is_gone() {
        match Client::connect(&talk.server) {
            Ok(client) => {
                talk.client = client;
                print("(connected again; MULTI, WATCH, SELECT and subscriptions are forgotten)\n");
            }
            Err(cause) => {
                talk.complain(&cause.to_string());
                return;
            }
        }
    }
    if let Err(cause) = talk.run_line(line.as_bytes()) {
        talk.complain(&cause.to_string());
    }
}

/// Whether a line holds a password.
fn is_secret(line: &str) -> bool {
    let words: Vec<String> = line.split_whitespace().map(str::to_ascii_lowercase).collect();
    let word = |place: usize| words.get(place).map(String::as_str).unwrap_or_default();
    match word(0) {
        "auth" => true,
        "hello" => words.iter().any(|word| word == "auth"),
        "config" => words.iter().any(|word| word == "requirepass"),
        "acl" => word(1) == "setuser",
        _ => false,
    }
}

/// Where the history is kept: `MNEMON_HISTORY`, else the user's directory for such things.
fn history_file() -> Option<PathBuf> {
    let path = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    path("MNEMON_HISTORY")
        .or_else(|| path("XDG_STATE_HOME").map(|state| state.join("mnemon/history")))
        .or_else(|| path("HOME").map(|home| home.join(".local/state/mnemon/history")))
        .filter(|path| may_keep(path))
}

/// Whether a history may be kept there. Not in a device such as `/dev/null`, which stands for none, as it does with `redis-cli`: who
/// saves a history takes all others' rights to the file away.
fn may_keep(path: &Path) -> bool {
    path.metadata().map_or(true, |found| found.is_file() || found.is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_do_not_enter_the_history() {
        for line in [
            "AUTH pw",
            "auth ada pw",
            "HELLO 3 AUTH ada pw",
            "config set requirepass x",
            "ACL SETUSER ada >pw",
        ] {
            assert!(is_secret(line), "{line}");
        }
        for line in ["SET auth 1", "HELLO 3", "CONFIG GET maxmemory", ""] {
            assert!(!is_secret(line), "{line}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_history_in_dev_null_leaves_the_device_alone() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert!(may_keep(&here.join("no such history")) && may_keep(&here.join("Cargo.toml")));
        assert!(!may_keep(Path::new("/dev/null")));
    }
}
