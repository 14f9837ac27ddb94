//! Answers that must wait until what they show is durable.

use std::sync::mpsc::{Receiver, Sender, channel};

use mnemon_disc::log::Workers;
use mnemon_disc::testing::{Fault, FaultyDisc};
use mnemon_resp::protocol::Reply;
use mnemon_resp::{Server, ServerConfig};
use mnemon_store::SystemClock;
use mnemon_store::clock::Clock;
use parking_lot::Mutex;

use crate::client::Client;
use crate::disc::recover;

/// A clock at which queries that run aside stop: each tells of itself and waits until it may go on.
struct Gate {
    arrived: Sender<()>,
    opened: Mutex<Receiver<()>>,
}

impl Clock for Gate {
    fn now_ms(&self) -> u64 {
        if std::thread::current().name().is_some_and(|name| name.ends_with("-query")) {
            // The test has gone, or lets it go.
            let _ = self.arrived.send(());
            let _ = self.opened.lock().recv();
        }
        SystemClock.now_ms()
    }
}

/// A server over a new directory on this disc.
fn serve_on(disc: &FaultyDisc, clock: Gate) -> (Server, Workers) {
    let (catalog, loading, workers) = recover(disc, Box::new(clock));
    loading.run(catalog.store(), |_| 0, |_| catalog.note_loaded()).unwrap();
    let config = ServerConfig { addr: ([127, 0, 0, 1], 0).into(), ..ServerConfig::default() };
    (Server::bind(config, catalog).unwrap(), workers)
}

#[test]
fn a_query_that_ran_long_shows_nothing_that_the_disc_has_not_kept() {
    let disc = FaultyDisc::new();
    let ((arrived, query_arrived), (open, opened)) = (channel(), channel());
    let (server, _workers) = serve_on(&disc, Gate { arrived, opened: Mutex::new(opened) });
    let [mut writer, mut reader] = [(); 2].map(|()| Client::connect(server.local_addr()));
    assert_eq!(writer.say("T.CREATE t ATTRS id STORAGE disc DURABILITY commit"), Reply::OK);
    // With an end, so that the query asks for the time when it has read it.
    assert_eq!(writer.say("T.WRITE t {\"id\":1} TTL 1000000"), Reply::OK);
    reader.send_bytes(b"*3\r\n$7\r\nT.MATCH\r\n$1\r\nt\r\n$2\r\n{}\r\n");
    // All that was written before is durable, so nothing was to be waited for.
    query_arrived.recv().unwrap();
    disc.fail_at(disc.steps(), Fault::Stop);
    let Reply::Error(refused) = writer.say("T.WRITE t {\"id\":2}") else { panic!("it was kept") };
    assert!(refused.starts_with("OUTCOMEUNKNOWN "), "{refused}");
    drop(open);
    let answer = String::from_utf8(reader.rest()).unwrap();
    assert!(answer.starts_with("-OUTCOMEUNKNOWN "), "{answer}");
}
