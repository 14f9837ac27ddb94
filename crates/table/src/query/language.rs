//! The match language: conditions as JSON. `docs/match.md` describes it for its users.
//!
//! Objects of conditions are taken apart here, member by member as raw text; what stands for a value is read by
//! [`mnemon_term::json`], so that values mean here what they mean in records.

use std::fmt;

use mnemon_term::{Term, json};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::TableError;
use crate::query::condition::too_deep;
use crate::query::{Condition, MAX_NESTING, Test};
use crate::schema::{Schema, shortened};

const OPERATORS: [&str; 10] = ["==", "=:=", "!=", "<", "<=", ">", ">=", "in", "prefix", "exists"];
const JOINTS: &str = "$and, $or, $not";

/// Reads a condition. Its nesting is bounded here, the number of its nodes is not.
pub(crate) fn parse(input: &[u8], schema: &Schema) -> Result<Condition, TableError> {
    let raw: &RawValue =
        serde_json::from_slice(input).map_err(|error| bad(format!("invalid JSON: {error}")))?;
    conditions(raw, schema, 1)
}

fn bad(cause: String) -> TableError {
    TableError::BadQuery(cause)
}

/// The members of an object in the order of the text.
struct Members<'j>(Vec<(String, &'j RawValue)>);

impl<'j> Deserialize<'j> for Members<'j> {
    fn deserialize<D: Deserializer<'j>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'j> Visitor<'j> for Object {
            type Value = Members<'j>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'j>>(self, mut access: A) -> Result<Members<'j>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = access.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// The members of an object, none given twice. `what` names the object in errors.
fn members<'j>(raw: &'j RawValue, what: &str) -> Result<Vec<(String, &'j RawValue)>, TableError> {
    let Members(members) =
        serde_json::from_str(raw.get()).map_err(|error| bad(format!("{what} must be an object: {error}")))?;
    let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair.first() == pair.last()).and_then(|pair| pair.first()) {
        Some(twice) => Err(bad(format!("{twice:?} is given twice in {what}; join the two with \"$and\""))),
        None => Ok(members),
    }
}

/// An object of conditions, of which all must hold.
fn conditions(raw: &RawValue, schema: &Schema, level: usize) -> Result<Condition, TableError> {
    if level > MAX_NESTING {
        return Err(too_deep());
    }
    let mut all = Vec::new();
    for (name, value) in members(raw, "a condition")? {
        match name.as_str() {
            "$and" => all.push(Condition::And(list(value, &name, schema, level)?)),
            "$or" => all.push(Condition::Or(list(value, &name, schema, level)?)),
            "$not" => all.push(Condition::Not(Box::new(conditions(value, schema, level + 1)?))),
            attribute => tests(attribute, value, schema, &mut all)?,
        }
    }
    Ok(match all.pop() {
        Some(condition) if all.is_empty() => condition,
        last => {
            all.extend(last);
            Condition::And(all)
        }
    })
}

fn list(raw: &RawValue, name: &str, schema: &Schema, level: usize) -> Result<Vec<Condition>, TableError> {
    let elements: Vec<&RawValue> = serde_json::from_str(raw.get())
        .map_err(|error| bad(format!("{name:?} must be an array of conditions: {error}")))?;
    elements.into_iter().map(|element| conditions(element, schema, level + 1)).collect()
}

/// The tests of one attribute.
fn tests(name: &str, raw: &RawValue, schema: &Schema, all: &mut Vec<Condition>) -> Result<(), TableError> {
    let Some(place) = schema.place_of(name) else {
        let known = schema.attribute_names().join(", ");
        return Err(bad(format!(
            "unknown attribute {name:?} of table {:?}; the attributes are {known}, and conditions are joined by {JOINTS}",
            schema.name()
        )));
    };
    let what = format!("the test of attribute {name:?}");
    if !raw.get().starts_with('{') {
        all.push(Condition::On(place, Test::Eq(value(raw, &what)?)));
        return Ok(());
    }
    let members = members(raw, &what)?;
    match members.as_slice() {
        [] => Err(bad(format!("{what} is empty; for the empty map write {{\"==\":{{}}}}"))),
        // A tagged value such as {"$atom":"ok"}.
        [(tag, _)] if tag.starts_with('$') => {
            all.push(Condition::On(place, Test::Eq(value(raw, &what)?)));
            Ok(())
        }
        members => members.iter().try_for_each(|(operator, operand)| {
            all.push(Condition::On(place, test(operator, operand, &what)?));
            Ok(())
        }),
    }
}

fn test(operator: &str, raw: &RawValue, what: &str) -> Result<Test, TableError> {
    if !OPERATORS.contains(&operator) {
        let operators = OPERATORS.join(", ");
        return Err(bad(format!(
            "unknown operator {operator:?} in {what}; the operators are {operators}; a map to be equal to is written \
             {{\"==\":{{…}}}}"
        )));
    }
    let operand = value(raw, what)?;
    let wrong = |wanted: &str, found: &Term| {
        bad(format!("{operator:?} in {what} takes {wanted}, found {}", shortened(found.view())))
    };
    Ok(match (operator, operand) {
        ("==", term) => Test::Eq(term),
        ("=:=", term) => Test::Exact(term),
        ("!=", term) => Test::Ne(term),
        ("<", term) => Test::Lt(term),
        ("<=", term) => Test::Le(term),
        (">", term) => Test::Gt(term),
        (">=", term) => Test::Ge(term),
        ("in", Term::List(terms)) => Test::In(terms),
        ("in", term) => return Err(wrong("an array of values", &term)),
        ("prefix", Term::Binary(bytes)) => Test::Prefix(bytes),
        ("prefix", term) => return Err(wrong("a string or binary", &term)),
        (_, term) => match term.view().as_bool() {
            Some(exists) => Test::Exists(exists),
            None => return Err(wrong("true or false", &term)),
        },
    })
}

fn value(raw: &RawValue, what: &str) -> Result<Term, TableError> {
    json::parse(raw.get().as_bytes()).map_err(|error| bad(format!("{what}: {error}")))
}

#[cfg(test)]
mod tests;
