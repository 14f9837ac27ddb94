//! How fast the parser and the writer are on this machine. Run on purpose:
//! `cargo test --release -p mnemon-resp --test it rate -- --ignored --nocapture`.

use std::{hint::black_box, time::Instant};

use mnemon_resp::protocol::{Parser, Progress, Reply, Version, writer};

/// Commands of one pipeline: as many as a 16 KiB read holds.
const PIPELINE: usize = 512;
const ROUNDS: usize = 40_000;

/// Prints what `round`, which handles one pipeline, achieves.
#[expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a stopwatch needs the real time and shows it"
)]
fn measure(what: &str, mut round: impl FnMut()) {
    let started = Instant::now();
    for _ in 0..ROUNDS {
        round();
    }
    let seconds = started.elapsed().as_secs_f64();
    println!("{what}: {:.1} million/s", (PIPELINE * ROUNDS) as f64 / seconds / 1e6);
}

fn parse_all(parser: &mut Parser, bytes: &[u8]) -> usize {
    let (mut rest, mut count) = (bytes, 0);
    while let Ok(Progress::Command { consumed }) = parser.advance(rest) {
        let args = parser.args(rest);
        black_box((args.name(), args.get(1)));
        rest = &rest[consumed..];
        count += 1;
    }
    count
}

#[test]
#[ignore = "a measurement, not a check"]
fn commands_and_replies_a_second() {
    for (what, args) in [
        ("parse GET", &["GET", "key:000001"][..]),
        ("parse SET", &["SET", "key:000001", "value of some 30 bytes or so.."]),
    ] {
        let mut bytes = Vec::new();
        for _ in 0..PIPELINE {
            writer::write_command(&mut bytes, args);
        }
        let mut parser = Parser::default();
        measure(what, || assert_eq!(parse_all(&mut parser, black_box(&bytes)), PIPELINE));
    }
    let line = b"GET key:000001\r\n".repeat(PIPELINE);
    let mut parser = Parser::default();
    measure("parse inline GET", || assert_eq!(parse_all(&mut parser, black_box(&line)), PIPELINE));

    let mut out = Vec::new();
    for (what, reply) in [
        ("write +OK", Reply::OK),
        ("write bulk", Reply::bulk("value of some 30 bytes or so..")),
        ("write integer", Reply::Int(123_456)),
        ("write double", Reply::Double(1234.567)),
    ] {
        measure(what, || {
            out.clear();
            for _ in 0..PIPELINE {
                writer::write(black_box(&reply), Version::Resp3, &mut out);
            }
            black_box(&out);
        });
    }
}
