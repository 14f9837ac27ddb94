//! Supervisors: who is started again, who with it, in what order, and when it is too much.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use journal::Journal;
use mnemon_otp::{
    ChildSpec, ChildState, Context, DynamicSpec, Error, ExitReason, Restart, Shutdown, Strategy, Supervisor,
    SupervisorSpec, System,
};

use crate::{End, LIMIT, obey, system};

/// What happened, in order.
mod journal {
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    pub(crate) struct Journal(Arc<Mutex<Vec<String>>>);

    impl Journal {
        pub(crate) fn note(&self, text: String) {
            self.0.lock().expect("no test panics with it").push(text);
        }

        pub(crate) fn take(&self) -> Vec<String> {
            std::mem::take(&mut *self.0.lock().expect("no test panics with it"))
        }
    }
}

struct Leaving(Journal, &'static str);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.note(format!("-{}", self.1));
    }
}

/// A child that notes when it comes and when it goes.
fn child(id: &'static str, journal: &Journal) -> ChildSpec {
    let journal = journal.clone();
    ChildSpec::new(id, move |me| {
        let journal = journal.clone();
        async move {
            journal.note(format!("+{id}"));
            let leaving = Leaving(journal, id);
            me.spawn_link(async move |me: Context| {
                let _leaving = leaving;
                obey(me).await
            })
        }
    })
}

async fn crash(system: &System, top: &Supervisor, id: &str, reason: ExitReason) {
    let children = top.which_children().await.expect("it runs");
    let pid = children.iter().find(|child| child.id == id).and_then(|child| child.pid).expect("it runs");
    let end = system.watch(pid);
    system.send(pid, End(reason)).expect("it lives");
    end.await;
}

async fn tree(system: &System, strategy: Strategy, journal: &Journal) -> Supervisor {
    let spec = SupervisorSpec::new(strategy)
        .child(child("a", journal))
        .child(child("b", journal))
        .child(child("c", journal));
    let top = spec.start(system).await.expect("it starts");
    assert_eq!(journal.take(), ["+a", "+b", "+c"]);
    top
}

#[tokio::test(start_paused = true)]
async fn one_for_one_starts_only_the_child_that_ended() {
    let (system, journal) = (system(), Journal::default());
    let top = tree(&system, Strategy::OneForOne, &journal).await;
    crash(&system, &top, "b", ExitReason::error("x")).await;
    let children = top.which_children().await.unwrap();
    assert_eq!(journal.take(), ["-b", "+b"]);
    assert_eq!((children[1].restarts, &children[1].last_exit), (1, &Some(ExitReason::error("x"))));
}

#[tokio::test(start_paused = true)]
async fn one_for_all_stops_in_reverse_and_starts_in_order() {
    let (system, journal) = (system(), Journal::default());
    let top = tree(&system, Strategy::OneForAll, &journal).await;
    crash(&system, &top, "b", ExitReason::error("x")).await;
    top.which_children().await.unwrap();
    assert_eq!(journal.take(), ["-b", "-c", "-a", "+a", "+b", "+c"]);
}

#[tokio::test(start_paused = true)]
async fn rest_for_one_takes_those_started_later_along() {
    let (system, journal) = (system(), Journal::default());
    let top = tree(&system, Strategy::RestForOne, &journal).await;
    crash(&system, &top, "b", ExitReason::error("x")).await;
    top.which_children().await.unwrap();
    assert_eq!(journal.take(), ["-b", "-c", "+b", "+c"]);
}

#[tokio::test(start_paused = true)]
async fn children_stop_in_reverse_order_with_their_supervisor() {
    let (system, journal) = (system(), Journal::default());
    let top = tree(&system, Strategy::OneForOne, &journal).await;
    let end = system.watch(top.pid());
    top.stop(LIMIT).await.unwrap();
    assert_eq!(journal.take(), ["-c", "-b", "-a"]);
    assert_eq!(end.await, ExitReason::Shutdown);
    assert_eq!(system.process_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn transient_children_come_back_after_a_crash_only_and_temporary_ones_never() {
    let (system, journal) = (system(), Journal::default());
    let top = SupervisorSpec::new(Strategy::OneForOne)
        .intensity(10, Duration::from_secs(5))
        .child(child("transient", &journal).restart(Restart::Transient))
        .child(child("temporary", &journal).restart(Restart::Temporary))
        .child(child("permanent", &journal))
        .start(&system)
        .await
        .unwrap();
    crash(&system, &top, "temporary", ExitReason::error("x")).await;
    crash(&system, &top, "permanent", ExitReason::Normal).await;
    crash(&system, &top, "transient", ExitReason::error("x")).await;
    crash(&system, &top, "transient", ExitReason::shutdown("done")).await;
    let children = top.which_children().await.unwrap();
    let states: Vec<(&str, ChildState)> =
        children.iter().map(|child| (child.id.as_str(), child.state)).collect();
    assert_eq!(states, [("transient", ChildState::Stopped), ("permanent", ChildState::Running)]);
    let counts = top.count_children().await.unwrap();
    assert_eq!((counts.specs, counts.active, counts.workers), (2, 1, 2));
}

#[tokio::test(start_paused = true)]
async fn one_restart_more_than_the_limit_fails_upward() {
    let (system, journal) = (system(), Journal::default());
    let inner = SupervisorSpec::new(Strategy::OneForOne).child(child("a", &journal)).name("inner");
    let top = SupervisorSpec::new(Strategy::OneForOne)
        .child(ChildSpec::supervisor("inner", inner))
        .start(&system)
        .await
        .unwrap();
    let first = system.whereis("inner").unwrap();
    for _ in 0..3 {
        crash(&system, &Supervisor::of(&system, first).unwrap(), "a", ExitReason::error("x")).await;
    }
    assert!(system.is_alive(first), "three within five seconds are borne");
    let end = system.watch(first);
    crash(&system, &Supervisor::of(&system, first).unwrap(), "a", ExitReason::error("x")).await;
    assert_eq!(end.await, ExitReason::Shutdown);
    let children = top.which_children().await.unwrap();
    assert_eq!((children[0].restarts, children[0].state), (1, ChildState::Running));
    assert_ne!(system.whereis("inner"), Some(first));
}

#[tokio::test(start_paused = true)]
async fn restarts_far_apart_never_add_up() {
    let (system, journal) = (system(), Journal::default());
    let top = tree(&system, Strategy::OneForOne, &journal).await;
    for _ in 0..20 {
        crash(&system, &top, "a", ExitReason::error("x")).await;
        tokio::time::advance(Duration::from_secs(2)).await;
    }
    assert_eq!(top.which_children().await.unwrap()[0].restarts, 20);
}

#[tokio::test(start_paused = true)]
async fn a_child_that_does_not_start_stops_those_before_it_and_the_supervisor() {
    let (system, journal) = (system(), Journal::default());
    let bad = ChildSpec::new("bad", async |_| Err(Error::Start(ExitReason::error("no disc"))));
    let spec = SupervisorSpec::new(Strategy::OneForOne).child(child("a", &journal)).child(bad);
    let Err(Error::Start(reason)) = spec.start(&system).await else { panic!("it cannot start") };
    assert!(reason.to_string().contains("`bad`") && reason.to_string().contains("no disc"), "{reason}");
    assert_eq!(journal.take(), ["+a", "-a"]);
    assert_eq!(system.process_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_restart_that_fails_is_tried_again_and_each_try_counts() {
    let system = system();
    let starts = Arc::new(AtomicU32::new(0));
    let flaky = |fails: std::ops::Range<u32>, starts: &Arc<AtomicU32>| {
        let starts = starts.clone();
        ChildSpec::new("flaky", move |me| {
            let number = starts.fetch_add(1, Ordering::SeqCst);
            let fails = fails.contains(&number);
            async move { if fails { panic!("not yet") } else { me.spawn_link(obey) } }
        })
    };
    let top =
        SupervisorSpec::new(Strategy::OneForOne).child(flaky(1..3, &starts)).start(&system).await.unwrap();
    crash(&system, &top, "flaky", ExitReason::error("x")).await;
    let running = top.which_children().await.unwrap();
    let again = if running[0].pid.is_some() { running } else { top.which_children().await.unwrap() };
    assert!(again[0].restarts <= 3);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(starts.load(Ordering::SeqCst), 4, "two failures, then it runs");
    assert_eq!(top.which_children().await.unwrap()[0].state, ChildState::Running);

    starts.store(0, Ordering::SeqCst);
    let top =
        SupervisorSpec::new(Strategy::OneForOne).child(flaky(1..99, &starts)).start(&system).await.unwrap();
    let end = system.watch(top.pid());
    crash(&system, &top, "flaky", ExitReason::error("x")).await;
    assert_eq!(end.await, ExitReason::Shutdown);
    assert_eq!(starts.load(Ordering::SeqCst), 4, "the first start and three restarts");
}

#[tokio::test(start_paused = true)]
async fn a_child_that_does_not_listen_is_killed_when_its_time_is_over() {
    let system = system();
    let deaf = |shutdown| {
        ChildSpec::new("deaf", async |me| {
            me.spawn_link(async |mut me: Context| -> () {
                me.trap_exit(true);
                loop {
                    me.receive().await;
                }
            })
        })
        .shutdown(shutdown)
    };
    for (shutdown, seconds) in [(Shutdown::Timeout(Duration::from_secs(5)), 5), (Shutdown::Brutal, 0)] {
        let top =
            SupervisorSpec::new(Strategy::OneForOne).child(deaf(shutdown)).start(&system).await.unwrap();
        let began = tokio::time::Instant::now();
        top.terminate_child("deaf").await.unwrap();
        assert_eq!(began.elapsed(), Duration::from_secs(seconds));
        assert_eq!(top.which_children().await.unwrap()[0].last_exit, Some(ExitReason::Killed));
        top.stop(LIMIT).await.unwrap();
    }
    let top = SupervisorSpec::new(Strategy::OneForOne)
        .child(deaf(Shutdown::Infinity))
        .start(&system)
        .await
        .unwrap();
    let waited = tokio::time::timeout(Duration::from_secs(86_400), top.terminate_child("deaf")).await;
    assert!(waited.is_err(), "it has all the time it needs");
}

#[tokio::test(start_paused = true)]
async fn children_are_added_stopped_started_again_and_deleted_by_id() {
    let (system, journal) = (system(), Journal::default());
    let top = tree(&system, Strategy::OneForOne, &journal).await;
    let id = |text: &str| text.to_owned();
    assert_eq!(top.start_child(child("a", &journal)).await, Err(Error::ChildRunning(id("a"))));
    let added = top.start_child(child("d", &journal)).await.unwrap().unwrap();
    assert!(system.is_alive(added));
    assert_eq!(top.delete_child("d").await, Err(Error::ChildRunning(id("d"))));
    assert_eq!(top.restart_child("d").await, Err(Error::ChildRunning(id("d"))));
    top.terminate_child("d").await.unwrap();
    assert!(!system.is_alive(added));
    assert_eq!(top.start_child(child("d", &journal)).await, Err(Error::ChildPresent(id("d"))));
    let again = top.restart_child("d").await.unwrap().unwrap();
    assert!(system.is_alive(again));
    top.terminate_child("d").await.unwrap();
    top.delete_child("d").await.unwrap();
    for outcome in [top.delete_child("d").await, top.terminate_child("d").await] {
        assert_eq!(outcome, Err(Error::ChildNotFound(id("d"))));
    }
    let twice =
        SupervisorSpec::new(Strategy::OneForOne).child(child("x", &journal)).child(child("x", &journal));
    assert!(matches!(twice.start(&system).await, Err(Error::ChildPresent(_))));
}

#[tokio::test(start_paused = true)]
async fn temporary_children_stopped_with_others_are_forgotten() {
    let (system, journal) = (system(), Journal::default());
    let top = SupervisorSpec::new(Strategy::OneForAll)
        .child(child("a", &journal))
        .child(child("b", &journal).restart(Restart::Temporary))
        .start(&system)
        .await
        .unwrap();
    crash(&system, &top, "a", ExitReason::error("x")).await;
    let children = top.which_children().await.unwrap();
    assert_eq!(children.len(), 1);
    assert_eq!(journal.take(), ["+a", "+b", "-a", "-b", "+a"]);
}

#[tokio::test(start_paused = true)]
async fn a_dynamic_supervisor_restarts_counts_and_stops_its_children() {
    let (system, journal) = (system(), Journal::default());
    let top = DynamicSpec::new().max_children(2).start(&system).await.unwrap();
    let first = top.start_child(child("a", &journal)).await.unwrap().unwrap();
    let second = top.start_child(child("b", &journal).restart(Restart::Temporary)).await.unwrap().unwrap();
    assert_eq!(top.start_child(child("c", &journal)).await, Err(Error::TooManyChildren(2)));
    let ends = (system.watch(first), system.watch(second));
    system.exit(first, ExitReason::Kill);
    system.exit(second, ExitReason::Kill);
    assert_eq!((ends.0.await, ends.1.await), (ExitReason::Killed, ExitReason::Killed));
    let children = top.which_children().await.unwrap();
    assert_eq!((children.len(), children[0].restarts), (1, 1));
    assert_eq!(children[0].last_exit, Some(ExitReason::Killed));
    let third = top.start_child(child("c", &journal)).await.unwrap().unwrap();
    top.terminate_child(third).await.unwrap();
    assert_eq!(top.terminate_child(third).await, Err(Error::ChildNotFound(third.to_string())));
    top.stop(LIMIT).await.unwrap();
    assert_eq!(system.process_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_dynamic_supervisor_stops_ten_thousand_children_at_once_and_kills_the_deaf() {
    let system = system();
    let top = DynamicSpec::new().start(&system).await.unwrap();
    for number in 0..10_000 {
        let deaf = number % 1000 == 0;
        let spec = ChildSpec::new("n", move |me| async move {
            me.spawn_link(async move |mut me: Context| -> () {
                me.trap_exit(deaf);
                loop {
                    me.receive().await;
                }
            })
        });
        top.start_child(spec.shutdown(Shutdown::Timeout(Duration::from_secs(3)))).await.unwrap();
    }
    let began = tokio::time::Instant::now();
    top.stop(LIMIT).await.unwrap();
    assert_eq!(began.elapsed(), Duration::from_secs(3));
    assert_eq!(system.process_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_dynamic_supervisor_gives_up_past_its_limit() {
    let (system, journal) = (system(), Journal::default());
    let top = DynamicSpec::new().intensity(1, Duration::from_secs(5)).start(&system).await.unwrap();
    for _ in 0..3 {
        top.start_child(child("a", &journal)).await.unwrap();
    }
    let end = system.watch(top.pid());
    for child in top.which_children().await.unwrap().into_iter().take(2) {
        system.exit(child.pid.unwrap(), ExitReason::Kill);
    }
    assert_eq!(end.await, ExitReason::Shutdown);
    assert_eq!(system.process_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_suspended_supervisor_still_ends_with_its_parent() {
    for shut_down in [false, true] {
        let (system, journal) = (system(), Journal::default());
        let inner = SupervisorSpec::new(Strategy::OneForOne).child(child("a", &journal)).name("inner");
        let outer = SupervisorSpec::new(Strategy::OneForOne).child(ChildSpec::supervisor("inner", inner));
        let top = outer.start(&system).await.unwrap();
        let inner = system.whereis("inner").unwrap();
        mnemon_otp::sys::suspend(&system, inner, LIMIT).await.unwrap();
        if shut_down {
            mnemon_otp::sys::suspend(&system, top.pid(), LIMIT).await.unwrap();
            assert_eq!(system.shutdown(LIMIT).await, 0, "nobody had to be killed");
        } else {
            top.stop(LIMIT).await.unwrap();
        }
        assert_eq!((journal.take(), system.process_count()), (vec!["+a".to_owned(), "-a".to_owned()], 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_temporary_child_that_asks_to_be_left_out_is_forgotten() {
    let (system, journal) = (system(), Journal::default());
    let asked = Arc::new(AtomicU32::new(0));
    let count = asked.clone();
    let shy = ChildSpec::new("shy", move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        std::future::ready(Err(Error::Ignored))
    });
    let top = SupervisorSpec::new(Strategy::OneForAll)
        .child(shy.clone().restart(Restart::Temporary))
        .child(child("a", &journal))
        .start(&system)
        .await
        .unwrap();
    crash(&system, &top, "a", ExitReason::error("x")).await;
    let ids: Vec<String> = top.which_children().await.unwrap().into_iter().map(|child| child.id).collect();
    assert_eq!((ids, asked.load(Ordering::SeqCst)), (vec!["a".to_owned()], 1));
    assert_eq!(top.start_child(shy).await.unwrap(), None);
    assert_eq!(top.which_children().await.unwrap()[1].state, ChildState::Stopped, "only temporary ones are");
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_that_tries_again_and_again_can_be_stopped() {
    let system = system();
    let starts = Arc::new(AtomicU32::new(0));
    let count = starts.clone();
    let once = ChildSpec::new("once", move |me| {
        let first = count.fetch_add(1, Ordering::SeqCst) == 0;
        async move { if first { me.spawn_link(obey) } else { Err(Error::NoProcess) } }
    });
    let spec = SupervisorSpec::new(Strategy::OneForOne).intensity(u32::MAX, Duration::from_secs(1));
    let inner = ChildSpec::supervisor("inner", spec.clone().child(once).name("inner"));
    let top = spec.child(inner).start(&system).await.unwrap();
    let inner = Supervisor::of(&system, system.whereis("inner").unwrap()).unwrap();
    crash(&system, &inner, "once", ExitReason::error("x")).await;
    while starts.load(Ordering::SeqCst) < 100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(inner.which_children().await.unwrap()[0].state, ChildState::Restarting);
    top.stop(LIMIT).await.unwrap();
    assert_eq!(system.process_count(), 0);
}
