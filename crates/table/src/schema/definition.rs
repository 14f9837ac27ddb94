//! The fields of a schema and the rules they obey together.

use mnemon_store::{Durability, Kind};
use mnemon_term::MAX_ARITY;
use serde::{Deserialize, Serialize};

use crate::TableError;
use crate::schema::{AccessMode, Attribute, Placement, Schema, Storage};

/// Longest name of a table or attribute, in bytes.
const MAX_NAME: usize = 255;

/// The fields of a schema, not yet checked. Their order is the order in logs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Definition {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) indexes: Vec<u16>,
    pub(crate) access: AccessMode,
    pub(crate) storage: Storage,
    #[serde(default)]
    pub(crate) durability: Durability,
    pub(crate) placement: Placement,
    pub(crate) ttl_ms: Option<u64>,
    pub(crate) max_entries: Option<u64>,
    pub(crate) max_bytes: Option<u64>,
    pub(crate) version: u64,
    #[serde(default)]
    pub(crate) load_order: i32,
}

impl TryFrom<Definition> for Schema {
    type Error = TableError;

    fn try_from(mut definition: Definition) -> Result<Self, TableError> {
        check_table_name(&definition.name)?;
        check_attributes(&definition)?;
        definition.indexes.sort_unstable();
        check_indexes(&definition)?;
        check_bounds(&definition)?;
        Ok(Self(definition))
    }
}

fn bad(definition: &Definition, cause: impl std::fmt::Display) -> TableError {
    TableError::BadSchema(format!("table {:?}: {cause}", definition.name))
}

fn check_table_name(name: &str) -> Result<(), TableError> {
    if is_name(name, b"_.:-") {
        return Ok(());
    }
    let name: String = name.chars().take(64).collect();
    Err(TableError::BadSchema(format!(
        "{name:?} is no table name; take 1 to {MAX_NAME} of A-Z a-z 0-9 _ . : - and do not begin with -"
    )))
}

fn is_name(name: &str, signs: &[u8]) -> bool {
    (1..=MAX_NAME).contains(&name.len())
        && !name.starts_with('-')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || signs.contains(&byte))
}

fn check_attributes(definition: &Definition) -> Result<(), TableError> {
    let attributes = &definition.attributes;
    if !(1..=MAX_ARITY).contains(&attributes.len()) {
        let count = attributes.len();
        let cause = format!("it has {count} attributes; give it 1 to {MAX_ARITY}, the key first");
        return Err(bad(definition, cause));
    }
    for (place, attribute) in attributes.iter().enumerate() {
        let name = attribute.name();
        // A colon would make `name:type` ambiguous.
        if !is_name(name, b"_.-") {
            let name: String = name.chars().take(64).collect();
            let cause = format!(
                "{name:?} is no attribute name; take 1 to {MAX_NAME} of A-Z a-z 0-9 _ . - and do not begin with -"
            );
            return Err(bad(definition, cause));
        }
        if attributes.iter().take(place).any(|earlier| earlier.name() == name) {
            return Err(bad(definition, format!("attribute {name:?} is given twice; give it once")));
        }
    }
    Ok(())
}

/// The indexes are sorted.
fn check_indexes(definition: &Definition) -> Result<(), TableError> {
    for (at, &place) in definition.indexes.iter().enumerate() {
        let Some(attribute) = definition.attributes.get(usize::from(place)) else {
            return Err(bad(definition, format!("an index on place {place}, where no attribute is")));
        };
        let name = attribute.name();
        if place == 0 {
            let cause = format!("{name:?} is the key and needs no index; leave it out");
            return Err(bad(definition, cause));
        }
        if at > 0 && definition.indexes.get(at - 1) == Some(&place) {
            return Err(bad(definition, format!("two indexes on {name:?}; one is enough")));
        }
    }
    Ok(())
}

fn check_bounds(definition: &Definition) -> Result<(), TableError> {
    let bounds = [
        ("ttl_ms", definition.ttl_ms),
        ("max_entries", definition.max_entries),
        ("max_bytes", definition.max_bytes),
    ];
    let evicting = bounds[1..].iter().find(|(_, bound)| bound.is_some());
    if let (Storage::DiscOnly, Some((name, _))) = (definition.storage, evicting) {
        let cause =
            "rows on disc only are not evicted; leave it out, give a ttl_ms, or store the table as disc";
        return Err(bad(definition, format!("{name} with storage disc_only: {cause}")));
    }
    for (name, bound) in bounds {
        if bound == Some(0) {
            return Err(bad(
                definition,
                format!("{name} is 0; leave it out for no bound, or make it at least 1"),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{AttributeType, SchemaBuilder};

    fn refusal(builder: SchemaBuilder) -> String {
        builder.build().unwrap_err().to_string()
    }

    fn of(attributes: &[&str]) -> SchemaBuilder {
        let attributes = attributes.iter().map(|name| Attribute::new(*name, AttributeType::Any));
        Schema::builder("t").attributes(attributes)
    }

    #[test]
    fn table_names_are_of_a_few_signs() {
        for name in ["a", "shop.users:v-2_x", "0", ":", &"n".repeat(255)] {
            assert!(Schema::builder(name).build().is_ok(), "{name}");
        }
        for name in ["", "-a", "a b", "a/b", "é", "a\n", &"n".repeat(256)] {
            assert!(refusal(Schema::builder(name)).contains("is no table name"), "{name}");
        }
    }

    #[test]
    fn attribute_names_are_of_a_few_signs_without_colon() {
        assert!(of(&["a-b.c_D9"]).build().is_ok());
        for name in ["", "-a", "a:b", "$1", "a b", &"n".repeat(256)] {
            assert!(refusal(of(&["id", name])).contains("is no attribute name"), "{name}");
        }
    }

    #[test]
    fn attributes_are_unique_and_as_many_as_a_record_holds() {
        assert!(refusal(of(&["a", "b", "a"])).contains("\"a\" is given twice"));
        let names: Vec<String> = (0..=MAX_ARITY).map(|at| format!("a{at}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert!(of(&names[..MAX_ARITY]).build().is_ok());
        assert!(refusal(of(&names)).contains("256 attributes"));
    }

    #[test]
    fn indexes_are_on_other_attributes_than_the_key_and_once() {
        assert!(of(&["id", "age"]).index("age").build().is_ok());
        assert!(refusal(of(&["id", "age"]).index("id")).contains("is the key"));
        assert!(refusal(of(&["id", "age"]).index("age").index("age")).contains("two indexes"));
        let unknown = refusal(of(&["id", "age"]).index("name"));
        assert!(unknown.contains("\"name\"") && unknown.contains("id, age"), "{unknown}");
    }

    #[test]
    fn what_is_on_disc_only_is_not_evicted() {
        let on_disc = || of(&["id"]).storage(Storage::DiscOnly);
        assert!(on_disc().ttl_ms(1).build().is_ok());
        assert!(refusal(on_disc().max_entries(1)).contains("max_entries with storage disc_only"));
        assert!(refusal(on_disc().max_bytes(1)).contains("not evicted"));
    }

    #[test]
    fn bounds_are_positive() {
        assert!(refusal(of(&["id"]).ttl_ms(0)).contains("ttl_ms"));
        assert!(refusal(of(&["id"]).max_entries(0)).contains("max_entries"));
        assert!(refusal(of(&["id"]).max_bytes(0)).contains("max_bytes"));
        assert!(of(&["id"]).kind(Kind::Bag).max_entries(1).max_bytes(1).ttl_ms(1).build().is_ok());
    }
}
