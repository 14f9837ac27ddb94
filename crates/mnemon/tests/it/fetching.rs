//! `fetch`: one load, however many wait, and everybody hears how it went.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mnemon::{Error, Load, Table};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::{node, node_at};

type Page = (String, String);

fn page(url: &str, body: &str) -> Page {
    (url.to_owned(), body.to_owned())
}

/// Lets so many callers wait for one load, which ends as `load` says.
async fn waiters(
    pages: &Table<Page>,
    callers: usize,
    load: fn() -> Result<Load<Page>, String>,
) -> (usize, Vec<Result<Page, Error>>) {
    let (loads, go) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let mut tasks = JoinSet::new();
    for _ in 0..callers {
        let (pages, loads, go) = (pages.clone(), loads.clone(), go.clone());
        tasks.spawn(async move {
            let loader = async move {
                loads.fetch_add(1, Ordering::SeqCst);
                go.notified().await;
                load()
            };
            pages.fetch("/", loader).await
        });
    }
    // On one thread every task runs until it waits before this one goes on twice.
    for _ in 0..4 {
        tokio::task::yield_now().await;
    }
    go.notify_one();
    let answers = tasks.join_all().await;
    (loads.load(Ordering::SeqCst), answers)
}

#[tokio::test]
async fn many_callers_share_one_load() {
    let pages = node().await.create_table::<Page>("pages").await.unwrap();
    let (loads, answers) = waiters(&pages, 20, || Ok(Load::Commit(page("/", "home")))).await;
    assert_eq!(loads, 1);
    assert!(answers.iter().all(|answer| *answer == Ok(page("/", "home"))));
    let again = pages.fetch("/", async { panic!("it is there already") as Result<_, Infallible> }).await;
    assert_eq!(again, Ok(page("/", "home")));
}

#[tokio::test]
async fn a_loaders_error_reaches_every_waiter_and_is_not_kept() {
    let pages = node().await.create_table::<Page>("pages").await.unwrap();
    let (loads, answers) = waiters(&pages, 5, || Err("the origin is down".to_owned())).await;
    assert_eq!((loads, answers.len()), (1, 5));
    for answer in answers {
        assert!(
            matches!(&answer, Err(Error::LoadFailed(why)) if why.contains("the origin is down")),
            "{answer:?}"
        );
    }
    let (loads, answers) = waiters(&pages, 1, || Ok(Load::Commit(page("/", "up again")))).await;
    assert_eq!((loads, &answers[..]), (1, &[Ok(page("/", "up again"))][..]));
}

#[tokio::test]
async fn a_loaders_panic_reaches_every_waiter() {
    let pages = node().await.create_table::<Page>("pages").await.unwrap();
    let (_, answers) = waiters(&pages, 3, || panic!("out of cheese")).await;
    for answer in answers {
        assert!(
            matches!(&answer, Err(Error::LoadFailed(why)) if why.contains("out of cheese")),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn a_loader_decides_whether_and_how_long_its_record_is_kept() {
    let (node, clock) = node_at(1_000).await;
    let pages = node.create_table::<Page>("pages").await.unwrap();
    let load = async |load: Load<Page>| pages.fetch("/", async { Ok::<_, Infallible>(load) }).await;
    assert_eq!(load(Load::Ignore(page("/", "a"))).await, Ok(page("/", "a")));
    assert_eq!(pages.size(), 0);
    let minute = Duration::from_secs(60);
    assert_eq!(load(Load::CommitFor(page("/", "b"), minute)).await, Ok(page("/", "b")));
    assert_eq!(load(Load::Commit(page("/", "c"))).await, Ok(page("/", "b")));
    clock.advance(60_000);
    assert_eq!(load(Load::Commit(page("/", "c"))).await, Ok(page("/", "c")));
    clock.advance(1_000_000_000);
    assert_eq!(load(Load::Commit(page("/", "d"))).await, Ok(page("/", "c")));
}

#[tokio::test]
async fn a_record_of_another_key_is_refused() {
    let pages = node().await.create_table::<Page>("pages").await.unwrap();
    let answer = pages.fetch("/a", async { Ok::<_, Infallible>(Load::Commit(page("/b", ""))) }).await;
    assert!(matches!(answer, Err(Error::LoadFailed(_))), "{answer:?}");
    assert_eq!(pages.size(), 0);
}

#[tokio::test]
async fn a_load_goes_on_when_its_caller_is_gone() {
    let pages = node().await.create_table::<Page>("pages").await.unwrap();
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let caller = tokio::spawn({
        let (pages, begun, go) = (pages.clone(), begun.clone(), go.clone());
        async move {
            let loader = async move {
                begun.notify_one();
                go.notified().await;
                Ok::<_, Infallible>(Load::Commit(page("/", "home")))
            };
            pages.fetch("/", loader).await
        }
    });
    begun.notified().await;
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    go.notify_one();
    let second = pages.fetch("/", async { Ok::<_, Infallible>(Load::Commit(page("/", "late"))) }).await;
    assert_eq!(second, Ok(page("/", "home")));
}
