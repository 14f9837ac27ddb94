//! The process of an event manager.

use super::{EventHandler, Handled, HandlerGone};
use crate::context::{Context, Me};
use crate::error::{Error, Result};
use crate::gen_server::{CallOutcome, GenServer, Info, Init, Next, ReplyTo};
use crate::message::{Message, Payload};
use crate::panics::catch;
use crate::pid::{Pid, Ref};
use crate::reason::ExitReason;

pub enum Order<E> {
    Add(String, Box<dyn EventHandler<E>>, Option<Pid>),
    AddStream(Box<dyn EventHandler<E>>),
    Delete(String),
    Which,
    Notify(E),
    Call(String, Payload),
}

pub enum Answer {
    Done,
    Names(Vec<String>),
    Payload(Payload),
}

struct Installed<E> {
    name: String,
    handler: Box<dyn EventHandler<E>>,
    owner: Option<(Pid, Ref)>,
}

/// The server under a manager, for starting one in ways only [`Start`](crate::Start) knows.
pub struct ManagerServer<E> {
    handlers: Vec<Installed<E>>,
    streams: u64,
}

impl<E: Send + Sync + 'static> GenServer for ManagerServer<E> {
    type Args = ();
    type Call = Order<E>;
    type Reply = Result<Answer>;
    type Cast = E;
    type Continue = ();

    async fn init((): (), ctx: &mut Context) -> Init<Self> {
        // So that handlers are terminated when it is shut down.
        ctx.trap_exit(true);
        Init::Ready(Self { handlers: Vec::new(), streams: 0 })
    }

    async fn handle_call(
        &mut self,
        order: Order<E>,
        _: &ReplyTo<Result<Answer>>,
        ctx: &mut Context,
    ) -> CallOutcome<Self> {
        CallOutcome::reply(self.obey(order, ctx))
    }

    async fn handle_cast(&mut self, event: E, ctx: &mut Context) -> Next<Self> {
        self.tell(&event, ctx);
        Next::Wait
    }

    async fn handle_info(&mut self, info: Info, ctx: &mut Context) -> Next<Self> {
        if let Info::Message(Message::Down { reference, reason, .. }) = info
            && let Some(at) = self
                .handlers
                .iter()
                .position(|known| known.owner.is_some_and(|(_, monitor)| monitor == reference))
        {
            let mut gone = self.handlers.remove(at);
            gone.owner = None;
            gone.leave(&reason, ctx);
        }
        Next::Wait
    }

    async fn terminate(&mut self, reason: &ExitReason, ctx: &mut Context) {
        for handler in std::mem::take(&mut self.handlers) {
            handler.leave(reason, ctx);
        }
    }

    fn state_text(&self) -> String {
        let names: Vec<&str> = self.handlers.iter().map(|installed| installed.name.as_str()).collect();
        format!("handlers {names:?}")
    }
}

/// Drops a handler, which runs code of users.
fn dispose<E>(handler: Box<dyn EventHandler<E>>) -> Result<(), ExitReason> {
    catch(|| drop(handler))
}

impl<E> Drop for ManagerServer<E> {
    /// Each by itself: of two panics at once the second would end the program.
    fn drop(&mut self) {
        for installed in self.handlers.drain(..) {
            drop(dispose(installed.handler));
        }
    }
}

impl<E: 'static> Installed<E> {
    /// Terminates the handler and tells its owner, if that lives and was not the cause.
    fn leave(self, reason: &ExitReason, me: &Me) {
        let Self { name, mut handler, owner } = self;
        let ends = [catch(|| handler.terminate(reason)), dispose(handler)];
        if ends.iter().any(Result::is_err) {
            tracing::error!(handler = name, "an event handler panicked on its way out");
        }
        if let Some((owner, monitor)) = owner {
            me.demonitor(monitor);
            let gone = HandlerGone { handler: name, manager: me.pid(), reason: reason.clone() };
            if let Err(error) = me.send(owner, gone) {
                tracing::warn!(%owner, %error, "the owner of an event handler could not be told that it is gone");
            }
        }
    }
}

impl<E: 'static> ManagerServer<E> {
    /// Tells all handlers; those that are done, or panic, are removed.
    fn tell(&mut self, event: &E, me: &Me) {
        let mut at = 0;
        while let Some(installed) = self.handlers.get_mut(at) {
            let reason = match catch(|| installed.handler.handle_event(event, me)) {
                Ok(Handled::Keep) => {
                    at += 1;
                    continue;
                }
                Ok(Handled::Remove) => ExitReason::Normal,
                Err(panic) => panic,
            };
            self.remove(at, &reason, me);
        }
    }

    fn remove(&mut self, at: usize, reason: &ExitReason, me: &Me) {
        let gone = self.handlers.remove(at);
        if !reason.is_orderly() {
            tracing::error!(handler = gone.name, %reason, "an event handler crashed and was removed");
        }
        gone.leave(reason, me);
    }

    fn find(&self, name: &str) -> Result<usize> {
        let at = self.handlers.iter().position(|installed| installed.name == name);
        at.ok_or_else(|| Error::HandlerNotFound(name.to_owned()))
    }

    fn obey(&mut self, order: Order<E>, me: &Me) -> Result<Answer> {
        match order {
            Order::Which => {
                Ok(Answer::Names(self.handlers.iter().map(|installed| installed.name.clone()).collect()))
            }
            Order::Notify(event) => {
                self.tell(&event, me);
                Ok(Answer::Done)
            }
            Order::Add(name, handler, owner) => {
                if self.find(&name).is_ok() {
                    drop(dispose(handler));
                    return Err(Error::HandlerPresent(name));
                }
                let owner = owner.map(|pid| (pid, me.monitor(pid)));
                self.handlers.push(Installed { name, handler, owner });
                Ok(Answer::Done)
            }
            Order::AddStream(handler) => {
                self.streams += 1;
                let name = format!("stream {}", self.streams);
                self.handlers.push(Installed { name, handler, owner: None });
                Ok(Answer::Done)
            }
            Order::Delete(name) => {
                let at = self.find(&name)?;
                self.remove(at, &ExitReason::Normal, me);
                Ok(Answer::Done)
            }
            Order::Call(name, request) => {
                let at = self.find(&name)?;
                let Some(installed) = self.handlers.get_mut(at) else {
                    return Err(Error::HandlerNotFound(name));
                };
                match catch(|| installed.handler.handle_call(request, me)) {
                    Ok(Some(answer)) => Ok(Answer::Payload(answer)),
                    Ok(None) => Err(Error::NotSupported(me.pid())),
                    Err(panic) => {
                        self.remove(at, &panic, me);
                        Err(Error::Exit(panic))
                    }
                }
            }
        }
    }
}
