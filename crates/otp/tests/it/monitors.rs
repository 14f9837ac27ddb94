//! Monitors: one way, as many as asked for, one `Down` each.

use std::time::Duration;

use mnemon_otp::{Context, ExitReason, Message, Ref};

use crate::{End, idle, obey, system, trapping};

fn down(message: Option<Message>) -> (Ref, mnemon_otp::Pid, ExitReason) {
    match message {
        Some(Message::Down { reference, pid, reason }) => (reference, pid, reason),
        other => panic!("a down was expected: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_monitor_tells_the_reason_and_ends_nobody() {
    let system = system();
    let other = idle(&system);
    let (me, mut mailbox) = trapping(&system);
    let monitor = me.monitor(other);
    system.send(other, End(ExitReason::error("crash"))).unwrap();
    assert_eq!(down(mailbox.recv().await), (monitor, other, ExitReason::error("crash")));
    let watched = idle(&system);
    let watcher = system
        .spawn(async move |me: Context| {
            me.monitor(watched);
        })
        .unwrap();
    system.watch(watcher).await;
    assert!(system.is_alive(watched), "the end of a watcher is nothing to the watched");
}

#[tokio::test(start_paused = true)]
async fn each_monitor_of_one_process_tells_for_itself() {
    let system = system();
    let other = idle(&system);
    let (me, mut mailbox) = trapping(&system);
    let mut monitors = vec![me.monitor(other), me.monitor(other), me.monitor(other)];
    let gone = monitors.remove(1);
    assert!(me.demonitor(gone));
    system.exit(other, ExitReason::Kill);
    let mut told = vec![down(mailbox.recv().await).0, down(mailbox.recv().await).0];
    told.sort_unstable();
    assert_eq!(told, monitors);
    system.watch(other).await;
    assert!(mailbox.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn monitoring_a_dead_process_tells_noproc_at_once() {
    let system = system();
    let dead = idle(&system);
    system.exit(dead, ExitReason::Kill);
    system.watch(dead).await;
    let (me, mut mailbox) = trapping(&system);
    let monitor = me.monitor(dead);
    assert_eq!(down(mailbox.recv().await), (monitor, dead, ExitReason::NoProcess));
    assert_eq!(system.watch(dead).await, ExitReason::NoProcess);
}

#[tokio::test(start_paused = true)]
async fn demonitor_with_flush_leaves_no_message() {
    let system = system();
    let pid = system
        .spawn(async move |mut me: Context| {
            let (child, monitor) = me.spawn_monitor(async |_| ())?;
            me.system().watch(child).await;
            me.send(me.pid(), "kept")?;
            assert!(!me.demonitor(monitor), "its down has come");
            me.demonitor_flush(monitor);
            assert!(matches!(me.receive().await, Message::User(_)));
            assert!(me.receive_within(Duration::ZERO).await.is_none());
            Ok::<_, mnemon_otp::Error>(())
        })
        .unwrap();
    assert_eq!(system.watch(pid).await, ExitReason::Normal);
}

#[tokio::test(start_paused = true)]
async fn a_receive_by_reference_leaves_other_messages_in_order() {
    let system = system();
    let pid = system
        .spawn(async move |mut me: Context| {
            for number in 0..10_u8 {
                me.send(me.pid(), number)?;
            }
            let (child, monitor) = me.spawn_monitor(obey)?;
            me.send(child, End(ExitReason::Timeout))?;
            assert_eq!(me.receive_down(monitor).await, ExitReason::Timeout);
            for number in 0..10_u8 {
                let Message::User(payload) = me.receive().await else { panic!("a number") };
                assert_eq!(payload.downcast::<u8>().ok(), Some(number));
            }
            Ok::<_, mnemon_otp::Error>(())
        })
        .unwrap();
    assert_eq!(system.watch(pid).await, ExitReason::Normal);
}
