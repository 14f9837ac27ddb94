//! The crate `redis`, in both versions of the protocol.

use redis::{Client, Commands, Connection, RedisResult};

use crate::client::serve;

fn connect(port: u16, version: u8, user: &str) -> RedisResult<Connection> {
    let protocol = if version == 3 { "?protocol=resp3" } else { "" };
    let client = Client::open(format!("redis://{user}127.0.0.1:{port}/{protocol}"))?;
    client.get_connection_with_timeout(std::time::Duration::from_secs(30))
}

#[test]
fn the_crate_redis_works() {
    let server = serve(|config| config.users = vec!["ada:pw:r:db0".parse().unwrap()]);
    let port = server.local_addr().port();
    for version in [2, 3] {
        let mut client = connect(port, version, "").unwrap();
        let () = redis::cmd("FLUSHALL").query(&mut client).unwrap();
        let () = client.set_ex("k", "v", 100).unwrap();
        let () = client.hset_multiple("h", &[("x", 1), ("y", 2)]).unwrap();
        let fields: std::collections::BTreeMap<String, i64> = client.hgetall("h").unwrap();
        assert_eq!(fields.into_iter().collect::<Vec<_>>(), [("x".to_owned(), 1), ("y".to_owned(), 2)]);
        let (value, none): (String, Option<String>) =
            redis::pipe().get("k").get("none").query(&mut client).unwrap();
        assert_eq!((value.as_str(), none), ("v", None));
        let mut keys: Vec<String> = client.scan().unwrap().map(Result::unwrap).collect();
        keys.sort_unstable();
        assert_eq!(keys, ["h", "k"]);
        let (before, after): (i64, i64) =
            redis::pipe().atomic().incr("n", 1).incr("n", 1).query(&mut client).unwrap();
        assert_eq!((before, after), (1, 2));
        let (after,): (i64,) = redis::transaction(&mut client, &["n"], |client, pipe| {
            let old: i64 = client.get("n")?;
            pipe.set("n", old + 40).ignore().get("n").query(client)
        })
        .unwrap();
        assert_eq!(after, 42);
        let refused: RedisResult<i64> = client.incr("h", 1);
        assert_eq!(refused.unwrap_err().code(), Some("WRONGTYPE"));

        let mut listener = connect(port, version, "").unwrap();
        let mut listening = listener.as_pubsub();
        listening.subscribe("news").unwrap();
        listening.psubscribe("n*").unwrap();
        let receivers: i64 = client.publish("news", "hello").unwrap();
        assert_eq!(receivers, 2);
        for pattern in [None, Some("n*".to_owned())] {
            let message = listening.get_message().unwrap();
            assert_eq!(message.get_payload::<String>().unwrap(), "hello");
            assert_eq!(message.get_pattern::<Option<String>>().unwrap(), pattern);
        }

        let mut ada = connect(port, version, "ada:pw@").unwrap();
        assert_eq!(ada.get::<_, String>("k").unwrap(), "v");
        assert_eq!(ada.set::<_, _, ()>("k", "x").unwrap_err().code(), Some("NOPERM"));
        assert!(connect(port, version, "ada:wrong@").is_err());
    }
}
