//! Trees that are ended from outside, and supervisors that take over from one that was killed.

use std::time::Duration;

use mnemon_otp::{
    Agent, ChildSpec, Context, ExitReason, Message, Shutdown, SpawnOptions, Strategy, SupervisorSpec, System,
};

use crate::{LIMIT, system};

async fn agent(system: &System) -> ChildSpec {
    assert!(system.whereis("state").is_none());
    ChildSpec::server_with("agent", || Agent::begin(|| 0_u8).name("state"))
}

#[tokio::test(start_paused = true)]
async fn a_system_that_shuts_down_stops_its_supervisors_in_order() {
    let system = system();
    let inner = SupervisorSpec::new(Strategy::OneForOne).child(agent(&system).await);
    let spec = SupervisorSpec::new(Strategy::OneForOne).child(ChildSpec::supervisor("inner", inner));
    let top = spec.start(&system).await.expect("room for processes");
    let end = system.watch(top.pid());
    assert_eq!(system.shutdown(LIMIT).await, 0, "nobody had to be killed");
    assert_eq!(end.await, ExitReason::Shutdown);
}

/// A process that has a name and takes its time to end once its supervisor has gone.
fn slow(time: Duration) -> ChildSpec {
    let child = ChildSpec::new("slow", move |me| async move {
        let body = move |mut me: Context| async move {
            me.trap_exit(true);
            while !matches!(me.receive().await, Message::Exit { .. }) {}
            drop(me.receive_where_within(time, |_| false).await);
        };
        let pid = me.spawn_with(SpawnOptions::new().link(), body)?.pid;
        match me.system().register_name("slow", pid) {
            Ok(()) => Ok(pid),
            Err(mnemon_otp::Error::AlreadyRegistered(holder)) => {
                me.unlink(pid);
                me.exit(pid, ExitReason::Kill);
                Err(mnemon_otp::Error::AlreadyStarted(holder))
            }
            Err(other) => Err(other),
        }
    });
    child.shutdown(Shutdown::Timeout(LIMIT))
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_that_takes_over_waits_for_the_names_of_orphans() {
    let system = system();
    let inner = SupervisorSpec::new(Strategy::OneForOne).child(slow(Duration::from_secs(2)));
    let spec = SupervisorSpec::new(Strategy::OneForOne).child(ChildSpec::supervisor("inner", inner));
    let top = spec.start(&system).await.expect("room for processes");
    let before = system.whereis("slow").expect("it runs");
    let killed = top.which_children().await.expect("it answers")[0].pid.expect("it runs");
    system.exit(killed, ExitReason::Kill);
    system.watch(killed).await;
    let children = top.which_children().await.expect("it answers when it has started it again");
    let after = system.whereis("slow").expect("it runs again");
    assert_ne!(before, after);
    assert_eq!(children[0].restarts, 1, "one start was enough");
}

#[tokio::test(start_paused = true)]
async fn a_name_held_by_anybody_else_is_not_waited_for() {
    let system = system();
    let holder = Agent::begin(|| 0_u8).name("state").start(&system).await.expect("the name is free");
    let child = ChildSpec::server_with("agent", || Agent::begin(|| 0_u8).name("state"));
    let refused = SupervisorSpec::new(Strategy::OneForOne).child(child).start(&system).await;
    assert!(refused.is_err());
    assert!(holder.is_alive());
}

#[test]
fn a_process_may_run_on_another_runtime_than_its_systems() {
    let runtime = |name: &str| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(1).enable_all().thread_name(name).build().expect("a runtime")
    };
    let (home, away) = (runtime("home"), runtime("away"));
    let system = System::with(mnemon_otp::Settings::default(), home.handle().clone());
    let (sender, receiver) = std::sync::mpsc::channel();
    let body = move |_: Context| async move {
        drop(sender.send(std::thread::current().name().map(str::to_owned)));
        ExitReason::error("seen at home")
    };
    let pid =
        system.spawn_with(SpawnOptions::new().on(away.handle().clone()), body).expect("room for a process");
    let end = home.block_on(system.watch(pid));
    assert_eq!(receiver.recv().expect("it ran"), Some("away".to_owned()));
    assert!(end == ExitReason::error("seen at home") || end == ExitReason::NoProcess, "{end}");
}
