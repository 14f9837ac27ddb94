//! The log: to stderr, for people or for machines, as much as is asked for.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::arguments::LogFormat;
use crate::error::CliError;

/// Starts the log of this process. To be called once, before anything is logged.
///
/// # Errors
/// `LogFilter`.
pub(crate) fn start(level: Option<&str>, format: LogFormat) -> Result<(), CliError> {
    let log = tracing_subscriber::fmt().with_env_filter(filter(level)?).with_writer(io::stderr);
    // A log that nobody reads any more must not take the node down with it.
    let log = log.log_internal_errors(false);
    match format {
        LogFormat::Human => log.with_ansi(io::stderr().is_terminal()).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
    Ok(())
}

/// The words without the spaces around them. Refuses a word that is no level: it would be taken for a module's name, and
/// silence all others.
fn levels(wanted: &str) -> Result<String, String> {
    let words: Vec<_> = wanted.split(',').map(str::trim).filter(|word| !word.is_empty()).collect();
    // The library takes an empty word for a level.
    let is_level = |word: &str| !word.is_empty() && word.parse::<LevelFilter>().is_ok();
    let has_level = |word: &str| word.rsplit(['=', ']']).next().is_some_and(is_level);
    match words.iter().find(|word| !has_level(word)) {
        None => Ok(words.join(",")),
        Some(word) => Err(format!(
            "'{word}' is no level; they are off, error, warn, info, debug and trace, and a module's is MODULE=LEVEL"
        )),
    }
}

/// What is logged: what the setting says, else `RUST_LOG`, else all from `info` upwards.
///
/// # Errors
/// `LogFilter`.
pub(crate) fn filter(level: Option<&str>) -> Result<EnvFilter, CliError> {
    let refused = |from, cause| CliError::LogFilter { from, cause };
    let (from, wanted) = match level {
        Some(level) => ("log", levels(level).map_err(|cause| refused("log", cause))?),
        None => (EnvFilter::DEFAULT_ENV, std::env::var(EnvFilter::DEFAULT_ENV).unwrap_or_default()),
    };
    EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .parse(wanted)
        .map_err(|cause| refused(from, cause.to_string()))
}
