//! The task under a process: polls its body, ends it when a signal says so or when it panics, and tells the others.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::context::Me;
use crate::panics::catch;
use crate::reason::{ExitReason, IntoExit};

pin_project! {
    /// A body at work. Dropped before its end, as when the runtime shuts down, the process was killed.
    pub(crate) struct Running<F: Future> {
        me: Me,
        started: bool,
        #[pin]
        body: Option<F>,
    }

    impl<F: Future> PinnedDrop for Running<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.body.is_some() {
                drop(catch(|| this.body.set(None)));
                finish(this.me, &ExitReason::Killed);
            }
        }
    }
}

impl<F: Future> Running<F> {
    pub(crate) fn new(me: Me, body: F) -> Self {
        Self { me, started: false, body: Some(body) }
    }
}

impl<F> Future for Running<F>
where
    F: Future,
    F::Output: IntoExit,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        if !*this.started {
            *this.started = true;
            this.me.process().set_task(cx.waker());
        }
        let doomed = || this.me.process().is_doomed();
        let mut end = None;
        if !doomed() {
            let polled = catch(|| this.body.as_mut().as_pin_mut().map(|body| body.poll(cx)));
            match polled {
                Ok(Some(Poll::Pending)) if !doomed() => return Poll::Pending,
                Ok(Some(Poll::Pending)) => {}
                Ok(Some(Poll::Ready(output))) => end = Some(output.into_exit()),
                Ok(None) => return Poll::Ready(()),
                Err(panic) => end = Some(panic),
            }
        }
        let reason = end.or_else(|| this.me.process().doom()).unwrap_or(ExitReason::Killed);
        // The state goes before anyone is told. A panic in its drop comes too late to be a reason.
        drop(catch(|| this.body.set(None)));
        finish(this.me, &reason);
        Poll::Ready(())
    }
}

/// Tells how a process has ended.
pub(crate) fn finish(me: &Me, reason: &ExitReason) {
    let process = me.process();
    if !reason.is_orderly() && *reason != ExitReason::Killed {
        let name = process.lock().rare.as_ref().and_then(|rare| rare.name.clone());
        let name = name.as_deref().unwrap_or("");
        tracing::error!(pid = %process.pid, name, module = process.role.module, %reason, "a process crashed");
    }
    let unread = me.system().kernel().finish(process, reason);
    for envelope in unread {
        // Each by itself: of two panics at once the second would end the program.
        drop(catch(|| drop(envelope)));
    }
}
