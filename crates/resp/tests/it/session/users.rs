//! Passwords, users and their rights.

use mnemon_resp::Settings;

use super::{Client, Node, check};

const NO_KEY: &str = "-NOPERM this user has no permissions to access one of the keys used as arguments\r\n";

fn node() -> Node {
    Node::with(Settings {
        password: Some("secret".to_owned()),
        users: vec!["ada:pw:rw:users,orders*:r:db0".parse().unwrap(), "bob:pw2:w:db1".parse().unwrap()],
        ..Settings::default()
    })
}

fn as_user(node: &Node, user: &str, password: &str) -> Client {
    let mut client = node.client();
    assert_eq!(client.say(&format!("AUTH {user} {password}")), "+OK\r\n");
    client
}

fn forbidden(name: &str) -> String {
    format!("-NOPERM this user has no permissions to run the '{name}' command\r\n")
}

#[test]
fn rights_are_those_of_the_tables_a_command_touches() {
    let node = node();
    let mut admin = as_user(&node, "default", "secret");
    admin.set_up(&["SET k v", "T.CREATE secrets"]);
    let mut ada = as_user(&node, "ada", "pw");
    check(
        &mut ada,
        &[
            ("GET k", "$1\r\nv\r\n"),
            ("SET k x", NO_KEY),
            ("DEL k", NO_KEY),
            ("FLUSHDB", NO_KEY),
            ("FLUSHALL", NO_KEY),
            ("EXISTS k", ":1\r\n"),
            ("SELECT 1", "+OK\r\n"),
            ("GET k", NO_KEY),
            ("WATCH k", NO_KEY),
            ("SELECT 0", "+OK\r\n"),
            ("WATCH k", "+OK\r\n"),
            ("T.CREATE users", "+OK\r\n"),
            ("T.CREATE orders2026", "+OK\r\n"),
            ("T.CREATE other", NO_KEY),
            ("T.WRITE users [1,2]", "+OK\r\n"),
            ("T.READ secrets 1", NO_KEY),
            ("T.SUBSCRIBE secrets", NO_KEY),
            ("T.DROP secrets", NO_KEY),
            ("T.DROP users", "+OK\r\n"),
        ],
    );
    let mut bob = as_user(&node, "bob", "pw2");
    bob.set_up(&["SELECT 1", "SET k v"]);
    check(
        &mut bob,
        &[
            ("GET k", NO_KEY),
            ("SET k w GET", NO_KEY),
            ("GETSET k w", NO_KEY),
            ("INCR k", NO_KEY),
            ("DEL k", ":1\r\n"),
        ],
    );
}

#[test]
fn inside_a_transaction_the_selected_database_counts() {
    let node = node();
    let mut ada = as_user(&node, "ada", "pw");
    ada.set_up(&["MULTI"]);
    check(
        &mut ada,
        &[
            ("GET k", "+QUEUED\r\n"),
            ("SELECT 1", "+QUEUED\r\n"),
            ("GET k", NO_KEY),
            ("EXEC", "-EXECABORT Transaction discarded because of previous errors.\r\n"),
        ],
    );
}

#[test]
fn administration_is_for_the_default_user() {
    let node = node();
    let mut ada = as_user(&node, "ada", "pw");
    for (command, name) in [
        ("CONFIG GET *", "config|get"),
        ("CONFIG SET timeout 1", "config|set"),
        ("CLIENT LIST", "client|list"),
        ("CLIENT KILL ID 1", "client|kill"),
        ("CLIENT PAUSE 1", "client|pause"),
        ("SLOWLOG GET", "slowlog|get"),
        ("ACL LIST", "acl|list"),
        ("ACL GETUSER bob", "acl|getuser"),
        ("INFO", "info"),
        ("DEBUG JMAP", "debug"),
    ] {
        assert_eq!(ada.say(command), forbidden(name), "{command}");
    }
    check(
        &mut ada,
        &[
            ("ACL WHOAMI", "$3\r\nada\r\n"),
            ("CLIENT SETNAME a", "+OK\r\n"),
            ("PUBLISH c m", ":0\r\n"),
            ("PING", "+PONG\r\n"),
        ],
    );
    assert!(ada.say("CLIENT INFO").contains("user=ada "));
    let mut admin = as_user(&node, "default", "secret");
    let users = admin.say("ACL LIST");
    assert!(users.contains("user ada on #30c952fab122c3f9759f02a6d95c3758b246b4fee239957b2d4fee46e26170c4 rw:users,orders* r:db0 &* +@all -@admin"), "{users}");
    assert_eq!(admin.say("ACL USERS"), "*3\r\n$3\r\nada\r\n$3\r\nbob\r\n$7\r\ndefault\r\n");
    assert!(admin.say("ACL GETUSER ada").contains("passwords"));
    assert_eq!(admin.say("ACL GETUSER nobody"), "$-1\r\n");
}

#[test]
fn a_wrong_password_leaves_the_client_as_it_was() {
    let node = node();
    let mut client = as_user(&node, "ada", "pw");
    let wrong = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";
    check(
        &mut client,
        &[
            ("AUTH ada nope", wrong),
            ("AUTH nobody pw", wrong),
            ("ACL WHOAMI", "$3\r\nada\r\n"),
            ("AUTH secret", "+OK\r\n"),
            ("ACL WHOAMI", "$7\r\ndefault\r\n"),
            ("RESET", "+RESET\r\n"),
            ("GET k", "-NOAUTH Authentication required.\r\n"),
        ],
    );
}

#[test]
fn a_password_can_be_set_while_clients_are_there() {
    let node = Node::new();
    let (mut one, mut other) = (node.client(), node.client());
    one.set_up(&["CONFIG SET requirepass new"]);
    assert_eq!(other.say("PING"), "+PONG\r\n", "who was trusted stays so, as in Redis");
    assert_eq!(node.client().say("PING"), "-NOAUTH Authentication required.\r\n");
    assert!(!one.say("CONFIG GET requirepass").contains("new"));
    one.set_up(&["CONFIG SET requirepass ''"]);
    assert_eq!(node.client().say("PING"), "+PONG\r\n");
}
