//! Attributes and their types, and the short text in which people write them.

use std::fmt;
use std::str::FromStr;

use mnemon_term::TermRef;
use serde::{Deserialize, Serialize};

use crate::TableError;

/// Which terms an attribute takes.
///
/// Every type also takes `nil` (JSON `null`), which says that there is no value. Only the key must be of its type: a key is
/// `nil` only where the type is `any` or `atom`, whose terms include `nil`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AttributeType {
    /// Every term.
    #[default]
    Any,
    /// Integers.
    Int,
    /// Floats; an integer is none.
    Float,
    /// Integers and floats.
    Number,
    /// Binaries.
    Binary,
    /// Binaries that are UTF-8.
    String,
    /// Atoms, `true`, `false` and `nil` among them.
    Atom,
    /// `true` and `false`.
    Bool,
    /// Lists.
    List,
    /// Maps.
    Map,
    /// Tuples.
    Tuple,
}

impl AttributeType {
    /// All types with their names.
    const NAMES: [(Self, &'static str); 11] = [
        (Self::Any, "any"),
        (Self::Int, "int"),
        (Self::Float, "float"),
        (Self::Number, "number"),
        (Self::Binary, "binary"),
        (Self::String, "string"),
        (Self::Atom, "atom"),
        (Self::Bool, "bool"),
        (Self::List, "list"),
        (Self::Map, "map"),
        (Self::Tuple, "tuple"),
    ];

    /// Whether the term is of this type; that a non-key attribute may be `nil` besides is not counted. O(1), for
    /// `string` O(length).
    #[inline]
    #[must_use]
    pub fn admits(self, term: TermRef<'_>) -> bool {
        match self {
            Self::Any => true,
            Self::Int => matches!(term, TermRef::Int(_)),
            Self::Float => matches!(term, TermRef::Float(_)),
            Self::Number => matches!(term, TermRef::Int(_) | TermRef::Float(_)),
            Self::Binary => matches!(term, TermRef::Binary(_)),
            Self::String => term.as_str().is_some(),
            Self::Atom => matches!(term, TermRef::Atom(_)),
            Self::Bool => term.as_bool().is_some(),
            Self::List => matches!(term, TermRef::List(_)),
            Self::Map => matches!(term, TermRef::Map(_)),
            Self::Tuple => matches!(term, TermRef::Tuple(_)),
        }
    }
}

impl fmt::Display for AttributeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES.iter().find(|(known, _)| known == self).map_or("any", |(_, name)| name);
        f.pad(name)
    }
}

impl FromStr for AttributeType {
    type Err = TableError;

    /// # Errors
    /// `BadSchema` for an unknown name; the message lists the known ones.
    fn from_str(text: &str) -> Result<Self, TableError> {
        let found = Self::NAMES.iter().find(|(_, name)| *name == text);
        found.map(|(known, _)| *known).ok_or_else(|| {
            let names = Self::NAMES.map(|(_, name)| name).join(", ");
            TableError::BadSchema(format!("unknown attribute type {text:?}; the types are {names}"))
        })
    }
}

/// A named place in a table's records.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Attribute {
    name: String,
    #[serde(rename = "type")]
    takes: AttributeType,
}

impl Attribute {
    /// An attribute; its name is checked when a schema is built with it.
    pub fn new(name: impl Into<String>, takes: AttributeType) -> Self {
        Self { name: name.into(), takes }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Which terms it takes.
    pub fn attribute_type(&self) -> AttributeType {
        self.takes
    }
}

impl fmt::Display for Attribute {
    /// In the form that [`parse_attributes`] reads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.takes {
            AttributeType::Any => f.write_str(&self.name),
            takes => write!(f, "{}:{takes}", self.name),
        }
    }
}

/// Reads attributes as people write them: `name` or `name:type`, separated by commas, the key first.
///
/// The names are checked when a schema is built with them.
///
/// # Errors
/// `BadSchema` for an empty name or an unknown type.
///
/// ```
/// use mnemon_table::schema::{AttributeType, parse_attributes};
///
/// let attributes = parse_attributes("id:int, name:string, age")?;
/// assert_eq!(attributes[1].name(), "name");
/// assert_eq!(attributes[1].attribute_type(), AttributeType::String);
/// assert_eq!(attributes[2].attribute_type(), AttributeType::Any);
/// # Ok::<(), mnemon_table::TableError>(())
/// ```
pub fn parse_attributes(text: &str) -> Result<Vec<Attribute>, TableError> {
    let parse = |part: &str| {
        let (name, takes) = match part.split_once(':') {
            Some((name, takes)) => (name.trim(), takes.trim().parse()?),
            None => (part.trim(), AttributeType::Any),
        };
        if name.is_empty() {
            return Err(TableError::BadSchema(format!(
                "an attribute of {text:?} has no name; write name or name:type, separated by commas"
            )));
        }
        Ok(Attribute::new(name, takes))
    };
    text.split(',').map(parse).collect()
}

#[cfg(test)]
mod tests {
    use mnemon_term::Term;

    use super::*;

    #[test]
    fn type_names_read_as_they_are_written() {
        for (takes, name) in AttributeType::NAMES {
            assert_eq!(takes.to_string(), name);
            assert_eq!(name.parse(), Ok(takes));
        }
        let error = "text".parse::<AttributeType>().unwrap_err().to_string();
        assert!(error.contains("\"text\"") && error.contains("int, float, number"), "{error}");
    }

    #[test]
    fn each_type_admits_its_own_terms() {
        use AttributeType as T;
        let terms = [
            (Term::from(1), vec![T::Int, T::Number]),
            (Term::float(1.0).unwrap(), vec![T::Float, T::Number]),
            (Term::from("é"), vec![T::Binary, T::String]),
            (Term::from(vec![0xFF]), vec![T::Binary]),
            (Term::atom("ok"), vec![T::Atom]),
            (Term::from(true), vec![T::Atom, T::Bool]),
            (Term::nil(), vec![T::Atom]),
            (Term::list([]), vec![T::List]),
            (Term::map([]), vec![T::Map]),
            (Term::tuple([]), vec![T::Tuple]),
        ];
        for (term, admitting) in terms {
            for (takes, name) in T::NAMES {
                let expected = takes == T::Any || admitting.contains(&takes);
                assert_eq!(takes.admits(term.view()), expected, "{name} {term:?}");
            }
        }
    }

    #[test]
    fn attributes_read_as_they_are_written() {
        let attributes = parse_attributes("id:int,name:string , age").unwrap();
        let written: Vec<String> = attributes.iter().map(ToString::to_string).collect();
        assert_eq!(written, ["id:int", "name:string", "age"]);
    }

    #[test]
    fn attributes_without_name_or_with_an_unknown_type_are_refused() {
        for text in ["", "id,", ",id", ":int", "id:", "id:integer", "id:int:int"] {
            assert!(matches!(parse_attributes(text), Err(TableError::BadSchema(_))), "{text}");
        }
    }
}
