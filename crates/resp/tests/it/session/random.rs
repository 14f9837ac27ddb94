//! Whatever a client sends is answered: no command panics, and every answer is well-formed.

use mnemon_resp::protocol::{DecodeLimits, decode};
use proptest::collection::vec;
use proptest::prelude::*;

use super::Node;

/// Words that commands take as options, names and numbers.
const WORDS: [&str; 44] = [
    "k",
    "t",
    "db0",
    "users",
    "NX",
    "XX",
    "GT",
    "LT",
    "GET",
    "EX",
    "PX",
    "EXAT",
    "PXAT",
    "KEEPTTL",
    "PERSIST",
    "TTL",
    "LIMIT",
    "REV",
    "FROM",
    "TO",
    "KIND",
    "bag",
    "ordered_set",
    "ATTRS",
    "id,n:int",
    "INDEX",
    "n",
    "ACCESS",
    "ro",
    "0",
    "1",
    "-1",
    "9223372036854775807",
    "-9223372036854775808",
    "1.5",
    "inf",
    "[1,2]",
    "{\"id\":1}",
    "{}",
    "DETAILED",
    "AUTH",
    "SETNAME",
    "3",
    "FILTERBY",
];

fn names() -> Vec<String> {
    let mut client = Node::new().client();
    client.strings("COMMAND LIST")
}

fn argument() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => prop::sample::select(&WORDS[..]).prop_map(|word| word.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..12),
    ]
}

proptest! {
    #[test]
    fn every_command_is_answered_in_one_form_or_another(
        script in vec((prop::sample::select(names()), vec(argument(), 0..6)), 1..40)
    ) {
        let node = Node::new();
        let (mut client, mut other) = (node.client(), node.client());
        for (at, (name, arguments)) in script.iter().enumerate() {
            let mut command: Vec<&[u8]> = vec![name.as_bytes()];
            command.extend(arguments.iter().map(Vec::as_slice));
            let who = if at % 5 == 4 { &mut other } else { &mut client };
            let mut rest = &who.call(&command)[..];
            prop_assert!(!rest.is_empty(), "{command:?}");
            while !rest.is_empty() {
                let Ok(Some((_, len))) = decode(rest, &DecodeLimits::default()) else {
                    return Err(TestCaseError::fail(format!("{command:?}: {}", rest.escape_ascii())));
                };
                rest = &rest[len..];
            }
        }
    }
}
