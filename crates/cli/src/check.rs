//! `mnemon check`: one line for people, an exit status for scripts.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::error::CliError;
use crate::operator::Target;
use crate::output::print;

/// A question with the answer yes or no.
#[derive(Debug, Args)]
pub(crate) struct Check {
    #[command(subcommand)]
    question: Question,
}

#[derive(Debug, Subcommand)]
enum Question {
    /// Whether clients should be sent to the node: status 0 yes, 1 no, 2 it cannot be asked.
    Ready(Target),
}

/// Asks, prints a line, gives the exit status.
///
/// # Errors
/// `Unreachable` when the node cannot be asked; its status is 2.
pub(crate) fn run(check: &Check) -> Result<ExitCode, CliError> {
    let Question::Ready(target) = &check.question;
    let said = target.get("/readyz?verbose")?;
    match said.status {
        200 => {
            print("ready\n");
            Ok(ExitCode::SUCCESS)
        }
        503 => {
            let failures: Vec<&str> = said.text.lines().filter_map(|line| line.strip_prefix("[-]")).collect();
            let why = if failures.is_empty() {
                said.text.lines().next().unwrap_or_default().to_owned()
            } else {
                failures.join("; ")
            };
            print(&format!("not ready: {}\n", crate::output::printable(&why)));
            Ok(ExitCode::from(1))
        }
        status => {
            let cause = format!("it answers with HTTP status {status}; is it a Mnemon node?");
            Err(CliError::Unreachable { url: target.url(), cause })
        }
    }
}
