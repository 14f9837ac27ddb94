//! What one writer does, step by step, and what must be there after so many steps. No two writers share a key.

use redis::{Cmd, Pipeline, Value, cmd, pipe};

/// Keys over which the rows of a writer rotate.
pub(crate) const ROWS: u64 = 7;
/// Different values of the indexed attribute.
pub(crate) const TAGS: u64 = 5;
const STEPS: u64 = 9;
/// Steps after which the text begins anew.
const TEXT_STEPS: u64 = STEPS * 20;

/// What a writer has made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct World {
    /// A string that is overwritten.
    pub(crate) string: Option<u64>,
    /// A counter: shows what is applied twice.
    pub(crate) counter: Option<u64>,
    /// A string that grows: shows order, too.
    pub(crate) text: Option<String>,
    /// Written by transactions only, in two databases and a table with an index, always together.
    pub(crate) trio: [Option<u64>; 3],
    /// Records of a table with an index.
    pub(crate) rows: [Option<u64>; ROWS as usize],
}

impl World {
    /// Does step `n`.
    pub(crate) fn advance(&mut self, n: u64) {
        match n % STEPS {
            0 => self.string = Some(n),
            1 => self.counter = Some(self.counter.unwrap_or(0) + 1),
            2 | 7 => self.trio = [Some(n); 3],
            3 | 4 => self.rows[(n % ROWS) as usize] = Some(n),
            6 if n.is_multiple_of(2) => self.trio = [None; 3],
            8 if (n / STEPS).is_multiple_of(20) => self.text = Some(String::new()),
            8 => self.text.get_or_insert_default().push_str(&format!("{n};")),
            // Expires at once, or is refused.
            _ => {}
        }
    }
}

/// The record that a step writes.
pub(crate) fn record(id: u64, n: u64) -> String {
    format!(r#"{{"id":{id},"n":{n},"tag":{}}}"#, n % TAGS)
}

pub(crate) fn row_id(writer: u64, place: u64) -> u64 {
    writer * 100 + place
}

/// Step `n` of a writer as commands; those of a transaction stand in one pipeline.
pub(crate) fn commands(writer: u64, n: u64) -> Step {
    let key = |name: &str| format!("{name}:{writer}");
    let one = |command: &str, words: &[&str]| {
        let mut made = cmd(command);
        made.arg(words);
        Step::One(made)
    };
    let number = n.to_string();
    match n % STEPS {
        0 => one("SET", &[&key("string"), &number]),
        1 => one("INCR", &[&key("counter")]),
        2 | 7 => {
            let mut all = pipe();
            all.atomic().cmd("SET").arg(key("trio")).arg(n);
            all.cmd("T.WRITE").arg("trio").arg(record(writer, n));
            all.cmd("HSET").arg(key("trio-hash")).arg("n").arg(n);
            Step::Together(all)
        }
        3 | 4 => one("T.WRITE", &["rows", &record(row_id(writer, n % ROWS), n)]),
        5 => one("SET", &[&key("gone"), &number, "PX", "1"]),
        6 if n.is_multiple_of(2) => {
            let mut all = pipe();
            all.atomic().cmd("DEL").arg(key("trio"));
            all.cmd("T.DELETE").arg("trio").arg(writer);
            all.cmd("HDEL").arg(key("trio-hash")).arg("n");
            Step::Together(all)
        }
        // A string is no hash: refused, and must leave no trace.
        6 => Step::Refused({
            let mut made = cmd("HSET");
            made.arg(key("string")).arg("field").arg(n);
            made
        }),
        _ if n % TEXT_STEPS < STEPS => one("SET", &[&key("text"), ""]),
        _ => one("APPEND", &[&key("text"), &format!("{n};")]),
    }
}

/// What a step sends.
pub(crate) enum Step {
    One(Cmd),
    Together(Pipeline),
    /// The answer must be an error, unless the string is not there yet.
    Refused(Cmd),
}

impl Step {
    /// Sends it and waits for the answer.
    pub(crate) fn run(&self, client: &mut redis::Connection) -> redis::RedisResult<()> {
        match self {
            Self::One(command) => command.query::<Value>(client).map(drop),
            Self::Together(all) => all.query::<Value>(client).map(drop),
            Self::Refused(command) => match command.query::<Value>(client) {
                Err(error) if error.code() == Some("WRONGTYPE") => Ok(()),
                Err(error) => Err(error),
                Ok(answer) => panic!("{answer:?} to what must be refused"),
            },
        }
    }
}
