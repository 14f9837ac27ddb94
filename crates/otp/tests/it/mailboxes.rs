//! Mailboxes: order, bounds, and what does not count against them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mnemon_otp::{Context, Error, ExitReason, Inbox, Message, Received, SpawnOptions};

use crate::{LIMIT, idle, obey, system};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_each_sender_arrive_in_the_order_they_were_sent() {
    const SENDERS: usize = 4;
    const EACH: u32 = 5_000;
    let system = system();
    let receiver = system
        .spawn(async move |mut me: Context| {
            let mut next = [0_u32; SENDERS];
            for _ in 0..SENDERS * EACH as usize {
                let Message::User(payload) = me.receive().await else { panic!("a number") };
                let (sender, number) = payload.downcast::<(usize, u32)>().expect("a pair");
                assert_eq!(number, next[sender]);
                next[sender] += 1;
            }
        })
        .unwrap();
    let end = system.watch(receiver);
    for sender in 0..SENDERS {
        let send_all = async move |me: Context| {
            for number in 0..EACH {
                me.system().send_within(receiver, (sender, number), LIMIT).await?;
            }
            Ok::<_, Error>(())
        };
        system.spawn(send_all).unwrap();
    }
    assert_eq!(end.await, ExitReason::Normal);
}

#[tokio::test(start_paused = true)]
async fn a_full_mailbox_refuses_and_takes_again_when_there_is_room() {
    let system = system();
    let pid = system.spawn_with(SpawnOptions::new().mailbox(2), obey).unwrap();
    system.send(pid, 1).unwrap();
    system.send(pid, 2).unwrap();
    assert_eq!(system.send(pid, 3), Err(Error::MailboxFull { pid, capacity: 2 }));
    system.send_within(pid, 4, LIMIT).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn waiting_for_room_ends_at_its_limit_and_when_the_process_does() {
    let system = system();
    let options = SpawnOptions::new().mailbox(1);
    let deaf = system.spawn_with(options, async |_| tokio::sync::Notify::new().notified().await).unwrap();
    system.send(deaf, 1).unwrap();
    let late = system.send_within(deaf, 2, Duration::from_secs(1)).await;
    assert_eq!(late, Err(Error::MailboxFull { pid: deaf, capacity: 1 }));
    let (waited, _) = tokio::join!(system.send_within(deaf, 3, LIMIT), async {
        tokio::task::yield_now().await;
        system.exit(deaf, ExitReason::Kill)
    });
    assert_eq!(waited, Err(Error::NoProcess));
    assert_eq!(system.send(deaf, 4), Err(Error::NoProcess));
}

#[tokio::test(start_paused = true)]
async fn exits_downs_and_timers_come_into_a_full_mailbox() {
    let system = system();
    let options = SpawnOptions::new().mailbox(1);
    let pid = system
        .spawn_with(options, async move |mut me: Context| {
            me.trap_exit(true);
            me.send(me.pid(), "the only place")?;
            assert!(matches!(me.send(me.pid(), "one more"), Err(Error::MailboxFull { .. })));
            let child = me.spawn_link(obey)?;
            let monitor = me.monitor(child);
            me.exit(child, ExitReason::Shutdown);
            me.send_after(Duration::from_secs(1), "late")?;
            assert_eq!(me.receive_down(monitor).await, ExitReason::Shutdown);
            me.receive_where(|message| matches!(message, Message::Exit { .. })).await;
            me.receive_where(|message| matches!(message, Message::Timer { .. })).await;
            assert!(matches!(me.receive().await, Message::User(_)));
            Ok::<_, Error>(())
        })
        .unwrap();
    assert_eq!(system.watch(pid).await, ExitReason::Normal);
}

#[tokio::test(start_paused = true)]
async fn a_process_with_many_messages_gives_way_to_others_and_misses_none() {
    let system = system();
    let taken = Arc::new(AtomicU32::new(0));
    let counted = taken.clone();
    let busy = system
        .spawn(async move |mut me: Context| {
            for number in 0..10_000_u32 {
                me.send(me.pid(), number)?;
            }
            while me.receive_within(Duration::ZERO).await.is_some() {
                counted.fetch_add(1, Ordering::SeqCst);
                if me.receive_where_within(Duration::ZERO, |_| true).await.is_some() {
                    counted.fetch_add(1, Ordering::SeqCst);
                }
            }
            Ok::<_, Error>(())
        })
        .unwrap();
    let seen = taken.clone();
    let other = system.spawn(async move |_| ExitReason::error(seen.load(Ordering::SeqCst).to_string()));
    let ends = (system.watch(busy), system.watch(other.unwrap()));
    let early: u32 = ends.1.await.to_string().parse().unwrap();
    assert!(early < 10_000, "the other had its turn");
    assert_eq!((ends.0.await, taken.load(Ordering::SeqCst)), (ExitReason::Normal, 10_000));
}

#[tokio::test(start_paused = true)]
async fn a_message_to_the_dead_is_an_error() {
    let system = system();
    let pid = idle(&system);
    system.exit(pid, ExitReason::Kill);
    system.watch(pid).await;
    assert_eq!(system.send(pid, 1), Err(Error::NoProcess));
}

#[tokio::test(start_paused = true)]
async fn an_inbox_takes_one_type_and_passes_all_else_on() {
    let system = system();
    let body = async |mut inbox: Inbox<u32>| {
        let (mut numbers, mut others) = (Vec::new(), Vec::new());
        while numbers.len() + others.len() < 4 {
            match inbox.next().await {
                Received::Message(number) => numbers.push(number),
                Received::Other(Message::User(payload)) => others.push(payload.type_name()),
                Received::Other(other) => panic!("{other:?}"),
            }
        }
        assert_eq!((numbers, others), (vec![1, 2, 3], vec!["&str"]));
    };
    let address = system.spawn_typed(SpawnOptions::new().mailbox(3), body).unwrap();
    let end = system.watch(address.pid());
    address.send(1).unwrap();
    system.send(address.pid(), "no number").unwrap();
    address.send(2).unwrap();
    assert!(matches!(address.send(3), Err(Error::MailboxFull { .. })));
    address.send_within(3, LIMIT).await.unwrap();
    assert_eq!(end.await, ExitReason::Normal);
    assert_eq!(address.send(4), Err(Error::NoProcess));
}
