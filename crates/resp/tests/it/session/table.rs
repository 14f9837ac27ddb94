//! The `T.` commands.

use super::{Client, Node, check};

fn users(node: &Node) -> Client {
    let mut client = node.client();
    client.set_up(&[
        "T.CREATE users KIND ordered_set ATTRS id:int,name,age INDEX age",
        r#"T.WRITE users '{"id":1,"name":"Ada","age":36}'"#,
        r#"T.WRITE users '[2,"Bob",20]'"#,
        r#"T.WRITE users '[3,"Cyd",36]'"#,
    ]);
    client
}

fn error(client: &mut Client, command: &str, word: &str) {
    let reply = client.say(command);
    assert!(reply.starts_with(&format!("-{word} ")), "{command}: {reply}");
    assert_eq!(reply.matches('\n').count(), 1, "{command}: {reply}");
}

const ADA: &str = r#"{"id":1,"name":"Ada","age":36}"#;
const BOB: &str = r#"{"id":2,"name":"Bob","age":20}"#;
const CYD: &str = r#"{"id":3,"name":"Cyd","age":36}"#;

#[test]
fn records_are_written_read_and_deleted() {
    let node = Node::new();
    let mut client = users(&node);
    assert_eq!(client.strings("T.READ users 1"), [ADA]);
    assert_eq!(client.strings("T.READ users 3 9 2"), [CYD, BOB]);
    assert_eq!(client.say("T.READ users nobody"), "*0\r\n");
    check(
        &mut client,
        &[
            (r#"T.WRITE users '{"id":1}' NX"#, "$-1\r\n"),
            (r#"T.WRITE users '{"id":4}' NX"#, "+OK\r\n"),
            ("T.COUNTER users 1 age 5", ":41\r\n"),
            ("T.COUNTER users 9 age -5", ":-5\r\n"),
            (r#"T.DELETEOBJECT users '[2,"Bob",21]'"#, ":0\r\n"),
            (r#"T.DELETEOBJECT users '[2,"Bob",20]'"#, ":1\r\n"),
            ("T.DELETE users 1 2 3", ":2\r\n"),
            ("T.CLEAR users", ":2\r\n"),
            ("T.READ users 1", "*0\r\n"),
        ],
    );
}

#[test]
fn records_are_found_by_range_index_and_condition() {
    let mut client = users(&Node::new());
    assert_eq!(client.strings("T.RANGE users"), [ADA, BOB, CYD]);
    assert_eq!(client.strings("T.RANGE users FROM 2 TO 3"), [BOB, CYD]);
    assert_eq!(client.strings("T.RANGE users TO 2 LIMIT 1 REV"), [BOB]);
    assert_eq!(client.strings("T.INDEXREAD users age 36"), [ADA, CYD]);
    assert_eq!(client.strings(r#"T.MATCH users '{"age":{">=":30}}' LIMIT 1"#), [ADA]);
    assert_eq!(client.strings(r#"T.MATCH users '{"id":{">":1}}' REV"#), [CYD, BOB]);
    assert_eq!(client.strings(r#"T.MATCH users '{"id":2}'"#), [BOB]);
    client.set_up(&["T.ADDINDEX users name"]);
    assert_eq!(client.strings("T.INDEXREAD users name Bob"), [BOB]);
    client.set_up(&["T.DELINDEX users name"]);
    error(&mut client, "T.INDEXREAD users name Bob", "NOINDEX");
}

#[test]
fn refusals_begin_with_a_word_that_programs_can_match() {
    let mut client = users(&Node::new());
    client.set_up(&["T.CREATE plain"]);
    for (command, word) in [
        ("T.READ nothing 1", "NOTABLE"),
        ("T.DROP nothing", "NOTABLE"),
        ("T.CREATE users", "EXISTS"),
        ("T.CREATE db3", "EXISTS"),
        ("T.CREATE other KIND heap", "BADSCHEMA"),
        ("T.CREATE other ATTRS id,id", "BADSCHEMA"),
        ("T.CREATE other INDEX nothing", "BADSCHEMA"),
        ("T.CREATE other TTL 0", "BADSCHEMA"),
        ("T.CREATE other KIND", "ERR"),
        ("T.CREATE other NOPE 1", "ERR"),
        ("T.CREATE other DURABILITY commit", "BADSCHEMA a table in RAM has no durability;"),
        ("T.CREATE other DURABILITY none STORAGE ram", "BADSCHEMA a table in RAM has no durability;"),
        ("T.STORAGE plain ram DURABILITY commit", "BADSCHEMA a table in RAM has no durability;"),
        (r#"T.WRITE users '{"id":"x"}'"#, "BADRECORD"),
        (r#"T.WRITE users '{"nope":1,"id":1}'"#, "BADRECORD"),
        ("T.WRITE users '{'", "BADRECORD"),
        ("T.WRITE users [1,2,3] NOPE", "ERR"),
        ("T.WRITE users [1,2,3] TTL 0", "ERR"),
        ("T.COUNTER users 1 nope 1", "BADRECORD"),
        ("T.COUNTER users 1 name 1", "ERR"),
        ("T.COUNTER users 1 age x", "ERR"),
        ("T.DELINDEX users name", "NOINDEX"),
        ("T.INDEXREAD users name 1", "NOINDEX"),
        (r#"T.MATCH users '{"nope":1}'"#, "BADQUERY"),
        ("T.MATCH users '{}' LIMIT", "ERR"),
        ("T.RANGE users LIMIT -1", "ERR"),
        ("T.RANGE plain", "ERR"),
        ("T.RANGE db0", "ERR"),
        ("T.DROP db0", "ERR"),
        ("T.TRANSFORM db0", "ERR"),
        ("T.TRANSFORM users", "ERR"),
        ("T.ACCESS users no", "BADSCHEMA"),
    ] {
        error(&mut client, command, word);
    }
}

#[test]
fn a_transformation_reshapes_records_keeps_indexes_and_fills_in_defaults() {
    let mut client = users(&Node::new());
    let transform =
        r#"T.TRANSFORM users ATTRS id:int,fullname,age,email RENAME name:fullname DEFAULTS '{"email":"-"}'"#;
    assert!(client.say(transform).starts_with(':'));
    assert_eq!(client.strings("T.READ users 1"), [r#"{"id":1,"fullname":"Ada","age":36,"email":"-"}"#]);
    assert_eq!(client.strings("T.INDEXREAD users age 36").len(), 2);
    assert_eq!(client.say("T.TRANSFORM users ATTRS id,fullname,age INDEX fullname"), ":3\r\n");
    error(&mut client, "T.INDEXREAD users age 36", "NOINDEX");
    assert_eq!(client.strings("T.INDEXREAD users fullname Ada"), [r#"{"id":1,"fullname":"Ada","age":36}"#]);
    for (command, word) in [
        ("T.TRANSFORM users ATTRS fullname,id,age INDEX age", "BADRECORD"),
        ("T.TRANSFORM users RENAME nope:age", "BADSCHEMA"),
        ("T.TRANSFORM users DEFAULTS 5", "ERR"),
        ("T.TRANSFORM users ATTRS", "ERR"),
        ("T.TRANSFORM users NOPE 1", "ERR"),
    ] {
        error(&mut client, command, word);
    }
    assert_eq!(client.strings("T.READ users 1").len(), 1);
}

#[test]
fn text_for_an_attribute_of_strings_is_a_string() {
    let mut client = Node::new().client();
    client.set_up(&["T.CREATE zips KIND ordered_set ATTRS zip:string,town:string,n INDEX town"]);
    client.set_up(&[r#"T.WRITE zips '["12345","99","x"]'"#, r#"T.WRITE zips '["08001","98","y"]'"#]);
    let first = r#"{"zip":"12345","town":"99","n":"x"}"#;
    for command in
        ["T.READ zips 12345", r#"T.READ zips '"12345"'"#, "T.INDEXREAD zips town 99", "T.RANGE zips FROM 1"]
    {
        assert_eq!(client.strings(command), [first], "{command}");
    }
    assert_eq!(client.say("T.DELETE zips 12345"), ":1\r\n");
}

#[test]
fn an_error_repeats_only_the_beginning_of_what_was_sent() {
    let mut client = Node::new().client();
    let name = "x".repeat(100_000);
    for command in [format!("T.READ {name} 1"), format!("T.DROP {name}"), format!("T.CREATE t INDEX {name}")]
    {
        let reply = client.say(&command);
        assert!(reply.starts_with('-') && reply.len() < 600, "{} bytes", reply.len());
    }
}

#[test]
fn a_read_only_table_refuses_writes_in_and_out_of_transactions() {
    let mut client = users(&Node::new());
    client.set_up(&["T.ACCESS users ro"]);
    for command in [
        "T.WRITE users [1,2,3]",
        "T.DELETE users 1",
        "T.DELETEOBJECT users [1,2,3]",
        "T.COUNTER users 1 age 1",
        "T.CLEAR users",
    ] {
        error(&mut client, command, "READONLY");
        client.set_up(&["MULTI"]);
        assert_eq!(client.say(command), "+QUEUED\r\n");
        let reply = client.say("EXEC");
        assert!(reply.starts_with("*1\r\n-READONLY "), "{command}: {reply}");
    }
    assert_eq!(client.strings("T.READ users 1"), [ADA]);
    client.set_up(&["T.ACCESS users rw", "T.WRITE users [1,2,3]"]);
}

#[test]
fn records_expire_by_their_own_time_or_the_tables() {
    let node = Node::new();
    let mut client = node.client();
    client.set_up(&["T.CREATE t TTL 1000", "T.WRITE t [1,1]", "T.WRITE t [2,2] TTL 2000"]);
    node.clock.advance(1_000);
    assert_eq!(client.strings("T.READ t 1 2"), [r#"{"key":2,"val":2}"#]);
    node.clock.advance(1_000);
    assert_eq!(client.say("T.READ t 1 2"), "*0\r\n");
}

#[test]
fn a_bag_holds_several_records_under_a_key() {
    let mut client = Node::new().client();
    client.set_up(&[
        "T.CREATE b KIND bag ATTRS k,v",
        "T.WRITE b [1,2]",
        "T.WRITE b [1,3]",
        "T.WRITE b [1,2]",
    ]);
    assert_eq!(client.strings("T.READ b 1"), [r#"{"k":1,"v":2}"#, r#"{"k":1,"v":3}"#]);
    check(
        &mut client,
        &[("T.DELETEOBJECT b [1,2]", ":1\r\n"), ("T.DELETE b 1", ":1\r\n"), ("T.READ b 1", "*0\r\n")],
    );
    error(&mut client, "T.COUNTER b 1 v 1", "ERR");
}

#[test]
fn a_bounded_table_stays_within_its_bound() {
    let node = Node::new();
    let mut client = node.client();
    client.set_up(&["T.CREATE cache MAXENTRIES 10"]);
    for number in 0..100 {
        client.set_up(&[&format!("T.WRITE cache [{number},0]")]);
    }
    assert!(node.catalog.table("cache").unwrap().size() <= 10);
}

#[test]
fn databases_are_tables_of_raw_strings() {
    let mut client = Node::new().client();
    client.set_up(&["SET k v", r#"T.WRITE db0 '["j","w"]'"#, r#"T.WRITE db0 '["n",7]'"#]);
    client.say("HSET h f v");
    client.call(&[b"SET", b"\xff", b"\xfe"]);
    check(
        &mut client,
        &[("GET j", "$1\r\nw\r\n"), ("INCR n", ":8\r\n"), ("T.COUNTER db0 n value 2", ":10\r\n")],
    );
    assert_eq!(client.strings("T.READ db0 k"), [r#"{"key":"k","value":"v"}"#]);
    assert_eq!(client.strings("T.READ db0 h"), [r#"{"key":"h","type":"hash","size":1}"#]);
    let reply = client.call(&[b"T.READ", b"db0", b"\xff"]);
    let expected = r#"{"key":{"$binary":"/w=="},"value":{"$binary":"/g=="}}"#;
    assert_eq!(String::from_utf8(reply).unwrap(), format!("*1\r\n${}\r\n{expected}\r\n", expected.len()));
    check(&mut client, &[("T.DELETE db0 k", ":1\r\n"), ("GET k", "$-1\r\n")]);
    error(&mut client, "T.WRITE db0 '[[1],2]'", "BADRECORD");
    error(&mut client, "T.COUNTER db0 n key 1", "ERR");
}

#[test]
fn tables_are_listed_described_and_dropped() {
    let mut client = users(&Node::new());
    assert_eq!(client.strings("T.LIST"), ["db0", "users"]);
    client.say("HELLO 3");
    let info = client.say("T.INFO users");
    assert!(info.starts_with("%20\r\n"), "{info}");
    for part in [
        "$11\r\nordered_set\r\n",
        "$6\r\nid:int\r\n",
        "$4\r\nsize\r\n:3\r\n",
        "$6\r\nttl_ms\r\n_\r\n",
        "$6\r\nloaded\r\n:1\r\n",
        "$6\r\ndamage\r\n_\r\n",
        "$10\r\ndisc_bytes\r\n",
    ] {
        assert!(info.contains(part), "{part:?} in {info}");
    }
    client.set_up(&["T.DROP users"]);
    error(&mut client, "T.READ users 1", "NOTABLE");
    error(&mut client, "T.INFO users", "NOTABLE");
}

#[test]
fn an_option_is_given_once() {
    let mut client = Node::new().client();
    let twice = |option: &str| format!("-ERR the option '{option}' is given twice; give it once\r\n");
    assert_eq!(client.say("T.CREATE t KIND set kind bag"), twice("kind"));
    client.set_up(&["T.CREATE t KIND ordered_set"]);
    assert_eq!(client.say("T.WRITE t [1,1] NX NX"), twice("NX"));
    assert_eq!(client.say("T.RANGE t LIMIT 1 LIMIT 2"), twice("LIMIT"));
    assert_eq!(client.say("T.MATCH t {} REV rev"), twice("rev"));
    assert_eq!(client.say("T.TRANSFORM t ATTRS a,b ATTRS a,c"), twice("ATTRS"));
    assert_eq!(client.say("T.READ t 1"), "*0\r\n");
}

#[test]
fn a_change_that_is_not_there_cannot_be_cancelled() {
    let node = Node::new();
    let mut client = users(&node);
    assert_eq!(client.say("T.CHANGES"), "*0\r\n");
    error(&mut client, "T.CANCEL users", "NOCHANGE");
    error(&mut client, "T.CANCEL", "ERR");
}

#[test]
fn a_table_that_is_being_restored_asks_writers_to_try_again_and_answers_readers() {
    let node = Node::new();
    let mut client = users(&node);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let refill = runtime.block_on(node.catalog.refill_in_place("users")).unwrap();
    for command in ["T.WRITE users [7,1,2]", "T.COUNTER users 1 age 1", "T.DELETE users 1", "T.CLEAR users"] {
        error(&mut client, command, "TRYAGAIN");
    }
    assert_eq!(client.strings("T.READ users 1").len(), 1);
    runtime.block_on(refill.finish()).unwrap();
    assert_eq!(client.say("T.DELETE users 1"), ":1\r\n");
}

/// As a string it found, deleted or counted in the row of another key.
#[test]
fn a_key_that_is_json_but_no_term_is_refused() {
    let mut client = Node::new().client();
    client.set_up(&["T.CREATE mixed KIND ordered_set", r#"T.WRITE mixed '["9223372036854775808",1]'"#]);
    for command in [
        "T.READ mixed 9223372036854775808",
        "T.READ mixed 1 -9223372036854775809",
        "T.DELETE mixed 9223372036854775808",
        "T.DELETE mixed 1e309",
        "T.COUNTER mixed -9223372036854775809 val 5",
        "T.RANGE mixed TO 9223372036854775808",
        r#"T.RANGE mixed FROM '{"$foo":1}'"#,
    ] {
        assert!(client.say(command).starts_with("-BADRECORD"), "{command}: {}", client.say(command));
    }
    assert_eq!(client.strings(r#"T.READ mixed '"9223372036854775808"'"#).len(), 1);
    // No JSON, so it is a string as it stands.
    assert_eq!(client.say("T.READ mixed 9223372036854775808b"), "*0\r\n");
}
