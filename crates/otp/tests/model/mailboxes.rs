//! Senders that wait for room, a receiver that waits for messages: nobody waits for ever, nothing is lost.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;

use shuttle::{future, thread};

use crate::message::{Envelope, Message, Payload};
use crate::process::Process;
use crate::slot::slot;
use crate::{World, check};

async fn send(process: &Process, value: u32) -> bool {
    let mut payload = Some(Payload::new(value));
    poll_fn(|cx| process.poll_post(&mut payload, cx)).await.is_ok()
}

fn sender(process: &Arc<Process>, values: std::ops::Range<u32>) -> thread::JoinHandle<bool> {
    let process = process.clone();
    thread::spawn(move || {
        future::block_on(async {
            let mut all = true;
            for value in values {
                all &= send(&process, value).await;
            }
            all
        })
    })
}

#[test]
fn waiting_senders_and_a_waiting_receiver_make_way_for_one_another() {
    check(|| {
        let world = World::new();
        let receiver = world.process();
        let senders = [sender(&receiver, 0..3), sender(&receiver, 10..13)];
        let got: Vec<u32> = future::block_on(async {
            let (mut local, mut got) = (VecDeque::new(), Vec::new());
            while got.len() < 6 {
                match poll_fn(|cx| receiver.poll_next(&mut local, cx)).await {
                    Envelope::Message(Message::User(payload)) => {
                        got.push(payload.downcast().expect("a number"))
                    }
                    _ => panic!("only numbers were sent"),
                }
            }
            got
        });
        assert!(senders.into_iter().all(|sender| sender.join().unwrap()));
        for of_one in [0..3, 10..13] {
            let of_one: Vec<u32> = of_one.collect();
            let order: Vec<u32> = got.iter().copied().filter(|value| of_one.contains(value)).collect();
            assert_eq!(order, of_one, "{got:?}");
        }
    });
}

#[test]
fn a_sender_that_waits_for_room_learns_of_the_end() {
    check(|| {
        let world = World::new();
        let receiver = world.process();
        let sender = sender(&receiver, 0..3);
        world.crash(&receiver);
        assert!(!sender.join().unwrap(), "no room for three, and nobody receives");
    });
}

#[test]
fn an_answer_or_its_absence_always_wakes_who_waits() {
    check(|| {
        let (guard, mut taker) = slot::<u32>();
        let late = guard.filler().expect("not yet given").clone();
        let other = thread::spawn(move || drop(guard));
        let third = thread::spawn(move || late.fill(1));
        let answer = future::block_on(poll_fn(|cx| taker.poll_take(cx)));
        other.join().unwrap();
        assert_eq!(third.join().unwrap(), answer.is_some(), "told the truth about whether it arrived");
    });
}

#[test]
fn the_bound_is_for_messages_and_never_for_signals() {
    check(|| {
        let world = World::new();
        let (receiver, linked) = (world.trapping(), world.process());
        world.kernel.link(&receiver, linked.pid);
        world.kernel.monitor(&receiver, linked.pid);
        let (own, w) = (receiver.clone(), world.clone());
        let signals = thread::spawn(move || {
            w.crash(&linked);
            let timer = Message::Timer { reference: w.kernel.new_reference(), payload: Payload::new(()) };
            own.signal(Envelope::Message(timer)).is_ok()
        });
        let posters: Vec<_> = [0, 10]
            .map(|first| {
                let own = receiver.clone();
                thread::spawn(move || {
                    (first..first + 2).filter(|value| own.post(Payload::new(*value)).is_ok()).count()
                })
            })
            .into();
        let accepted: usize = posters.into_iter().map(|poster| poster.join().unwrap()).sum();
        assert!(signals.join().unwrap());
        assert_eq!(accepted, 2, "as many as the bound says: nobody received");
        let all = crate::drain(&receiver);
        let count = |wanted: fn(&Message) -> bool| all.iter().filter(|message| wanted(message)).count();
        assert_eq!(count(|message| matches!(message, Message::User(_))), accepted);
        assert_eq!(count(|message| matches!(message, Message::Exit { .. })), 1);
        assert_eq!(count(|message| matches!(message, Message::Down { .. })), 1);
        assert_eq!(count(|message| matches!(message, Message::Timer { .. })), 1);
        assert!(receiver.post(Payload::new(0)).is_ok(), "there is room again");
    });
}
