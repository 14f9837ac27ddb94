//! Sessions without a socket: commands in, answers out.

mod administration;
mod bits;
mod carry;
mod channel;
mod command_table;
mod hash;
mod key;
mod loading;
mod random;
mod string;
mod subscription;
mod table;
mod transaction;
mod users;
mod walk;

use std::sync::Arc;

use mnemon_resp::protocol::{ArgsBuf, Version};
use mnemon_resp::{Execution, Host, Session, Settings};
use mnemon_store::ManualClock;
use mnemon_table::Catalog;

/// The time at which tests begin, in milliseconds.
const START_MS: u64 = 1_000_000;

/// A server's inside with a clock that stands still.
struct Node {
    host: Arc<Host>,
    clock: Arc<ManualClock>,
    catalog: Arc<Catalog>,
}

impl Node {
    fn new() -> Self {
        Self::with(Settings::default())
    }

    fn with(settings: Settings) -> Self {
        let clock = Arc::new(ManualClock::at(START_MS));
        let catalog = Arc::new(Catalog::local(Box::new(clock.clone())));
        Self { host: Arc::new(Host::new(catalog.clone(), settings)), clock, catalog }
    }

    fn client(&self) -> Client {
        Client { session: Session::new(self.host.clone(), "test") }
    }
}

/// A client without a socket.
struct Client {
    session: Session,
}

impl Client {
    fn call(&mut self, command: &[&[u8]]) -> Vec<u8> {
        let args: ArgsBuf = command.iter().collect();
        let answer = match self.session.execute(args.as_args()) {
            Execution::Done(answer) => answer,
            Execution::Later(answering) => {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
                runtime.block_on(answering)
            }
        };
        answer.to_bytes(self.session.version())
    }

    /// Runs words that are separated by blanks; a word may be quoted with `'`. The reply's bytes as text.
    fn say(&mut self, command: &str) -> String {
        let mut words: Vec<Vec<u8>> = Vec::new();
        for (at, part) in command.split('\'').enumerate() {
            if at % 2 == 1 {
                words.push(part.as_bytes().to_vec());
            } else {
                words.extend(part.split_ascii_whitespace().map(|word| word.as_bytes().to_vec()));
            }
        }
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        String::from_utf8(self.call(&words)).unwrap()
    }

    /// The bulk strings of a reply that is an array of such.
    fn strings(&mut self, command: &str) -> Vec<String> {
        let reply = self.say(command);
        assert!(reply.starts_with('*'), "{command}: {reply}");
        reply.split("\r\n").skip(2).step_by(2).map(str::to_owned).collect()
    }

    /// Runs commands that must all answer `+OK`.
    fn set_up(&mut self, commands: &[&str]) {
        for command in commands {
            assert_eq!(self.say(command), "+OK\r\n", "{command}");
        }
    }
}

/// Runs a script of commands and their replies.
fn check(client: &mut Client, script: &[(&str, &str)]) {
    for (command, reply) in script {
        assert_eq!(client.say(command), *reply, "{command}");
    }
}

#[test]
fn an_empty_command_answers_nothing() {
    assert_eq!(Node::new().client().call(&[]), b"");
}

#[test]
fn an_unknown_command_is_quoted_with_its_arguments() {
    let mut client = Node::new().client();
    check(&mut client, &[("nope", "-ERR unknown command 'nope', with args beginning with: \r\n")]);
    let expected = b"-ERR unknown command 'a  b', with args beginning with: '\xff' 'c' \r\n";
    assert_eq!(client.call(&[b"a\r\nb\0hidden", b"\xff", b"c"]), expected);
    let long = client.call(&[&[b'x'; 500], &[b'y'; 100], &[b'z'; 100], b"unseen"]);
    let expected = format!(
        "-ERR unknown command '{}', with args beginning with: '{}' '{}' \r\n",
        "x".repeat(128),
        "y".repeat(100),
        "z".repeat(25)
    );
    assert_eq!(String::from_utf8(long).unwrap(), expected);
}

#[test]
fn a_browser_is_sent_away_unanswered() {
    for command in [&[&b"POST"[..], b"/", b"HTTP/1.1"][..], &[b"host:", b"localhost"]] {
        let mut client = Node::new().client();
        assert_eq!(client.call(command), b"");
        assert!(client.session.is_closing());
    }
}

#[test]
fn databases_are_apart_and_reset_goes_back_to_the_first() {
    let mut client = Node::new().client();
    check(
        &mut client,
        &[
            ("SET k zero", "+OK\r\n"),
            ("SELECT 15", "+OK\r\n"),
            ("GET k", "$-1\r\n"),
            ("SET k fifteen", "+OK\r\n"),
            ("DBSIZE", ":1\r\n"),
            ("SELECT 16", "-ERR DB index is out of range\r\n"),
            ("GET k", "$7\r\nfifteen\r\n"),
            ("CLIENT SETNAME ada", "+OK\r\n"),
            ("MULTI", "+OK\r\n"),
            ("RESET", "+RESET\r\n"),
            ("GET k", "$4\r\nzero\r\n"),
            ("CLIENT GETNAME", "$-1\r\n"),
            ("FLUSHALL", "+OK\r\n"),
            ("SELECT 15", "+OK\r\n"),
            ("DBSIZE", ":0\r\n"),
        ],
    );
}

#[test]
fn hello_changes_the_form_of_replies() {
    let mut client = Node::new().client();
    client.say("HSET h f v");
    assert_eq!(client.say("HGETALL h"), "*2\r\n$1\r\nf\r\n$1\r\nv\r\n");
    let greeting = client.say("HELLO 3 SETNAME ada");
    assert!(greeting.starts_with("%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n"), "{greeting}");
    assert_eq!(client.session.version(), Version::Resp3);
    check(
        &mut client,
        &[
            ("HGETALL h", "%1\r\n$1\r\nf\r\n$1\r\nv\r\n"),
            ("GET nothing", "_\r\n"),
            ("CLIENT GETNAME", "$3\r\nada\r\n"),
            ("HELLO 4", "-NOPROTO unsupported protocol version\r\n"),
            ("HELLO 2 SETNAME", "-ERR Syntax error in HELLO option 'SETNAME'\r\n"),
        ],
    );
    assert!(client.say("HELLO 2").starts_with("*14\r\n"));
    assert_eq!(client.say("GET nothing"), "$-1\r\n");
}

#[test]
fn without_the_password_nothing_runs() {
    let settings = Settings { password: Some("secret".to_owned()), ..Settings::default() };
    let node = Node::with(settings);
    let (mut client, mut other) = (node.client(), node.client());
    check(
        &mut client,
        &[
            ("GET k", "-NOAUTH Authentication required.\r\n"),
            ("AUTH secret1", "-WRONGPASS invalid username-password pair or user is disabled.\r\n"),
            ("AUTH secre", "-WRONGPASS invalid username-password pair or user is disabled.\r\n"),
            ("AUTH ''", "-WRONGPASS invalid username-password pair or user is disabled.\r\n"),
            ("AUTH ada secret", "-WRONGPASS invalid username-password pair or user is disabled.\r\n"),
            ("MULTI", "-NOAUTH Authentication required.\r\n"),
            ("AUTH secret", "+OK\r\n"),
            ("GET k", "$-1\r\n"),
            ("RESET", "+RESET\r\n"),
            ("GET k", "-NOAUTH Authentication required.\r\n"),
        ],
    );
    assert!(other.say("HELLO 3").starts_with("-NOAUTH HELLO must be called"));
    assert!(other.say("HELLO 3 AUTH default secret").starts_with("%7"));
    assert_eq!(other.say("GET k"), "_\r\n");
}
