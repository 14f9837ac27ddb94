//! What a supervisor does after a child has ended, worked out without doing it.

use super::child::Restart;
use crate::reason::ExitReason;

/// Who else is concerned when a child has to be started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// Nobody.
    OneForOne,
    /// All children: they are stopped in reverse order and started in order.
    OneForAll,
    /// Those that were started after it.
    RestForOne,
}

/// What an exit calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Start it again.
    Restart,
    /// Leave it stopped, and keep its specification.
    Keep,
    /// Forget it.
    Remove,
}

impl Restart {
    /// What the exit of a child of this kind with `reason` calls for.
    pub(crate) fn verdict(self, reason: &ExitReason) -> Verdict {
        match self {
            Self::Permanent => Verdict::Restart,
            Self::Temporary => Verdict::Remove,
            Self::Transient if reason.is_orderly() => Verdict::Keep,
            Self::Transient => Verdict::Restart,
        }
    }
}

impl Strategy {
    /// The first and the end of the children that are to be started again with child `at` of `count`.
    pub(crate) fn concerned(self, at: usize, count: usize) -> std::ops::Range<usize> {
        match self {
            Self::OneForOne => at..at + 1,
            Self::OneForAll => 0..count,
            Self::RestForOne => at..count,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_child_has_its_verdict() {
        let crash = ExitReason::error("x");
        for (restart, orderly, crashed) in [
            (Restart::Permanent, Verdict::Restart, Verdict::Restart),
            (Restart::Transient, Verdict::Keep, Verdict::Restart),
            (Restart::Temporary, Verdict::Remove, Verdict::Remove),
        ] {
            for reason in [ExitReason::Normal, ExitReason::Shutdown, ExitReason::shutdown("x")] {
                assert_eq!(restart.verdict(&reason), orderly);
            }
            for reason in [&crash, &ExitReason::Killed, &ExitReason::NoProcess] {
                assert_eq!(restart.verdict(reason), crashed);
            }
        }
    }

    #[test]
    fn a_strategy_names_who_is_concerned() {
        assert_eq!(Strategy::OneForOne.concerned(1, 4), 1..2);
        assert_eq!(Strategy::OneForAll.concerned(1, 4), 0..4);
        assert_eq!(Strategy::RestForOne.concerned(1, 4), 1..4);
    }
}
