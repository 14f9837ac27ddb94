//! The protocol seen from outside: what a connection and a client would see.

mod malformed;
mod random;
mod rate;
mod replies;
mod requests;

use mnemon_resp::protocol::{Parser, Progress, ProtocolError};

/// A command as owned arguments.
type Command = Vec<Vec<u8>>;

/// Plays a connection: `chunks` arrive one by one behind what was not consumed yet. The commands found until the end or
/// the first error, and that error.
fn receive<'a>(
    parser: &mut Parser,
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Command>, Option<ProtocolError>) {
    let (mut buffer, mut commands) = (Vec::new(), Vec::new());
    for chunk in chunks {
        buffer.extend_from_slice(chunk);
        let mut consumed = 0;
        loop {
            let rest = &buffer[consumed..];
            match parser.advance(rest) {
                Ok(Progress::Command { consumed: len }) => {
                    commands.push(parser.args(rest).iter().map(<[u8]>::to_vec).collect());
                    consumed += len;
                }
                Ok(Progress::Incomplete { consumed: empty, hint }) => {
                    assert!(hint >= 1, "a connection must be told to read something");
                    assert!(
                        hint <= (7 * (rest.len() - empty)).max(16 * 1024),
                        "{hint} is more than has arrived"
                    );
                    consumed += empty;
                    break;
                }
                Err(error) => return (commands, Some(error)),
            }
        }
        buffer.drain(..consumed);
    }
    (commands, None)
}

/// [`receive`] for bytes that break no rule.
fn commands<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<Command> {
    let (commands, error) = receive(&mut Parser::default(), chunks);
    assert_eq!(error, None);
    commands
}

fn command(args: &[&str]) -> Command {
    args.iter().map(|arg| arg.as_bytes().to_vec()).collect()
}
