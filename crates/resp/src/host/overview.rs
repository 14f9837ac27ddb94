//! What those who run a server may ask it: who is connected, and who may look.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use mnemon_table::Catalog;

use crate::command::command_name;
use crate::host::Host;

/// A connected client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientInfo {
    /// Its number, which no other client of this server has had.
    pub id: u64,
    /// Where it connects from.
    pub address: String,
    /// The name it has given itself; may be empty.
    pub name: String,
    /// Whom it has authenticated as.
    pub user: String,
    /// Its database.
    pub database: u8,
    /// Whether it speaks RESP3.
    pub is_resp3: bool,
    /// Since it connected, in milliseconds.
    pub age_ms: u64,
    /// Since it was last heard of, in milliseconds.
    pub idle_ms: u64,
    /// Its last command, with its subcommand; `NULL` before the first one.
    pub command: String,
}

impl Host {
    /// The tables that are served.
    #[must_use]
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// The clients that are connected, by their numbers: the first `limit` after `after`. O(limit · log clients).
    #[must_use]
    pub fn clients(&self, after: u64, limit: usize) -> Vec<ClientInfo> {
        let now_ms = self.now_ms();
        let clients = self.roster.iter_after(after).take(limit).map(|client| ClientInfo {
            id: client.id,
            address: client.peer.clone(),
            name: String::from_utf8_lossy(&client.name()).into_owned(),
            user: client.user().to_string(),
            database: client.database.load(Relaxed),
            is_resp3: client.resp3.load(Relaxed),
            age_ms: now_ms.saturating_sub(client.born_ms),
            idle_ms: now_ms.saturating_sub(client.active_ms.load(Relaxed)),
            command: command_name(client.command.load(Relaxed)),
        });
        clients.collect()
    }

    /// Whether clients must authenticate.
    #[must_use]
    pub fn is_protected(&self) -> bool {
        self.users.need_password()
    }

    /// Whether this is the password of a user to whom nothing is forbidden. Where no password is set, everybody is.
    #[must_use]
    pub fn admits_operator(&self, user: &str, password: &str) -> bool {
        let user = self.users.authenticate(user.as_bytes(), password.as_bytes());
        user.is_some_and(|user| user.may_do_everything())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use mnemon_store::ManualClock;
    use mnemon_table::Catalog;

    use crate::protocol::ArgsBuf;
    use crate::{Host, Session, Settings};

    fn host(settings: Settings) -> Arc<Host> {
        Arc::new(Host::new(Arc::new(Catalog::local(Box::new(ManualClock::at(1_000)))), settings))
    }

    #[test]
    fn clients_come_in_pages() {
        let host = host(Settings::default());
        let sessions: Vec<Session> = (0..3).map(|n| Session::new(host.clone(), format!("peer{n}"))).collect();
        let first = host.clients(0, 2);
        let ids: Vec<u64> = first.iter().map(|client| client.id).collect();
        let rest = host.clients(ids[1], 10);
        assert_eq!((first.len(), rest.len(), rest[0].address.as_str()), (2, 1, "peer2"));
        drop(sessions);
        assert_eq!(host.clients(0, 10), []);
    }

    #[test]
    fn only_a_user_who_may_do_everything_is_an_operator() {
        let users = vec!["ada:pw:rw:*".parse().unwrap()];
        let open = host(Settings { users: users.clone(), ..Settings::default() });
        assert!(!open.is_protected() && open.admits_operator("default", "whatever"));
        let closed = host(Settings { password: Some("s3cret".to_owned()), users, ..Settings::default() });
        assert!(closed.is_protected() && closed.admits_operator("default", "s3cret"));
        for (user, password) in [("default", "wrong"), ("ada", "pw"), ("ada", "wrong"), ("bob", "s3cret")] {
            assert!(!closed.admits_operator(user, password), "{user}");
        }
        let mut session = Session::new(closed.clone(), "peer");
        let auth: ArgsBuf = ["AUTH", "ada", "pw"].iter().collect();
        drop(session.execute(auth.as_args()));
        assert_eq!(closed.clients(0, 1)[0].user, "ada");
    }
}
