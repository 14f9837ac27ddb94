//! How processes end: by themselves, asked, killed, in a panic.

use mnemon_otp::{Context, Error, ExitReason, Message, Settings, System};

use crate::{idle, obey, system, trapping};

#[tokio::test(start_paused = true)]
async fn an_exit_request_ends_who_does_not_trap_it_even_while_it_waits_elsewhere() {
    let system = system();
    let pid = system.spawn(async |_| tokio::sync::Notify::new().notified().await).unwrap();
    assert!(system.exit(pid, ExitReason::error("enough")));
    assert_eq!(system.watch(pid).await, ExitReason::error("enough"));
    assert!(!system.exit(pid, ExitReason::error("enough")), "nobody is there");
}

#[tokio::test(start_paused = true)]
async fn an_exit_request_with_normal_is_ignored_unless_it_is_ones_own() {
    let system = system();
    let pid = idle(&system);
    system.exit(pid, ExitReason::Normal);
    tokio::task::yield_now().await;
    assert!(system.is_alive(pid));
    let own = system.spawn(async |me: Context| {
        me.exit(me.pid(), ExitReason::Normal);
        obey(me).await
    });
    assert_eq!(system.watch(own.unwrap()).await, ExitReason::Normal);
}

#[tokio::test(start_paused = true)]
async fn a_trapped_exit_request_is_a_message_that_names_the_sender() {
    let system = system();
    let (me, mut mailbox) = trapping(&system);
    let (other, _others) = trapping(&system);
    other.exit(me.pid(), ExitReason::Shutdown);
    let Some(Message::Exit { from, reason }) = mailbox.recv().await else { panic!("an exit") };
    assert_eq!((from, reason), (other.pid(), ExitReason::Shutdown));
}

#[tokio::test(start_paused = true)]
async fn kill_cannot_be_trapped_and_is_seen_as_killed() {
    let system = system();
    let (victim, _mailbox) = trapping(&system);
    let (me, mut mailbox) = trapping(&system);
    me.link(victim.pid());
    let end = system.watch(victim.pid());
    me.exit(victim.pid(), ExitReason::Kill);
    assert_eq!(end.await, ExitReason::Killed);
    let Some(Message::Exit { reason, .. }) = mailbox.recv().await else { panic!("an exit") };
    assert_eq!(reason, ExitReason::Killed, "through a link it can be trapped");
}

#[tokio::test(start_paused = true)]
async fn kill_as_the_reason_of_an_exit_can_be_trapped_by_linked_processes() {
    let system = system();
    let (me, mut mailbox) = trapping(&system);
    me.spawn_link(async |_| ExitReason::Kill).unwrap();
    let Some(Message::Exit { reason, .. }) = mailbox.recv().await else { panic!("an exit") };
    assert_eq!(reason, ExitReason::Kill);
    assert!(system.is_alive(me.pid()));
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_an_exit_with_message_and_place() {
    let system = system();
    let pid = system.spawn(async |_: Context| -> () { panic!("no more {}", "room") }).unwrap();
    let ExitReason::Panic(report) = system.watch(pid).await else { panic!("a panic was expected") };
    assert_eq!(report.message, "no more room");
    assert!(report.location.as_deref().is_some_and(|place| place.contains("exits.rs:")), "{report:?}");
    assert_eq!(system.process_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_error_returned_by_a_body_is_its_reason() {
    let system = system();
    let pid = system.spawn(async |_| Err::<(), _>(Error::NoProcess)).unwrap();
    assert_eq!(system.watch(pid).await, ExitReason::NoProcess);
}

#[tokio::test(start_paused = true)]
async fn a_state_that_panics_when_it_is_dropped_still_ends_its_process() {
    struct Bad;
    impl Drop for Bad {
        fn drop(&mut self) {
            panic!("in drop");
        }
    }
    let system = system();
    let pid = system.spawn(async |me: Context| {
        let _bad = Bad;
        obey(me).await
    });
    let pid = pid.unwrap();
    let unread = system.spawn(async |_| tokio::sync::Notify::new().notified().await).unwrap();
    let ends = (system.watch(pid), system.watch(unread));
    system.send(unread, Bad).unwrap();
    tokio::task::yield_now().await;
    system.exit(pid, ExitReason::Shutdown);
    system.exit(unread, ExitReason::Shutdown);
    assert_eq!((ends.0.await, ends.1.await), (ExitReason::Shutdown, ExitReason::Shutdown));
    assert_eq!(system.process_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_system_refuses_more_processes_than_it_may_have() {
    let settings = Settings { max_processes: 2, ..Settings::default() };
    let system = System::with(settings, tokio::runtime::Handle::current());
    let first = idle(&system);
    idle(&system);
    assert_eq!(system.spawn(obey), Err(Error::TooManyProcesses(2)));
    system.exit(first, ExitReason::Kill);
    system.watch(first).await;
    assert!(system.spawn(obey).is_ok());
}

#[test]
fn processes_end_with_their_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let system = System::with(Settings::default(), runtime.handle().clone());
    let pid = idle(&system);
    let watch = system.watch(pid);
    drop(runtime);
    assert_eq!(system.process_count(), 0);
    let other = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert_eq!(other.block_on(watch), ExitReason::Killed);
}

#[tokio::test(start_paused = true)]
async fn ten_systems_live_in_one_program_and_know_nothing_of_one_another() {
    let systems: Vec<System> = (0..10).map(|_| system()).collect();
    for system in &systems {
        let pid = idle(system);
        system.register_name("only", pid).unwrap();
    }
    let ended = systems[3].whereis("only").unwrap();
    systems[3].exit(ended, ExitReason::Kill);
    systems[3].watch(ended).await;
    for (number, system) in systems.iter().enumerate() {
        assert_eq!(system.whereis("only").is_some(), number != 3);
        assert_eq!(system.process_count(), usize::from(number != 3));
    }
}

#[tokio::test(start_paused = true)]
async fn shutdown_asks_first_and_kills_who_does_not_listen() {
    let system = system();
    let (deaf, _mailbox) = trapping(&system);
    let polite = idle(&system);
    let ends = (system.watch(deaf.pid()), system.watch(polite));
    assert_eq!(system.shutdown(std::time::Duration::from_secs(1)).await, 1);
    assert_eq!((ends.0.await, ends.1.await), (ExitReason::Killed, ExitReason::Shutdown));
}

#[tokio::test(start_paused = true)]
async fn messages_that_panic_when_they_are_dropped_end_nothing_else() {
    struct Clinging;
    impl Drop for Clinging {
        fn drop(&mut self) {
            panic!("not yet");
        }
    }
    let system = system();
    // Some lie in the queue, some were taken out of it.
    for taken in [false, true] {
        let pid = system
            .spawn(async move |mut me: Context| {
                if taken {
                    me.receive_where(
                        |message| matches!(message, Message::User(payload) if payload.is::<u8>()),
                    )
                    .await;
                }
                std::future::pending::<()>().await;
            })
            .unwrap();
        for _ in 0..3 {
            system.send(pid, Clinging).unwrap();
        }
        system.send(pid, 1_u8).unwrap();
        while taken && system.info(pid).unwrap().handled == 0 {
            tokio::task::yield_now().await;
        }
        assert!(system.exit(pid, ExitReason::error("x")));
        assert_eq!(system.watch(pid).await, ExitReason::error("x"));
    }
    assert_eq!(system.process_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_panic_before_the_first_await_is_an_exit_and_not_the_starters() {
    fn unlucky(_: Context) -> std::future::Ready<()> {
        panic!("no luck")
    }
    let system = system();
    let (me, mut mailbox) = trapping(&system);
    let child = me.spawn_link(unlucky).unwrap();
    let Some(Message::Exit { from, reason: ExitReason::Panic(report) }) = mailbox.recv().await else {
        panic!("an exit")
    };
    assert_eq!((from, report.message.as_str()), (child, "no luck"));
    assert_eq!(system.process_count(), 1, "only who started it is left");
}
