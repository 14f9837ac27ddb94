//! Agents: closures on a state, one at a time, in order.

use std::time::Duration;

use mnemon_otp::{Agent, Context, Error, ExitReason, Registry};

use crate::{LIMIT, system};

#[tokio::test(start_paused = true)]
async fn closures_run_in_the_order_they_were_sent() {
    let system = system();
    let agent = Agent::start(&system, Vec::new).await.unwrap();
    for number in 0..5 {
        agent.cast(move |list| list.push(number)).unwrap();
    }
    agent.update(|list| list.push(5)).await.unwrap();
    assert_eq!(agent.get(Vec::clone).await, Ok(vec![0, 1, 2, 3, 4, 5]));
    assert_eq!(agent.get_and_update(|list| list.drain(..).sum::<i32>()).await, Ok(15));
    agent.stop(LIMIT).await.unwrap();
    assert_eq!(agent.get(Vec::len).await, Err(Error::NoProcess));
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_closure_ends_the_agent_and_tells_the_caller() {
    let system = system();
    let agent = Agent::start(&system, || 1_u8).await.unwrap();
    let failed = agent.update(|_| panic!("in a closure")).await;
    let Err(Error::Exit(ExitReason::Panic(report))) = failed else { panic!("{failed:?}") };
    assert_eq!(report.message, "in a closure");
    assert!(!system.is_alive(agent.pid()));
}

#[tokio::test(start_paused = true)]
async fn a_linked_agent_ends_with_its_owner_and_can_have_a_name() {
    let system = system();
    let names = Registry::<u8>::unique(&system);
    let registry = names.clone();
    let owner = system
        .spawn(async move |me: Context| {
            let server = Agent::begin(|| 7_u8).via(&registry, 1, ()).start_link(&me).await?;
            assert_eq!(Agent::of(server).get(|state| *state).await?, 7);
            Err::<(), _>(Error::Timeout(Duration::ZERO))
        })
        .unwrap();
    assert_eq!(system.watch(owner).await, ExitReason::Timeout);
    tokio::task::yield_now().await;
    assert_eq!(names.whereis(&1), None);
    assert_eq!(system.process_count(), 0);
}
