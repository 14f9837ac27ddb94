//! Looks ahead in a pipeline: which keys, or fields of one hash, its commands are about.
//!
//! A guess, made without the parser: the first two arguments behind each name. Nothing but speed depends on it.

use crate::protocol::integer::parse_short_line;

/// Commands that are looked at.
pub(super) const COMMANDS: u64 = 16;
/// A command of more arguments ends the look: to skip them costs more than it may give.
const ARGS_MAX: usize = 8;

/// What a command is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Subject<'b> {
    key: Option<&'b [u8]>,
    field: Option<&'b [u8]>,
}

/// The keys of the next commands, if these are whole and short.
pub(super) fn keys(pipeline: &[u8]) -> impl Iterator<Item = &[u8]> {
    subjects(pipeline).filter_map(|subject| subject.key)
}

/// The key that the next two commands share, if they may be about its fields.
pub(super) fn common_key(pipeline: &[u8]) -> Option<&[u8]> {
    let mut subjects = subjects(pipeline);
    let (one, other) = (subjects.next()?, subjects.next()?);
    one.key.filter(|_| one.key == other.key && one.field.is_some() && other.field.is_some())
}

/// The fields of the next commands that have this key.
pub(super) fn fields<'b>(pipeline: &'b [u8], key: &[u8]) -> impl Iterator<Item = &'b [u8]> {
    subjects(pipeline).take_while(move |subject| subject.key == Some(key)).filter_map(|subject| subject.field)
}

fn subjects(mut pipeline: &[u8]) -> impl Iterator<Item = Subject<'_>> {
    (0..COMMANDS).map_while(move |_| {
        let (subject, rest) = command(pipeline)?;
        pipeline = rest;
        Some(subject)
    })
}

/// The subject of a command, and what stands behind the command.
#[inline]
fn command(bytes: &[u8]) -> Option<(Subject<'_>, &[u8])> {
    let (count, head) = parse_short_line(bytes, b'*').filter(|(count, _)| (1..=ARGS_MAX).contains(count))?;
    let (mut rest, mut subject) = (bytes.get(head..)?, Subject::default());
    for at in 0..count {
        let (len, head) = parse_short_line(rest, b'$')?;
        let argument = rest.get(head..head + len)?;
        match at {
            1 => subject.key = Some(argument),
            2 => subject.field = Some(argument),
            _ => {}
        }
        rest = rest.get(head + len + 2..)?;
    }
    Some((subject, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pipeline(commands: &[&[&str]]) -> Vec<u8> {
        let argument = |arg: &&str| format!("${}\r\n{arg}\r\n", arg.len());
        let command =
            |args: &&[&str]| format!("*{}\r\n{}", args.len(), args.iter().map(argument).collect::<String>());
        commands.iter().map(command).collect::<String>().into_bytes()
    }

    #[test]
    fn the_keys_of_whole_commands_are_seen() {
        let bytes = pipeline(&[&["GET", "one"], &["PING"], &["SET", "two", "a value"], &["INCR", "one"]]);
        assert!(keys(&bytes).eq([&b"one"[..], b"two", b"one"]));
        assert!(keys(&bytes[..bytes.len() - 1]).eq([&b"one"[..], b"two"]), "the last one is not whole");
        assert_eq!(common_key(&bytes), None);
    }

    #[test]
    fn the_fields_of_one_hash_are_seen() {
        let bytes = pipeline(&[
            &["HSET", "hash", "one", "value"],
            &["HGET", "hash", "two"],
            &["HLEN", "hash"],
            &["HDEL", "hash", "three"],
            &["HGET", "other", "four"],
        ]);
        assert_eq!(common_key(&bytes), Some(&b"hash"[..]));
        assert!(fields(&bytes, b"hash").eq([&b"one"[..], b"two", b"three"]));
        assert_eq!(common_key(&pipeline(&[&["INCR", "one"], &["INCR", "one"]])), None);
    }

    #[test]
    fn no_more_than_some_commands_are_looked_at() {
        let names: Vec<String> = (0..100).map(|number| number.to_string()).collect();
        let commands: Vec<[&str; 2]> = names.iter().map(|name| ["GET", name.as_str()]).collect();
        let commands: Vec<&[&str]> = commands.iter().map(|command| &command[..]).collect();
        assert_eq!(keys(&pipeline(&commands)).count() as u64, COMMANDS);
        let long: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(keys(&pipeline(&[&long, &["GET", "one"]])).count(), 0);
    }

    #[test]
    fn bytes_that_are_no_pipeline_have_no_keys() {
        for bytes in
            ["", "*", "*2\r\n", "*0\r\n", "PING\r\n", "*2\r\n$3\r\nGET\r\n$999\r\nx\r\n", "*-1\r\n", "$1\r\n"]
        {
            assert_eq!(keys(bytes.as_bytes()).count(), 0, "{bytes:?}");
            assert_eq!(common_key(bytes.as_bytes()), None, "{bytes:?}");
        }
    }
}
