//! Timers, in virtual time.

use std::time::Duration;

use mnemon_otp::{Context, Error, ExitReason, Message, Pid, System};
use tokio::time::Instant;

use crate::{idle, system, trapping};

#[tokio::test(start_paused = true)]
async fn timers_run_out_in_the_order_of_their_times() {
    let system = system();
    let (me, mut mailbox) = trapping(&system);
    let start = Instant::now();
    for seconds in [3_u64, 1, 2] {
        me.send_after(Duration::from_secs(seconds), seconds).unwrap();
    }
    for seconds in 1..=3_u64 {
        let Some(Message::Timer { payload, .. }) = mailbox.recv().await else { panic!("a timer") };
        assert_eq!(payload.downcast::<u64>().ok(), Some(seconds));
        assert_eq!(start.elapsed().as_secs(), seconds);
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_timer_tells_what_it_had_left_and_delivers_nothing() {
    let system = system();
    let (me, mut mailbox) = trapping(&system);
    let timer = me.send_after(Duration::from_secs(10), "never").unwrap();
    let later = me.send_after(Duration::from_secs(20), "later").unwrap();
    tokio::time::advance(Duration::from_secs(4)).await;
    assert_eq!(system.read_timer(timer), Some(Duration::from_secs(6)));
    assert_eq!(system.cancel_timer(timer), Some(Duration::from_secs(6)));
    assert_eq!(system.cancel_timer(timer), None);
    let Some(Message::Timer { reference, .. }) = mailbox.recv().await else { panic!("a timer") };
    assert_eq!(reference, later.reference());
    assert_eq!(system.read_timer(later), None);
}

#[tokio::test(start_paused = true)]
async fn a_timer_whose_process_has_ended_runs_out_without_effect() {
    let system = system();
    let pid = idle(&system);
    system.send_after(pid, Duration::from_secs(1), "late").unwrap();
    system.exit(pid, ExitReason::Kill);
    system.watch(pid).await;
    assert_eq!(system.send_after(pid, Duration::ZERO, "no"), Err(Error::NoProcess));
    let (me, mut mailbox) = trapping(&system);
    me.send_after(Duration::from_secs(2), "after").unwrap();
    assert!(matches!(mailbox.recv().await, Some(Message::Timer { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_receive_with_a_limit_gives_up_and_loses_nothing() {
    let system = system();
    let pid = system
        .spawn(async move |mut me: Context| {
            let start = Instant::now();
            assert!(me.receive_within(Duration::from_secs(5)).await.is_none());
            assert_eq!(start.elapsed(), Duration::from_secs(5));
            me.send(me.pid(), "kept")?;
            assert!(me.receive_where_within(Duration::from_secs(5), |_| false).await.is_none());
            assert!(me.receive_within(Duration::ZERO).await.is_some());
            Ok::<_, Error>(())
        })
        .unwrap();
    assert_eq!(system.watch(pid).await, ExitReason::Normal);
}

#[tokio::test(start_paused = true)]
async fn what_a_late_message_does_when_it_is_dropped_stops_no_other_timer() {
    struct Clinging(System, Pid);
    impl Drop for Clinging {
        fn drop(&mut self) {
            self.0.send_after(self.1, Duration::from_secs(1), "from the grave").unwrap();
            panic!("not yet");
        }
    }
    let system = system();
    let pid = idle(&system);
    let (me, mut mailbox) = trapping(&system);
    system.send_after(pid, Duration::from_secs(1), Clinging(system.clone(), me.pid())).unwrap();
    me.send_after(Duration::from_secs(3), "after").unwrap();
    system.exit(pid, ExitReason::Kill);
    system.watch(pid).await;
    for expected in ["from the grave", "after"] {
        let next = tokio::time::timeout(Duration::from_secs(9), mailbox.recv()).await;
        let Ok(Some(Message::Timer { payload, .. })) = next else { panic!("a timer: {expected}") };
        assert_eq!(payload.downcast::<&str>().ok(), Some(expected));
    }
}
