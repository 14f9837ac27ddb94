//! Random commands over the test replica: every commit becomes bytes and is applied to three stores that hash and shard
//! differently; they must answer alike and end equal.

use std::sync::Arc;

use mnemon_resp::protocol::ArgsBuf;
use mnemon_resp::{Execution, Host, Session, Settings};
use mnemon_sim::Triple;
use mnemon_store::ManualClock;

use crate::differential::commands::Random;

const COMMANDS: usize = 6_000;

/// Runs one command; whatever it answers.
fn run(session: &mut Session, command: &[Vec<u8>]) {
    let args: ArgsBuf = command.iter().collect();
    if let Execution::Later(answering) = session.execute(args.as_args()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(answering);
    }
}

#[test]
fn three_stores_do_the_same_whatever_clients_ask() {
    let seed = std::env::var("MNEMON_SEED").ok().and_then(|text| text.parse().ok());
    let seed = seed.unwrap_or_else(Random::seed);
    println!("MNEMON_SEED={seed}");
    let mut random = Random::new(seed);
    let clock = Arc::new(ManualClock::at(1_700_000_000_000));
    let (catalog, triple) = Triple::catalog(Triple::new, &clock);
    let host = Arc::new(Host::new(catalog.clone(), Settings::default()));
    let mut session = Session::new(host, "a test");
    let words = |word: &str| vec![word.as_bytes().to_vec()];
    let mut asked = 0;
    while asked < COMMANDS {
        asked += 1;
        if !random.one_in(8) {
            run(&mut session, &random.command());
            continue;
        }
        run(&mut session, &random.watch());
        run(&mut session, &words("MULTI"));
        for _ in 0..random.below(7) {
            asked += 1;
            run(&mut session, &random.transaction_command());
        }
        run(&mut session, &words("EXEC"));
        if random.one_in(10) {
            clock.advance(500_000);
        }
        if random.one_in(20) {
            triple.assert_equal();
        }
    }
    triple.assert_equal();
    // Most commands change something, else nothing was tried.
    assert!(catalog.store().clock() > COMMANDS as u64 / 10, "{} commits", catalog.store().clock());
}
