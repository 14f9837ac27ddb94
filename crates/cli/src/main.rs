//! The `mnemon` binary: a node of its own, for Redis clients, and the tools for those who run it.
//!
//! Here are the command line, the log, signals and exit statuses; what a node is belongs to `mnemon-node`. Status 0 is an
//! orderly end, 1 a refusal by a running node, 2 a command line or setting that cannot be, an address that cannot be
//! listened on, or a node that cannot be asked; whatever goes wrong is told in one line on stderr.

mod arguments;
mod bench;
mod check;
mod client;
mod clients;
mod config;
mod ctl;
mod descriptors;
mod error;
mod layers;
mod logging;
mod operator;
mod output;
mod progress;
mod repair;
mod serve;
mod shell;
mod signals;
mod trust;

use std::io::Write as _;
use std::process::ExitCode;

use arguments::Parsed;
use error::CliError;

fn main() -> ExitCode {
    mnemon_allocator::keep_freed_memory();
    let outcome = match arguments::parse(std::env::args_os()) {
        Parsed::Serve(settings) => serve::run(settings),
        Parsed::Config(question, settings) => config::run(&question, &settings),
        Parsed::Ctl(question) => ctl::run(&question),
        Parsed::Check(question) => return finish(check::run(&question)),
        Parsed::Repair(repair) => return finish(repair::run(&repair)),
        Parsed::Bench(bench) => return finish(bench::run(bench)),
        Parsed::Shell(shell) => return finish(shell::run(shell)),
        Parsed::Text(text) => {
            output::print(&text);
            return ExitCode::SUCCESS;
        }
        Parsed::Refused(error) => Err(error),
    };
    finish(outcome.map(|()| ExitCode::SUCCESS))
}

fn finish(outcome: Result<ExitCode, CliError>) -> ExitCode {
    match outcome {
        Ok(status) => status,
        Err(error) => {
            drop(writeln!(std::io::stderr(), "mnemon: {error}"));
            error.status()
        }
    }
}
