//! How fast messages reach many subscribers; a measurement: `cargo test --release -p mnemon-resp --test it -- --ignored
//! --nocapture messages`.

use mnemon_resp::protocol::{Reply, writer};

use crate::client::{Client, read_some, serve};

#[test]
#[ignore = "a measurement, not a check"]
fn messages_a_second_to_a_hundred_subscribers() {
    const SUBSCRIBERS: usize = 100;
    const MESSAGES: usize = 20_000;
    let server = serve(|_| {});
    let mut subscribers: Vec<Client> =
        (0..SUBSCRIBERS).map(|_| Client::connect(server.local_addr())).collect();
    for subscriber in &mut subscribers {
        assert!(matches!(subscriber.say("SUBSCRIBE c"), Reply::Array(_)));
    }
    let text = [b'x'; 40];
    let mut bytes = Vec::new();
    (0..100).for_each(|_| writer::write_command(&mut bytes, [&b"PUBLISH"[..], b"c", &text]));
    // One message: *3 $7 message $1 c $40 …
    let expected = MESSAGES * (4 + 13 + 7 + 47);
    #[expect(clippy::disallowed_methods, reason = "a measurement")]
    let start = std::time::Instant::now();
    std::thread::scope(|scope| {
        // One thread reads for all, so that the readers do not take the processors from the server.
        scope.spawn(|| {
            let mut left = vec![expected; SUBSCRIBERS];
            let mut chunk = vec![0; 64 * 1024];
            while left.iter().any(|left| *left > 0) {
                for (subscriber, left) in subscribers.iter_mut().zip(&mut left) {
                    if *left > 0 {
                        *left -= read_some(&mut subscriber.stream, &mut chunk).unwrap().min(*left);
                    }
                }
            }
        });
        let mut speaker = Client::connect(server.local_addr());
        for _ in 0..MESSAGES / 100 {
            speaker.send_bytes(&bytes);
            (0..100).for_each(|_| assert_eq!(speaker.receive().0, Reply::Int(100)));
        }
    });
    let seconds = start.elapsed().as_secs_f64();
    let published = MESSAGES as f64 / seconds;
    println!(
        "{published:.0} messages/s to {SUBSCRIBERS} subscribers, {:.0} deliveries/s",
        published * SUBSCRIBERS as f64
    );
}
