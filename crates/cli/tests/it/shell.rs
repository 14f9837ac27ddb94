//! `mnemon shell` without a terminal, as scripts use it.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use crate::process::{Running, binary, finished};

fn node() -> Running {
    Running::start(binary().args(["--resp", "127.0.0.1:0"]))
}

fn shell(node: &Running) -> Command {
    let mut command = binary();
    command.args(["shell", "--connect", &node.address().to_string()]);
    command
}

/// The output of a shell that reads `script` from stdin.
fn fed(mut command: Command, script: &str) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary can be started");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(script.as_bytes()).expect("the shell reads");
    drop(stdin);
    child.wait_with_output().expect("the shell ends with its input")
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn commands_of_the_command_line_run_in_order() {
    let node = node();
    let output =
        finished(shell(&node).args(["-c", "SET k 'a b'", "-c", "GET k", "-c", "INCR n", "-c", "GET nosuch"]));
    assert_eq!((output.status.code(), out(&output).as_str()), (Some(0), "OK\na b\n1\n\n"));
    assert_eq!(err(&output), "");
}

#[test]
fn a_script_runs_on_past_an_error_and_ends_with_status_1() {
    let node = node();
    let output = fed(shell(&node), "# a comment\nSET k v\n\nINCR k\nGET k\nGET 'open\n");
    assert_eq!((output.status.code(), out(&output).as_str()), (Some(1), "OK\nv\n"));
    let log = err(&output);
    assert!(log.contains("ERR value is not an integer") && log.contains("quotes"), "{log}");
    assert_eq!(log.lines().count(), 2, "{log}");
}

#[test]
fn answers_have_three_forms() {
    let node = node();
    let run = |form: &str, commands: &[&str]| {
        let mut command = shell(&node);
        command.args(["-o", form]);
        commands.iter().for_each(|one| {
            command.args(["-c", one]);
        });
        out(&finished(&mut command))
    };
    run("raw", &["T.CREATE users KIND ordered_set ATTRS id,name"]);
    for record in [r#"{"id":1,"name":"Ada"}"#, r#"{"id":2,"name":"Ben"}"#] {
        run("raw", &[&format!("T.WRITE users '{record}'")]);
    }
    let table = run("pretty", &["T.RANGE users"]);
    assert!(table.contains("│ id") && table.contains("│ 1") && table.ends_with("(2 records)\n"), "{table}");
    assert_eq!(run("raw", &["T.READ users 1"]), "{\"id\":1,\"name\":\"Ada\"}\n");
    assert_eq!(run("pretty", &["SET k v", "GET k", "GET no"]), "OK\n\"v\"\n(nil)\n");
    assert_eq!(run("json", &["HSET h a 1", "HGETALL h", "GET no"]), "1\n{\"a\":\"1\"}\nnull\n");
}

#[test]
fn transactions_keep_their_connection() {
    let node = node();
    let output = fed(shell(&node), "SELECT 3\nMULTI\nSET a 1\nINCR a\nEXEC\nSELECT 0\nEXISTS a\n");
    assert_eq!(out(&output), "OK\nOK\nQUEUED\nQUEUED\nOK\n2\nOK\n0\n");
}

#[test]
fn a_server_that_is_not_there_is_told_in_one_line() {
    let node = node();
    let address = node.address().to_string();
    drop(node);
    let output = finished(binary().args(["shell", "--connect", &address, "-c", "PING"]));
    assert_eq!((output.status.code(), out(&output).as_str()), (Some(2), ""));
    assert!(err(&output).contains(&address) && err(&output).lines().count() == 1, "{}", err(&output));
}

#[test]
fn a_connection_that_is_lost_is_told_and_nothing_is_repeated() {
    let node = node();
    let output = finished(shell(&node).args([
        "-c",
        "INCR n",
        "-c",
        "CLIENT KILL TYPE normal SKIPME no",
        "-c",
        "INCR n",
    ]));
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(err(&output).contains("unknown"), "{}", err(&output));
    let rest = finished(shell(&node).args(["-c", "GET n"]));
    assert_eq!(out(&rest), "1\n");
}

#[test]
fn messages_are_printed_as_they_come() {
    let node = node();
    let mut command = shell(&node);
    let mut child = command.args(["-c", "SUBSCRIBE news"]).stdout(Stdio::piped()).spawn().expect("it starts");
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().expect("piped")));
    let mut next = || lines.next().expect("a line").expect("text");
    assert_eq!([next(), next(), next()], ["subscribe", "news", "1"]);
    node.connect().ask("PUBLISH news hello", ":1\r\n");
    assert_eq!([next(), next(), next()], ["message", "news", "hello"]);
    child.kill().expect("it runs");
    child.wait().expect("it ends");
}

/// A shell on a terminal of its own, which `script` makes.
#[cfg(target_os = "linux")]
mod terminal {
    use std::io::{Read as _, Write as _};
    use std::process::{Child, ChildStdin, Command, Stdio};
    use std::sync::mpsc::{Receiver, channel};
    use std::time::Duration;

    use super::node;
    use crate::process::{Running, binary, wait_until};

    struct Terminal {
        child: Child,
        keys: ChildStdin,
        shown: Receiver<Vec<u8>>,
        unread: String,
    }

    impl Terminal {
        fn shell(node: &Running) -> Self {
            let binary = binary();
            let shell =
                format!("{} shell --connect {}", binary.get_program().to_string_lossy(), node.address());
            let mut command = Command::new("script");
            command
                .args(["-qefc", &shell, "/dev/null"])
                .env("TERM", "xterm")
                .env("MNEMON_HISTORY", "/dev/null");
            let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
            let mut child = started.expect("script, of util-linux, gives terminals");
            let keys = child.stdin.take().expect("piped");
            let mut out = child.stdout.take().expect("piped");
            let (pieces, shown) = channel();
            std::thread::spawn(move || {
                let mut piece = [0; 4096];
                while let Ok(count @ 1..) = out.read(&mut piece) {
                    if pieces.send(piece[..count].to_vec()).is_err() {
                        break;
                    }
                }
            });
            Self { child, keys, shown, unread: String::new() }
        }

        fn press(&mut self, keys: &str) {
            self.keys.write_all(keys.as_bytes()).and_then(|()| self.keys.flush()).expect("it reads");
        }

        /// Waits until this is shown.
        fn sees(&mut self, text: &str) {
            loop {
                if let Some(at) = self.unread.find(text) {
                    self.unread.drain(..at + text.len());
                    return;
                }
                let piece = self.shown.recv_timeout(Duration::from_secs(30));
                let piece = piece.unwrap_or_else(|_| panic!("{text:?} is not shown, but {:?}", self.unread));
                self.unread += &String::from_utf8_lossy(&piece);
            }
        }

        fn ends(&mut self) {
            let child = &mut self.child;
            wait_until(|| child.try_wait().expect("it can be waited for").is_some());
        }
    }

    impl Drop for Terminal {
        fn drop(&mut self) {
            drop(self.child.kill());
        }
    }

    const CTRL_C: &str = "\x03";
    const CTRL_D: &str = "\x04";

    #[test]
    fn ctrl_c_ends_listening_and_gives_the_prompt_back() {
        let node = node();
        let mut shell = Terminal::shell(&node);
        shell.sees("> ");
        shell.press("SELECT 3\r");
        shell.sees("OK");
        shell.press("T.CREATE users\r");
        shell.sees("OK");
        for (command, answer) in
            [("SUBSCRIBE news", "news"), ("PSUBSCRIBE n*", "n*"), ("T.SUBSCRIBE users", "users")]
        {
            shell.press(&format!("{command}\r"));
            shell.sees("(listening; Ctrl-C ends it)");
            shell.sees(answer);
            shell.press(CTRL_C);
            // The connection is the same: the database is still the one that was chosen.
            shell.sees("> ");
            shell.press("CLIENT INFO\r");
            shell.sees("db=3");
            shell.sees("sub=0");
        }
        shell.press("SET k v\r");
        shell.sees("OK");
        shell.sees("> ");
        shell.press(CTRL_D);
        shell.ends();
        node.connect().ask("SELECT 3", "+OK\r\n");
    }

    #[test]
    fn ctrl_c_at_the_prompt_clears_the_line_and_ctrl_d_ends_the_shell() {
        let node = node();
        let mut shell = Terminal::shell(&node);
        shell.sees("> ");
        shell.press("SET half");
        // A hint stands behind the first letters and goes when it does not fit any more.
        shell.sees("alf");
        shell.press(CTRL_C);
        shell.sees("> ");
        shell.press("PING whole\r");
        shell.sees("\"whole\"");
        shell.sees("> ");
        shell.press(CTRL_D);
        shell.ends();
    }
}
