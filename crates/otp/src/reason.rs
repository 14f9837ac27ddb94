//! Why a process ended, as links and monitors carry it.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// Why a process ended, or is asked to end. Sixteen bytes; clones share.
///
/// Its text is OTP's: `normal`, `shutdown`, `{shutdown,text}`, `killed`, `noproc`, …
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExitReason {
    /// It did its work. As a signal through a link it is ignored by who does not trap exits.
    Normal,
    /// It was asked to end, and so was an orderly end.
    Shutdown,
    /// As [`Shutdown`](Self::Shutdown), with a word why: OTP's `{shutdown, Term}`.
    ShutdownWith(Detail),
    /// The request that cannot be trapped. As the reason of an exit it is only seen where a process ended itself with
    /// it; who was killed is seen as [`Killed`](Self::Killed).
    Kill,
    /// It was killed.
    Killed,
    /// There was no such process: what a monitor of, or a link to, a dead process answers.
    NoProcess,
    /// It waited for too long.
    Timeout,
    /// It panicked.
    Panic(Arc<PanicReport>),
    /// Anything else, in words.
    Error(Detail),
}

impl ExitReason {
    /// A reason in words.
    #[must_use]
    pub fn error(text: impl Into<String>) -> Self {
        Self::Error(Detail::new(text))
    }

    /// An orderly end with a word why.
    #[must_use]
    pub fn shutdown(text: impl Into<String>) -> Self {
        Self::ShutdownWith(Detail::new(text))
    }

    /// Whether this is an end that needs no restart of a transient child and no report: `normal`, `shutdown` or
    /// `{shutdown, _}`.
    #[must_use]
    pub fn is_orderly(&self) -> bool {
        matches!(self, Self::Normal | Self::Shutdown | Self::ShutdownWith(_))
    }
}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Normal => f.write_str("normal"),
            Self::Shutdown => f.write_str("shutdown"),
            Self::ShutdownWith(detail) => write!(f, "{{shutdown,{detail}}}"),
            Self::Kill => f.write_str("kill"),
            Self::Killed => f.write_str("killed"),
            Self::NoProcess => f.write_str("noproc"),
            Self::Timeout => f.write_str("timeout"),
            Self::Panic(report) => fmt::Display::fmt(report, f),
            Self::Error(detail) => fmt::Display::fmt(detail, f),
        }
    }
}

impl fmt::Debug for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for ExitReason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The words of a reason. One pointer wide, so that a reason stays small in a mailbox.
#[derive(Clone, PartialEq, Eq)]
pub struct Detail(Arc<String>);

impl Detail {
    /// These words.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(Arc::new(text.into()))
    }

    /// The words.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a panic said, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PanicReport {
    /// The panic's message; a fixed text where it carried something else than words.
    pub message: String,
    /// `file:line:column`, where it is known.
    pub location: Option<String>,
}

impl fmt::Display for PanicReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.location {
            Some(location) => write!(f, "panic at {location}: {}", self.message),
            None => write!(f, "panic: {}", self.message),
        }
    }
}

/// What the body of a process may return: nothing, a reason, or a result whose error is the reason.
pub trait IntoExit {
    /// The reason the process ends with.
    fn into_exit(self) -> ExitReason;
}

impl IntoExit for () {
    fn into_exit(self) -> ExitReason {
        ExitReason::Normal
    }
}

impl IntoExit for ExitReason {
    fn into_exit(self) -> ExitReason {
        self
    }
}

impl<T, E: Into<ExitReason>> IntoExit for Result<T, E> {
    fn into_exit(self) -> ExitReason {
        match self {
            Ok(_) => ExitReason::Normal,
            Err(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_read_as_those_of_otp() {
        let panic = PanicReport { message: "no".to_owned(), location: Some("a.rs:1:2".to_owned()) };
        for (reason, text) in [
            (ExitReason::Normal, "normal"),
            (ExitReason::shutdown("upgrade"), "{shutdown,upgrade}"),
            (ExitReason::NoProcess, "noproc"),
            (ExitReason::error("disc full"), "disc full"),
            (ExitReason::Panic(Arc::new(panic)), "panic at a.rs:1:2: no"),
        ] {
            assert_eq!(reason.to_string(), text);
        }
    }

    #[test]
    fn only_orderly_ends_are_orderly() {
        assert!(ExitReason::Normal.is_orderly() && ExitReason::shutdown("x").is_orderly());
        assert!(!ExitReason::Killed.is_orderly() && !ExitReason::Timeout.is_orderly());
    }

    #[test]
    fn a_reason_takes_two_words() {
        assert!(size_of::<ExitReason>() <= 16);
    }
}
