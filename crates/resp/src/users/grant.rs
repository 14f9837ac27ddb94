//! What a user may do with tables, and how it is written in a setting.

use std::str::FromStr;

use crate::glob;

/// The longest name of a user, in bytes.
const NAME_MAX: usize = 64;

/// What may be done with the tables of some names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Their rows may be read.
    pub read: bool,
    /// Their rows may be written, and the tables made and dropped.
    pub write: bool,
    /// Names; `*`, `?` and `[…]` mean what they mean to `KEYS`.
    pub tables: Vec<String>,
}

impl Grant {
    fn is_for(&self, table: &[u8]) -> bool {
        self.tables.iter().any(|pattern| glob::matches_exactly(pattern.as_bytes(), table))
    }

    pub(crate) fn lets_read(&self, table: &[u8]) -> bool {
        self.read && self.is_for(table)
    }

    pub(crate) fn lets_write(&self, table: &[u8]) -> bool {
        self.write && self.is_for(table)
    }
}

impl std::fmt::Display for Grant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rights = match (self.read, self.write) {
            (true, true) => "rw",
            (true, false) => "r",
            (false, true) => "w",
            (false, false) => "-",
        };
        write!(f, "{rights}:{}", self.tables.join(","))
    }
}

/// A named user as settings describe it: `name:password:rights:tables`, with more pairs of rights and tables behind.
///
/// ```
/// use mnemon_resp::UserSpec;
///
/// let user: UserSpec = "ada:open sesame:rw:users,orders*:r:db0".parse()?;
/// assert_eq!(user.grants[0].tables, ["users", "orders*"]);
/// assert!(user.grants[1].read && !user.grants[1].write);
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct UserSpec {
    /// The name; not `default`.
    pub name: String,
    /// The password; it may not be empty and, in the text form, hold no colon.
    pub password: String,
    /// What the user may do; nothing else is allowed.
    pub grants: Vec<Grant>,
}

impl std::fmt::Debug for UserSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserSpec")
            .field("name", &self.name)
            .field("grants", &self.grants)
            .finish_non_exhaustive()
    }
}

impl FromStr for UserSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const FORM: &str = "write NAME:PASSWORD:RIGHTS:TABLES, for example ada:secret:rw:users,orders*";
        let mut parts = text.split(':');
        let (name, password) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let fits = |c: char| c.is_ascii_alphanumeric() || "_-.@".contains(c);
        if name.is_empty() || name.len() > NAME_MAX || !name.chars().all(fits) {
            return Err(format!(
                "a user's name is 1 to {NAME_MAX} of the characters a-z A-Z 0-9 _ - . @; {FORM}"
            ));
        }
        if name == "default" {
            return Err("the user default gets its password from its own setting".to_owned());
        }
        if password.is_empty() {
            return Err(format!("the user {name} needs a password; {FORM}"));
        }
        let mut grants = Vec::new();
        while let Some(rights) = parts.next() {
            let (read, write) = match rights {
                "r" => (true, false),
                "w" => (false, true),
                "rw" => (true, true),
                _ => return Err(format!("the rights of the user {name} are r, w or rw; {FORM}")),
            };
            let tables: Vec<String> =
                parts.next().unwrap_or_default().split(',').map(str::to_owned).collect();
            if tables.iter().any(String::is_empty) {
                return Err(format!("the user {name} has rights on tables without a name; {FORM}"));
            }
            grants.push(Grant { read, write, tables });
        }
        if grants.is_empty() {
            return Err(format!("the user {name} has no rights; {FORM}"));
        }
        Ok(Self { name: name.to_owned(), password: password.to_owned(), grants })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_by_name() {
        let user: UserSpec = "ada:pw:rw:users,orders*:r:db[0-2]".parse().unwrap();
        let (first, second) = (&user.grants[0], &user.grants[1]);
        assert!(first.lets_write(b"orders2026") && first.lets_read(b"users") && !first.lets_read(b"users2"));
        assert!(second.lets_read(b"db2") && !second.lets_write(b"db2") && !second.lets_read(b"db3"));
        assert_eq!(format!("{first} {second}"), "rw:users,orders* r:db[0-2]");
    }

    #[test]
    fn what_cannot_be_is_refused_without_the_password() {
        for text in [
            "",
            "ada",
            "ada:",
            "ada:pw",
            "ada:pw:x:t",
            "ada:pw:rw",
            "ada:pw:rw:",
            "ada:pw:rw:a,,b",
            "a b:pw:r:t",
        ] {
            let refusal = text.parse::<UserSpec>().unwrap_err();
            assert!(refusal.contains("NAME:PASSWORD") && !refusal.contains("pw"), "{text}: {refusal}");
        }
        assert!("default:pw:rw:*".parse::<UserSpec>().is_err());
        assert!(!format!("{:?}", "ada:pw:r:t".parse::<UserSpec>()).contains("pw"));
    }
}
