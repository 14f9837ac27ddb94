//! Users: their passwords, and which tables they may read and write.
//!
//! The user `default` is who has not said a name; it may do everything, and without a password everybody is it. Named
//! users are given at the start; each may read or write tables whose names match its patterns (`db0`…`db15` are tables
//! too), and none may run commands that administer the server. What must stay true: a password is kept as its SHA-256
//! only, and compared in a time that tells nothing of it.

mod grant;

use std::sync::Arc;

use arc_swap::ArcSwap;
use sha2::{Digest, Sha256};

pub use grant::{Grant, UserSpec};

/// The name of the user that needs none.
const DEFAULT: &str = "default";

/// A user.
#[derive(Debug, Clone)]
pub(crate) struct User {
    name: Arc<str>,
    /// `None`: any password is right.
    secret: Option<[u8; 32]>,
    /// `None`: everything is allowed.
    grants: Option<Vec<Grant>>,
}

impl User {
    fn default_with(password: Option<&str>) -> Self {
        let secret = password.filter(|password| !password.is_empty()).map(|text| digest(text.as_bytes()));
        Self { name: DEFAULT.into(), secret, grants: None }
    }

    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Whether nothing is forbidden.
    pub(crate) fn may_do_everything(&self) -> bool {
        self.grants.is_none()
    }

    pub(crate) fn may_read(&self, table: &[u8]) -> bool {
        self.grants.as_ref().is_none_or(|grants| grants.iter().any(|grant| grant.lets_read(table)))
    }

    pub(crate) fn may_write(&self, table: &[u8]) -> bool {
        self.grants.as_ref().is_none_or(|grants| grants.iter().any(|grant| grant.lets_write(table)))
    }

    /// The rights, for those who list them; `None`: everything.
    pub(crate) fn grants(&self) -> Option<&[Grant]> {
        self.grants.as_deref()
    }

    /// The password's SHA-256 in hexadecimal; `None`: there is no password.
    pub(crate) fn secret_text(&self) -> Option<String> {
        self.secret.map(|secret| secret.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Whether this is the password. Takes the same time whatever it is, for texts of one length.
    fn accepts(&self, password: &[u8]) -> bool {
        let Some(secret) = &self.secret else { return true };
        let given = digest(password);
        secret.iter().zip(given).fold(0, |difference, (one, other)| difference | (one ^ other)) == 0
    }
}

fn digest(text: &[u8]) -> [u8; 32] {
    Sha256::digest(text).into()
}

/// The users of a server.
#[derive(Debug)]
pub(crate) struct Users {
    default: ArcSwap<User>,
    named: Vec<Arc<User>>,
}

impl Users {
    pub(crate) fn new(password: Option<&str>, named: &[UserSpec]) -> Self {
        let named = named.iter().map(|spec| {
            let grants = Some(spec.grants.clone());
            Arc::new(User {
                name: spec.name.as_str().into(),
                secret: Some(digest(spec.password.as_bytes())),
                grants,
            })
        });
        Self { default: ArcSwap::from_pointee(User::default_with(password)), named: named.collect() }
    }

    /// The user of a client that has not said who it is.
    pub(crate) fn default_user(&self) -> Arc<User> {
        self.default.load_full()
    }

    /// Whether a client must authenticate before it may do anything.
    pub(crate) fn need_password(&self) -> bool {
        self.default.load().secret.is_some()
    }

    /// Gives the user `default` another password; an empty one: none. Clients that are there stay what they are.
    pub(crate) fn set_password(&self, password: &str) {
        self.default.store(Arc::new(User::default_with(Some(password))));
    }

    /// The user of this name and password.
    pub(crate) fn authenticate(&self, name: &[u8], password: &[u8]) -> Option<Arc<User>> {
        match self.find(name) {
            Some(user) => user.accepts(password).then_some(user),
            None => {
                // An unknown name takes as long as a wrong password.
                let _ = self.default_user().accepts(password);
                None
            }
        }
    }

    /// The user of this name.
    pub(crate) fn find(&self, name: &[u8]) -> Option<Arc<User>> {
        if name == DEFAULT.as_bytes() {
            return Some(self.default_user());
        }
        self.named.iter().find(|user| user.name.as_bytes() == name).cloned()
    }

    /// All users by their names.
    pub(crate) fn all(&self) -> Vec<Arc<User>> {
        let mut all: Vec<Arc<User>> = self.named.iter().cloned().chain([self.default_user()]).collect();
        all.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_needs_its_own_password() {
        let ada: UserSpec = "ada:pw:rw:users".parse().unwrap();
        let users = Users::new(Some("secret"), &[ada]);
        assert!(users.need_password());
        assert!(users.authenticate(b"ada", b"pw").is_some());
        for (name, password) in
            [("ada", "secret"), ("ada", ""), ("ada", "pw1"), ("bob", "pw"), ("default", "pw"), ("ADA", "pw")]
        {
            assert!(users.authenticate(name.as_bytes(), password.as_bytes()).is_none(), "{name} {password}");
        }
        let default = users.authenticate(b"default", b"secret").unwrap();
        assert!(default.may_do_everything() && default.may_write(b"anything"));
    }

    #[test]
    fn an_empty_password_is_none() {
        let users = Users::new(None, &[]);
        assert!(!users.need_password() && users.authenticate(b"default", b"whatever").is_some());
        users.set_password("new");
        assert!(users.need_password() && users.authenticate(b"default", b"whatever").is_none());
        users.set_password("");
        assert!(!users.need_password());
    }

    #[test]
    fn the_password_itself_is_not_kept() {
        let users = Users::new(Some("secret"), &[]);
        let secret = users.default_user().secret_text().unwrap();
        assert_eq!(secret, "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b");
        assert!(!format!("{users:?}").contains("secret\""));
    }
}
