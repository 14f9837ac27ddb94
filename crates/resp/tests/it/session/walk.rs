//! Walks over keys and fields, and random draws.

use std::collections::{BTreeMap, BTreeSet};

use super::{Client, Node, check};

/// The cursor and the strings of a `SCAN` or `HSCAN`.
fn step(client: &mut Client, command: &str) -> (String, Vec<String>) {
    let reply = client.say(command);
    let parts: Vec<&str> = reply.split("\r\n").collect();
    let strings = parts[4..].iter().skip(1).step_by(2).filter(|part| !part.is_empty());
    (parts[2].to_owned(), strings.map(|part| (*part).to_owned()).collect())
}

/// All that a walk gives; `between` runs after each step.
fn walk(
    client: &mut Client,
    name: &str,
    options: &str,
    mut between: impl FnMut(&mut Client, usize),
) -> Vec<String> {
    let (mut cursor, mut all, mut steps) = ("0".to_owned(), Vec::new(), 0);
    loop {
        let (next, found) = step(client, &format!("{name} {cursor} {options}"));
        all.extend(found);
        if next == "0" {
            return all;
        }
        cursor = next;
        steps += 1;
        assert!(steps < 100_000, "the walk has no end");
        between(client, steps);
    }
}

#[test]
fn a_walk_meets_all_keys_that_stay_whatever_else_is_done() {
    let mut client = Node::new().client();
    for key in 0..3_000 {
        client.say(&format!("SET stay{key} v"));
    }
    let met = walk(&mut client, "SCAN", "COUNT 7", |client, step| {
        for key in 0..20 {
            client.say(&format!("SET new{step}-{key} v"));
        }
        client.say(&format!("DEL new{}-3", step / 2));
    });
    let met: BTreeSet<String> = met.into_iter().collect();
    assert!((0..3_000).all(|key| met.contains(&format!("stay{key}"))));
}

#[test]
fn a_walk_gives_what_matches_and_nothing_else() {
    let mut client = Node::new().client();
    for key in 0..300 {
        client.say(&format!("SET s{key} v"));
        client.say(&format!("HSET h{key} f v"));
    }
    let strings = walk(&mut client, "SCAN", "TYPE STRING COUNT 50", |_, _| ());
    assert_eq!(strings.len(), 300);
    let few = walk(&mut client, "SCAN", "MATCH ?[1-2]", |_, _| ());
    assert_eq!(few.into_iter().collect::<BTreeSet<_>>(), ["h1", "h2", "s1", "s2"].map(str::to_owned).into());
    assert!(walk(&mut client, "SCAN", "TYPE list", |_, _| ()).is_empty());
    let mut keys = client.strings("KEYS s29*");
    keys.sort_unstable();
    assert_eq!(keys.len(), 11);
}

#[test]
fn fields_of_a_large_hash_are_walked_in_small_steps() {
    let mut client = Node::new().client();
    for field in 0..2_000 {
        client.say(&format!("HSET h stay{field} v"));
    }
    let mut sizes = Vec::new();
    let met = walk(&mut client, "HSCAN h", "COUNT 10", |client, step| {
        client.say(&format!("HSET h new{step} v"));
        client.say(&format!("HDEL h new{}", step / 3));
        sizes.push(step);
    });
    assert!(sizes.len() > 150, "{} steps", sizes.len());
    let met: BTreeSet<String> = met.into_iter().collect();
    assert!((0..2_000).all(|field| met.contains(&format!("stay{field}"))));
}

#[test]
fn bad_cursors_and_options_are_refused() {
    check(
        &mut Node::new().client(),
        &[
            ("SCAN x", "-ERR invalid cursor\r\n"),
            ("SCAN 0 COUNT 0", "-ERR syntax error\r\n"),
            ("SCAN 0 COUNT x", "-ERR value is not an integer or out of range\r\n"),
            ("SCAN 0 MATCH", "-ERR syntax error\r\n"),
            ("SCAN 18446744073709551615", "*2\r\n$1\r\n0\r\n*0\r\n"),
            ("HSCAN h 0 TYPE x", "*2\r\n$1\r\n0\r\n*0\r\n"),
            ("HSET h f v", ":1\r\n"),
            ("HSCAN h 0 TYPE x", "-ERR syntax error\r\n"),
            ("HSCAN h 0 MATCH g*", "*2\r\n$1\r\n0\r\n*0\r\n"),
            ("HSCAN h 0", "*2\r\n$1\r\n0\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n"),
        ],
    );
}

#[test]
fn draws_give_as_many_as_there_are() {
    let mut client = Node::new().client();
    check(
        &mut client,
        &[
            ("RANDOMKEY", "$-1\r\n"),
            ("HRANDFIELD h", "$-1\r\n"),
            ("HRANDFIELD h 3", "*0\r\n"),
            ("HSET h a 1 b 2", ":2\r\n"),
            ("RANDOMKEY", "$1\r\nh\r\n"),
            ("HRANDFIELD h 0", "*0\r\n"),
            ("HRANDFIELD h 5 WITHVALUES", "*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n"),
            ("HRANDFIELD h 1 NOPE", "-ERR syntax error\r\n"),
        ],
    );
    assert_eq!(client.strings("HRANDFIELD h -7").len(), 7);
    assert!(client.say("HRANDFIELD h -1048577").starts_with("-TOOLARGE "));
    client.say("HELLO 3");
    let pairs = "*2\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n*2\r\n$1\r\nb\r\n$1\r\n2\r\n";
    assert_eq!(client.say("HRANDFIELD h 2 WITHVALUES"), pairs);
}

#[test]
fn every_key_is_drawn_as_often_as_the_others() {
    for keys in [1, 2, 30, 60] {
        let mut client = Node::new().client();
        for key in 0..keys {
            client.say(&format!("SET k{key} v"));
        }
        let mut drawn: BTreeMap<String, usize> = BTreeMap::new();
        for _ in 0..100 * keys {
            *drawn.entry(client.say("RANDOMKEY")).or_default() += 1;
        }
        // 100 each, give or take 10: five times that is no chance.
        assert_eq!(drawn.len(), keys);
        assert!(drawn.values().all(|times| (50..=150).contains(times)), "{drawn:?}");
    }
}

#[test]
fn every_key_of_a_big_database_is_drawn_sooner_or_later() {
    let mut client = Node::new().client();
    for key in 0..300 {
        client.say(&format!("SET k{key} v"));
    }
    let drawn: BTreeSet<String> = (0..30_000).map(|_| client.say("RANDOMKEY")).collect();
    assert_eq!(drawn.len(), 300);
}

#[test]
fn keys_are_described() {
    let mut client = Node::new().client();
    client.set_up(&["SET n 12", "SET s text"]);
    client.call(&[b"SET", b"long", &[b'x'; 45]]);
    check(
        &mut client,
        &[
            ("OBJECT ENCODING n", "$3\r\nint\r\n"),
            ("OBJECT ENCODING s", "$6\r\nembstr\r\n"),
            ("OBJECT ENCODING long", "$3\r\nraw\r\n"),
            ("HSET h f v", ":1\r\n"),
            ("OBJECT ENCODING h", "$8\r\nlistpack\r\n"),
            ("OBJECT ENCODING nothing", "$-1\r\n"),
            ("OBJECT REFCOUNT s", ":1\r\n"),
            ("OBJECT NOPE s", "-ERR unknown subcommand 'NOPE'. Try OBJECT HELP.\r\n"),
            ("MEMORY USAGE nothing", "$-1\r\n"),
            ("MEMORY USAGE s SAMPLES -1", "-ERR syntax error\r\n"),
            ("TOUCH s n nothing", ":2\r\n"),
        ],
    );
    assert!(client.say("OBJECT IDLETIME s").starts_with("-ERR idle times are not tracked"));
    assert!(client.say("MEMORY USAGE long") > client.say("MEMORY USAGE s"));
    for field in 0..200 {
        client.say(&format!("HSET h f{field} v"));
    }
    assert_eq!(client.say("OBJECT ENCODING h"), "$9\r\nhashtable\r\n");
}
