//! Tasks: values awaited, with limits that are shared, and nothing left behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mnemon_otp::{Context, Error, ExitReason, Settings, StreamOptions, System, Task, yield_many};
use tokio::time::{Instant, sleep_until};

use crate::{LIMIT, obey, system, trapping};

/// Waits in virtual time, as work does that takes this long.
async fn work(ms: u64) -> u64 {
    sleep_until(Instant::now() + Duration::from_millis(ms)).await;
    ms
}

#[tokio::test(start_paused = true)]
async fn a_task_gives_its_value_and_leaves_no_message() {
    let system = system();
    let pid = system
        .spawn(async |mut me: Context| {
            assert_eq!(Task::linked(&me, work(10))?.wait().await?, 10);
            assert_eq!(Task::isolated(&me, work(10))?.wait().await?, 10);
            let late = Task::linked(&me, work(10_000))?.wait_within(Duration::from_secs(1)).await;
            assert_eq!(late, Err(Error::Timeout(Duration::from_secs(1))));
            assert!(me.receive_within(LIMIT).await.is_none());
            Ok::<_, Error>(())
        })
        .unwrap();
    assert_eq!(system.watch(pid).await, ExitReason::Normal);
    assert_eq!(system.process_count(), 0, "the late one was killed");
}

#[tokio::test(start_paused = true)]
async fn a_crash_of_a_linked_task_ends_its_owner_and_of_an_isolated_one_is_told() {
    let system = system();
    let pid = system
        .spawn(async |me: Context| {
            let crashed = Task::isolated(&me, async { panic!("alone") })?.wait().await;
            let Err(Error::Exit(ExitReason::Panic(report))) = crashed else { panic!("{crashed:?}") };
            let _: () =
                Task::linked(&me, async move { panic!("{} no more", report.message) })?.wait().await?;
            Ok::<_, Error>(obey(me).await)
        })
        .unwrap();
    let ExitReason::Panic(report) = system.watch(pid).await else { panic!("a panic was expected") };
    assert_eq!(report.message, "alone no more");
}

#[tokio::test(start_paused = true)]
async fn an_isolated_task_ends_with_its_owner() {
    let system = system();
    let (me, _mailbox) = trapping(&system);
    let task = Task::isolated(&me, std::future::pending::<()>()).unwrap();
    let end = system.watch(task.pid());
    system.exit(me.pid(), ExitReason::Kill);
    end.await;
    assert_eq!(system.process_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_look_at_a_task_does_not_end_it() {
    let system = system();
    let mut task = Task::detached(&system, work(1500)).unwrap();
    assert_eq!(task.yield_within(Duration::from_secs(1)).await, None);
    assert_eq!(task.yield_within(Duration::from_secs(1)).await, Some(Ok(1500)));
    let done = Task::detached(&system, work(0)).unwrap();
    system.watch(done.pid()).await;
    assert_eq!(done.shutdown(LIMIT).await, Some(Ok(0)));
    let (me, mut mailbox) = trapping(&system);
    let running = Task::linked(&me, work(10_000)).unwrap();
    assert_eq!(running.shutdown(LIMIT).await, None);
    assert!(mailbox.try_recv().is_err(), "its owner does not feel it");
}

#[tokio::test(start_paused = true)]
async fn yield_many_waits_for_all_until_one_moment() {
    let system = system();
    let mut tasks: Vec<Task<u64>> =
        [900, 5000, 1000, 1100].map(|ms| Task::detached(&system, work(ms)).unwrap()).into();
    let began = Instant::now();
    let values = yield_many(&mut tasks, Duration::from_millis(1000)).await;
    assert_eq!(began.elapsed(), Duration::from_millis(1000), "the limit is not added up");
    assert_eq!((&values[0], &values[1], &values[3]), (&Some(Ok(900)), &None, &None));
    let late: Vec<Task<u64>> = tasks.into_iter().skip(3).collect();
    for task in late {
        assert_eq!(task.wait().await, Ok(1100), "it was not ended");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_keeps_the_order_or_gives_what_is_done_first() {
    let system = system();
    for (ordered, expected) in [(true, [30, 10, 20]), (false, [10, 20, 30])] {
        let (me, _mailbox) = trapping(&system);
        let options = StreamOptions { ordered, ..Default::default() };
        let values = Task::stream(&me, [30, 10, 20], work, options).collect().await;
        assert_eq!(values.as_deref(), Ok(&expected[..]));
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_runs_no_more_at_once_than_it_may() {
    let system = system();
    let (me, _mailbox) = trapping(&system);
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let one = |ms: u64| {
        let (now, most) = (now.clone(), most.clone());
        async move {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            work(ms).await;
            now.fetch_sub(1, Ordering::SeqCst);
        }
    };
    let options = StreamOptions { max_concurrency: 3, ordered: false, ..Default::default() };
    let items = (0..50).map(|n| n % 7 + 1);
    assert_eq!(Task::stream(&me, items, one, options).collect().await.unwrap().len(), 50);
    assert_eq!(most.load(Ordering::SeqCst), 3);
}

#[tokio::test(start_paused = true)]
async fn a_stream_gives_up_late_items_and_goes_on_and_ends_what_it_began() {
    let system = system();
    let (me, _mailbox) = trapping(&system);
    let limit = Duration::from_secs(1);
    let options = StreamOptions { limit, ..Default::default() };
    let mut stream = Task::stream(&me, [10, 2000, 20], work, options);
    assert_eq!(stream.next().await, Some(Ok(10)));
    assert_eq!(stream.next().await, Some(Err(Error::Timeout(limit))));
    assert_eq!(stream.next().await, Some(Ok(20)));
    assert_eq!(stream.next().await, None);
    let mut abandoned = Task::stream(&me, [10, 2000], work, options);
    assert_eq!(abandoned.next().await, Some(Ok(10)));
    assert_eq!(system.process_count(), 2);
    drop(abandoned);
    tokio::task::yield_now().await;
    assert_eq!(system.process_count(), 1, "only the owner is left");
}

#[tokio::test(start_paused = true)]
async fn a_stream_keeps_its_order_where_an_item_finds_no_room_for_a_process() {
    let settings = Settings { max_processes: 3, ..Default::default() };
    let system = System::with(settings, tokio::runtime::Handle::current());
    let body = async |me: Context| {
        let mut stream = Task::stream(&me, 1..=4_u8, |n| async move { n }, StreamOptions::default());
        let mut values = Vec::new();
        while let Some(value) = stream.next().await {
            values.push(value.ok());
        }
        assert_eq!(values, [Some(1), Some(2), None, Some(4)]);
    };
    let pid = system.spawn(body).unwrap();
    assert_eq!(system.watch(pid).await, ExitReason::Normal);
}

#[tokio::test(start_paused = true)]
async fn a_crash_in_a_stream_is_the_value_of_its_item_alone() {
    let system = system();
    for ordered in [true, false] {
        let (me, mut mailbox) = trapping(&system);
        let options = StreamOptions { ordered, ..Default::default() };
        let one = async |n: u64| {
            assert_ne!(work(n).await, 20, "unlucky");
            n
        };
        let mut stream = Task::stream(&me, [30, 20, 10], one, options);
        let mut values = Vec::new();
        while let Some(value) = stream.next().await {
            values.push(value.ok());
        }
        let expected = if ordered { [Some(30), None, Some(10)] } else { [Some(10), None, Some(30)] };
        assert_eq!(values, expected);
        assert!(mailbox.try_recv().is_err(), "its owner does not feel it");
    }
}
