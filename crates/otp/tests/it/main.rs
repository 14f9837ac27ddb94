//! The crate as its users see it. Time is virtual wherever it matters: tokio's clock is paused and moves when all wait. A few
//! tests take two real threads and no time.

mod agents;
mod applications;
mod dynamic_model;
mod events;
mod exits;
mod groups;
mod links;
mod load;
mod looking;
mod mailboxes;
mod monitors;
mod registries;
mod semantics;
mod servers;
mod supervisors;
mod supervisors_model;
mod takeovers;
mod tasks;
mod timers;

use std::time::Duration;

use mnemon_otp::{Context, ExitReason, Message, Pid, System};

/// Longer than any wait of a test that succeeds, in virtual time.
const LIMIT: Duration = Duration::from_secs(3600);

fn system() -> System {
    System::new().expect("a test runs in a runtime")
}

/// What only a test's own processes send: an end with a reason.
struct End(ExitReason);

/// A process that waits until it is told to end.
fn idle(system: &System) -> Pid {
    system.spawn(obey).expect("room for a process")
}

async fn obey(mut me: Context) -> ExitReason {
    loop {
        if let Message::User(payload) = me.receive().await
            && let Ok(End(reason)) = payload.downcast()
        {
            return reason;
        }
    }
}

/// A process that traps exits and passes all it receives on.
fn trapping(system: &System) -> (mnemon_otp::Me, tokio::sync::mpsc::UnboundedReceiver<Message>) {
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    let mut given = None;
    system
        .spawn(|mut me: Context| {
            me.trap_exit(true);
            given = Some(me.me());
            async move { while sender.send(me.receive().await).is_ok() {} }
        })
        .expect("room for a process");
    (given.expect("the body was made"), receiver)
}
