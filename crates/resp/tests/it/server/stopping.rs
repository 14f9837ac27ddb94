//! What clients see of a server that stops.

use std::net::TcpListener;
use std::sync::mpsc::{Sender, channel};

use mnemon_resp::protocol::{DecodeLimits, Reply, decode, writer};

use crate::client::{Client, is_closed, read_some, serve};

const BATCH: usize = 100;

/// Sends batches of INCR and reads their answers until the server hangs up; the last number that was answered.
fn count_until_the_end(mut client: Client, number: usize, started: &Sender<usize>) -> i64 {
    let key = &format!("n{number}");
    let mut batch = Vec::new();
    (0..BATCH).for_each(|_| writer::write_command(&mut batch, ["INCR", key]));
    let (mut last, mut unread) = (0, Vec::new());
    loop {
        if std::io::Write::write_all(&mut client.stream, &batch).is_err() {
            return last;
        }
        let mut missing = BATCH;
        while missing > 0 {
            while let Some((reply, len)) = decode(&unread, &DecodeLimits::default()).expect("answers") {
                unread.drain(..len);
                missing -= 1;
                let Reply::Int(number) = reply else { panic!("{reply:?}") };
                last = number;
            }
            let mut piece = [0; 4096];
            if missing > 0 {
                match read_some(&mut client.stream, &mut piece) {
                    Ok(count) if count > 0 => unread.extend_from_slice(&piece[..count]),
                    _ => return last,
                }
            }
        }
        let _ = started.send(number);
    }
}

#[test]
fn what_was_applied_is_answered_before_the_end() {
    let server = serve(|config| config.threads = 2);
    let addr = server.local_addr();
    let catalog = server.host().catalog().clone();
    let (started, starts) = channel();
    let counting: Vec<_> = (0..4)
        .map(|number| {
            let (client, started) = (Client::connect(addr), started.clone());
            std::thread::spawn(move || count_until_the_end(client, number, &started))
        })
        .collect();
    // Stop amid the traffic of all of them.
    let mut batches = [0; 4];
    while batches.contains(&0) || batches.iter().sum::<usize>() < 40 {
        batches[starts.recv().expect("they count")] += 1;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(server.shutdown()).unwrap();
    let answered: Vec<i64> = counting.into_iter().map(|client| client.join().unwrap()).collect();
    let table = catalog.database(0);
    for (number, answered) in answered.into_iter().enumerate() {
        let row = table.store().get(table.copy(), format!("n{number}").as_bytes()).expect("it was counted");
        let applied: i64 = String::from_utf8_lossy(row.body()).parse().unwrap();
        assert_eq!(applied, answered, "n{number}");
    }
}

#[test]
fn idle_clients_and_subscribers_do_not_hold_it_up() {
    let server = serve(|_| {});
    let addr = server.local_addr();
    let mut idle = Client::connect(addr);
    assert_eq!(idle.say("PING"), Reply::simple("PONG"));
    let mut subscriber = Client::connect(addr);
    subscriber.say("SUBSCRIBE news");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(server.shutdown()).unwrap();
    for client in [&mut idle, &mut subscriber] {
        assert!(is_closed(&mut client.stream));
    }
    TcpListener::bind(addr).expect("the address is free");
}
