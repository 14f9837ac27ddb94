//! What must hold for whatever a client sends.

use mnemon_resp::protocol::{Args, Limits, Parser, Progress, ProtocolError, writer};

use crate::arrival::{Arrival, Cuts};

/// The floor of a hint's bound: see [`Progress::Incomplete`].
const MIN_READ: usize = 16 * 1024;

/// The least limit of a line: see [`Limits::max_inline_len`].
const MIN_LINE: usize = 4;

/// Limits that short inputs reach.
const NARROW: Limits = Limits { max_bulk_len: 16, max_args: 4, max_inline_len: 24, max_request_len: 48 };

/// Limits that no server would set, which leave room for hardly anything.
const TINY: Limits = Limits { max_bulk_len: 2, max_args: 1, max_inline_len: 1, max_request_len: 12 };

/// The request parser, for clients that have and have not authenticated, under wide and narrow limits.
///
/// Holds that the commands, the error and what is left over are the same however the bytes arrive; that arguments are
/// no more than what was sent and within the limits; that a hint is never more than what is lacking; that an error is
/// final; that a command that is written reads back.
///
/// # Panics
/// When any of this does not hold.
pub fn resp_request(bytes: &[u8]) {
    let wide = Limits::default();
    for (limits, authenticated) in [(wide, true), (wide, false), (NARROW, true), (TINY, true)] {
        let hear = |arrival: Arrival| listen(bytes, &limits, authenticated, arrival.cuts(bytes));
        let at_once = hear(Arrival::AtOnce);
        for arrival in Arrival::ALL {
            let heard = hear(arrival);
            assert_eq!(at_once, heard, "at once, and {arrival:?}, under {limits:?} ({authenticated})");
        }
        for command in &at_once.commands {
            read_back(command);
        }
    }
}

/// The arguments of a command, its name first.
type Command = Vec<Vec<u8>>;

/// All that a parser makes of a stream.
#[derive(Debug, PartialEq)]
struct Heard {
    commands: Vec<Command>,
    error: Option<ProtocolError>,
    /// Bytes that no command has taken; unknown after an error.
    left: Option<usize>,
}

/// Reads a stream by the rule for connections.
fn listen(stream: &[u8], limits: &Limits, authenticated: bool, mut cuts: Cuts) -> Heard {
    let mut parser = Parser::new(*limits);
    parser.set_authenticated(authenticated);
    let mut heard = Heard { commands: Vec::new(), error: None, left: None };
    let (mut begin, mut end) = (0, 0);
    // Where, by the hints, the command that is being read ends at the soonest.
    let mut soonest = 0;
    loop {
        let unread = &stream[begin..end];
        match parser.advance(unread) {
            Ok(Progress::Command { consumed }) => {
                assert!((1..=unread.len()).contains(&consumed), "{consumed} of {} taken", unread.len());
                check(parser.args(unread), consumed, limits);
                heard.commands.push(parser.args(unread).iter().map(<[u8]>::to_vec).collect());
                begin += consumed;
                assert!(soonest <= begin, "a hint asked for {} bytes too many", soonest - begin);
            }
            Ok(Progress::Incomplete { consumed, hint }) => {
                assert!(consumed <= unread.len(), "{consumed} of {} dropped", unread.len());
                begin += consumed;
                let bound = MIN_READ.max(end - begin);
                assert!((1..=bound).contains(&hint), "a hint of {hint} with {} bytes there", end - begin);
                assert!(parser.args(unread).is_empty(), "arguments of half a command");
                if end == stream.len() {
                    heard.left = Some(end - begin);
                    return heard;
                }
                soonest = end + hint;
                end = end.saturating_add(cuts.next(hint)).min(stream.len());
            }
            Err(error) => {
                assert_eq!(parser.advance(unread), Err(error), "an error is final");
                assert_eq!(parser.advance(b"PING\r\n"), Err(error), "an error is final, whatever comes");
                assert!(parser.args(unread).is_empty(), "arguments after an error");
                check_error(error);
                heard.error = Some(error);
                return heard;
            }
        }
    }
}

/// A command is no larger than what was sent and what is allowed.
fn check(args: Args<'_>, consumed: usize, limits: &Limits) {
    assert!(!args.is_empty(), "a command has a name");
    let sent: usize = args.iter().map(<[u8]>::len).sum();
    // Each argument has at least one byte around it that is not its own.
    assert!(sent + args.len() <= consumed, "{} arguments of {sent} bytes in {consumed}", args.len());
    let line = limits.max_inline_len.max(MIN_LINE);
    let longest = limits.max_bulk_len.max(line);
    assert!(args.iter().all(|arg| arg.len() <= longest), "an argument longer than {longest}");
    assert!(args.len() <= limits.max_args.max(line), "{} arguments", args.len());
    assert_eq!(args.get(args.len()), None, "an argument past the end");
    assert!(args.skip(1).iter().eq(args.iter().skip(1)), "the arguments behind the name");
    assert!(args.to_buf().as_args().iter().eq(args.iter()), "an owned copy");
}

/// An error is answered with one line.
fn check_error(error: ProtocolError) {
    let mut answer = Vec::new();
    error.write_reply(&mut answer);
    let line = answer.strip_prefix(b"-ERR ").and_then(|line| line.strip_suffix(b"\r\n"));
    let fine = line.is_some_and(|line| !line.contains(&b'\r') && !line.contains(&b'\n'));
    assert!(fine, "{error:?} is answered with {}", answer.escape_ascii());
}

/// A command as clients write it is the same command.
fn read_back(command: &Command) {
    let mut text = Vec::new();
    writer::write_command(&mut text, command);
    let heard = listen(&text, &Limits::default(), true, Arrival::AtOnce.cuts(&text));
    assert_eq!(heard, Heard { commands: vec![command.clone()], error: None, left: Some(0) });
}
