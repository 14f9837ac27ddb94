//! `CLIENT`, `CONFIG`, the slow log and the memory bound, without a socket.

use super::{Node, check};

#[test]
fn several_parameters_are_set_together_or_not_at_all() {
    let node = Node::new();
    let mut client = node.client();
    let failed = "-ERR CONFIG SET failed (possibly related to argument 'maxclients') - argument must be between 1 and \
                  4294967295 inclusive\r\n";
    check(
        &mut client,
        &[
            ("CONFIG SET timeout 7 maxclients 0", failed),
            ("CONFIG GET timeout", "*2\r\n$7\r\ntimeout\r\n$1\r\n0\r\n"),
            ("CONFIG SET timeout 7 maxmemory 1mb", "+OK\r\n"),
            (
                "CONFIG GET timeout maxmemory max*ory",
                "*4\r\n$9\r\nmaxmemory\r\n$7\r\n1048576\r\n$7\r\ntimeout\r\n$1\r\n7\r\n",
            ),
            ("CONFIG SET save ''", "+OK\r\n"),
            ("CONFIG SET appendonly no", "+OK\r\n"),
        ],
    );
    assert!(client.say("CONFIG SET appendonly yes").starts_with("-ERR CONFIG SET failed"));
    assert_eq!(node.host.bounds().idle_timeout_s, 7);
}

#[test]
fn past_the_memory_bound_only_what_needs_none_runs() {
    let node = Node::new();
    let mut client = node.client();
    let oom = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";
    client.set_up(&["SET k v"]);
    check(
        &mut client,
        &[
            ("CONFIG SET maxmemory 1", "+OK\r\n"),
            ("SET k w", oom),
            ("T.CREATE t", oom),
            ("GET k", "$1\r\nv\r\n"),
            ("MULTI", "+OK\r\n"),
            ("SET k w", oom),
            ("EXEC", "-EXECABORT Transaction discarded because of previous errors.\r\n"),
            ("CONFIG SET maxmemory 0", "+OK\r\n"),
            ("MULTI", "+OK\r\n"),
            ("SET k w", "+QUEUED\r\n"),
        ],
    );
    node.client().set_up(&["CONFIG SET maxmemory 1"]);
    let discarded = "-EXECABORT Transaction discarded because of: OOM command not allowed when used memory > 'maxmemory'.\r\n";
    assert_eq!(client.say("EXEC"), discarded);
    assert_eq!(client.say("DEL k"), ":1\r\n");
    node.host.weigh();
    assert_eq!(client.say("SET k w"), "+OK\r\n", "the bound is kept again");
    assert_eq!(node.host.stats().totals().out_of_memory, 4);
}

#[test]
fn tools_that_ask_for_replicas_modules_and_latencies_are_told_there_are_none() {
    let node = Node::new();
    let mut client = node.client();
    check(
        &mut client,
        &[
            ("WAIT 0 0", ":0\r\n"),
            ("WAIT 3 100000", ":0\r\n"),
            ("WAIT x 1", "-ERR value is not an integer or out of range\r\n"),
            ("WAIT 1 x", "-ERR timeout is not an integer or out of range\r\n"),
            ("WAIT 1 -1", "-ERR timeout is negative\r\n"),
            ("LATENCY LATEST", "*0\r\n"),
            ("LATENCY HISTORY command", "*0\r\n"),
            ("LATENCY RESET", ":0\r\n"),
            ("LATENCY NOSUCH", "-ERR unknown subcommand 'NOSUCH'. Try LATENCY HELP.\r\n"),
            ("MODULE LIST", "*0\r\n"),
            ("COMMAND INFO config|nosuch nosuch|get", "*2\r\n$-1\r\n$-1\r\n"),
        ],
    );
    assert!(client.say("COMMAND INFO config|get").starts_with("*1\r\n*10\r\n$10\r\nconfig|get\r\n:-3\r\n"));
}

#[test]
fn replies_can_be_switched_off() {
    let mut client = Node::new().client();
    client.say("HELLO 3");
    check(
        &mut client,
        &[
            ("CLIENT REPLY SKIP", ""),
            ("SET k v", ""),
            ("GET k", "$1\r\nv\r\n"),
            ("CLIENT REPLY OFF", ""),
            ("NOPE", ""),
            ("GET", ""),
            ("SUBSCRIBE c", ">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"),
            ("CLIENT REPLY SKIP", ""),
            ("CLIENT REPLY ON", "+OK\r\n"),
            ("GET k", "$1\r\nv\r\n"),
            ("CLIENT REPLY SKIP", ""),
            ("CLIENT REPLY ON", "+OK\r\n"),
            ("CLIENT REPLY maybe", "-ERR syntax error\r\n"),
        ],
    );
}

#[test]
fn clients_are_listed_with_what_they_do() {
    let node = Node::new();
    let (mut one, mut other) = (node.client(), node.client());
    other.say("SUBSCRIBE a b");
    other.say("PSUBSCRIBE p*");
    one.set_up(&["CLIENT SETNAME ada", "SELECT 3", "MULTI"]);
    one.say("DISCARD");
    one.set_up(&["WATCH k l"]);
    node.clock.advance(5_000);
    let list = one.say("CLIENT LIST");
    let lines: Vec<&str> = list.lines().skip(1).filter(|line| !line.is_empty()).collect();
    assert_eq!(lines.len(), 2, "{list}");
    for part in [
        "name=ada ",
        "age=5 ",
        "flags=N ",
        "db=3 ",
        "multi=-1 watch=2 ",
        "cmd=client|list ",
        "user=default ",
        "resp=2",
    ] {
        assert!(lines[0].contains(part), "{part} in {list}");
    }
    for part in ["flags=P ", "sub=2 psub=1 ssub=0 "] {
        assert!(lines[1].contains(part), "{part} in {list}");
    }
    assert!(one.say("CLIENT LIST TYPE pubsub").contains("flags=P "));
    let id = other.session.id();
    assert!(one.say(&format!("CLIENT LIST ID {id} 99")).contains(&format!("id={id} ")));
    drop(other);
    assert_eq!(one.say("CLIENT LIST TYPE pubsub"), "$0\r\n\r\n");
}

#[test]
fn a_client_that_kills_itself_hears_the_answer() {
    let node = Node::new();
    let mut client = node.client();
    assert_eq!(client.say("CLIENT KILL TYPE normal"), ":0\r\n", "it spares itself");
    assert_eq!(client.say("CLIENT KILL TYPE normal SKIPME no"), ":1\r\n");
    assert!(client.session.is_closing());
}

#[test]
fn pausing_inside_a_transaction_holds_up_nothing_of_it() {
    let node = Node::new();
    let mut client = node.client();
    client.set_up(&["MULTI"]);
    for command in ["SET k 1", "CLIENT PAUSE 100000", "INCR k"] {
        assert_eq!(client.say(command), "+QUEUED\r\n");
    }
    assert_eq!(client.say("EXEC"), "*3\r\n+OK\r\n+OK\r\n:2\r\n");
    client.set_up(&["CLIENT UNPAUSE"]);
}

#[test]
fn commands_are_counted_once_the_connection_runs_them() {
    let mut client = Node::new().client();
    assert_eq!(client.say("INFO commandstats"), "$16\r\n# Commandstats\r\n\r\n");
    let everything = client.say("INFO everything");
    for section in [
        "Server",
        "Clients",
        "Memory",
        "Persistence",
        "Stats",
        "Replication",
        "CPU",
        "Commandstats",
        "Cluster",
    ] {
        assert!(everything.contains(&format!("# {section}\r\n")), "{section} in {everything}");
    }
    assert!(!client.say("INFO").contains("# Commandstats"));
}
