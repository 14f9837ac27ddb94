//! A counter, twice: as a raw loop over its mailbox, and as a server.

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use mnemon_otp::{
    Address, CallOutcome, Context, Error, ExitReason, GenServer, Inbox, Init, Next, Received, ReplyTo,
    ServerRef, SpawnOptions, System,
};
use tokio::sync::oneshot;

/// What the raw counter takes. Whoever asks sends along where the answer goes.
enum Request {
    Add(i64),
    Get(oneshot::Sender<i64>),
}

/// The loop by hand: receive, match, go on.
fn raw(system: &System) -> Result<Address<Request>, Error> {
    system.spawn_typed(SpawnOptions::new(), async |mut inbox: Inbox<Request>| {
        let mut count = 0;
        loop {
            match inbox.next().await {
                Received::Message(Request::Add(by)) => count += by,
                Received::Message(Request::Get(answer)) => drop(answer.send(count)),
                Received::Other(other) => return ExitReason::error(format!("unexpected: {other:?}")),
            }
        }
    })
}

async fn get(counter: &Address<Request>) -> Result<i64, Error> {
    let (sender, receiver) = oneshot::channel();
    counter.send(Request::Get(sender))?;
    receiver.await.map_err(|_| Error::NoProcess)
}

/// The same as a server: the loop, time-outs, crashes and a way to look inside come with it.
#[derive(Debug)]
struct Counter(i64);

impl GenServer for Counter {
    type Args = i64;
    type Call = ();
    type Reply = i64;
    type Cast = i64;
    type Continue = ();

    async fn init(start: i64, _: &mut Context) -> Init<Self> {
        Init::Ready(Self(start))
    }

    async fn handle_call(&mut self, (): (), _: &ReplyTo<i64>, _: &mut Context) -> CallOutcome<Self> {
        CallOutcome::reply(self.0)
    }

    async fn handle_cast(&mut self, by: i64, _: &mut Context) -> Next<Self> {
        match self.0.checked_add(by) {
            Some(sum) => self.0 = sum,
            None => return Next::Stop(ExitReason::error("the counter is full")),
        }
        Next::Wait
    }

    fn state_text(&self) -> String {
        format!("{self:?}")
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let system = System::new()?;

    let counter = raw(&system)?;
    counter.send(Request::Add(40))?;
    counter.send(Request::Add(2))?;
    println!("by hand: {}", get(&counter).await?);

    let server = ServerRef::<Counter>::start(&system, 40).await?;
    server.cast(2)?;
    println!("as a server: {}", server.call(()).await?);
    let state = mnemon_otp::sys::get_state(&system, server.pid(), Duration::from_secs(1)).await?;
    println!("seen from outside: {state}");

    let end = system.watch(server.pid());
    server.cast(i64::MAX)?;
    println!("it ended: {}", end.await);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn both_counters_count() {
        let system = System::new().unwrap();
        let by_hand = raw(&system).unwrap();
        let server = ServerRef::<Counter>::start(&system, 0).await.unwrap();
        for by in [1, 2, 3] {
            by_hand.send(Request::Add(by)).unwrap();
            server.cast(by).unwrap();
        }
        assert_eq!((get(&by_hand).await, server.call(()).await), (Ok(6), Ok(6)));
    }

    #[tokio::test(start_paused = true)]
    async fn each_ends_with_a_reason_when_it_cannot_go_on() {
        let system = System::new().unwrap();
        let by_hand = raw(&system).unwrap();
        let server = ServerRef::<Counter>::start(&system, 1).await.unwrap();
        let ends = (system.watch(by_hand.pid()), system.watch(server.pid()));
        system.send(by_hand.pid(), "no request").unwrap();
        server.cast(i64::MAX).unwrap();
        assert!(ends.0.await.to_string().starts_with("unexpected"));
        assert_eq!(ends.1.await, ExitReason::error("the counter is full"));
    }
}
