//! Conditions as text: the match language written, where the product only reads it.

use mnemon_table::query::{Condition, Test};
use mnemon_table::schema::Schema;
use mnemon_term::{Term, json};

/// The text of a condition: one member an object, so that it is as deep as the condition.
pub(crate) fn spell(condition: &Condition, schema: &Schema, out: &mut Vec<u8>) {
    match condition {
        Condition::On(place, test) => {
            let name = schema.attributes()[usize::from(*place)].name();
            let (operator, operand) = spell_test(test);
            let mut text = Vec::new();
            json::write(&operand, &mut text);
            member(name, out, |out| member(operator, out, |out| out.extend_from_slice(&text)));
        }
        Condition::And(conditions) => member("$and", out, |out| spell_all(conditions, schema, out)),
        Condition::Or(conditions) => member("$or", out, |out| spell_all(conditions, schema, out)),
        Condition::Not(condition) => member("$not", out, |out| spell(condition, schema, out)),
    }
}

/// An object of one member.
fn member(name: &str, out: &mut Vec<u8>, value: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'{');
    json::write(name, out);
    out.push(b':');
    value(out);
    out.push(b'}');
}

fn spell_all(conditions: &[Condition], schema: &Schema, out: &mut Vec<u8>) {
    out.push(b'[');
    for (at, condition) in conditions.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        spell(condition, schema, out);
    }
    out.push(b']');
}

fn spell_test(test: &Test) -> (&'static str, Term) {
    match test {
        Test::Eq(term) => ("==", term.clone()),
        Test::Ne(term) => ("!=", term.clone()),
        Test::Lt(term) => ("<", term.clone()),
        Test::Le(term) => ("<=", term.clone()),
        Test::Gt(term) => (">", term.clone()),
        Test::Ge(term) => (">=", term.clone()),
        Test::Exact(term) => ("=:=", term.clone()),
        Test::In(terms) => ("in", Term::List(terms.clone())),
        Test::Prefix(bytes) => ("prefix", Term::from(bytes.clone())),
        Test::Exists(exists) => ("exists", Term::from(*exists)),
    }
}
