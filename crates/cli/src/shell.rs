//! `mnemon shell`: commands typed by people, or read from a script, and their answers printed.
//!
//! What must stay true: a command is sent once; when the connection is lost while its answer is awaited, that is told and
//! nothing is repeated, since it may have been applied.

mod guide;
mod interrupt;
mod print;
mod prompt;
mod records;

use std::io::{self, BufRead, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use mnemon_resp::protocol::{Limits, Parser, Progress, Reply};

use crate::client::{Client, Server, Words};
use crate::error::CliError;
use interrupt::Interrupt;
use print::render;

/// A line of a script may have so many bytes.
const LINE_MAX: u64 = 512 << 20;
/// How long who listens waits between two looks at whether Ctrl-C was pressed.
const LOOK: Duration = Duration::from_millis(100);

/// Commands for a server, typed or read.
#[derive(Debug, Args)]
pub(crate) struct Shell {
    #[command(flatten)]
    server: Server,

    /// Runs this command and ends; may be given several times.
    #[arg(short, long = "command", value_name = "COMMAND")]
    command: Vec<String>,

    /// How answers are printed [default: pretty on a terminal, else raw].
    #[arg(short, long, value_enum)]
    output: Option<Style>,
}

/// How an answer is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Style {
    /// For people: types are shown, records stand in a table.
    Pretty,
    /// Strings as they are, a line each.
    Raw,
    /// One JSON value a line.
    Json,
}

/// Runs commands: those of the command line, else those of stdin, typed or piped.
///
/// # Errors
/// `Unreachable`, `Refused` when there is no connection; `Lost` when it breaks.
pub(crate) fn run(mut shell: Shell) -> Result<ExitCode, CliError> {
    shell.server.ask_password()?;
    let by_default = if io::stdout().is_terminal() { Style::Pretty } else { Style::Raw };
    let style = shell.output.unwrap_or(by_default);
    let client = Client::connect(&shell.server)?;
    let mut talk = Talk { server: shell.server, client, style, width: None, interrupt: None, failed: false };
    if !shell.command.is_empty() {
        for command in &shell.command {
            talk.run_line(command.as_bytes())?;
        }
    } else if io::stdin().is_terminal() {
        talk.interrupt = Some(Interrupt::new()?);
        prompt::run(&mut talk)?;
        // Who typed has seen what failed.
        return Ok(ExitCode::SUCCESS);
    } else {
        talk.run_script(&mut io::stdin().lock())?;
    }
    Ok(if talk.failed { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// A conversation with a server.
struct Talk {
    server: Server,
    client: Client,
    style: Style,
    /// Columns of the terminal, where there is one.
    width: Option<u16>,
    /// Who hears Ctrl-C, on a terminal.
    interrupt: Option<Interrupt>,
    /// A command was answered by an error.
    failed: bool,
}

impl Talk {
    fn run_script(&mut self, script: &mut dyn BufRead) -> Result<(), CliError> {
        loop {
            let mut line = Vec::new();
            let count = io::Read::take(&mut *script, LINE_MAX).read_until(b'\n', &mut line)?;
            if count == 0 {
                return Ok(());
            }
            self.run_line(&line)?;
        }
    }

    /// Runs one line; an empty one, or one that begins with `#`, does nothing.
    fn run_line(&mut self, line: &[u8]) -> Result<(), CliError> {
        let words = match split(line) {
            Ok(words) => words,
            Err(cause) => {
                self.complain(&cause);
                return Ok(());
            }
        };
        match words.first() {
            None => Ok(()),
            Some(name) if name.first() == Some(&b'#') => Ok(()),
            Some(name) => match manner(name, words.get(1)) {
                Manner::Silent => {
                    self.complain("ERR the shell needs answers: CLIENT REPLY OFF and SKIP are not for it");
                    Ok(())
                }
                manner => self.exchange(&words, &manner),
            },
        }
    }

    fn exchange(&mut self, words: &Words, manner: &Manner) -> Result<(), CliError> {
        let lost = |address: &str, cause: io::Error| CliError::Lost { url: address.to_owned(), cause };
        let address = self.client.address().to_owned();
        self.client.send(words).map_err(|cause| lost(&address, cause))?;
        if *manner == Manner::Listens {
            if self.interrupt.is_some() {
                return self.listen(words).map_err(|cause| lost(&address, cause));
            }
            self.client.wait_at_most(None).map_err(|cause| lost(&address, cause))?;
        }
        loop {
            let reply = self.client.receive().map_err(|cause| lost(&address, cause))?;
            let is_message = matches!(reply, Reply::Push(_));
            let is_refusal = reply.is_error();
            self.show(&reply);
            match manner {
                Manner::Listens if !is_refusal => {}
                Manner::ByMessage => return Ok(()),
                _ if !is_message => return Ok(()),
                _ => {}
            }
        }
    }

    /// Shows messages until Ctrl-C is pressed, and ends what was begun.
    fn listen(&mut self, words: &Words) -> io::Result<()> {
        let Some(interrupt) = self.interrupt.take() else { return Ok(()) };
        crate::output::print("(listening; Ctrl-C ends it)\n");
        interrupt.begin();
        let listened = self.listen_until(words, &|| interrupt.is_asked());
        interrupt.end();
        self.interrupt = Some(interrupt);
        listened
    }

    fn listen_until(&mut self, words: &Words, is_asked: &dyn Fn() -> bool) -> io::Result<()> {
        self.client.wait_at_most(Some(LOOK))?;
        while !is_asked() {
            match self.client.receive() {
                Ok(reply) => {
                    self.show(&reply);
                    if reply.is_error() {
                        return self.client.wait_at_most(Some(Duration::from_secs(self.server.timeout)));
                    }
                }
                Err(cause) if cause.kind() == io::ErrorKind::TimedOut => {}
                Err(cause) => return Err(cause),
            }
        }
        self.client.wait_at_most(Some(Duration::from_secs(self.server.timeout)))?;
        let Some(end) = end_of(words) else {
            // Nothing ends it but the end of the connection; the next line is sent through a new one.
            return self.client.hang_up();
        };
        self.client.send(&[end])?;
        // Messages that were on their way are not shown any more.
        self.client.send(&["PING"])?;
        while !matches!(self.client.receive()?, Reply::Simple(text) if text == "PONG") {}
        Ok(())
    }

    fn show(&mut self, reply: &Reply) {
        if let Reply::Error(text) = reply {
            self.complain(text);
            return;
        }
        let mut text = render(reply, self.style, self.width);
        text.push(b'\n');
        let mut out = io::stdout().lock();
        // A reader that has gone is no failure.
        drop(out.write_all(&text).and_then(|()| out.flush()));
    }

    fn complain(&mut self, text: &str) {
        self.failed = true;
        drop(writeln!(io::stderr(), "{}", crate::output::printable(text)));
    }
}

/// How a command is answered.
#[derive(Debug, PartialEq, Eq)]
enum Manner {
    /// By one answer.
    Once,
    /// By messages, until somebody ends it.
    Listens,
    /// By a message instead of an answer.
    ByMessage,
    /// Not at all.
    Silent,
}

fn manner(name: &[u8], second: Option<&Vec<u8>>) -> Manner {
    let is = |word: &str| name.eq_ignore_ascii_case(word.as_bytes());
    if ["SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "T.SUBSCRIBE", "MONITOR"].iter().any(|word| is(word)) {
        return Manner::Listens;
    }
    if ["UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE"].iter().any(|word| is(word)) {
        return Manner::ByMessage;
    }
    let replies = second.is_some_and(|word| word.eq_ignore_ascii_case(b"REPLY"));
    if is("CLIENT") && replies { Manner::Silent } else { Manner::Once }
}

/// What ends the listening that a command has begun.
fn end_of(words: &Words) -> Option<&'static str> {
    let name = String::from_utf8_lossy(words.first()?).to_ascii_uppercase();
    Some(match &*name {
        "SUBSCRIBE" => "UNSUBSCRIBE",
        "PSUBSCRIBE" => "PUNSUBSCRIBE",
        "SSUBSCRIBE" => "SUNSUBSCRIBE",
        "T.SUBSCRIBE" => "T.UNSUBSCRIBE",
        _ => return None,
    })
}

/// Cuts a line into words by Redis's rules of quoting.
fn split(line: &[u8]) -> Result<Words, String> {
    // The blank keeps a line that begins with `*` from being read as something else than a line.
    let line = [b" ", line.trim_ascii(), b"\r\n"].concat();
    let mut parser = Parser::new(Limits { max_inline_len: usize::MAX, ..Limits::default() });
    match parser.advance(&line) {
        Ok(Progress::Command { .. }) => Ok(parser.args(&line).iter().map(<[u8]>::to_vec).collect()),
        Ok(Progress::Incomplete { .. }) => Ok(Words::new()),
        Err(_) => {
            Err("ERR unbalanced quotes, or a line that is too long: close each quote that was opened"
                .to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_as_redis_cuts_them() {
        let words = |line: &str| {
            split(line.as_bytes()).map(|words| {
                words.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect::<Vec<_>>()
            })
        };
        assert_eq!(words("SET k 'a b'\n"), Ok(vec!["SET".into(), "k".into(), "a b".into()]));
        assert_eq!(
            words(r#"T.WRITE t '{"id":1}'"#),
            Ok(vec!["T.WRITE".into(), "t".into(), r#"{"id":1}"#.into()])
        );
        assert_eq!(words(r#"SET k "\x41\n""#), Ok(vec!["SET".into(), "k".into(), "A\n".into()]));
        assert_eq!(words("*1"), Ok(vec!["*1".into()]));
        assert_eq!(words("  \r\n"), Ok(vec![]));
        assert!(words("SET k 'a").is_err());
        let long = format!("SET k {}", "x".repeat(200_000));
        assert_eq!(words(&long).map(|words| words.len()), Ok(3));
    }

    #[test]
    fn commands_without_an_ordinary_answer_are_known() {
        assert_eq!(manner(b"get", None), Manner::Once);
        assert_eq!(manner(b"t.subscribe", None), Manner::Listens);
        assert_eq!(manner(b"UNSUBSCRIBE", None), Manner::ByMessage);
        assert_eq!(manner(b"CLIENT", Some(&b"reply".to_vec())), Manner::Silent);
        assert_eq!(manner(b"CLIENT", Some(&b"list".to_vec())), Manner::Once);
    }
}
