//! `CLIENT KILL`: closes connections, one by its address or all that fit every filter.

use crate::answer::Answer;
use crate::command::argument::{arg, integer, is};
use crate::command::client::listing::ClientType;
use crate::presence::{Order, Presence};
use crate::protocol::Args;
use crate::refusal;
use crate::session::Session;

/// What the clients to be killed have in common.
struct Filters<'a> {
    id: Option<u64>,
    address: Option<&'a [u8]>,
    local: Option<&'a [u8]>,
    kind: Option<ClientType>,
    user: Option<&'a [u8]>,
    spare_me: bool,
}

impl Filters<'_> {
    fn fit(&self, client: &Presence) -> bool {
        self.id.is_none_or(|id| id == client.id)
            && self.address.is_none_or(|address| address == client.peer.as_bytes())
            && self.local.is_none_or(|local| local == client.local.as_bytes())
            && self.kind.is_none_or(|kind| kind == ClientType::of(client))
            && self.user.is_none_or(|user| user == client.user().as_bytes())
            // One that is to go anyway is not killed twice.
            && client.ordered().is_none()
    }
}

fn parse<'a>(session: &Session, args: Args<'a>) -> Result<Filters<'a>, Answer> {
    let mut filters =
        Filters { id: None, address: None, local: None, kind: None, user: None, spare_me: true };
    if args.len() == 1 {
        filters.address = Some(arg(args, 0));
        filters.spare_me = false;
        return Ok(filters);
    }
    let mut place = 0;
    while place < args.len() {
        let (option, value) = (arg(args, place), args.get(place + 1).ok_or(refusal::SYNTAX)?);
        if is("ID", option) {
            let id = integer(value).and_then(|id| u64::try_from(id).ok()).filter(|id| *id > 0);
            filters.id = Some(id.ok_or(Answer::error("ERR client-id should be greater than 0"))?);
        } else if is("TYPE", option) {
            filters.kind = Some(ClientType::parse(value)?);
        } else if is("ADDR", option) {
            filters.address = Some(value);
        } else if is("LADDR", option) {
            filters.local = Some(value);
        } else if is("USER", option) {
            if session.host().users.find(value).is_none() {
                return Err(refusal::quoting("ERR No such user '", value, "'"));
            }
            filters.user = Some(value);
        } else if is("SKIPME", option) {
            filters.spare_me = if is("YES", value) {
                true
            } else if is("NO", value) {
                false
            } else {
                return Err(refusal::SYNTAX);
            };
        } else {
            return Err(refusal::SYNTAX);
        }
        place += 2;
    }
    Ok(filters)
}

/// `CLIENT KILL ip:port`, `CLIENT KILL option value [option value ...]`
pub(super) fn kill(session: &mut Session, args: Args<'_>) -> Answer {
    let filters = match parse(session, args) {
        Ok(filters) => filters,
        Err(refusal) => return refusal,
    };
    let mut killed = 0;
    for client in session.host().clone().roster.iter().filter(|client| filters.fit(client)) {
        if client.id != session.id() {
            client.order(Order::Kill);
        } else if filters.spare_me {
            continue;
        } else {
            // Its answer is still to reach it.
            session.close();
        }
        killed += 1;
    }
    match (args.len(), killed) {
        (1, 0) => Answer::error("ERR No such client"),
        (1, _) => Answer::OK,
        _ => Answer::Int(killed),
    }
}
