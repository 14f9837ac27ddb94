//! Clients that others wrote, against this server, as their users use them.
//!
//! A test whose client is not installed says so and passes; with `MNEMON_REQUIRE_CLIENTS=1` it fails. Debian's
//! `python3-redis` brings the one for Python; those for JavaScript are the packages `ioredis` and `redis`, in a directory
//! that `MNEMON_NODE_MODULES` names.

mod redis_rs;
mod scripted;

/// Whether a client that is not there is a failure.
fn skip(client: &str, why: &str) {
    let required = std::env::var_os("MNEMON_REQUIRE_CLIENTS").is_some_and(|value| value == "1");
    assert!(!required, "{client} cannot be used and MNEMON_REQUIRE_CLIENTS is set: {why}");
    println!("skipped: {client} cannot be used: {why}");
}
