//! `CONFIG`: what can be asked and changed of a running server. The parameters stand in `config/parameter.rs`.

mod parameter;
mod value;

use crate::answer::Answer;
use crate::bounds::Bounds;
use crate::command::argument::{arg, is};
use crate::command::channel;
use crate::command::entry::Subcommand;
use crate::glob;
use crate::host::Host;
use crate::protocol::{Args, Reply};
use crate::refusal;
use parameter::{PARAMETERS, Parameter, Setter};

/// The subcommands.
pub(super) const SUBCOMMANDS: &[Subcommand] = &[
    Subcommand { name: "get", arity: -3 },
    Subcommand { name: "help", arity: 2 },
    Subcommand { name: "resetstat", arity: 2 },
    Subcommand { name: "rewrite", arity: 2 },
    Subcommand { name: "set", arity: -4 },
];

const HELP: &[&str] = &[
    "CONFIG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "GET <pattern>",
    "    Return parameters matching the glob-like <pattern> and their values.",
    "SET <directive> <value>",
    "    Set the configuration <directive> to <value>.",
    "RESETSTAT",
    "    Reset statistics reported by the INFO command.",
    "REWRITE",
    "    Rewrite the configuration file.",
    "HELP",
    "    Prints this help.",
];

/// `CONFIG GET|SET|RESETSTAT|REWRITE|HELP`
pub(super) fn config(host: &Host, args: Args<'_>) -> Answer {
    let subcommand = arg(args, 1);
    if is("GET", subcommand) {
        return get(host, args.skip(2));
    }
    if is("SET", subcommand) {
        return set(host, args.skip(2));
    }
    if is("RESETSTAT", subcommand) {
        host.stats.reset();
        return Answer::OK;
    }
    if is("REWRITE", subcommand) {
        return Answer::error("ERR The server is running without a config file");
    }
    channel::help(HELP)
}

fn get(host: &Host, patterns: Args<'_>) -> Answer {
    let bounds = host.bounds();
    let wanted = |name: &str| patterns.iter().any(|pattern| glob::matches(pattern, name.as_bytes()));
    let found = PARAMETERS.iter().filter(|parameter| wanted(parameter.name));
    let pairs = found
        .map(|parameter| (Reply::StaticBulk(parameter.name), Reply::bulk((parameter.get)(host, &bounds))));
    Reply::Map(pairs.collect()).into()
}

/// Why nothing was set: the place of the parameter, and the reason.
type Failure = (usize, String);

fn find(name: &[u8]) -> Option<&'static Parameter> {
    PARAMETERS.iter().find(|parameter| is(parameter.name, name))
}

/// Sets several parameters at once, or none.
fn set(host: &Host, pairs: Args<'_>) -> Answer {
    if !pairs.len().is_multiple_of(2) {
        return refusal::SYNTAX;
    }
    let mut chosen: Vec<(usize, &'static Parameter)> = Vec::with_capacity(pairs.len().min(64) / 2);
    for place in (0..pairs.len()).step_by(2) {
        let name = arg(pairs, place);
        let Some(parameter) = find(name) else {
            let before = "ERR Unknown option or number of arguments for CONFIG SET - '";
            return refusal::quoting(before, name, "'");
        };
        if chosen.iter().any(|(_, other)| other.name == parameter.name) {
            return failed(name, "duplicate parameter");
        }
        chosen.push((place, parameter));
    }
    let mut password = None;
    let changed = host.tuning.change(|bounds| {
        let mut change = |place: usize, parameter: &Parameter| {
            apply(host, bounds, parameter, arg(pairs, place + 1), &mut password)
        };
        chosen.iter().try_for_each(|(place, parameter)| {
            change(*place, parameter).map_err(|cause| -> Failure { (*place, cause) })
        })
    });
    match changed {
        Ok(()) => {
            if let Some(password) = password {
                host.users.set_password(&password);
            }
            host.weigh();
            Answer::OK
        }
        Err((place, cause)) => failed(arg(pairs, place), &cause),
    }
}

fn apply(
    host: &Host,
    bounds: &mut Bounds,
    parameter: &Parameter,
    value: &[u8],
    password: &mut Option<String>,
) -> Result<(), String> {
    let text = std::str::from_utf8(value).map_err(|_| "argument must be UTF-8 text".to_owned())?;
    match parameter.set {
        Setter::Bound(set) => set(bounds, text),
        Setter::Password => {
            *password = Some(text.to_owned());
            Ok(())
        }
        Setter::Immutable => Err("can't set immutable config".to_owned()),
        Setter::Constant if (parameter.get)(host, bounds).eq_ignore_ascii_case(text) => Ok(()),
        Setter::Constant => {
            let value = (parameter.get)(host, bounds);
            Err(format!("it is always '{value}' here"))
        }
    }
}

/// Sets a bound by its name.
///
/// # Errors
/// What is wrong with the name or the value.
pub(crate) fn set_bound(bounds: &mut Bounds, name: &str, value: &str) -> Result<(), String> {
    match find(name.as_bytes()).map(|parameter| parameter.set) {
        Some(Setter::Bound(set)) => set(bounds, value),
        _ => Err(format!("there is no bound {name:?}")),
    }
}

fn failed(name: &[u8], cause: &str) -> Answer {
    refusal::quoting("ERR CONFIG SET failed (possibly related to argument '", name, &format!("') - {cause}"))
}
