//! Publish and subscribe: `SUBSCRIBE`, `PUBLISH`, `PUBSUB` and their kin. Who hears what is the broker's business.

use crate::answer::Answer;
use crate::broker::Kind;
use crate::command::argument::{arg, is};
use crate::command::entry::Subcommand;
use crate::host::Host;
use crate::protocol::{Args, Reply};
use crate::refusal;
use crate::session::Session;

/// The subcommands of `PUBSUB`.
pub(super) const PUBSUB_SUBCOMMANDS: &[Subcommand] = &[
    Subcommand { name: "channels", arity: -2 },
    Subcommand { name: "help", arity: 2 },
    Subcommand { name: "numpat", arity: 2 },
    Subcommand { name: "numsub", arity: -2 },
    Subcommand { name: "shardchannels", arity: -2 },
    Subcommand { name: "shardnumsub", arity: -2 },
];

const HELP: &[&str] = &[
    "PUBSUB <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "CHANNELS [<pattern>]",
    "    Return the currently active channels matching a <pattern> (default: '*').",
    "NUMPAT",
    "    Return number of subscriptions to patterns.",
    "NUMSUB [<channel> ...]",
    "    Return the number of subscribers for the specified channels, excluding",
    "    pattern subscriptions(default: no channels).",
    "SHARDCHANNELS [<pattern>]",
    "    Return the currently active shard level channels matching a <pattern> (default: '*').",
    "SHARDNUMSUB [<shardchannel> ...]",
    "    Return the number of subscribers for the specified shard level channel(s)",
    "HELP",
    "    Prints this help.",
];

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn confirmation(word: &'static str, name: Option<&[u8]>, left: usize) -> Answer {
    let name = name.map_or(Reply::Null, Reply::bulk);
    Reply::Push(vec![Reply::StaticBulk(word), name, Reply::Int(count(left))]).into()
}

fn join(session: &mut Session, kind: Kind, word: &'static str, names: Args<'_>) -> Answer {
    let mut answers = Vec::with_capacity(names.len().min(1024));
    for name in names {
        answers.push(match session.listen(kind, name) {
            Ok(left) => confirmation(word, Some(name), left),
            Err(refusal) => refusal,
        });
    }
    Answer::Several(answers)
}

fn part(session: &mut Session, kind: Kind, word: &'static str, names: Args<'_>) -> Answer {
    // Without names, all are left.
    let all = if names.is_empty() { session.listened(kind) } else { Vec::new() };
    let mut leave = |name: Option<&[u8]>| {
        let left = session.ignore(kind, name.unwrap_or_default());
        confirmation(word, name, left)
    };
    // What was published before must be told before the confirmation, and nothing behind it.
    let farewells: Vec<Answer> = match &*all {
        [] if names.is_empty() => vec![leave(None)],
        [] => names.iter().map(|name| leave(Some(name))).collect(),
        all => all.iter().map(|name| leave(Some(name))).collect(),
    };
    let mut answers = session.take_messages();
    answers.extend(farewells);
    Answer::Several(answers)
}

/// `SUBSCRIBE channel [channel ...]`
pub(super) fn subscribe(session: &mut Session, args: Args<'_>) -> Answer {
    join(session, Kind::Channel, "subscribe", args.skip(1))
}

/// `UNSUBSCRIBE [channel ...]`
pub(super) fn unsubscribe(session: &mut Session, args: Args<'_>) -> Answer {
    part(session, Kind::Channel, "unsubscribe", args.skip(1))
}

/// `PSUBSCRIBE pattern [pattern ...]`
pub(super) fn psubscribe(session: &mut Session, args: Args<'_>) -> Answer {
    join(session, Kind::Pattern, "psubscribe", args.skip(1))
}

/// `PUNSUBSCRIBE [pattern ...]`
pub(super) fn punsubscribe(session: &mut Session, args: Args<'_>) -> Answer {
    part(session, Kind::Pattern, "punsubscribe", args.skip(1))
}

/// `SSUBSCRIBE shardchannel [shardchannel ...]`
pub(super) fn ssubscribe(session: &mut Session, args: Args<'_>) -> Answer {
    join(session, Kind::Shard, "ssubscribe", args.skip(1))
}

/// `SUNSUBSCRIBE [shardchannel ...]`
pub(super) fn sunsubscribe(session: &mut Session, args: Args<'_>) -> Answer {
    part(session, Kind::Shard, "sunsubscribe", args.skip(1))
}

/// `PUBLISH channel message`
pub(super) fn publish(host: &Host, args: Args<'_>) -> Answer {
    Answer::Int(count(host.publish(Kind::Channel, arg(args, 1), arg(args, 2))))
}

/// `SPUBLISH shardchannel message`
pub(super) fn spublish(host: &Host, args: Args<'_>) -> Answer {
    Answer::Int(count(host.publish(Kind::Shard, arg(args, 1), arg(args, 2))))
}

/// `PUBSUB CHANNELS|NUMSUB|NUMPAT|SHARDCHANNELS|SHARDNUMSUB|HELP`
pub(super) fn pubsub(host: &Host, args: Args<'_>) -> Answer {
    let subcommand = arg(args, 1);
    let (channels, shard_channels) = (is("CHANNELS", subcommand), is("SHARDCHANNELS", subcommand));
    if channels || shard_channels {
        if args.len() > 3 {
            let before = "ERR unknown subcommand or wrong number of arguments for '";
            return refusal::quoting(before, subcommand, "'. Try PUBSUB HELP.");
        }
        let kind = if channels { Kind::Channel } else { Kind::Shard };
        let found = host.broker.channels(kind, args.get(2));
        return Reply::Array(found.into_iter().map(Reply::Bulk).collect()).into();
    }
    if is("NUMPAT", subcommand) {
        return Answer::Int(count(host.broker.count(Kind::Pattern)));
    }
    if is("HELP", subcommand) {
        return help(HELP);
    }
    let kind = if is("NUMSUB", subcommand) { Kind::Channel } else { Kind::Shard };
    let number = |channel: &[u8]| Reply::Int(count(host.broker.listeners(kind, channel)));
    let pairs = args.skip(2).iter().flat_map(|channel| [Reply::bulk(channel), number(channel)]);
    Reply::Array(pairs.collect()).into()
}

/// What `HELP` answers: a line each.
pub(super) fn help(lines: &[&'static str]) -> Answer {
    Reply::Array(lines.iter().map(|line| Reply::simple(*line)).collect()).into()
}
