//! `MULTI`, `EXEC` and `WATCH`.

use super::{Node, check};

#[test]
fn exec_answers_all_commands_and_goes_on_past_a_failing_one() {
    let mut client = Node::new().client();
    check(
        &mut client,
        &[
            ("EXEC", "-ERR EXEC without MULTI\r\n"),
            ("DISCARD", "-ERR DISCARD without MULTI\r\n"),
            ("MULTI", "+OK\r\n"),
            ("MULTI", "-ERR MULTI calls can not be nested\r\n"),
            ("SET k v", "+QUEUED\r\n"),
            ("INCR k", "+QUEUED\r\n"),
            ("SELECT 1", "+QUEUED\r\n"),
            ("SET k one", "+QUEUED\r\n"),
            ("PING", "+QUEUED\r\n"),
            ("DBSIZE", "+QUEUED\r\n"),
        ],
    );
    assert_eq!(
        client.say("EXEC"),
        "*6\r\n+OK\r\n-ERR value is not an integer or out of range\r\n+OK\r\n+OK\r\n+PONG\r\n:1\r\n"
    );
    check(&mut client, &[("GET k", "$3\r\none\r\n"), ("SELECT 0", "+OK\r\n"), ("GET k", "$1\r\nv\r\n")]);
}

#[test]
fn a_discard_that_is_refused_keeps_the_watched_keys() {
    let mut client = Node::new().client();
    client.set_up(&["SET k 1", "WATCH k", "SET k 2"]);
    assert_eq!(client.say("DISCARD"), "-ERR DISCARD without MULTI\r\n");
    client.set_up(&["MULTI"]);
    check(&mut client, &[("SET k 3", "+QUEUED\r\n"), ("EXEC", "*-1\r\n"), ("GET k", "$1\r\n2\r\n")]);
}

#[test]
fn a_command_that_is_refused_takes_the_transaction_along() {
    for refused in ["NOPE", "GET", "CLIENT NOPE", "T.CREATE t", "T.SUBSCRIBE t"] {
        let mut client = Node::new().client();
        client.set_up(&["MULTI"]);
        assert_eq!(client.say("SET k v"), "+QUEUED\r\n");
        assert!(client.say(refused).starts_with("-ERR"), "{refused}");
        assert_eq!(
            client.say("EXEC"),
            "-EXECABORT Transaction discarded because of previous errors.\r\n",
            "{refused}"
        );
        check(&mut client, &[("EXISTS k", ":0\r\n"), ("EXEC", "-ERR EXEC without MULTI\r\n")]);
    }
    let mut client = Node::new().client();
    client.set_up(&["MULTI"]);
    let text =
        "-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command\r\n";
    let without = "-ERR EXEC without MULTI\r\n";
    check(&mut client, &[("EXEC now", text), ("EXEC", without), ("EXEC now", text), ("EXEC", without)]);
}

#[test]
fn a_watched_key_that_changed_empties_the_transaction() {
    for (before, change) in [
        ("SET k 1", "SET k 2"),
        ("SET k 1", "SET k 1"),
        ("SET k 1", "DEL k"),
        ("SET k 1", "EXPIRE k 100"),
        ("SET k 1", "FLUSHDB"),
        ("DEL k", "SET k 1"),
        ("HSET k f v", "HSET k g w"),
        ("HSET k f v", "HDEL k f"),
    ] {
        let node = Node::new();
        let (mut client, mut other) = (node.client(), node.client());
        client.say(before);
        client.set_up(&["WATCH a k", "MULTI"]);
        assert_eq!(client.say("SET seen yes"), "+QUEUED\r\n");
        other.say(change);
        assert_eq!(client.say("EXEC"), "*-1\r\n", "{before}, {change}");
        check(&mut client, &[("EXISTS seen", ":0\r\n"), ("MULTI", "+OK\r\n"), ("EXEC", "*0\r\n")]);
    }
}

#[test]
fn an_absent_key_that_came_and_went_has_changed() {
    let node = Node::new();
    let (mut client, mut other) = (node.client(), node.client());
    for (there, gone) in
        [("SET k 1", "DEL k"), ("HSET k f v", "HDEL k f"), ("SET k 1", "FLUSHDB"), ("SET k 1", "RENAME k l")]
    {
        client.set_up(&["WATCH k", "MULTI"]);
        other.say("DEL unrelated");
        other.say(there);
        other.say(gone);
        assert_eq!(client.say("EXEC"), "*-1\r\n", "{there}, {gone}");
        client.set_up(&["WATCH k", "MULTI"]);
        other.set_up(&["SET unrelated 1"]);
        other.say("DEL unrelated");
        assert_eq!(client.say("EXEC"), "*0\r\n", "{there}, {gone}");
    }
}

#[test]
fn a_watched_key_that_did_not_change_lets_the_transaction_through() {
    let node = Node::new();
    let (mut client, mut other) = (node.client(), node.client());
    other.set_up(&["SET k 1"]);
    client.set_up(&["WATCH k", "MULTI"]);
    client.say("INCR k");
    other.say("SET other 1");
    other.say("DEL nothing");
    other.say("PERSIST k");
    assert_eq!(client.say("EXEC"), "*1\r\n:2\r\n");
    client.set_up(&["WATCH k", "UNWATCH", "MULTI"]);
    other.set_up(&["SET k 9"]);
    assert_eq!(client.say("EXEC"), "*0\r\n");
}

#[test]
fn an_expiry_counts_as_a_change() {
    let node = Node::new();
    let mut client = node.client();
    client.set_up(&["SET k v PX 10", "WATCH k", "MULTI"]);
    node.clock.advance(10);
    assert_eq!(client.say("EXEC"), "*-1\r\n");
}

#[test]
fn watch_is_for_one_database_and_one_transaction() {
    let node = Node::new();
    let (mut client, mut other) = (node.client(), node.client());
    client.set_up(&["WATCH k", "SELECT 1", "MULTI"]);
    check(&mut client, &[("WATCH k", "-ERR WATCH inside MULTI is not allowed\r\n")]);
    other.set_up(&["SELECT 1", "SET k 1"]);
    assert_eq!(client.say("EXEC"), "*0\r\n");
    other.set_up(&["SELECT 0", "SET k 1"]);
    client.set_up(&["MULTI"]);
    assert_eq!(client.say("EXEC"), "*0\r\n");
}

#[test]
fn null_is_a_null_of_its_own_in_resp3() {
    let node = Node::new();
    let (mut client, mut other) = (node.client(), node.client());
    client.say("HELLO 3");
    client.set_up(&["WATCH k", "MULTI"]);
    other.set_up(&["SET k 1"]);
    assert_eq!(client.say("EXEC"), "_\r\n");
}

#[test]
fn guarded_commands_see_what_the_transaction_has_done_before() {
    let mut client = Node::new().client();
    client.say("HSET h f v");
    client.set_up(&["SET s old EX 100", "MULTI"]);
    for command in [
        "SET k v",
        "GETDEL k",
        "GETDEL k",
        "MSETNX a 1 b 2",
        "MSETNX b 3 c 4",
        "DEL a b",
        "MSETNX a 5",
        "GETEX h EX 5",
        "DEL h",
        "SET h now",
        "GETEX h EX 5",
        "EXPIRE s 50 XX LT",
        "PERSIST s",
        "EXPIRE s 50 XX LT",
        "FLUSHDB",
        "GETDEL s",
        "HSET h f v",
        "HDEL h f",
        "GETDEL h",
    ] {
        assert_eq!(client.say(command), "+QUEUED\r\n", "{command}");
    }
    let wrong_type = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
    let expected = [
        "*19\r\n",
        "+OK\r\n",
        "$1\r\nv\r\n",
        "$-1\r\n",
        ":1\r\n",
        ":0\r\n",
        ":2\r\n",
        ":1\r\n",
        wrong_type,
        ":1\r\n",
        "+OK\r\n",
        "$3\r\nnow\r\n",
        ":1\r\n",
        ":1\r\n",
        ":0\r\n",
        "+OK\r\n",
        "$-1\r\n",
        ":1\r\n",
        ":1\r\n",
        "$-1\r\n",
    ];
    assert_eq!(client.say("EXEC"), expected.concat());
    assert_eq!(client.say("DBSIZE"), ":0\r\n");
}

#[test]
fn a_transaction_over_tables_and_databases_is_one_commit() {
    let node = Node::new();
    let mut client = node.client();
    client.set_up(&["T.CREATE t ATTRS id,n", "MULTI"]);
    for command in
        ["T.WRITE t [1,5]", "SET k v", "T.COUNTER t 1 n 2", "T.READ t 1 2", "T.DELETE t 1 2", "T.CLEAR t"]
    {
        assert_eq!(client.say(command), "+QUEUED\r\n", "{command}");
    }
    let before = node.catalog.store().clock();
    let expected = "*6\r\n+OK\r\n+OK\r\n:7\r\n*1\r\n$14\r\n{\"id\":1,\"n\":7}\r\n:1\r\n:0\r\n";
    assert_eq!(client.say("EXEC"), expected);
    assert_eq!(node.catalog.store().clock(), before + 1);
}

#[test]
fn queries_inside_a_transaction_see_what_stands_before_them() {
    let mut client = Node::new().client();
    client.set_up(&["T.CREATE t KIND ordered_set ATTRS id,n INDEX n", "T.WRITE t [1,5]", "MULTI"]);
    for command in [
        "T.MATCH t '{}'",
        "T.WRITE t [2,5]",
        "T.INDEXREAD t n 5",
        "T.RANGE t FROM 2 LIMIT 5",
        "T.CLEAR t",
        "T.MATCH t '{\"id\":1}'",
        "T.INDEXREAD t id 1",
    ] {
        assert_eq!(client.say(command), "+QUEUED\r\n", "{command}");
    }
    let (one, two) = ("$14\r\n{\"id\":1,\"n\":5}\r\n", "$14\r\n{\"id\":2,\"n\":5}\r\n");
    let reply = client.say("EXEC");
    let expected = format!("*7\r\n*1\r\n{one}+OK\r\n*2\r\n{one}{two}*1\r\n{two}:2\r\n*0\r\n-NOINDEX ");
    assert!(reply.starts_with(&expected), "{reply}");
    client.set_up(&["WATCH k", "MULTI"]);
    assert_eq!(client.say("T.MATCH t '{}'"), "+QUEUED\r\n");
    assert_eq!(client.say("EXEC"), "*1\r\n*0\r\n");
}

#[test]
fn transactions_of_several_clients_lose_no_increment() {
    const ROUNDS: usize = 500;
    let node = Node::new();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            let mut client = node.client();
            scope.spawn(move || {
                for _ in 0..ROUNDS {
                    loop {
                        client.set_up(&["WATCH n"]);
                        let reply = client.say("GET n");
                        let present: usize =
                            reply.split("\r\n").nth(1).unwrap_or_default().parse().unwrap_or(0);
                        client.set_up(&["MULTI"]);
                        client.say(&format!("SET n {}", present + 1));
                        if client.say("EXEC") == "*1\r\n+OK\r\n" {
                            break;
                        }
                    }
                }
            });
        }
    });
    assert_eq!(node.client().say("GET n"), "$4\r\n1500\r\n");
}

#[test]
fn msetnx_of_several_clients_is_won_by_one() {
    const ROUNDS: usize = 300;
    let node = Node::new();
    let won: usize = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..3)
            .map(|_| {
                let mut client = node.client();
                scope.spawn(move || {
                    (0..ROUNDS)
                        .filter(|round| client.say(&format!("MSETNX a{round} 1 b{round} 1")) == ":1\r\n")
                        .count()
                })
            })
            .collect();
        clients.into_iter().map(|client| client.join().unwrap()).sum()
    });
    assert_eq!(won, ROUNDS);
}
