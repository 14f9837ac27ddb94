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

/// Refuses a word that is no level: it would be taken for a module's name, and silence all others.
fn check_levels(wanted: &str) -> Result<(), String> {
    let mut words =
        wanted.split(',').map(str::trim).filter(|word| !word.is_empty() && !word.contains(['=', '[']));
    let stray = words.find(|word| word.parse::<LevelFilter>().is_err());
    stray.map_or(Ok(()), |word| {
        Err(format!("'{word}' is no level; they are off, error, warn, info, debug and trace, and a module's is MODULE=LEVEL"))
    })
}

/// What is logged: what the setting says, else `RUST_LOG`, else all from `info` upwards.
///
/// # Errors
/// `LogFilter`.
pub(crate) fn filter(level: Option<&str>) -> Result<EnvFilter, CliError> {
    let (from, wanted) = match level {
        Some(level) => ("log", level.to_owned()),
        None => (EnvFilter::DEFAULT_ENV, std::env::var(EnvFilter::DEFAULT_ENV).unwrap_or_default()),
    };
    if level.is_some() {
        check_levels(&wanted).map_err(|cause| CliError::LogFilter { from, cause })?;
    }
    EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .parse(wanted)
        .map_err(|cause| CliError::LogFilter { from, cause: cause.to_string() })
}
