//! The connection itself: greeting, authentication, the selected database, the end.

use crate::answer::Answer;
use crate::command::argument::{self, arg, integer, is};
use crate::command::client;
use crate::protocol::{Args, Reply, Version};
use crate::refusal;
use crate::session::{Execution, Session};

/// The version of Redis whose commands and texts this server speaks.
pub(crate) const REDIS_VERSION: &str = "7.0.15";

/// `PING [message]`
pub(super) fn ping(session: &mut Session, args: Args<'_>) -> Answer {
    if args.len() > 2 {
        return refusal::arity("ping");
    }
    if session.is_subscriber() {
        return Reply::Array(vec![Reply::StaticBulk("pong"), Reply::bulk(arg(args, 1))]).into();
    }
    match args.get(1) {
        Some(message) => Reply::bulk(message).into(),
        None => Answer::Static(b"+PONG\r\n"),
    }
}

/// `ECHO message`
pub(super) fn echo(_: &mut Session, args: Args<'_>) -> Answer {
    Reply::bulk(arg(args, 1)).into()
}

/// The database that `SELECT` names.
///
/// # Errors
/// The refusal to answer.
pub(crate) fn selected(args: Args<'_>) -> Result<usize, Answer> {
    argument::database(arg(args, 1))
}

/// `SELECT index`
pub(super) fn select(session: &mut Session, args: Args<'_>) -> Answer {
    match selected(args) {
        Ok(number) => {
            session.select(number);
            Answer::OK
        }
        Err(refusal) => refusal,
    }
}

/// What `HELLO` was asked.
#[derive(Default)]
struct Greeting<'a> {
    version: Option<Version>,
    credentials: Option<(&'a [u8], &'a [u8])>,
    name: Option<&'a [u8]>,
}

/// `HELLO [protover [AUTH username password] [SETNAME clientname]]`
pub(super) fn hello(session: &mut Session, args: Args<'_>) -> Answer {
    let greeting = match read_greeting(args) {
        Ok(greeting) => greeting,
        Err(refusal) => return refusal,
    };
    if let Some((user, password)) = greeting.credentials
        && !session.authenticate(user, password)
    {
        return refusal::WRONG_PASSWORD;
    }
    if !session.is_authenticated() {
        return Answer::error(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> \
             AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol \
             version at the same time",
        );
    }
    if let Some(name) = greeting.name {
        session.set_name(name);
    }
    if let Some(version) = greeting.version {
        session.set_version(version);
    }
    let version = if session.version() == Version::Resp3 { 3 } else { 2 };
    let facts = [
        ("server", Reply::StaticBulk("redis")),
        ("version", Reply::StaticBulk(REDIS_VERSION)),
        ("proto", Reply::Int(version)),
        ("id", Reply::Int(i64::try_from(session.id()).unwrap_or(i64::MAX))),
        ("mode", Reply::StaticBulk("standalone")),
        ("role", Reply::StaticBulk("master")),
        ("modules", Reply::Array(Vec::new())),
    ];
    Reply::Map(facts.into_iter().map(|(name, fact)| (Reply::StaticBulk(name), fact)).collect()).into()
}

fn read_greeting(args: Args<'_>) -> Result<Greeting<'_>, Answer> {
    let mut greeting = Greeting::default();
    if let Some(version) = args.get(1) {
        greeting.version = match integer(version) {
            Some(2) => Some(Version::Resp2),
            Some(3) => Some(Version::Resp3),
            Some(_) => return Err(Answer::error("NOPROTO unsupported protocol version")),
            None => return Err(Answer::error("ERR Protocol version is not an integer or out of range")),
        };
    }
    let mut place = 2;
    while let Some(option) = args.get(place) {
        let more = args.len() - place - 1;
        if is("AUTH", option) && more >= 2 {
            greeting.credentials = Some((arg(args, place + 1), arg(args, place + 2)));
            place += 3;
        } else if is("SETNAME", option) && more >= 1 {
            let name = arg(args, place + 1);
            client::check_name(name)?;
            greeting.name = Some(name);
            place += 2;
        } else {
            return Err(refusal::quoting("ERR Syntax error in HELLO option '", option, "'"));
        }
    }
    Ok(greeting)
}

/// `AUTH [username] password`
pub(super) fn auth(session: &mut Session, args: Args<'_>) -> Answer {
    let (user, password) = match args.len() {
        2 if !session.host().users.need_password() => {
            return Answer::error(
                "ERR AUTH <password> called without any password configured for the default user. Are you sure \
                 your configuration is correct?",
            );
        }
        2 => (&b"default"[..], arg(args, 1)),
        3 => (arg(args, 1), arg(args, 2)),
        _ => return refusal::SYNTAX,
    };
    if session.authenticate(user, password) { Answer::OK } else { refusal::WRONG_PASSWORD }
}

/// `QUIT`
pub(super) fn quit(session: &mut Session, _: Args<'_>) -> Execution {
    session.close();
    Execution::Done(Answer::OK)
}

/// `RESET`
pub(super) fn reset(session: &mut Session, _: Args<'_>) -> Execution {
    session.reset();
    Execution::Done(Answer::Static(b"+RESET\r\n"))
}

/// Whether the name is what a browser sends that was tricked into talking to this port. The rest of its request may
/// hold commands, so nothing of it must be read.
pub(crate) fn is_http(name: &[u8]) -> bool {
    is("POST", name) || is("Host:", name)
}
