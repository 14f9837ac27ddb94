//! What the match language reads and refuses.

use super::*;
use crate::query::{MAX_NODES, Query};
use crate::schema::parse_attributes;

fn users() -> Schema {
    let attributes = parse_attributes("id,name:string,age,tags:list,state:atom,extra:map").unwrap();
    Schema::builder("users").attributes(attributes).build().unwrap()
}

fn read(text: &str) -> Condition {
    parse(text.as_bytes(), &users()).unwrap()
}

fn refusal(text: &str) -> String {
    Query::from_json(text.as_bytes(), &users()).unwrap_err().to_string()
}

fn age(test: Test) -> Condition {
    Condition::On(2, test)
}

#[test]
fn members_are_anded_and_plain_values_are_equality() {
    let ada = Condition::On(1, Test::Eq(Term::from("Ada")));
    assert_eq!(read(r#"{"name":"Ada"}"#), ada);
    assert_eq!(
        read(r#" {"age":{">=":30,"<":60},"name":"Ada"} "#),
        Condition::And(vec![age(Test::Ge(Term::from(30))), age(Test::Lt(Term::from(60))), ada])
    );
    assert_eq!(read("{}"), Condition::all());
    assert_eq!(read(r#"{"age":null}"#), age(Test::Eq(Term::nil())));
    assert_eq!(read(r#"{"age":[1]}"#), age(Test::Eq(Term::list([Term::from(1)]))));
}

#[test]
fn every_operator_is_read() {
    let one = || Term::from(1);
    let table = [
        ("==", "1", Test::Eq(one())),
        ("=:=", "1", Test::Exact(one())),
        ("!=", "1", Test::Ne(one())),
        ("<", "1", Test::Lt(one())),
        ("<=", "1", Test::Le(one())),
        (">", "1", Test::Gt(one())),
        (">=", "1", Test::Ge(one())),
        ("in", "[1,[2]]", Test::In(vec![one(), Term::list([Term::from(2)])])),
        ("prefix", "\"ab\"", Test::Prefix(b"ab".to_vec())),
        ("prefix", r#"{"$binary":"/w=="}"#, Test::Prefix(vec![0xFF])),
        ("exists", "true", Test::Exists(true)),
        ("exists", "false", Test::Exists(false)),
    ];
    for (operator, operand, test) in table {
        assert_eq!(read(&format!("{{\"age\":{{{operator:?}:{operand}}}}}")), age(test), "{operator}");
        assert!(OPERATORS.contains(&operator));
    }
}

#[test]
fn maps_and_tagged_values_are_literals() {
    let map = Term::map([(Term::from(">"), Term::from(1))]);
    assert_eq!(read(r#"{"extra":{"==":{">":1}}}"#), Condition::On(5, Test::Eq(map)));
    assert_eq!(read(r#"{"extra":{"==":{}}}"#), Condition::On(5, Test::Eq(Term::map([]))));
    assert_eq!(read(r#"{"state":{"$atom":"on"}}"#), Condition::On(4, Test::Eq(Term::atom("on"))));
    let pair = Term::tuple([Term::from(1)]);
    assert_eq!(read(r#"{"age":{"$tuple":[1]}}"#), age(Test::Eq(pair)));
}

#[test]
fn conditions_are_joined_at_every_level() {
    let one = age(Test::Eq(Term::from(1)));
    assert_eq!(
        read(r#"{"$or":[{"age":1},{"$not":{"$and":[{"age":1},{}]}}]}"#),
        Condition::Or(vec![
            one.clone(),
            Condition::Not(Box::new(Condition::And(vec![one.clone(), Condition::all()])))
        ])
    );
    assert_eq!(read(r#"{"$or":[],"age":1}"#), Condition::And(vec![Condition::Or(vec![]), one]));
}

#[test]
fn unknown_words_are_named_and_the_known_ones_listed() {
    let unknown = [
        (r#"{"nick":1}"#, "\"nick\"", "id, name, age"),
        (r#"{"$nor":[]}"#, "\"$nor\"", "$and, $or, $not"),
        (r#"{"age":{">":1,"foo":2}}"#, "\"foo\"", "==, =:=, !="),
        (r#"{"age":{"$or":[1]}}"#, "\"$or\"", "$tuple"),
    ];
    for (text, name, known) in unknown {
        let refusal = refusal(text);
        assert!(refusal.contains(name) && refusal.contains(known), "{refusal}");
    }
}

#[test]
fn operands_that_do_not_fit_are_refused() {
    let refused = [
        (r#"{"age":{"in":1}}"#, "array of values"),
        (r#"{"age":{"prefix":1}}"#, "string or binary"),
        (r#"{"age":{"exists":1}}"#, "true or false"),
        (r#"{"age":{}}"#, "empty map"),
        (r#"{"age":1,"age":2}"#, "given twice"),
        (r#"{"age":{">":1,">":2}}"#, "given twice"),
        (r#"{"$or":{}}"#, "array of conditions"),
        (r#"{"$or":[1]}"#, "must be an object"),
        (r#"{"$not":[]}"#, "must be an object"),
        ("[]", "must be an object"),
        ("1", "must be an object"),
        ("", "invalid JSON"),
        ("{", "invalid JSON"),
        ("{} {}", "invalid JSON"),
        (r#"{"age":99999999999999999999}"#, "99999999999999999999"),
    ];
    for (text, cause) in refused {
        let refusal = refusal(text);
        assert!(refusal.starts_with("bad query") && refusal.contains(cause), "{text}: {refusal}");
    }
    assert!(parse(b"{\"name\":\"\xFF\"}", &users()).is_err());
}

#[test]
fn depth_and_size_are_bounded() {
    let nested = |levels: usize| "{\"$not\":".repeat(levels) + "{}" + &"}".repeat(levels);
    assert!(Query::from_json(nested(MAX_NESTING - 1).as_bytes(), &users()).is_ok());
    for levels in [MAX_NESTING, 200_000] {
        assert!(refusal(&nested(levels)).contains("nested deeper"));
    }
    let deep_value = format!("{{\"age\":{}1{}}}", "[".repeat(200_000), "]".repeat(200_000));
    assert!(refusal(&deep_value).contains("nested deeper"));
    let many = vec!["{}"; MAX_NODES].join(",");
    assert!(refusal(&format!("{{\"$or\":[{many}]}}")).contains("1024"));
}

#[test]
fn the_examples_of_the_documentation_are_read() {
    let text = include_str!("../../../../../docs/match.md");
    let blocks: Vec<&str> =
        text.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(blocks.len() >= 5);
    for line in blocks.iter().flat_map(|block| block.lines()) {
        let read = Query::from_json(line.as_bytes(), &users());
        assert!(read.is_ok(), "{line}: {read:?}");
    }
}
