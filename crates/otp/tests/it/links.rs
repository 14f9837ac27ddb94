//! Links: both ways, once, with a reason, until they are taken away.

use mnemon_otp::{Context, ExitReason, Message};

use crate::{End, idle, obey, system, trapping};

#[tokio::test(start_paused = true)]
async fn a_crash_ends_linked_processes_with_the_same_reason() {
    let system = system();
    let (first, second) = (idle(&system), idle(&system));
    let linker = system
        .spawn(async move |me: Context| {
            me.link(first);
            me.link(second);
            obey(me).await
        })
        .unwrap();
    let ends = (system.watch(first), system.watch(second), system.watch(linker));
    tokio::task::yield_now().await;
    system.send(first, End(ExitReason::error("disc full"))).unwrap();
    let reason = ExitReason::error("disc full");
    assert_eq!((ends.0.await, ends.1.await, ends.2.await), (reason.clone(), reason.clone(), reason));
}

#[tokio::test(start_paused = true)]
async fn a_normal_exit_does_not_end_linked_processes() {
    let system = system();
    let other = idle(&system);
    let (me, _mailbox) = trapping(&system);
    let third = idle(&system);
    me.link(other);
    let linker = system.spawn(async move |me: Context| me.link(third)).unwrap();
    system.watch(linker).await;
    assert!(system.is_alive(third), "its linked process ended normally");
    system.send(other, End(ExitReason::Normal)).unwrap();
    system.watch(other).await;
    assert!(system.is_alive(me.pid()));
}

#[tokio::test(start_paused = true)]
async fn trapped_exits_become_messages_even_normal_ones() {
    let system = system();
    let (me, mut mailbox) = trapping(&system);
    for reason in [ExitReason::Normal, ExitReason::error("crash")] {
        let other = me.spawn_link(obey).unwrap();
        system.send(other, End(reason.clone())).unwrap();
        let Some(Message::Exit { from, reason: told }) = mailbox.recv().await else { panic!("an exit") };
        assert_eq!((from, told), (other, reason));
    }
}

#[tokio::test(start_paused = true)]
async fn linking_twice_is_linking_once() {
    let system = system();
    let (me, mut mailbox) = trapping(&system);
    let other = idle(&system);
    me.link(other);
    me.link(other);
    system.send(other, End(ExitReason::Shutdown)).unwrap();
    assert!(matches!(mailbox.recv().await, Some(Message::Exit { .. })));
    system.watch(other).await;
    assert!(mailbox.try_recv().is_err(), "one signal for one link");
    let other = idle(&system);
    me.link(other);
    me.link(other);
    me.unlink(other);
    system.exit(other, ExitReason::Kill);
    system.watch(other).await;
    assert!(mailbox.try_recv().is_err(), "one unlink takes it away");
}

#[tokio::test(start_paused = true)]
async fn linking_a_dead_process_is_a_signal_noproc() {
    let system = system();
    let dead = idle(&system);
    system.exit(dead, ExitReason::Kill);
    system.watch(dead).await;
    let (me, mut mailbox) = trapping(&system);
    me.link(dead);
    let Some(Message::Exit { from, reason }) = mailbox.recv().await else { panic!("an exit") };
    assert_eq!((from, reason), (dead, ExitReason::NoProcess));
    let untrapping = system.spawn(async move |me: Context| {
        me.link(dead);
        obey(me).await
    });
    assert_eq!(system.watch(untrapping.unwrap()).await, ExitReason::NoProcess);
}

#[tokio::test(start_paused = true)]
async fn an_unlinked_process_feels_nothing() {
    let system = system();
    let (first, second) = (idle(&system), idle(&system));
    let (me, _mailbox) = trapping(&system);
    let linker = system
        .spawn(async move |me: Context| {
            me.link(first);
            me.unlink(first);
            me.link(second);
            obey(me).await
        })
        .unwrap();
    tokio::task::yield_now().await;
    me.exit(first, ExitReason::Kill);
    system.watch(first).await;
    assert!(system.is_alive(linker));
    me.exit(second, ExitReason::Kill);
    assert_eq!(system.watch(linker).await, ExitReason::Killed, "the link to the other still stands");
}

#[tokio::test(start_paused = true)]
async fn a_linked_child_is_linked_before_it_runs() {
    let system = system();
    let parent = system
        .spawn(async move |me: Context| {
            me.spawn_link(async |_| ExitReason::error("at once"))?;
            Ok::<_, mnemon_otp::Error>(obey(me).await)
        })
        .unwrap();
    assert_eq!(system.watch(parent).await, ExitReason::error("at once"));
}

#[tokio::test(start_paused = true)]
async fn an_unlink_takes_a_signal_out_of_the_mailbox_when_asked_to() {
    let system = system();
    let pid = system
        .spawn(async move |mut me: Context| {
            me.trap_exit(true);
            let child = me.spawn_link(async |_| ExitReason::Timeout)?;
            me.system().watch(child).await;
            assert_eq!(me.unlink_flush(child), Some(ExitReason::Timeout));
            assert!(me.receive_within(std::time::Duration::ZERO).await.is_none());
            Ok::<_, mnemon_otp::Error>(())
        })
        .unwrap();
    assert_eq!(system.watch(pid).await, ExitReason::Normal);
}
