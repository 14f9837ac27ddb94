//! `COMMAND`, `CONFIG`, `CLIENT` and `INFO`.

use super::{Node, check};

#[test]
fn commands_describe_themselves() {
    let mut client = Node::new().client();
    let get = client.say("COMMAND INFO get");
    assert!(
        get.starts_with("*1\r\n*10\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n"),
        "{get}"
    );
    let count = client.say("COMMAND COUNT");
    let count: usize = count.trim_start_matches(':').trim_end().parse().unwrap();
    assert_eq!(client.strings("COMMAND LIST").len(), count);
    assert!(client.say("COMMAND").starts_with(&format!("*{count}\r\n")));
    assert_eq!(client.strings("COMMAND LIST FILTERBY PATTERN hinc*"), ["hincrby", "hincrbyfloat"]);
    assert!(client.strings("COMMAND LIST FILTERBY ACLCAT hash").contains(&"hget".to_owned()));
    assert!(client.say("COMMAND DOCS t.write").contains("Write a record"));
    check(
        &mut client,
        &[
            ("COMMAND LIST FILTERBY NOPE x", "-ERR syntax error\r\n"),
            ("COMMAND LIST FILTERBY MODULE x", "*0\r\n"),
            ("COMMAND GETKEYS MSET a 1 b 2", "*2\r\n$1\r\na\r\n$1\r\nb\r\n"),
            ("COMMAND GETKEYS DEL a b", "*2\r\n$1\r\na\r\n$1\r\nb\r\n"),
            ("COMMAND GETKEYS SET a", "-ERR Invalid number of arguments specified for command\r\n"),
            ("COMMAND COUNT x", "-ERR wrong number of arguments for 'command|count' command\r\n"),
        ],
    );
}

#[test]
fn what_benchmarks_ask_of_the_configuration_is_answered() {
    check(
        &mut Node::new().client(),
        &[
            ("CONFIG GET save", "*2\r\n$4\r\nsave\r\n$0\r\n\r\n"),
            ("CONFIG GET appendonly", "*2\r\n$10\r\nappendonly\r\n$2\r\nno\r\n"),
            ("CONFIG GET nope", "*0\r\n"),
            ("CONFIG SET nope 1", "-ERR Unknown option or number of arguments for CONFIG SET - 'nope'\r\n"),
            ("CONFIG RESETSTAT", "+OK\r\n"),
        ],
    );
}

#[test]
fn info_shows_the_sections_that_are_asked_for() {
    let mut client = Node::new().client();
    client.set_up(&["SET k v EX 10", "T.CREATE t", "T.WRITE t [1,1]"]);
    let all = client.say("INFO");
    for part in [
        "# Server",
        "redis_version:7.0.15",
        "# Memory",
        "used_memory:",
        "db0:keys=1,expires=1",
        "t:records=1",
    ] {
        assert!(all.contains(part), "{part} in {all}");
    }
    let one = client.say("INFO keyspace CPU");
    assert!(one.contains("# Keyspace") && one.contains("# CPU") && !one.contains("# Server"), "{one}");
    assert_eq!(client.say("INFO nope"), "$0\r\n\r\n");
}

#[test]
fn clients_have_numbers_and_names() {
    let node = Node::new();
    let (mut one, mut other) = (node.client(), node.client());
    assert_ne!(one.say("CLIENT ID"), other.say("CLIENT ID"));
    check(
        &mut one,
        &[
            (
                "CLIENT SETNAME 'a b'",
                "-ERR Client names cannot contain spaces, newlines or special characters.\r\n",
            ),
            ("CLIENT SETNAME ada", "+OK\r\n"),
            ("CLIENT GETNAME", "$3\r\nada\r\n"),
            ("CLIENT SETINFO LIB-NAME lib", "+OK\r\n"),
            ("CLIENT SETINFO NOPE lib", "-ERR Unrecognized option 'NOPE'\r\n"),
            ("CLIENT ID x", "-ERR wrong number of arguments for 'client|id' command\r\n"),
            ("CLIENT nope", "-ERR unknown subcommand 'nope'. Try CLIENT HELP.\r\n"),
        ],
    );
    let info = one.say("CLIENT INFO");
    assert!(info.contains("name=ada ") && info.contains("resp=2\n"), "{info}");
}
