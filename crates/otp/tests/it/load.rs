//! Two real threads, many processes, crashes at any moment: every call is answered, and nothing is left.

use std::time::Duration;

use mnemon_otp::{Agent, ChildSpec, Context, Error, ExitReason, Strategy, SupervisorSpec, System};

use crate::{LIMIT, obey, system};

const SERVERS: usize = 4;
const CALLERS: usize = 8;

fn name(number: usize) -> String {
    format!("server {number}")
}

/// Calls servers by name until it has `goal` answers; an error is only borne where it can be tried again.
async fn call(system: System, caller: usize, goal: u32) -> Result<(), Error> {
    let mut answers = 0;
    while answers < goal {
        let number = (caller + answers as usize) % SERVERS;
        let server = mnemon_otp::ServerRef::named(&system, &name(number)).map(Agent::<u64>::of);
        let answer = match server {
            Ok(agent) => agent.get_and_update(|count| *count += 1).await,
            Err(error) => Err(error),
        };
        match answer {
            Ok(()) => answers += 1,
            Err(Error::NoProcess | Error::Exit(_)) => tokio::task::yield_now().await,
            Err(other) => return Err(other),
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_killed_under_load_cost_callers_an_error_they_can_retry() {
    let system = system();
    let mut top = SupervisorSpec::new(Strategy::OneForOne).intensity(1_000_000, Duration::from_secs(1));
    for number in 0..SERVERS {
        top = top
            .child(ChildSpec::server_with(name(number), move || Agent::begin(|| 0_u64).name(name(number))));
    }
    let top = top.start(&system).await.unwrap();
    let mut ends = Vec::new();
    for caller in 0..CALLERS {
        let work = call(system.clone(), caller, 2_000);
        ends.push(system.watch(system.spawn(async move |_| work.await).unwrap()));
    }
    let killer = system.clone();
    let killing = system
        .spawn(async move |_| {
            for round in 0..2_000_usize {
                if let Some(pid) = killer.whereis(&name(round % SERVERS)) {
                    let reason = if round % 2 == 0 { ExitReason::Kill } else { ExitReason::error("crash") };
                    killer.exit(pid, reason);
                }
                tokio::task::yield_now().await;
            }
        })
        .unwrap();
    ends.push(system.watch(killing));
    for end in ends {
        assert!(matches!(end.await, ExitReason::Normal | ExitReason::NoProcess));
    }
    let children = top.which_children().await.unwrap();
    assert_eq!(children.len(), SERVERS);
    assert!(children.iter().map(|child| child.restarts).sum::<u64>() > 0, "some were killed");
    top.stop(LIMIT).await.unwrap();
    assert_eq!(system.process_count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_runs_through_thousands_of_links_made_at_the_same_time() {
    let system = system();
    for _ in 0..5 {
        let (sender, mut pids) = tokio::sync::mpsc::unbounded_channel();
        let root = system
            .spawn(async move |me: Context| {
                for _ in 0..20 {
                    let sender = sender.clone();
                    me.spawn_link(async move |me: Context| {
                        for _ in 0..100 {
                            let child = me.spawn_link(obey)?;
                            sender.send(child).map_err(|_| Error::NoProcess)?;
                        }
                        Ok::<_, Error>(obey(me).await)
                    })?;
                }
                Ok::<_, Error>(obey(me).await)
            })
            .unwrap();
        // Some of the links are still to be made.
        assert!(pids.recv().await.is_some());
        let end = system.watch(root);
        system.exit(root, ExitReason::error("crash"));
        assert_eq!(end.await, ExitReason::error("crash"));
        while pids.recv().await.is_some() {}
        for pid in system.processes() {
            let reason = system.watch(pid).await;
            assert!(matches!(reason, ExitReason::Error(_) | ExitReason::NoProcess), "{reason}");
        }
        assert_eq!(system.process_count(), 0);
    }
}
