//! Commands on databases whose rows cannot be used: they are still read from the disc, or damaged there.

use mnemon_store::LoadProgress;

use crate::answer::Answer;
use crate::command::{Command, Family, flag};
use crate::refusal;
use crate::session::Session;

impl Session {
    /// The answer while rows that a command needs are not there: Redis's own for loading. `T.` commands name their table and
    /// are answered by it.
    pub(super) fn misses_rows(&self, command: &Command) -> Option<Answer> {
        let needs_rows = command.has(flag::READONLY | flag::WRITE) && !command.has(flag::LOADING);
        if !self.host.catalog.has_closed_tables() || !needs_rows || command.family == Family::Table {
            return None;
        }
        self.loading(command).or_else(|| self.damaged(command))
    }

    fn loading(&self, command: &Command) -> Option<Answer> {
        // Some commands go from one database to another, which they name in their own ways.
        let goes_across = matches!(command.name, "copy" | "move" | "swapdb" | "flushall");
        let mut databases = self.host.catalog.databases().map(|(_, table)| table);
        let loading = databases
            .find(|table| table.copy().is_loading() && (goes_across || table.id() == self.database.id()))?;
        let percent = loading.copy().load_progress().map_or(99, LoadProgress::percent);
        let name = loading.name();
        Some(Answer::failure(format!(
            "LOADING Mnemon is loading {name} from the disc ({percent} %); wait with T.WAIT or try again"
        )))
    }

    /// Damage lasts, so commands that go across are refused by the commit that meets it, not by all that might. To give
    /// all rows up is the way out.
    fn damaged(&self, command: &Command) -> Option<Answer> {
        if matches!(command.name, "flushdb" | "flushall") {
            return None;
        }
        self.database.check_open().err().map(|refused| refusal::of_table(&refused))
    }
}
