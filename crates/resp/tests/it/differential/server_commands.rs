//! Scripts of server-side commands, to this server and to Redis: the replies must be equal byte for byte.

use crate::client::{Client, serve};
use crate::differential::redis::Redis;

/// How many replies a command brings, and the command.
type Script = &'static [(usize, &'static str)];

const CLIENTS: Script = &[
    (1, "CLIENT LIST TYPE foo"),
    (1, "CLIENT LIST ID"),
    (1, "CLIENT LIST ID x"),
    (1, "CLIENT LIST ID 0"),
    (1, "CLIENT LIST foo"),
    (1, "CLIENT KILL 1.1.1.1:1"),
    (1, "CLIENT KILL ID x"),
    (1, "CLIENT KILL ID 99999"),
    (1, "CLIENT KILL ID 0"),
    (1, "CLIENT KILL TYPE foo"),
    (1, "CLIENT KILL TYPE replica"),
    (1, "CLIENT KILL USER nobody"),
    (1, "CLIENT KILL USER default LADDR nowhere"),
    (1, "CLIENT KILL SKIPME maybe"),
    (1, "CLIENT KILL FOO bar"),
    (1, "CLIENT KILL ID"),
    (1, "CLIENT KILL ADDR a LADDR b"),
    (1, "CLIENT KILL a b c"),
    (1, "CLIENT REPLY foo"),
    (1, "CLIENT REPLY"),
    (1, "CLIENT NO-EVICT foo"),
    (1, "CLIENT NO-EVICT on"),
    (1, "CLIENT PAUSE x"),
    (1, "CLIENT PAUSE -1"),
    (1, "CLIENT PAUSE 1 FOO"),
    (1, "CLIENT PAUSE 0"),
    (1, "CLIENT UNPAUSE"),
    (1, "CLIENT UNBLOCK 99"),
    (1, "CLIENT UNBLOCK x"),
    (1, "CLIENT UNBLOCK 99 foo"),
    (1, "CLIENT UNBLOCK 99 ERROR"),
    (1, "CLIENT TRACKINGINFO"),
    (1, "CLIENT CACHING yes"),
    (1, "CLIENT TRACKING foo"),
    (1, "CLIENT TRACKING off"),
    (1, "CLIENT TRACKING off x"),
    (1, "CLIENT TRACKING off NOLOOP BCAST PREFIX a OPTIN"),
    (1, "CLIENT TRACKING off PREFIX"),
    (1, "CLIENT TRACKING off REDIRECT"),
    (1, "CLIENT TRACKING off REDIRECT x"),
    (1, "CLIENT TRACKING off REDIRECT 99999"),
    (1, "CLIENT TRACKING foo REDIRECT -1"),
    (1, "CLIENT GETREDIR"),
    (1, "CLIENT ID 1"),
    (1, "CLIENT FOO"),
    (1, "CLIENT GETNAME"),
    (1, "CLIENT SETNAME ada"),
    (1, "CLIENT GETNAME"),
    (0, "CLIENT REPLY SKIP"),
    (0, "PING"),
    (1, "PING"),
    (0, "CLIENT REPLY OFF"),
    (0, "PING"),
    (0, "FOO"),
    (1, "CLIENT REPLY ON"),
];

const CONFIGURATION: Script = &[
    (1, "CONFIG HELP"),
    (1, "CONFIG REWRITE"),
    (1, "CONFIG GET timeout"),
    (1, "CONFIG GET maxclients"),
    (1, "CONFIG GET tcp-keepalive"),
    (1, "CONFIG GET proto-max-bulk-len"),
    (1, "CONFIG GET client-query-buffer-limit"),
    (1, "CONFIG GET maxmemory-policy"),
    (1, "CONFIG GET slowlog-log-slower-than"),
    (1, "CONFIG GET slowlog-max-len"),
    (1, "CONFIG GET requirepass"),
    (1, "CONFIG GET databases"),
    (1, "CONFIG GET nothing*"),
    (1, "CONFIG SET maxmemory 1x"),
    (1, "CONFIG SET maxmemory 100mb timeout 5"),
    (1, "CONFIG GET maxmemory"),
    (1, "CONFIG SET timeout -1"),
    (1, "CONFIG SET foo 1"),
    (1, "CONFIG SET databases 3"),
    (1, "CONFIG SET timeout 1 timeout 2"),
    (1, "CONFIG SET timeout"),
    (1, "CONFIG SET timeout 1 foo"),
    (1, "CONFIG SET maxclients 0"),
    (1, "CONFIG SET slowlog-log-slower-than x"),
    (1, "CONFIG SET client-output-buffer-limit foo"),
    (1, "CONFIG SET tcp-keepalive x"),
    (1, "CONFIG SET maxclients 1000000000000"),
    (1, "CONFIG SET proto-max-bulk-len 1"),
    (1, "CONFIG SET appendonly no"),
    (1, "CONFIG SET timeout 0 maxmemory 0"),
    (1, "CONFIG RESETSTAT x"),
    (1, "CONFIG RESETSTAT"),
    (1, "CONFIG FOO"),
    (1, "SLOWLOG GET"),
    (1, "SLOWLOG GET x"),
    (1, "SLOWLOG GET -2"),
    (1, "SLOWLOG GET -1"),
    (1, "SLOWLOG GET 1 2"),
    (1, "SLOWLOG LEN"),
    (1, "SLOWLOG RESET"),
    (1, "SLOWLOG HELP"),
    (1, "SLOWLOG FOO"),
    (1, "ACL WHOAMI"),
    (1, "ACL LIST"),
    (1, "ACL USERS"),
    (1, "ACL GETUSER default"),
    (1, "ACL GETUSER x"),
    (1, "ACL FOO"),
    (1, "AUTH a b c"),
    (1, "AUTH x"),
    (1, "DEBUG SLEEP 0"),
    (1, "MULTI"),
    (1, "DEBUG SLEEP 0"),
    (1, "EXEC"),
    (1, "MULTI"),
    (1, "DEBUG"),
    (1, "EXEC"),
    (1, "ROLE"),
    (1, "TIME x"),
];

const CHANNELS: Script = &[
    (1, "PUBSUB HELP"),
    (1, "PUBSUB CHANNELS"),
    (1, "PUBSUB NUMSUB"),
    (1, "PUBSUB NUMSUB a b"),
    (1, "PUBSUB NUMPAT"),
    (1, "PUBSUB SHARDCHANNELS"),
    (1, "PUBSUB SHARDNUMSUB a"),
    (1, "PUBSUB NUMPAT x"),
    (1, "PUBSUB CHANNELS a b"),
    (1, "PUBSUB FOO"),
    (1, "PUBLISH a b"),
    (1, "SPUBLISH a b"),
    (1, "SUBSCRIBE"),
    (2, "SUBSCRIBE a b"),
    (1, "SUBSCRIBE a"),
    (1, "PSUBSCRIBE p*"),
    (1, "SSUBSCRIBE s"),
    (1, "UNSUBSCRIBE x"),
    (1, "UNSUBSCRIBE b"),
    (1, "PUNSUBSCRIBE"),
    (1, "SUNSUBSCRIBE"),
    (1, "UNSUBSCRIBE"),
    (1, "UNSUBSCRIBE"),
    (1, "PUNSUBSCRIBE"),
    (1, "SUNSUBSCRIBE"),
    (1, "MULTI"),
    (1, "PUBLISH a b"),
    (1, "SUBSCRIBE z"),
    (1, "GET k"),
    (1, "EXEC"),
    (1, "UNSUBSCRIBE"),
    (1, "RESET"),
];

/// What only a RESP2 subscriber hears.
const SUBSCRIBER: Script = &[
    (1, "SUBSCRIBE a"),
    (1, "GET x"),
    (1, "PING"),
    (1, "PING hi"),
    (1, "MULTI"),
    (1, "NOPE"),
    (1, "RESET"),
    (1, "GET x"),
    (1, "SSUBSCRIBE s"),
    (1, "GET x"),
    (1, "SUNSUBSCRIBE"),
    (1, "QUIT"),
];

fn play(script: Script, ours: &mut Client, theirs: &mut Client) {
    for (count, command) in script {
        let words: Vec<&str> = command.split(' ').collect();
        ours.send(&words);
        theirs.send(&words);
        for _ in 0..*count {
            let (our_reply, their_reply) = (ours.receive().1, theirs.receive().1);
            assert_eq!(
                our_reply.escape_ascii().to_string(),
                their_reply.escape_ascii().to_string(),
                "{command}"
            );
        }
    }
}

#[test]
fn server_commands_get_the_replies_of_redis() {
    let Some(redis) = Redis::start() else { return };
    let server = serve(|_| {});
    for version in ["2", "3"] {
        let (mut ours, mut theirs) = (Client::connect(server.local_addr()), Client::connect(redis.addr));
        for client in [&mut ours, &mut theirs] {
            assert!(!client.call(&["HELLO", version]).is_error());
        }
        for script in [CLIENTS, CONFIGURATION, CHANNELS] {
            play(script, &mut ours, &mut theirs);
            // `RESET` goes back to the second version.
            [&mut ours, &mut theirs].iter_mut().for_each(|client| drop(client.call(&["HELLO", version])));
        }
    }
    let (mut ours, mut theirs) = (Client::connect(server.local_addr()), Client::connect(redis.addr));
    play(SUBSCRIBER, &mut ours, &mut theirs);
    assert_eq!((ours.rest(), theirs.rest()), (Vec::new(), Vec::new()));
}

#[test]
fn messages_reach_clients_as_those_of_redis() {
    let Some(redis) = Redis::start() else { return };
    let server = serve(|_| {});
    for version in ["2", "3"] {
        let heard: Vec<Vec<u8>> = [server.local_addr(), redis.addr].map(|addr| listen(addr, version)).into();
        assert_eq!(heard[0].escape_ascii().to_string(), heard[1].escape_ascii().to_string());
    }
}

/// What a subscriber hears of a fixed course of messages, sorted where Redis's order is one of its hash tables.
fn listen(addr: std::net::SocketAddr, version: &str) -> Vec<u8> {
    let (mut listener, mut speaker) = (Client::connect(addr), Client::connect(addr));
    assert!(!listener.call(&["HELLO", version]).is_error());
    listener.send(&["SUBSCRIBE", "news", "a[b]"]);
    listener.send(&["PSUBSCRIBE", "n[a-f]ws", "x\\*"]);
    listener.send(&["SSUBSCRIBE", "news"]);
    (0..5).for_each(|_| drop(listener.receive()));
    let counts: Vec<String> = [
        &["PUBLISH", "news", "one"][..],
        &["PUBLISH", "a[b]", "two"],
        &["PUBLISH", "x*", "three"],
        &["PUBLISH", "xy", "nobody"],
        &["SPUBLISH", "news", "four"],
        &["PUBLISH", "news", ""],
    ]
    .iter()
    .map(|command| format!("{:?}", speaker.call(command)))
    .collect();
    let mut heard = counts.join(" ").into_bytes();
    (0..7).for_each(|_| heard.extend(listener.receive().1));
    heard
}
