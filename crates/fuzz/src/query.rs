//! What must hold for whatever is asked of a table.

use std::cmp::Ordering;
use std::ops::Bound;
use std::sync::Arc;

use mnemon_table::query::{Plan, Query};
use mnemon_table::schema::{AttributeType, Kind, Schema};
use mnemon_table::{Table, TableError};
use mnemon_term::{Record, Term, json};

use crate::model::{Model, attribute};
use crate::shelf;
use crate::spelling::spell;

const ATTRIBUTES: [&str; 3] = ["k", "a", "n"];

/// Most records that one input adds.
const MAX_RECORDS: usize = 16;

/// What stands in every table: keys of all types, equal and nearly equal ones among them.
const RECORDS: [&str; 16] = [
    r#"[1,"Ada",36]"#,
    r#"[1.0,"Ada",36.0]"#,
    r#"[2,"Adam",null]"#,
    r#"[3,"",0]"#,
    r#"[-1.5,{"$binary":"/w=="},-1]"#,
    r#"[9007199254740993,1,9007199254740992.0]"#,
    r#"[{"$atom":"a"},1.0,true]"#,
    r#"[null,null,null]"#,
    r#"[true,{"$atom":"Ada"},false]"#,
    r#"["1",[1],"x"]"#,
    r#"["a",[1.0],"x\u0000"]"#,
    r#"["a\u0000",[],"x\u0000\u0001"]"#,
    r#"["ab",{"$tuple":[1,2]},{}]"#,
    r#"[[1,2],{"x":1},{"$map":[[1,1],[1.0,2]]}]"#,
    r#"[{"$tuple":[]},{"x":1.0},-0.0]"#,
    r#"[{"y":1},"Ada",1e300]"#,
];

/// A condition in the match language on an `ordered_set`, a `set` and a `bag`, all with indexes.
///
/// The first line of the bytes is the condition, each further line a record of three attributes that is written beside
/// those that are always there. Holds that a condition is refused for what it says and nothing else; that what is
/// selected through the plan is what a filter over all records gives, in the order that is promised, for several limits and
/// both directions; that the condition written as text reads back the same.
///
/// # Panics
/// When any of this does not hold.
pub fn match_language(bytes: &[u8]) {
    let mut lines = bytes.split(|&byte| byte == b'\n');
    let text = lines.next().unwrap_or_default();
    let more = lines.take(MAX_RECORDS).filter_map(|line| json::record_from_json(line, &ATTRIBUTES).ok());
    let always = RECORDS.iter().map(|line| json::record_from_json(line.as_bytes(), &ATTRIBUTES));
    let always = always.map(|record| record.expect("the records above are three values each"));
    let query = match Query::from_json(text, &schema(Kind::Set, &[])) {
        Ok(query) => query,
        Err(error) => {
            assert!(matches!(error, TableError::BadQuery(_)), "{error:?}");
            return;
        }
    };
    let records: Vec<Record> = always.chain(more).collect();
    for (kind, indexes) in [
        (Kind::OrderedSet, &[][..]),
        (Kind::OrderedSet, &["a"]),
        (Kind::Set, &["a", "n"]),
        (Kind::Bag, &["a"]),
    ] {
        let schema = schema(kind, indexes);
        read_back(&query, &schema);
        select(&query, schema, &records);
    }
}

fn schema(kind: Kind, indexes: &[&str]) -> Schema {
    let schema = ATTRIBUTES
        .iter()
        .fold(Schema::builder("t").kind(kind), |schema, name| schema.attribute(*name, AttributeType::Any));
    indexes.iter().fold(schema, |schema, name| schema.index(*name)).build().expect("a fixed schema")
}

/// A condition that is written as text reads back the same.
fn read_back(query: &Query, schema: &Schema) {
    let mut text = Vec::new();
    spell(query.condition(), schema, &mut text);
    let again = Query::from_json(&text, schema);
    assert_eq!(again.as_ref(), Ok(query), "{}", text.escape_ascii());
}

fn select(query: &Query, schema: Schema, records: &[Record]) {
    let (kind, indexes) = (schema.kind(), schema.indexes().to_vec());
    let mut model = Model::new(kind);
    let table = shelf::table(schema);
    for record in records {
        table.dirty_write(record.as_ref()).expect("attributes of any type take all records");
        model.write(record);
    }
    let plan = query.plan(kind, &indexes);
    check_bounds(&plan);
    let expected = model.filter(query);
    for limit in [None, Some(0), Some(1), Some(3)] {
        for reverse in [false, true] {
            let query = query.clone().limit(limit).reverse(reverse);
            let found = ask(&table, &query);
            judge(kind, &plan, &query, &found, &expected);
        }
    }
}

/// Bounds are never inverted, and keys are ascending and each there once.
fn check_bounds(plan: &Plan) {
    match plan {
        Plan::Keys(keys) => assert!(keys.is_sorted_by(|a, b| a < b), "{plan:?}"),
        Plan::KeyRange { from, to } | Plan::Index { from, to, .. } => {
            if let (
                Bound::Included(from) | Bound::Excluded(from),
                Bound::Included(to) | Bound::Excluded(to),
            ) = (from, to)
            {
                assert!(from < to, "{plan:?}");
            }
        }
        Plan::Key(_) | Plan::Scan => {}
    }
}

/// What a table selects, which is the same of one state and row by row.
fn ask(table: &Arc<Table>, query: &Query) -> Vec<Record> {
    let found = table.dirty_select(query).expect("the table is there");
    let found: Vec<Record> =
        found.iter().map(|object| object.to_record().expect("tables hold records")).collect();
    let of_one_state = shelf::at_once(table.select(query)).expect("the table is there");
    assert!(of_one_state.iter().map(|object| object.record()).eq(found.iter().map(Record::as_ref)));
    found
}

/// Compares what was found with all records that fulfil the condition, which stand in the order of their keys if the kind
/// has one.
fn judge(kind: Kind, plan: &Plan, query: &Query, found: &[Record], expected: &[Record]) {
    let count = expected.len().min(query.max_records().unwrap_or(usize::MAX));
    assert_eq!(found.len(), count, "{query:?} of a {kind:?} by {plan:?} finds {found:?} of {expected:?}");
    for (at, record) in found.iter().enumerate() {
        assert!(expected.contains(record), "{record:?} does not fulfil {query:?}, by {plan:?}");
        assert!(!found[..at].contains(record), "{record:?} is found twice by {plan:?}");
    }
    // The place of the attribute in whose order they come.
    let place = match (kind, plan) {
        // All objects under a bag's key come at once.
        (Kind::Bag, _) => return,
        (_, Plan::Index { attribute, .. }) => *attribute,
        (Kind::OrderedSet, _) => 0,
        (Kind::Set, _) => return,
    };
    let mut values: Vec<Term> = expected.iter().map(|record| attribute(record, place)).collect();
    let compare = |one: &Term, other: &Term| {
        let order = Term::compare(one, other);
        if query.is_reverse() { order.reverse() } else { order }
    };
    values.sort_by(compare);
    let in_order = found
        .iter()
        .zip(&values)
        .all(|(record, value)| Term::compare(&attribute(record, place), value) == Ordering::Equal);
    assert!(in_order, "{query:?} of a {kind:?} by {plan:?} gives {found:?} of {expected:?}");
}
