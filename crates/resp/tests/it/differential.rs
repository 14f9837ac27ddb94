//! The same random commands to this server and to Redis: the replies must be equal byte for byte.
//!
//! `MNEMON_SEED` replays a run, `MNEMON_COMMANDS` sets its length, `MNEMON_REQUIRE_PEERS=1` makes a missing
//! `redis-server` a failure.

pub(crate) mod commands;
mod redis;
mod server_commands;

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
    /// The commands of the transaction that is being built.
    queued: Vec<Command>,
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
        if our_bytes != their_bytes && !self.equal_enough(command, &our_reply, &their_reply) {
            let history = self.history[self.history.len().saturating_sub(25)..].join("\n  ");
            panic!(
                "the replies differ\n  ours:   {}\n  theirs: {}\nafter\n  {history}",
                our_bytes.escape_ascii(),
                their_bytes.escape_ascii()
            );
        }
        match &our_reply {
            Reply::Simple(text) if text == "QUEUED" => self.queued.push(command.clone()),
            _ if command[0].eq_ignore_ascii_case(b"MULTI") => {}
            _ if command[0].eq_ignore_ascii_case(b"EXEC") || command[0].eq_ignore_ascii_case(b"DISCARD") => {
                self.queued.clear();
            }
            _ => {}
        }
        (our_reply, their_reply)
    }

    fn equal_enough(&self, command: &Command, ours: &Reply, theirs: &Reply) -> bool {
        match (ours, theirs) {
            (Reply::Array(ours), Reply::Array(theirs)) if command[0].eq_ignore_ascii_case(b"EXEC") => {
                let replies = self.queued.iter().zip(ours.iter().zip(theirs));
                ours.len() == theirs.len()
                    && ours.len() == self.queued.len()
                    && replies
                        .into_iter()
                        .all(|(command, (one, other))| one == other || equal_enough(command, one, other))
            }
            _ => equal_enough(command, ours, theirs),
        }
    }
}

/// Replies that may differ: times that are read a moment apart, the order of large hashes and of keys, what is chosen
/// at random, and how much memory something takes.
fn equal_enough(command: &Command, ours: &Reply, theirs: &Reply) -> bool {
    let name = command[0].to_ascii_uppercase();
    let is_large = command.get(1).is_some_and(|key| key == commands::LARGE);
    match (&name[..], ours, theirs) {
        (b"TTL" | b"EXPIRETIME", Reply::Int(ours), Reply::Int(theirs)) => {
            (ours - theirs).abs() <= 3 && *ours > 0
        }
        (b"PTTL" | b"PEXPIRETIME", Reply::Int(ours), Reply::Int(theirs)) => {
            (ours - theirs).abs() <= 3_000 && *ours > 0
        }
        (b"MEMORY", Reply::Int(_), Reply::Int(_)) => true,
        // Redis counts those who hold a value at the moment, and small integers as held by very many.
        (b"OBJECT", Reply::Int(1), Reply::Int(theirs)) => *theirs >= 1,
        (b"OBJECT", ours, theirs) => is_text(ours) && is_text(theirs),
        (b"KEYS", ours, theirs) => sorted(ours) == sorted(theirs),
        (b"RANDOMKEY", ours, theirs) => *ours != Reply::Null && *theirs != Reply::Null,
        (b"SCAN" | b"HSCAN", Reply::Array(ours), Reply::Array(theirs)) => {
            ours.len() == 2 && ours[0] == theirs[0] && sorted(&ours[1]) == sorted(&theirs[1])
        }
        (b"HRANDFIELD", ours, theirs) => drawn_alike(command, ours, theirs),
        _ => is_large && sorted(ours) == sorted(theirs),
    }
}

/// The forms of a short string that Redis tells apart by how it was made.
fn is_text(reply: &Reply) -> bool {
    ["int", "embstr", "raw"].iter().any(|form| *reply == Reply::bulk(form))
}

fn drawn_alike(command: &Command, ours: &Reply, theirs: &Reply) -> bool {
    match (ours, theirs) {
        (Reply::Array(ours_drawn), Reply::Array(theirs_drawn)) => {
            let all = command.get(2).is_some_and(|count| count == b"10000" || count.len() == 19);
            ours_drawn.len() == theirs_drawn.len() && (!all || sorted(ours) == sorted(theirs))
        }
        (Reply::Bulk(_), Reply::Bulk(_)) => true,
        _ => false,
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
            queued: Vec::new(),
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
        compare_all(&mut pair);
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
        for _ in 0..random.below(3) {
            let disturbance = random.disturbance();
            let shown = disturbance.iter().map(|arg| arg.escape_ascii().to_string()).collect::<Vec<_>>();
            pair.history.push(format!("(another client) {}", shown.join(" ")));
            other.ask(&disturbance);
        }
        // Last: where the rows went that a database had, a key that is written then may stand for one that went with them.
        for _ in 0..random.below(3) {
            pair.history.push("(another client) SWAPDB 0 1".to_owned());
            other.ask(&[b"SWAPDB".to_vec(), b"0".to_vec(), b"1".to_vec()].into());
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

/// All that is left in both databases that were written to.
fn compare_all(pair: &mut Pair) {
    let words = |words: &[&[u8]]| words.iter().map(|word| word.to_vec()).collect::<Command>();
    for database in [b"0", b"1"] {
        pair.ask(&words(&[b"SELECT", database]));
        let (Reply::Array(keys), _) = pair.ask(&words(&[b"KEYS", b"*"])) else { panic!("KEYS gave no keys") };
        for key in keys {
            let Reply::Bulk(key) = key else { panic!("a key that is no string: {key:?}") };
            pair.ask(&words(&[b"PTTL", &key]));
            let (kind, _) = pair.ask(&words(&[b"TYPE", &key]));
            let read: &[u8] = if kind == Reply::simple("hash") { b"HGETALL" } else { b"GET" };
            pair.ask(&words(&[read, &key]));
        }
    }
}
