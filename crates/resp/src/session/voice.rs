//! `CLIENT REPLY`: whether a client hears replies. Push messages reach it in any case.

use crate::answer::Answer;
use crate::command::Found;
use crate::protocol::Args;
use crate::session::{Execution, Session};

/// Whether the client hears replies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Voice {
    /// All of them.
    #[default]
    On,
    /// None.
    Off,
    /// All but that to the next command.
    SkipNext,
    /// All but that to the command that runs.
    SkipThis,
}

impl Voice {
    #[inline]
    pub(super) fn is_muted(self) -> bool {
        self != Self::On
    }
}

impl Session {
    pub(crate) fn voice(&self) -> Voice {
        self.voice
    }

    pub(crate) fn set_voice(&mut self, voice: Voice) {
        self.voice = voice;
    }

    /// Runs a command whose reply the client does not want, unless it switches replies on.
    #[cold]
    pub(super) fn execute_muted(&mut self, found: Found, args: Args<'_>) -> Execution {
        if self.voice == Voice::SkipNext {
            self.voice = Voice::SkipThis;
        }
        let execution = self.execute_aloud(found, args);
        if self.voice == Voice::On {
            return execution;
        }
        if self.voice == Voice::SkipThis {
            self.voice = Voice::On;
        }
        match execution {
            Execution::Done(answer) => Execution::Done(mute(answer)),
            Execution::Later(answering) => Execution::Later(Box::pin(async { mute(answering.await) })),
        }
    }
}

fn mute(answer: Answer) -> Answer {
    if answer.is_push() { answer } else { Answer::Static(b"") }
}
