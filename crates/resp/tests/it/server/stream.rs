//! What a client may send in which pieces.

use mnemon_resp::protocol::{Reply, writer};

use crate::client::{Client, is_closed, serve};

fn pipeline(commands: &[&[&str]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    commands.iter().for_each(|command| writer::write_command(&mut bytes, command.iter()));
    bytes
}

#[test]
fn commands_may_arrive_byte_by_byte() {
    let server = serve(|_| {});
    let mut client = Client::connect(server.local_addr());
    for byte in pipeline(&[&["SET", "k", "a\r\nb"], &["GET", "k"]]) {
        client.send_bytes(&[byte]);
    }
    client.send_bytes(b"get k\r\n\r\n*0\r\nPING\n");
    assert_eq!(client.receive().0, Reply::OK);
    assert_eq!(client.receive().0, Reply::bulk("a\r\nb"));
    assert_eq!(client.receive().0, Reply::bulk("a\r\nb"));
    assert_eq!(client.receive().0, Reply::simple("PONG"));
}

/// So many that rows and fields are fetched ahead.
#[test]
fn pipelines_on_many_keys_and_fields_find_what_was_written() {
    const MANY: usize = 10_000;
    let server = serve(|config| config.threads = 2);
    let mut client = Client::connect(server.local_addr());
    // Some too long to stand beside others.
    let value = |number: usize| if number.is_multiple_of(50) { "x".repeat(700) } else { number.to_string() };
    let mut ask = |command: &dyn Fn(usize) -> Vec<String>, expected: &dyn Fn(usize) -> Reply| {
        let mut bytes = Vec::new();
        (0..MANY).for_each(|number| writer::write_command(&mut bytes, command(number).iter()));
        let mut sender = client.stream.try_clone().unwrap();
        let sending = std::thread::spawn(move || std::io::Write::write_all(&mut sender, &bytes).unwrap());
        for number in 0..MANY {
            assert_eq!(client.receive().0, expected(number), "{:?}", command(number));
        }
        sending.join().unwrap();
    };
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<String>>();
    let name = |number: usize| format!("name:{number}");
    ask(&|number| words(&["SET", &name(number), &value(number)]), &|_| Reply::OK);
    ask(&|number| words(&["HSET", "hash", &name(number), &value(number)]), &|_| Reply::Int(1));
    ask(&|number| words(&["GET", &name(number)]), &|number| Reply::bulk(value(number)));
    ask(&|number| words(&["HGET", "hash", &name(number)]), &|number| Reply::bulk(value(number)));
    // Mixed, with what is absent and what is of another type.
    let mixed = |number: usize| match number % 5 {
        0 => words(&["GET", &name(number)]),
        1 => words(&["HGET", "hash", &name(number)]),
        2 => words(&["HDEL", "hash", "absent", &name(number)]),
        3 => words(&["GET", "absent"]),
        _ => words(&["EXISTS", &name(number), "absent", &name(0), &name(1)]),
    };
    ask(&mixed, &|number| match number % 5 {
        0 | 1 => Reply::bulk(value(number)),
        2 => Reply::Int(1),
        3 => Reply::Null,
        _ => Reply::Int(3),
    });
}

#[test]
fn a_long_pipeline_is_answered_in_order() {
    const COMMANDS: usize = 50_000;
    let server = serve(|config| config.threads = 2);
    let mut client = Client::connect(server.local_addr());
    let mut bytes = Vec::new();
    for _ in 0..COMMANDS {
        writer::write_command(&mut bytes, ["INCR", "n"]);
    }
    let mut sender = client.stream.try_clone().unwrap();
    let sending = std::thread::spawn(move || std::io::Write::write_all(&mut sender, &bytes).unwrap());
    for number in 1..=COMMANDS {
        assert_eq!(client.receive().0, Reply::Int(i64::try_from(number).unwrap()));
    }
    sending.join().unwrap();
}

#[test]
fn answers_that_wait_keep_their_place() {
    let server = serve(|_| {});
    let mut client = Client::connect(server.local_addr());
    client.send_bytes(&pipeline(&[
        &["T.CREATE", "t", "KIND", "ordered_set"],
        &["T.WRITE", "t", "[1,2]"],
        &["T.MATCH", "t", "{}"],
        &["PING"],
        &["T.RANGE", "t"],
        &["T.DROP", "t"],
        &["PING"],
    ]));
    let found = Reply::Array(vec![Reply::bulk(r#"{"key":1,"val":2}"#)]);
    let pong = Reply::simple("PONG");
    for expected in [Reply::OK, Reply::OK, found.clone(), pong.clone(), found, Reply::OK, pong] {
        assert_eq!(client.receive().0, expected);
    }
}

#[test]
fn a_large_value_goes_in_and_out() {
    let server = serve(|_| {});
    let mut client = Client::connect(server.local_addr());
    let value: Vec<u8> = (0..8 << 20).map(|at: u32| at.to_le_bytes()[1]).collect();
    assert_eq!(client.call(&[b"SET", &b"k"[..], &value]), Reply::OK);
    assert!(client.call(&["GET", "k"]) == Reply::Bulk(value));
    assert_eq!(client.say("PING"), Reply::simple("PONG"));
}

#[test]
fn quit_answers_what_stands_before_it_and_nothing_behind() {
    let server = serve(|_| {});
    let mut client = Client::connect(server.local_addr());
    client.send_bytes(b"PING\r\nQUIT\r\nPING\r\n");
    assert_eq!(client.rest(), b"+PONG\r\n+OK\r\n");
}

#[test]
fn a_broken_protocol_is_answered_and_ends_the_connection() {
    let server = serve(|_| {});
    let mut client = Client::connect(server.local_addr());
    client.send_bytes(b"PING\r\n*1\r\n:1\r\n");
    assert_eq!(client.rest(), b"+PONG\r\n-ERR Protocol error: expected '$', got ':'\r\n");
}

#[test]
fn nested_arrays_do_not_nest_the_server() {
    let server = serve(|_| {});
    let mut client = Client::connect(server.local_addr());
    client.send_bytes(&b"*1\r\n".repeat(200_000));
    assert_eq!(client.rest(), b"-ERR Protocol error: expected '$', got '*'\r\n");
    assert_eq!(Client::connect(server.local_addr()).say("PING"), Reply::simple("PONG"));
}

#[test]
fn a_browser_gets_no_answer() {
    let server = serve(|_| {});
    for request in
        ["POST / HTTP/1.1\r\nSET k v\r\n\r\n", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\nSET k v\r\n"]
    {
        let mut client = Client::connect(server.local_addr());
        client.send_bytes(request.as_bytes());
        let rest = String::from_utf8(client.rest()).unwrap();
        assert!(rest.is_empty() || rest == "-ERR wrong number of arguments for 'get' command\r\n", "{rest}");
    }
    assert_eq!(Client::connect(server.local_addr()).say("EXISTS k"), Reply::Int(0));
}

#[test]
fn events_reach_a_subscriber_that_says_nothing() {
    let server = serve(|_| {});
    let mut subscriber = Client::connect(server.local_addr());
    let mut writer = Client::connect(server.local_addr());
    assert!(matches!(subscriber.say("T.SUBSCRIBE db0"), Reply::Array(_)));
    assert_eq!(writer.say("SET k v"), Reply::OK);
    let (Reply::Array(event), _) = subscriber.receive() else { panic!("an array was expected") };
    assert_eq!(event[..3], [Reply::bulk("t.event"), Reply::bulk("db0"), Reply::bulk("write")]);
    assert_eq!(event[4], Reply::bulk(r#"{"key":"k","value":"v"}"#));
}

#[test]
fn shutdown_closes_connections_and_frees_the_port() {
    let server = serve(|config| config.threads = 2);
    let addr = server.local_addr();
    let mut clients: Vec<Client> = (0..5).map(|_| Client::connect(addr)).collect();
    clients.iter_mut().for_each(|client| assert_eq!(client.say("PING"), Reply::simple("PONG")));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(server.shutdown()).unwrap();
    for client in &mut clients {
        assert!(is_closed(&mut client.stream));
    }
    drop(serve(|config| config.addr = addr));
}
