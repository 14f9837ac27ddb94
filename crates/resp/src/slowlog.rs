//! The slow log: the last commands that took long, shortened as Redis shortens them.
//!
//! What must stay true: it is bounded in entries, and an entry in arguments and bytes; passwords do not enter it.

use std::collections::VecDeque;

use parking_lot::Mutex;

use crate::protocol::{Args, Reply};

/// Arguments of an entry, the last of which may tell how many more there were.
const MAX_ARGS: usize = 32;
/// Bytes of an argument.
const MAX_ARG_LEN: usize = 128;

/// A command that took long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    id: u64,
    at_s: u64,
    took_us: u64,
    args: Vec<Vec<u8>>,
    peer: String,
    name: Vec<u8>,
}

impl Entry {
    /// As `SLOWLOG GET` shows it.
    pub(crate) fn reply(self) -> Reply {
        let number = |number: u64| Reply::Int(i64::try_from(number).unwrap_or(i64::MAX));
        Reply::Array(vec![
            number(self.id),
            number(self.at_s),
            number(self.took_us),
            Reply::Array(self.args.into_iter().map(Reply::Bulk).collect()),
            Reply::bulk(self.peer),
            Reply::Bulk(self.name),
        ])
    }
}

#[derive(Debug, Default)]
struct Entries {
    /// The newest first.
    entries: VecDeque<Entry>,
    next_id: u64,
}

/// The commands that took long, the newest first.
#[derive(Debug, Default)]
pub(crate) struct SlowLog(Mutex<Entries>);

impl SlowLog {
    /// Adds a command; of more than `max_len` entries the oldest are dropped.
    pub(crate) fn add(
        &self,
        args: Vec<Vec<u8>>,
        took_us: u64,
        now_ms: u64,
        client: (&str, &[u8]),
        max_len: usize,
    ) {
        let mut log = self.0.lock();
        let (peer, name) = client;
        let entry = Entry {
            id: log.next_id,
            at_s: now_ms / 1_000,
            took_us,
            args,
            peer: peer.to_owned(),
            name: name.to_vec(),
        };
        log.next_id += 1;
        log.entries.push_front(entry);
        log.entries.truncate(max_len);
    }

    /// The newest `count` entries.
    pub(crate) fn newest(&self, count: usize) -> Vec<Entry> {
        self.0.lock().entries.iter().take(count).cloned().collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().entries.len()
    }

    pub(crate) fn clear(&self) {
        self.0.lock().entries.clear();
    }
}

/// The arguments of a command as an entry keeps them.
pub(crate) fn shorten(args: Args<'_>) -> Vec<Vec<u8>> {
    let secret_from = secret_from(args);
    let shown = if args.len() > MAX_ARGS { MAX_ARGS - 1 } else { args.len() };
    let mut kept: Vec<Vec<u8>> = args
        .iter()
        .enumerate()
        .take(shown)
        .map(|(place, arg)| if place >= secret_from { b"(redacted)".to_vec() } else { cut(arg) })
        .collect();
    if args.len() > shown {
        kept.push(format!("... ({} more arguments)", args.len() - shown).into_bytes());
    }
    kept
}

fn cut(arg: &[u8]) -> Vec<u8> {
    match arg.split_at_checked(MAX_ARG_LEN) {
        Some((head, rest)) if !rest.is_empty() => {
            [head, format!("... ({} more bytes)", rest.len()).as_bytes()].concat()
        }
        _ => arg.to_vec(),
    }
}

/// The first argument that may be a password.
fn secret_from(args: Args<'_>) -> usize {
    let name = args.name();
    if name.eq_ignore_ascii_case(b"AUTH") {
        1
    } else if name.eq_ignore_ascii_case(b"HELLO") || name.eq_ignore_ascii_case(b"CONFIG") {
        2
    } else {
        usize::MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::ArgsBuf;

    fn shortened(words: &[&str]) -> Vec<String> {
        let args: ArgsBuf = words.iter().collect();
        shorten(args.as_args()).into_iter().map(|arg| String::from_utf8(arg).unwrap()).collect()
    }

    #[test]
    fn long_commands_are_shortened() {
        let long = "x".repeat(130);
        let kept = shortened(&["SET", "k", &long]);
        assert_eq!(kept[2], format!("{}... (2 more bytes)", "x".repeat(128)));
        let many = ["DEL"].into_iter().chain(std::iter::repeat_n("k", 39)).collect::<Vec<_>>();
        let kept = shortened(&many);
        assert_eq!((kept.len(), kept[31].as_str()), (32, "... (9 more arguments)"));
        assert_eq!(shortened(&many[..32]).last().map(String::as_str), Some("k"));
    }

    #[test]
    fn passwords_are_not_kept() {
        assert_eq!(shortened(&["auth", "ada", "pw"]), ["auth", "(redacted)", "(redacted)"]);
        assert_eq!(shortened(&["HELLO", "3", "AUTH"]), ["HELLO", "3", "(redacted)"]);
        assert_eq!(shortened(&["CONFIG", "SET", "requirepass"]), ["CONFIG", "SET", "(redacted)"]);
    }

    #[test]
    fn the_oldest_go_first() {
        let log = SlowLog::default();
        (0..5).for_each(|_| log.add(Vec::new(), 1, 2_000, ("p", b"n"), 3));
        let ids: Vec<u64> = log.newest(10).into_iter().map(|entry| entry.id).collect();
        assert_eq!((ids, log.len()), (vec![4, 3, 2], 3));
        log.clear();
        assert_eq!(log.len(), 0);
    }
}
