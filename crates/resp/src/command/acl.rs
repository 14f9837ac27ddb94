//! `ACL`: who the client is, and what the users may do. Users are settings; no command makes or changes them.

use crate::answer::Answer;
use crate::command::argument::{arg, is};
use crate::command::channel;
use crate::command::entry::Subcommand;
use crate::protocol::{Args, Reply};
use crate::session::Session;
use crate::users::User;

/// The subcommands.
pub(super) const SUBCOMMANDS: &[Subcommand] = &[
    Subcommand { name: "getuser", arity: 3 },
    Subcommand { name: "help", arity: 2 },
    Subcommand { name: "list", arity: 2 },
    Subcommand { name: "users", arity: 2 },
    Subcommand { name: "whoami", arity: 2 },
];

const HELP: &[&str] = &[
    "ACL <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "GETUSER <username>",
    "    Get the user's details.",
    "LIST",
    "    Show users details in config file format.",
    "USERS",
    "    List all the registered usernames.",
    "WHOAMI",
    "    Return the current connection username.",
    "HELP",
    "    Prints this help.",
];

/// `ACL WHOAMI|LIST|USERS|GETUSER|HELP`
pub(super) fn acl(session: &mut Session, args: Args<'_>) -> Answer {
    let subcommand = arg(args, 1);
    let users = &session.host().users;
    if is("WHOAMI", subcommand) {
        return Reply::bulk(session.user().name().as_bytes()).into();
    }
    if is("USERS", subcommand) {
        let names = users.all().into_iter().map(|user| Reply::bulk(user.name().as_bytes()));
        return Reply::Array(names.collect()).into();
    }
    if is("LIST", subcommand) {
        return Reply::Array(users.all().iter().map(|user| Reply::bulk(line(user))).collect()).into();
    }
    if is("GETUSER", subcommand) {
        return users.find(arg(args, 2)).map_or(Reply::Null.into(), |user| details(&user));
    }
    channel::help(HELP)
}

/// What a user may do, in Redis's words where Redis has some; rights on tables as settings write them.
fn commands(user: &User) -> &'static str {
    if user.grants().is_none() { "+@all" } else { "+@all -@admin" }
}

fn tables(user: &User) -> String {
    let Some(grants) = user.grants() else { return "~*".to_owned() };
    grants.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn line(user: &User) -> String {
    let secret = user.secret_text().map_or("nopass".to_owned(), |secret| format!("#{secret}"));
    format!("user {} on {secret} {} &* {}", user.name(), tables(user), commands(user))
}

fn details(user: &User) -> Answer {
    let mut flags = vec![Reply::StaticBulk("on")];
    let secret = user.secret_text();
    if secret.is_none() {
        flags.push(Reply::StaticBulk("nopass"));
    }
    let passwords = secret.into_iter().map(Reply::bulk).collect();
    let facts = [
        ("flags", Reply::Set(flags)),
        ("passwords", Reply::Array(passwords)),
        ("commands", Reply::StaticBulk(commands(user))),
        ("keys", Reply::bulk(tables(user))),
        ("channels", Reply::StaticBulk("&*")),
        ("selectors", Reply::Array(Vec::new())),
    ];
    Reply::Map(facts.into_iter().map(|(name, fact)| (Reply::StaticBulk(name), fact)).collect()).into()
}
