//! What operators do to running clients: kill, pause, watch slow commands, change settings.

use mnemon_resp::protocol::{Reply, writer};

use crate::client::{Client, serve};

fn text(reply: Reply) -> String {
    match reply {
        Reply::Bulk(bytes) => String::from_utf8(bytes).unwrap(),
        other => panic!("text was expected, not {other:?}"),
    }
}

#[test]
fn reads_are_counted_by_whether_the_key_was_there() {
    let server = serve(|_| {});
    let mut client = Client::connect(server.local_addr());
    for command in
        ["SET k v", "HSET h f v", "GET k", "GET none", "MGET k none none", "HGET h none", "EXISTS none"]
    {
        client.say(command);
    }
    let stats = text(client.say("INFO stats"));
    // Of a hash it counts that the key was there, as in Redis.
    assert!(
        stats.contains("\r\nkeyspace_hits:3\r\n") && stats.contains("\r\nkeyspace_misses:4\r\n"),
        "{stats}"
    );
    client.say("NOSUCH");
    client.say("INCR h");
    assert!(text(client.say("INFO stats")).contains("\r\ntotal_error_replies:1\r\n"));
    assert_eq!(client.say("CONFIG RESETSTAT"), Reply::OK);
    assert!(text(client.say("INFO stats")).contains("\r\nkeyspace_hits:0\r\n"));
    let run_id = |server: &str| {
        let line = server.lines().find_map(|line| line.strip_prefix("run_id:")).unwrap().to_owned();
        assert!(line.len() == 40 && line.bytes().all(|digit| digit.is_ascii_hexdigit()), "{line}");
        line
    };
    let one = run_id(&text(client.say("INFO server")));
    assert_eq!(one, run_id(&text(client.say("INFO server"))));
    let other = serve(|_| {});
    assert_ne!(one, run_id(&text(Client::connect(other.local_addr()).say("INFO server"))));
}

#[test]
fn a_killed_client_is_closed_even_if_it_says_nothing() {
    let server = serve(|config| config.threads = 2);
    let mut operator = Client::connect(server.local_addr());
    let mut victims: Vec<Client> = (0..3).map(|_| Client::connect(server.local_addr())).collect();
    victims.iter_mut().for_each(|victim| assert_eq!(victim.say("PING"), Reply::simple("PONG")));
    let address = victims[0].stream.local_addr().unwrap();
    assert_eq!(operator.say(&format!("CLIENT KILL {address}")), Reply::OK);
    assert_eq!(victims[0].rest(), b"");
    let Reply::Int(id) = victims[1].say("CLIENT ID") else { panic!("a number was expected") };
    assert_eq!(operator.say(&format!("CLIENT KILL ID {id}")), Reply::Int(1));
    assert_eq!(victims[1].rest(), b"");
    assert_eq!(operator.say("CLIENT KILL TYPE normal"), Reply::Int(1));
    assert_eq!(victims[2].rest(), b"");
    assert_eq!(operator.say("CLIENT KILL TYPE normal SKIPME no"), Reply::Int(1));
    assert_eq!(operator.rest(), b"");
}

#[test]
fn writers_wait_for_the_end_of_a_pause_and_readers_do_not() {
    let server = serve(|config| config.threads = 2);
    let mut operator = Client::connect(server.local_addr());
    let (mut reader, mut writer) =
        (Client::connect(server.local_addr()), Client::connect(server.local_addr()));
    assert_eq!(operator.say("CLIENT PAUSE 1000000 WRITE"), Reply::OK);
    writer.send(&["SET", "k", "v"]);
    writer.send(&["GET", "k"]);
    assert_eq!(reader.say("GET k"), Reply::Null);
    while !text(operator.say("INFO clients")).contains("blocked_clients:1\r\n") {}
    assert_eq!(reader.say("GET k"), Reply::Null, "the writer waits still");
    assert_eq!(operator.say("CLIENT UNPAUSE"), Reply::OK);
    assert_eq!((writer.receive().0, writer.receive().0), (Reply::OK, Reply::bulk("v")));
}

#[test]
fn a_pause_of_all_ends_by_itself() {
    let server = serve(|_| {});
    let mut client = Client::connect(server.local_addr());
    client.send_bytes(b"CLIENT PAUSE 50\r\nPING\r\n");
    assert_eq!((client.receive().0, client.receive().0), (Reply::OK, Reply::simple("PONG")));
}

#[test]
fn a_waiting_client_can_be_killed() {
    let server = serve(|config| config.threads = 2);
    let (mut operator, mut waiting) =
        (Client::connect(server.local_addr()), Client::connect(server.local_addr()));
    let Reply::Int(id) = waiting.say("CLIENT ID") else { panic!("a number was expected") };
    assert_eq!(operator.say("CLIENT PAUSE 1000000 WRITE"), Reply::OK);
    waiting.send(&["SET", "k", "v"]);
    while !text(operator.say("INFO clients")).contains("blocked_clients:1\r\n") {}
    assert_eq!(operator.say(&format!("CLIENT KILL ID {id}")), Reply::Int(1));
    assert_eq!(waiting.rest(), b"");
    assert_eq!(operator.say("EXISTS k"), Reply::Int(0));
}

#[test]
fn slow_commands_are_logged_with_who_sent_them() {
    let server = serve(|_| {});
    let mut client = Client::connect(server.local_addr());
    assert_eq!(client.say("CONFIG SET slowlog-log-slower-than 0 slowlog-max-len 2"), Reply::OK);
    assert_eq!(client.say("CLIENT SETNAME ada"), Reply::OK);
    assert_eq!(client.say("SET k v"), Reply::OK);
    assert_eq!(client.say("CONFIG SET slowlog-log-slower-than -1"), Reply::OK);
    assert_eq!(client.say("GET k"), Reply::bulk("v"));
    let Reply::Array(entries) = client.say("SLOWLOG GET") else { panic!("an array was expected") };
    let Some(Reply::Array(newest)) = entries.first() else { panic!("an entry was expected") };
    let words = |words: &[&str]| Reply::Array(words.iter().map(Reply::bulk).collect());
    // The command that switched the log off was measured by the bounds of its own batch.
    let set = words(&["SET", "k", "v"]);
    let logged: Vec<&Reply> = entries
        .iter()
        .filter_map(|entry| match entry {
            Reply::Array(parts) => parts.get(3),
            _ => None,
        })
        .collect();
    assert!(logged.contains(&&set), "{logged:?}");
    let address = client.stream.local_addr().unwrap().to_string();
    assert_eq!((&newest[4], &newest[5]), (&Reply::bulk(address), &Reply::bulk("ada")));
    assert!(entries.len() <= 2);
    assert_eq!(client.say("SLOWLOG RESET"), Reply::OK);
    assert_eq!(client.say("SLOWLOG LEN"), Reply::Int(0));
}

#[test]
fn new_limits_hold_for_clients_that_are_there() {
    let server = serve(|_| {});
    let mut client = Client::connect(server.local_addr());
    assert_eq!(client.say("CONFIG SET proto-max-bulk-len 1mb"), Reply::OK);
    client.send(&[b"ECHO", &vec![b'x'; (1 << 20) + 1][..]]);
    assert_eq!(client.rest(), b"-ERR Protocol error: invalid bulk length\r\n");
    assert_eq!(server.host().stats().totals().bad_requests, 1);
    let mut client = Client::connect(server.local_addr());
    assert_eq!(client.say("CONFIG SET maxclients 1"), Reply::OK);
    assert_eq!(Client::connect(server.local_addr()).rest(), b"-ERR max number of clients reached\r\n");
}

#[test]
fn commands_are_counted() {
    let server = serve(|_| {});
    let mut client = Client::connect(server.local_addr());
    let mut bytes = Vec::new();
    (0..100).for_each(|_| writer::write_command(&mut bytes, ["GET", "k"]));
    client.send_bytes(&bytes);
    (0..100).for_each(|_| drop(client.receive()));
    assert!(client.say("GET").is_error());
    assert!(client.say("INCRBY k x").is_error());
    let info = text(client.say("INFO commandstats"));
    assert!(info.contains("cmdstat_get:calls=100,usec="), "{info}");
    assert!(info.contains(",rejected_calls=1,failed_calls=0"), "{info}");
    assert!(info.contains("cmdstat_incrby:calls=1,"), "{info}");
    assert_eq!(client.say("CONFIG RESETSTAT"), Reply::OK);
    assert!(!text(client.say("INFO commandstats")).contains("cmdstat_get:"));
}

#[test]
fn the_memory_bound_holds_while_clients_write() {
    let server = serve(|config| config.bounds.max_memory = 8 << 20);
    let mut client = Client::connect(server.local_addr());
    let value = vec![b'v'; 64 << 10];
    let mut refused = None;
    for at in 0..10_000 {
        if let Reply::Error(text) = client.call(&[b"SET", format!("k{at}").as_bytes(), &value]) {
            refused = Some((at, text));
            break;
        }
    }
    let (written, text) = refused.expect("the bound is met");
    assert_eq!(text, "OOM command not allowed when used memory > 'maxmemory'.");
    // 128 values are the bound; a mebibyte more may have slipped in.
    assert!((128..160).contains(&written), "{written}");
    assert_eq!(client.say("FLUSHALL"), Reply::OK);
    while client.call(&[b"SET", &b"k"[..], b"v"]).is_error() {}
}
