//! `mnemon config`: which settings a node would have, and where each came from.

use clap::{Args, Subcommand};
use serde_json::json;

use crate::arguments::Settings;
use crate::error::CliError;
use crate::layers::Effective;
use crate::output::{Form, print, table};
use crate::{logging, serve};

/// What is asked about the settings.
#[derive(Debug, Args)]
pub(crate) struct Config {
    #[command(subcommand)]
    pub(crate) question: Question,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Question {
    /// Says whether a node could start with these settings; status 2 and one line if it could not.
    Check {
        #[command(flatten)]
        settings: Settings,
    },
    /// Prints each setting, its value and where it came from.
    Effective {
        #[command(flatten)]
        settings: Settings,
        /// How to print it.
        #[arg(short, long, value_enum, default_value = "table")]
        output: Form,
    },
}

impl Question {
    /// The settings that are asked about.
    pub(crate) fn settings(&self) -> &Settings {
        match self {
            Self::Check { settings } | Self::Effective { settings, .. } => settings,
        }
    }
}

/// Answers. The command line, the environment and the file have been found to be possible.
///
/// # Errors
/// What a node would refuse.
pub(crate) fn run(question: &Question, settings: &[Effective]) -> Result<(), CliError> {
    serve::builder(question.settings()).check()?;
    logging::filter(question.settings().log.as_deref())?;
    match question {
        Question::Check { .. } => print("ok: a node can start with these settings\n"),
        Question::Effective { output: Form::Table, .. } => {
            let rows = settings
                .iter()
                .map(|setting| vec![setting.name.clone(), setting.value.clone(), setting.source.to_string()]);
            print(&table(&["name", "value", "from"], rows));
        }
        Question::Effective { output: Form::Json, .. } => {
            let all: Vec<_> = settings
                .iter()
                .map(|setting| {
                    json!({"name": setting.name, "value": setting.value, "from": setting.source.to_string()})
                })
                .collect();
            print(&format!("{:#}\n", serde_json::Value::from(all)));
        }
    }
    Ok(())
}
