//! `CLIENT TRACKING`: there is no client-side caching, so it can only be switched off.

use crate::answer::Answer;
use crate::command::argument::{arg, integer, is};
use crate::command::client::on_or_off;
use crate::host::Host;
use crate::protocol::{Args, Reply};
use crate::refusal;

/// `CLIENT TRACKING on|off [REDIRECT id] [PREFIX prefix ...] [BCAST] [OPTIN] [OPTOUT] [NOLOOP]`
pub(super) fn tracking(host: &Host, args: Args<'_>) -> Answer {
    if let Err(refusal) = check_options(host, args.skip(1)) {
        return refusal;
    }
    match on_or_off(arg(args, 0)) {
        Some(false) => Answer::OK,
        Some(true) => {
            Answer::error("ERR CLIENT TRACKING is not supported; use T.SUBSCRIBE to follow changes")
        }
        None => refusal::SYNTAX,
    }
}

fn check_options(host: &Host, args: Args<'_>) -> Result<(), Answer> {
    let mut redirected = false;
    let mut place = 0;
    while let Some(option) = args.get(place) {
        match args.get(place + 1) {
            Some(id) if is("REDIRECT", option) => {
                if redirected {
                    return Err(Answer::error("ERR A client can only redirect to a single other client"));
                }
                let id = integer(id).ok_or(refusal::NOT_AN_INTEGER)?;
                let client = u64::try_from(id).ok().and_then(|id| host.roster.get(id));
                if client.is_none() {
                    return Err(Answer::error("ERR The client ID you want redirect to does not exist"));
                }
                redirected = true;
                place += 2;
            }
            Some(_) if is("PREFIX", option) => place += 2,
            _ if ["BCAST", "OPTIN", "OPTOUT", "NOLOOP"].iter().any(|word| is(word, option)) => place += 1,
            _ => return Err(refusal::SYNTAX),
        }
    }
    Ok(())
}

/// `CLIENT TRACKINGINFO`
pub(super) fn info() -> Answer {
    let facts = [
        ("flags", Reply::Set(vec![Reply::StaticBulk("off")])),
        ("redirect", Reply::Int(-1)),
        ("prefixes", Reply::Array(Vec::new())),
    ];
    Reply::Map(facts.into_iter().map(|(name, fact)| (Reply::StaticBulk(name), fact)).collect()).into()
}
