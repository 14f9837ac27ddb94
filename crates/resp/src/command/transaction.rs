//! `MULTI`, `EXEC`, `DISCARD`, `WATCH`, `UNWATCH`. How a queue becomes one commit is told in `session/exec.rs`.

use crate::answer::Answer;
use crate::protocol::Args;
use crate::session::{Execution, Session};

/// Keys that one client may watch.
const MAX_WATCHED: usize = 1 << 20;

/// `MULTI`
pub(super) fn multi(session: &mut Session, _: Args<'_>) -> Execution {
    Execution::Done(if session.begin() {
        Answer::OK
    } else {
        Answer::error("ERR MULTI calls can not be nested")
    })
}

/// `EXEC`
pub(super) fn exec(session: &mut Session, _: Args<'_>) -> Execution {
    session.exec()
}

/// `DISCARD`
pub(super) fn discard(session: &mut Session, _: Args<'_>) -> Execution {
    if session.queued().is_none() {
        // The watched keys stay watched: nothing was discarded.
        return Execution::Done(Answer::error("ERR DISCARD without MULTI"));
    }
    session.discard();
    Execution::Done(Answer::OK)
}

/// `WATCH key [key ...]`
pub(super) fn watch(session: &mut Session, args: Args<'_>) -> Execution {
    if session.queued().is_some() {
        return Execution::Done(Answer::error("ERR WATCH inside MULTI is not allowed"));
    }
    if session.watched().saturating_add(args.len()) > MAX_WATCHED {
        return Execution::Done(Answer::error("TOOLARGE too many keys are watched; split the transaction"));
    }
    args.skip(1).iter().for_each(|key| session.watch(key));
    Execution::Done(Answer::OK)
}

/// `UNWATCH`
pub(super) fn unwatch(session: &mut Session, _: Args<'_>) -> Answer {
    session.unwatch();
    Answer::OK
}
