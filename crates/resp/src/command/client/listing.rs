//! `CLIENT LIST` and `CLIENT INFO`: a line for each client, with the fields that Redis's tools read.

use std::fmt::Write;
use std::sync::atomic::Ordering::Relaxed;

use crate::answer::Answer;
use crate::command::COMMANDS;
use crate::command::argument::{arg, integer, is};
use crate::presence::Presence;
use crate::protocol::{Args, Reply};
use crate::refusal;
use crate::session::Session;

/// The kinds of clients that Redis knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClientType {
    Normal,
    PubSub,
    /// Replicas and masters: there are none.
    Other,
}

impl ClientType {
    /// The kind of this name.
    ///
    /// # Errors
    /// The refusal to answer.
    pub(super) fn parse(name: &[u8]) -> Result<Self, Answer> {
        if is("NORMAL", name) {
            Ok(Self::Normal)
        } else if is("PUBSUB", name) {
            Ok(Self::PubSub)
        } else if ["MASTER", "REPLICA", "SLAVE"].iter().any(|other| is(other, name)) {
            Ok(Self::Other)
        } else {
            Err(refusal::quoting("ERR Unknown client type '", name, "'"))
        }
    }

    pub(super) fn of(client: &Presence) -> Self {
        if client.subscribed.any() { Self::PubSub } else { Self::Normal }
    }
}

/// A command and its subcommand as one number.
pub(crate) fn command_code(place: usize, subcommand: Option<usize>) -> usize {
    if place > 0xffff { usize::MAX } else { place | subcommand.map_or(0, |sub| (sub + 1) << 16) }
}

/// The name that such a number stands for.
pub(crate) fn command_name(code: usize) -> String {
    let Some(command) = COMMANDS.get(code & 0xffff).filter(|_| code != usize::MAX) else {
        return "NULL".to_owned();
    };
    match (code >> 16).checked_sub(1).and_then(|sub| command.subcommands.get(sub)) {
        Some(sub) => format!("{}|{}", command.name, sub.name),
        None => command.name.to_owned(),
    }
}

fn line(client: &Presence, now_ms: u64, text: &mut String) {
    let since = |then_ms: u64| now_ms.saturating_sub(then_ms) / 1000;
    let mut flags = String::new();
    if client.subscribed.any() {
        flags.push('P');
    }
    if client.queued.load(Relaxed) >= 0 {
        flags.push('x');
    }
    if client.blocked.load(Relaxed) {
        flags.push('b');
    }
    if client.no_evict.load(Relaxed) {
        flags.push('e');
    }
    if flags.is_empty() {
        flags.push('N');
    }
    let unread = client.unread.load(Relaxed);
    let waiting = client.waiting_bytes();
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "id={} addr={} laddr={} fd=-1 name={} age={} idle={} flags={flags} db={} sub={} psub={} ssub={} tsub={} \
         multi={} watch={} qbuf={unread} qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem={waiting} \
         tot-mem={} events=r cmd={} user={} redir=-1 resp={}",
        client.id,
        client.peer,
        client.local,
        String::from_utf8_lossy(&client.name()),
        since(client.born_ms),
        since(client.active_ms.load(Relaxed)),
        client.database.load(Relaxed),
        client.subscribed.channels.load(Relaxed),
        client.subscribed.patterns.load(Relaxed),
        client.subscribed.shards.load(Relaxed),
        client.subscribed.tables.load(Relaxed),
        client.queued.load(Relaxed),
        client.watched.load(Relaxed),
        unread.saturating_add(waiting),
        command_name(client.command.load(Relaxed)),
        client.user(),
        if client.resp3.load(Relaxed) { 3 } else { 2 },
    );
}

/// `CLIENT INFO`
pub(super) fn info(session: &Session) -> Answer {
    session.show();
    let mut text = String::new();
    line(session.presence(), session.host().now_ms(), &mut text);
    Reply::text(text).into()
}

/// `CLIENT LIST [TYPE type | ID id [id ...]]`
pub(super) fn list(session: &Session, options: Args<'_>) -> Answer {
    session.show();
    let host = session.host();
    let now_ms = host.now_ms();
    let mut text = String::new();
    match options.get(0) {
        None => host.roster.iter().for_each(|client| line(&client, now_ms, &mut text)),
        Some(option) if is("TYPE", option) && options.len() == 2 => {
            let wanted = match ClientType::parse(arg(options, 1)) {
                Ok(wanted) => wanted,
                Err(refusal) => return refusal,
            };
            let of_type = |client: &std::sync::Arc<Presence>| ClientType::of(client) == wanted;
            host.roster.iter().filter(of_type).for_each(|client| line(&client, now_ms, &mut text));
        }
        Some(option) if is("ID", option) && options.len() > 1 => {
            for id in options.skip(1) {
                let Some(id) = integer(id) else { return Answer::error("ERR Invalid client ID") };
                let client = u64::try_from(id).ok().and_then(|id| host.roster.get(id));
                if let Some(client) = client {
                    line(&client, now_ms, &mut text);
                }
            }
        }
        Some(_) => return refusal::SYNTAX,
    }
    Reply::text(text).into()
}
