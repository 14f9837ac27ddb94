//! `CLIENT`: what is known of this connection.

use crate::answer::Answer;
use crate::command::argument::{arg, is};
use crate::command::entry::Subcommand;
use crate::protocol::{Args, Reply, Version};
use crate::refusal;
use crate::session::Session;

/// The subcommands.
pub(super) const SUBCOMMANDS: &[Subcommand] = &[
    Subcommand { name: "id", arity: 2 },
    Subcommand { name: "getname", arity: 2 },
    Subcommand { name: "setname", arity: 3 },
    Subcommand { name: "setinfo", arity: 4 },
    Subcommand { name: "info", arity: 2 },
];

/// A name is printable ASCII without blanks.
///
/// # Errors
/// The refusal to answer.
pub(super) fn check_name(name: &[u8]) -> Result<(), Answer> {
    if name.iter().all(u8::is_ascii_graphic) {
        return Ok(());
    }
    Err(Answer::error("ERR Client names cannot contain spaces, newlines or special characters."))
}

/// `CLIENT ID|GETNAME|SETNAME|SETINFO|INFO`
pub(super) fn client(session: &mut Session, args: Args<'_>) -> Answer {
    let subcommand = arg(args, 1);
    if is("ID", subcommand) {
        return Answer::Int(i64::try_from(session.id()).unwrap_or(i64::MAX));
    }
    if is("GETNAME", subcommand) {
        return if session.name().is_empty() { Answer::NULL } else { Reply::bulk(session.name()).into() };
    }
    if is("SETNAME", subcommand) {
        return match check_name(arg(args, 2)) {
            Ok(()) => {
                session.set_name(arg(args, 2));
                Answer::OK
            }
            Err(refusal) => refusal,
        };
    }
    if is("SETINFO", subcommand) {
        return set_info(arg(args, 2), arg(args, 3));
    }
    Reply::text(info(session)).into()
}

/// What libraries tell of themselves is checked and not kept: nothing shows it.
fn set_info(attribute: &[u8], value: &[u8]) -> Answer {
    if !is("LIB-NAME", attribute) && !is("LIB-VER", attribute) {
        return refusal::quoting("ERR Unrecognized option '", attribute, "'");
    }
    if !value.iter().all(u8::is_ascii_graphic) {
        let text = " cannot contain spaces, newlines or special characters.";
        return refusal::quoting("ERR ", attribute, text);
    }
    Answer::OK
}

fn info(session: &Session) -> String {
    format!(
        "id={} addr={} laddr={} name={} age={} db={} sub={} multi={} watch={} user=default resp={}\n",
        session.id(),
        session.peer(),
        session.host().settings.addr,
        String::from_utf8_lossy(session.name()),
        session.age_ms() / 1000,
        session.database_number(),
        session.subscriptions(),
        session.queued().map_or_else(|| "-1".to_owned(), |queued| queued.to_string()),
        session.watched(),
        if session.version() == Version::Resp3 { 3 } else { 2 },
    )
}
