//! Event managers: handlers that come, go and fail alone.

use mnemon_otp::{
    ChildSpec, Error, EventHandler, EventManager, ExitReason, Handled, HandlerGone, Me, Message, Payload,
    ServerRef, Strategy, Streamed, SupervisorSpec,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::{LIMIT, idle, system, trapping};

/// Notes events; leaves at 0, panics at 13.
struct Noting(&'static str, UnboundedSender<String>);

impl EventHandler<u8> for Noting {
    fn handle_event(&mut self, event: &u8, _: &Me) -> Handled {
        assert_ne!(*event, 13, "unlucky");
        drop(self.1.send(format!("{} {event}", self.0)));
        if *event == 0 { Handled::Remove } else { Handled::Keep }
    }

    fn handle_call(&mut self, request: Payload, _: &Me) -> Option<Payload> {
        let number = request.downcast::<u8>().ok()?;
        assert_ne!(number, 13, "unlucky");
        Some(Payload::new(number + 1))
    }

    fn terminate(&mut self, why: &ExitReason) {
        drop(self.1.send(format!("{} ends {}", self.0, why.is_orderly())));
    }
}

fn noting(name: &'static str) -> (Noting, UnboundedReceiver<String>) {
    let (sender, receiver) = unbounded_channel();
    (Noting(name, sender), receiver)
}

fn all(notes: &mut UnboundedReceiver<String>) -> Vec<String> {
    std::iter::from_fn(|| notes.try_recv().ok()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_sync_notify_returns_when_all_handlers_have_taken_the_event() {
    let system = system();
    let manager = EventManager::start(&system).await.unwrap();
    let (handler, mut notes) = noting("a");
    let second = Noting("b", handler.1.clone());
    manager.add_handler("a", handler).await.unwrap();
    manager.add_handler("b", second).await.unwrap();
    assert_eq!(manager.add_handler("b", noting("b").0).await, Err(Error::HandlerPresent("b".to_owned())));
    manager.notify(1).unwrap();
    manager.sync_notify(2).await.unwrap();
    assert_eq!(all(&mut notes), ["a 1", "b 1", "a 2", "b 2"]);
    manager.delete_handler("a").await.unwrap();
    assert_eq!(manager.delete_handler("a").await, Err(Error::HandlerNotFound("a".to_owned())));
    manager.stop(LIMIT).await.unwrap();
    assert_eq!(all(&mut notes), ["a ends true", "b ends true"]);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_fails_is_removed_alone() {
    let system = system();
    let manager = EventManager::start(&system).await.unwrap();
    struct Steady;
    impl EventHandler<u8> for Steady {
        fn handle_event(&mut self, _: &u8, _: &Me) -> Handled {
            Handled::Keep
        }
    }
    let (handler, mut notes) = noting("a");
    manager.add_handler("a", handler).await.unwrap();
    manager.add_handler("steady", Steady).await.unwrap();
    manager.sync_notify(13).await.unwrap();
    assert_eq!(manager.which_handlers().await.unwrap(), ["steady"]);
    assert_eq!(all(&mut notes), ["a ends false"]);
    let (handler, _notes) = noting("b");
    manager.add_handler("b", handler).await.unwrap();
    assert_eq!(manager.call::<u8>("b", 4_u8, LIMIT).await, Ok(5));
    assert!(matches!(manager.call::<u8>("b", "no number", LIMIT).await, Err(Error::NotSupported(_))));
    assert!(matches!(manager.call::<u8>("b", 13_u8, LIMIT).await, Err(Error::Exit(ExitReason::Panic(_)))));
    assert!(matches!(manager.call::<u8>("b", 1_u8, LIMIT).await, Err(Error::HandlerNotFound(_))));
    assert!(system.is_alive(manager.pid()));
}

#[tokio::test(start_paused = true)]
async fn a_monitored_handler_goes_with_its_owner_and_its_owner_hears_when_it_goes() {
    let system = system();
    let manager = EventManager::start(&system).await.unwrap();
    let owner = idle(&system);
    let (handler, mut notes) = noting("a");
    manager.add_mon_handler(owner, "a", handler).await.unwrap();
    system.exit(owner, ExitReason::error("gone"));
    system.watch(owner).await;
    assert!(manager.which_handlers().await.unwrap().is_empty());
    assert_eq!(all(&mut notes), ["a ends false"]);
    let (me, mut mailbox) = trapping(&system);
    manager.add_mon_handler(me.pid(), "b", noting("b").0).await.unwrap();
    manager.sync_notify(0).await.unwrap();
    let Some(Message::User(payload)) = mailbox.recv().await else { panic!("a message") };
    let gone = HandlerGone { handler: "b".to_owned(), manager: manager.pid(), reason: ExitReason::Normal };
    assert_eq!(payload.downcast::<HandlerGone>().ok(), Some(gone));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_too_slow_is_told_what_it_missed() {
    let system = system();
    let manager = EventManager::start(&system).await.unwrap();
    let mut stream = manager.stream(2).await.unwrap();
    for event in 1..=5_u8 {
        manager.sync_notify(event).await.unwrap();
    }
    assert_eq!(stream.next().await, Some(Streamed::Lagged(3)));
    assert_eq!(stream.next().await, Some(Streamed::Event(1)));
    assert_eq!(stream.next().await, Some(Streamed::Event(2)));
    manager.notify(6).unwrap();
    assert_eq!(stream.next().await, Some(Streamed::Event(6)));
    let other = manager.stream(2).await.unwrap();
    drop(other);
    manager.sync_notify(7).await.unwrap();
    assert_eq!(manager.which_handlers().await.unwrap().len(), 1, "a dropped stream is removed");
    manager.stop(LIMIT).await.unwrap();
    assert_eq!((stream.next().await, stream.next().await), (Some(Streamed::Event(7)), None));
}

#[tokio::test(start_paused = true)]
async fn a_manager_that_is_shut_down_terminates_its_handlers() {
    let system = system();
    let manager = || EventManager::<u8>::begin().name("manager");
    let top = SupervisorSpec::new(Strategy::OneForOne).child(ChildSpec::server_with("manager", manager));
    for by_supervisor in [true, false] {
        let top = if by_supervisor { Some(top.clone().start(&system).await.unwrap()) } else { None };
        let manager = match top {
            Some(_) => EventManager::of(ServerRef::named(&system, "manager").unwrap()),
            None => EventManager::start(&system).await.unwrap(),
        };
        let (me, mut mailbox) = trapping(&system);
        let (handler, mut notes) = noting("a");
        manager.add_mon_handler(me.pid(), "a", handler).await.unwrap();
        match top {
            Some(top) => top.stop(LIMIT).await.unwrap(),
            None => drop(system.exit(manager.pid(), ExitReason::Shutdown)),
        }
        system.watch(manager.pid()).await;
        assert_eq!(all(&mut notes), ["a ends true"], "by a supervisor: {by_supervisor}");
        let Some(Message::User(payload)) = mailbox.recv().await else { panic!("a message") };
        assert_eq!(payload.downcast::<HandlerGone>().unwrap().reason, ExitReason::Shutdown);
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_panics_when_it_is_dropped_costs_nobody_else() {
    struct Clinging;
    impl Drop for Clinging {
        fn drop(&mut self) {
            panic!("not yet");
        }
    }
    impl EventHandler<u8> for Clinging {
        fn handle_event(&mut self, _: &u8, _: &Me) -> Handled {
            Handled::Remove
        }

        fn terminate(&mut self, _: &ExitReason) {
            panic!("not now");
        }
    }
    let system = system();
    let manager = EventManager::start(&system).await.unwrap();
    let (me, mut mailbox) = trapping(&system);
    let (handler, mut notes) = noting("b");
    manager.add_mon_handler(me.pid(), "a", Clinging).await.unwrap();
    manager.add_handler("b", handler).await.unwrap();
    let twice = manager.add_handler("a", Clinging).await;
    assert_eq!(twice, Err(Error::HandlerPresent("a".to_owned())));
    manager.sync_notify(1).await.unwrap();
    assert_eq!(manager.which_handlers().await.unwrap(), ["b"]);
    assert_eq!(all(&mut notes), ["b 1"]);
    assert!(matches!(mailbox.recv().await, Some(Message::User(payload)) if payload.is::<HandlerGone>()));
}
