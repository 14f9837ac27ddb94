//! Looks ahead in a pipeline: which keys its commands are about.
//!
//! A guess, made without the parser: the argument behind each name. Nothing but speed depends on it.

use smallvec::SmallVec;

use crate::protocol::integer::parse_short_line;

/// Commands that are looked at.
pub(super) const COMMANDS: u64 = 16;
/// A command of more arguments ends the look: to skip them costs more than it may give.
const ARGS_MAX: usize = 8;

/// The different keys of the next commands, if they are whole and short.
pub(super) fn keys(mut bytes: &[u8]) -> SmallVec<[&[u8]; COMMANDS as usize]> {
    let mut keys: SmallVec<[&[u8]; COMMANDS as usize]> = SmallVec::new();
    for _ in 0..COMMANDS {
        let Some((key, rest)) = command(bytes) else { break };
        bytes = rest;
        // Counters of one hash, say, need it once.
        if let Some(key) = key
            && keys.last() != Some(&key)
        {
            keys.push(key);
        }
    }
    keys
}

/// The key of a command, and what stands behind the command.
fn command(bytes: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let (count, head) = parse_short_line(bytes, b'*').filter(|(count, _)| (1..=ARGS_MAX).contains(count))?;
    let (mut rest, mut key) = (bytes.get(head..)?, None);
    for at in 0..count {
        let (len, head) = parse_short_line(rest, b'$')?;
        if at == 1 {
            key = Some(rest.get(head..head + len)?);
        }
        rest = rest.get(head + len + 2..)?;
    }
    Some((key, rest))
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
    fn the_keys_of_whole_commands_are_seen_once_each_in_a_row() {
        let bytes = pipeline(&[
            &["GET", "one"],
            &["PING"],
            &["SET", "two", "a value"],
            &["HSET", "two", "field", "value"],
            &["INCR", "one"],
        ]);
        assert_eq!(keys(&bytes)[..], [&b"one"[..], b"two", b"one"]);
        assert_eq!(keys(&bytes[..bytes.len() - 1])[..], [&b"one"[..], b"two"], "the last one is not whole");
    }

    #[test]
    fn no_more_than_some_commands_are_looked_at() {
        let names: Vec<String> = (0..100).map(|number| number.to_string()).collect();
        let commands: Vec<[&str; 2]> = names.iter().map(|name| ["GET", name.as_str()]).collect();
        let commands: Vec<&[&str]> = commands.iter().map(|command| &command[..]).collect();
        assert_eq!(keys(&pipeline(&commands)).len() as u64, COMMANDS);
        let long: Vec<&str> = names.iter().map(String::as_str).collect();
        assert!(keys(&pipeline(&[&long, &["GET", "one"]])).is_empty());
    }

    #[test]
    fn bytes_that_are_no_pipeline_have_no_keys() {
        for bytes in
            ["", "*", "*2\r\n", "*0\r\n", "PING\r\n", "*2\r\n$3\r\nGET\r\n$999\r\nx\r\n", "*-1\r\n", "$1\r\n"]
        {
            assert!(keys(bytes.as_bytes()).is_empty(), "{bytes:?}");
        }
    }
}
