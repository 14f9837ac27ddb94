//! The loop of a server: takes a message, asks the server, does what it wants next.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Sleep;

use super::{Caught, GenServer, Info, Init, Next, ReplyTo, Request};
use crate::context::{Context, Me};
use crate::error::{Error, Result};
use crate::message::{Envelope, Message};
use crate::name::Name;
use crate::panics::catch;
use crate::pid::Pid;
use crate::reason::ExitReason;
use crate::slot::Guard;
use crate::sys::{Desk, SysRequest};

/// Unanswered calls after which those whose caller has gone are looked for.
const PENDING_SWEEP: usize = 16;

/// What the loop does next.
enum Todo<S: GenServer> {
    Receive(Option<Duration>),
    Continue(S::Continue),
}

/// A message, sorted.
enum Job<S: GenServer> {
    Call(S::Call, Guard<S::Reply>, ReplyTo<S::Reply>),
    Cast(S::Cast),
    Info(Info),
    Stop(ExitReason),
    Nothing,
}

/// What a server's loop keeps beside the state.
struct Books<R> {
    /// Calls that were not answered at once. They end with the server, whoever holds clones.
    pending: Vec<Guard<R>>,
    /// The number of them at which to sweep.
    sweep_at: usize,
    desk: Desk,
}

/// The body of a server's process.
///
/// One block and not several functions: what a block captures lies in the task once, while a parameter of an async
/// function lies there twice, and this is paid for by every server that lives.
#[expect(clippy::manual_async_fn, reason = "an async function would keep its parameters twice")]
pub(crate) fn serve<S: GenServer>(
    mut ctx: Context,
    args: S::Args,
    name: Name,
    started: Guard<Result<()>>,
) -> impl Future<Output = ExitReason> + Send {
    async move {
        if let Err(error) = name.claim(&ctx) {
            started.fill(Err(error));
            return ExitReason::Normal;
        }
        let (mut server, mut todo) = match Caught::new(S::init(args, &mut ctx)).await {
            Ok(Init::Ready(server)) => (server, Todo::Receive(None)),
            Ok(Init::Timeout(server, limit)) => (server, Todo::Receive(Some(limit))),
            Ok(Init::Continue(server, left)) => (server, Todo::Continue(left)),
            Ok(Init::Ignore) => return refuse(&ctx, &name, started, Error::Ignored, ExitReason::Normal),
            Ok(Init::Stop(reason)) | Err(reason) => {
                return refuse(&ctx, &name, started, Error::Start(reason.clone()), reason);
            }
        };
        started.fill(Ok(()));
        let mut books = Books { pending: Vec::new(), sweep_at: PENDING_SWEEP, desk: Desk::default() };
        let reason = loop {
            let job = match todo {
                Todo::Continue(left) => {
                    let next = Caught::new(server.handle_continue(left, &mut ctx)).await;
                    todo = match after(next) {
                        Ok(todo) => todo,
                        Err(reason) => break reason,
                    };
                    continue;
                }
                Todo::Receive(limit) => match receive(&mut ctx, &books.desk, limit).await {
                    None => Job::Info(Info::Timeout),
                    Some(Envelope::Message(message)) => books.sort::<S>(&ctx, message),
                    Some(Envelope::System(request)) => {
                        if let Some(reason) = books.answer(&server, request) {
                            break reason;
                        }
                        // The wait goes on; a limit starts anew, as in OTP.
                        todo = Todo::Receive(limit);
                        continue;
                    }
                },
            };
            let next = match job {
                Job::Cast(cast) => Caught::new(server.handle_cast(cast, &mut ctx)).await,
                Job::Info(info) => Caught::new(server.handle_info(info, &mut ctx)).await,
                Job::Stop(reason) => Err(reason),
                Job::Nothing => Ok(Next::Wait),
                Job::Call(call, caller, from) => {
                    match Caught::new(server.handle_call(call, &from, &mut ctx)).await {
                        Ok(outcome) => {
                            books.settle(caller, outcome.reply);
                            Ok(outcome.next)
                        }
                        Err(panic) => Err(panic),
                    }
                }
            };
            todo = match after(next) {
                Ok(todo) => todo,
                Err(reason) => break reason,
            };
        };
        match Caught::new(server.terminate(&reason, &mut ctx)).await {
            Ok(()) => reason,
            Err(panic) => panic,
        }
    }
}

/// The name is free again before the starter hears of the failure, so that it can try once more at once.
fn refuse(
    ctx: &Context,
    name: &Name,
    started: Guard<Result<()>>,
    error: Error,
    reason: ExitReason,
) -> ExitReason {
    name.release(ctx);
    started.fill(Err(error));
    reason
}

/// Whether this exit signal, trapped, ends the server: that of its parent does. Where no process has started it, the parent is
/// the code outside of processes, on whose request to shut down what this crate alone has written ends; a server of the user's
/// hears of it and decides.
fn is_farewell(me: &Me, from: Pid, reason: &ExitReason) -> bool {
    match me.parent() {
        Some(parent) => parent == from,
        None => from == Pid::OUTSIDE && *reason == ExitReason::Shutdown && me.process().role.kind.is_own(),
    }
}

/// What a suspended server takes: requests of `sys`, and the signal to end.
fn passes(me: &Me, envelope: &Envelope) -> bool {
    match envelope {
        Envelope::System(_) => true,
        Envelope::Message(Message::Exit { from, reason }) => is_farewell(me, *from, reason),
        Envelope::Message(_) => false,
    }
}

/// What a handler wanted, or the reason to end.
fn after<S: GenServer>(next: Result<Next<S>, ExitReason>) -> Result<Todo<S>, ExitReason> {
    match next? {
        Next::Wait => Ok(Todo::Receive(None)),
        Next::Timeout(limit) => Ok(Todo::Receive(Some(limit))),
        Next::Continue(left) => Ok(Todo::Continue(left)),
        Next::Stop(reason) => Err(reason),
    }
}

/// The next envelope; while suspended, the next that [`passes`]. `None` when `limit` runs out.
fn receive(
    ctx: &mut Context,
    desk: &Desk,
    limit: Option<Duration>,
) -> impl Future<Output = Option<Envelope>> + Send {
    let suspended = desk.is_suspended();
    // Most servers have no limit: the timer is boxed, so that they do not carry it around.
    let mut timer: Option<Pin<Box<Sleep>>> =
        limit.filter(|_| !suspended).map(|limit| Box::pin(tokio::time::sleep(limit)));
    let mut seen = 0;
    poll_fn(move |cx| {
        let envelope = if suspended {
            let me = ctx.me();
            ctx.poll_where(&mut seen, |envelope| passes(&me, envelope), cx)
        } else {
            ctx.poll_envelope(cx)
        };
        if let Poll::Ready(envelope) = envelope {
            return Poll::Ready(Some(envelope));
        }
        match &mut timer {
            Some(timer) => timer.as_mut().poll(cx).map(|()| None),
            None => Poll::Pending,
        }
    })
}

impl<R: Send + 'static> Books<R> {
    fn sort<S: GenServer<Reply = R>>(&mut self, ctx: &Context, message: Message) -> Job<S> {
        self.desk.note_in(&message);
        let payload = match message {
            Message::User(payload) => payload,
            Message::Exit { from, reason } if is_farewell(ctx, from, &reason) => return Job::Stop(reason),
            other => return Job::Info(Info::Message(other)),
        };
        match payload.downcast::<Request<S>>() {
            Ok(Request::Cast(cast)) => Job::Cast(cast),
            Ok(Request::Call(call, caller)) => match caller.filler().cloned() {
                Some(filler) => Job::Call(call, caller, ReplyTo(filler)),
                None => Job::Nothing,
            },
            Err(payload) => Job::Info(Info::Message(Message::User(payload))),
        }
    }

    /// Answers a call, or keeps it until it is answered or its caller has gone.
    fn settle(&mut self, caller: Guard<R>, reply: Option<R>) {
        if let Some(reply) = reply {
            self.desk.note_reply();
            caller.fill(reply);
            return;
        }
        if self.pending.len() >= self.sweep_at {
            self.pending.retain(|call| call.filler().is_some_and(|filler| filler.is_awaited()));
            self.sweep_at = (self.pending.len() * 2).max(PENDING_SWEEP);
        }
        self.pending.push(caller);
    }

    /// Answers a request of `sys`; a reason where it is to end.
    fn answer<S: GenServer>(&mut self, server: &S, request: Box<dyn Any + Send>) -> Option<ExitReason> {
        match *request.downcast::<SysRequest>().ok()? {
            SysRequest::State(asker) => {
                // Whoever looks inside must not end what is looked at.
                let text = catch(|| server.state_text());
                asker.fill(text.unwrap_or_else(|panic| format!("no state: {panic}")));
                None
            }
            SysRequest::Stop(reason, asker) => {
                asker.fill(());
                Some(reason)
            }
            other => {
                self.desk.answer(other);
                None
            }
        }
    }
}
