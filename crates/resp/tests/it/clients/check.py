"""What a program that uses redis-py does, with the results it relies on."""

import sys
import redis

port = int(sys.argv[1])
r = redis.Redis(port=port, decode_responses=True, client_name="python")

assert r.ping()
assert r.set("k", "v", ex=100) and r.get("k") == "v" and 0 < r.ttl("k") <= 100
assert r.set("k", "w", nx=True) is None
assert r.mset({"a": 1, "b": 2}) and r.mget("a", "b", "none") == ["1", "2", None]
assert r.incr("n", 5) == 5 and r.incrbyfloat("f", 0.5) == 0.5
assert r.hset("h", mapping={"x": "1", "y": "2"}) == 2
assert r.hgetall("h") == {"x": "1", "y": "2"} and r.hincrby("h", "x", 4) == 5
assert sorted(r.scan_iter("*")) == sorted(["k", "a", "b", "n", "f", "h"])
assert r.delete("a", "b", "none") == 2

with r.pipeline() as pipe:
    assert pipe.incr("n").hget("h", "x").get("none").execute() == [6, "5", None]


def bump(pipe):
    current = int(pipe.get("n"))
    pipe.multi()
    pipe.set("n", current + 1)


assert r.transaction(bump, "n") == [True] and r.get("n") == "7"
with r.pipeline() as pipe:
    pipe.watch("n")
    r.set("n", "changed")
    pipe.multi()
    pipe.set("n", "lost")
    try:
        pipe.execute()
        raise SystemExit("a lost transaction was not told")
    except redis.WatchError:
        pass

p = r.pubsub()
p.subscribe("news")
p.psubscribe("n*")
kinds = [p.get_message(timeout=10)["type"] for _ in range(2)]
assert kinds == ["subscribe", "psubscribe"], kinds
assert r.publish("news", "hello") == 2
heard = [p.get_message(timeout=10) for _ in range(2)]
assert [m["type"] for m in heard] == ["message", "pmessage"] and heard[0]["data"] == "hello", heard
assert dict(r.pubsub_numsub("news")) == {"news": 1} and r.pubsub_numpat() == 1
p.unsubscribe()
p.punsubscribe()
assert [p.get_message(timeout=10)["type"] for _ in range(2)] == ["unsubscribe", "punsubscribe"]
p.close()

assert any(c["name"] == "python" and c["cmd"] == "client|list" for c in r.client_list())
assert r.client_getname() == "python" and r.client_id() > 0
assert r.config_set("timeout", 77) and r.config_get("time*") == {"timeout": "77"}
assert r.info()["redis_version"] == "7.0.15" and r.info("clients")["connected_clients"] >= 1
assert r.info("commandstats")["cmdstat_ping"]["calls"] >= 1
assert r.info("keyspace")["db0"]["keys"] == r.dbsize()
assert r.slowlog_get() == [] and r.slowlog_len() == 0
assert r.acl_whoami() == "default" and sorted(r.acl_users()) == ["ada", "default"]
assert r.command_count() > 100 and r.time()[0] > 1_600_000_000

ada = redis.Redis(port=port, username="ada", password="pw", decode_responses=True)
assert ada.get("k") == "v" and ada.acl_whoami() == "ada"
try:
    ada.set("k", "x")
    raise SystemExit("a write without the right was accepted")
except redis.exceptions.NoPermissionError:
    pass
try:
    redis.Redis(port=port, username="ada", password="wrong").ping()
    raise SystemExit("a wrong password was accepted")
except redis.ResponseError as error:
    assert "WRONGPASS" in str(error) or "invalid username-password" in str(error), error

assert r.client_kill_filter(_id=ada.client_id()) == 1
try:
    r.execute_command("T.READ", "nothing", "1")
    raise SystemExit("a table that is not there was read")
except redis.ResponseError as error:
    assert str(error).startswith("NOTABLE"), error
print("ok")
