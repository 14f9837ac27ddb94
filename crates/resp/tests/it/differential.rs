//! The same random commands to this server and to Redis: the replies must be equal byte for byte.
//!
//! `MNEMON_SEED` replays a run, `MNEMON_COMMANDS` sets its length, `MNEMON_REQUIRE_PEERS=1` makes a missing
//! `redis-server` a failure.

mod commands;
mod redis;

use mnemon_resp::protocol::Reply;

use crate::client::{Client, serve};
use commands::Random;
use redis::Redis;

/// Commands of a run, both protocol versions together.
const COMMANDS: usize = 20_000;

/// A client of each server, in step.
struct Pair {
    ours: Client,
    theirs: Client,
    history: Vec<String>,
}

type Command = Vec<Vec<u8>>;

impl Pair {
    fn ask(&mut self, command: &Command) -> (Reply, Reply) {
        let shown = command.iter().map(|arg| arg.escape_ascii().to_string()).collect::<Vec<_>>().join(" ");
        self.history.push(shown);
        self.ours.send(command);
        self.theirs.send(command);
        let (our_reply, our_bytes) = self.ours.receive();
        let (their_reply, their_bytes) = self.theirs.receive();
        if our_bytes != their_bytes && !equal_enough(command, &our_reply, &their_reply) {
            let history = self.history[self.history.len().saturating_sub(25)..].join("\n  ");
            panic!(
                "the replies differ\n  ours:   {}\n  theirs: {}\nafter\n  {history}",
                our_bytes.escape_ascii(),
                their_bytes.escape_ascii()
            );
        }
        (our_reply, their_reply)
    }
}

/// Replies that may differ: times that are read a moment apart, and the order of large hashes.
fn equal_enough(command: &Command, ours: &Reply, theirs: &Reply) -> bool {
    let name = command[0].to_ascii_uppercase();
    match (ours, theirs) {
        (Reply::Int(ours), Reply::Int(theirs)) => match &name[..] {
            b"TTL" | b"EXPIRETIME" => (ours - theirs).abs() <= 3 && *ours > 0,
            b"PTTL" | b"PEXPIRETIME" => (ours - theirs).abs() <= 3_000 && *ours > 0,
            _ => false,
        },
        (Reply::Array(ours), Reply::Array(theirs)) if name == b"EXEC" => {
            let time = |one: &Reply, other: &Reply| match (one, other) {
                (Reply::Int(one), Reply::Int(other)) => *one > 1_000 && (one - other).abs() <= 3_000,
                _ => sorted(one) == sorted(other),
            };
            ours.len() == theirs.len()
                && ours.iter().zip(theirs).all(|(one, other)| one == other || time(one, other))
        }
        _ => command.get(1).is_some_and(|key| key == commands::LARGE) && sorted(ours) == sorted(theirs),
    }
}

/// The parts of a reply in an order of their own; pairs of a flat `HGETALL` fall apart, values are checked by `HGET`.
fn sorted(reply: &Reply) -> Vec<String> {
    let mut parts: Vec<String> = match reply {
        Reply::Array(items) | Reply::Set(items) => items.iter().map(|item| format!("{item:?}")).collect(),
        Reply::Map(pairs) => pairs.iter().map(|pair| format!("{pair:?}")).collect(),
        other => vec![format!("{other:?}")],
    };
    parts.sort_unstable();
    parts
}

fn from_env<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn random_commands_get_the_replies_of_redis() {
    let Some(redis) = Redis::start() else { return };
    let seed = from_env("MNEMON_SEED").unwrap_or_else(Random::seed);
    let commands: usize = from_env("MNEMON_COMMANDS").unwrap_or(COMMANDS);
    println!("MNEMON_SEED={seed}");
    let server = serve(|_| {});
    let mut random = Random::new(seed);
    for version in ["2", "3"] {
        let connect = || Pair {
            ours: Client::connect(server.local_addr()),
            theirs: Client::connect(redis.addr),
            history: vec![format!("MNEMON_SEED={seed} HELLO {version}")],
        };
        let (mut pair, mut other) = (connect(), connect());
        for client in [&mut pair.ours, &mut pair.theirs, &mut other.ours, &mut other.theirs] {
            let greeting = client.call(&["HELLO", version]);
            assert!(!greeting.is_error(), "{greeting:?}");
        }
        pair.ask(&vec![b"FLUSHALL".to_vec()]);
        let mut asked = 0;
        while asked < commands / 2 {
            asked += play(&mut random, &mut pair, &mut other);
        }
    }
}

/// One scene: a few commands alone, or a transaction. How many commands were asked.
fn play(random: &mut Random, pair: &mut Pair, other: &mut Pair) -> usize {
    if !random.one_in(12) {
        pair.ask(&random.command());
        return 1;
    }
    let before = pair.history.len();
    if random.one_in(2) {
        pair.ask(&random.watch());
        if random.one_in(2) {
            let disturbance = random.disturbance();
            let shown = disturbance.iter().map(|arg| arg.escape_ascii().to_string()).collect::<Vec<_>>();
            pair.history.push(format!("(another client) {}", shown.join(" ")));
            other.ask(&disturbance);
        }
    }
    pair.ask(&vec![b"MULTI".to_vec()]);
    for _ in 0..random.below(7) {
        pair.ask(&random.transaction_command());
    }
    let end: &[u8] = if random.one_in(6) { b"DISCARD" } else { b"EXEC" };
    pair.ask(&vec![end.to_vec()]);
    pair.history.len() - before
}
