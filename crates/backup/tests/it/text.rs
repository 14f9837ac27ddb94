//! Tables as text and back.

use mnemon_backup::text::{TextFormat, export, import};
use mnemon_backup::{BackupError, Progress};
use mnemon_table::schema::{AttributeType, Kind, Schema};
use mnemon_table::{Catalog, Table};
use mnemon_term::{Atom, Record, Term};
use proptest::prelude::*;

use crate::{catalog, people, rows, write};

const TYPES: [AttributeType; 11] = [
    AttributeType::Any,
    AttributeType::Int,
    AttributeType::Float,
    AttributeType::Number,
    AttributeType::Binary,
    AttributeType::String,
    AttributeType::Atom,
    AttributeType::Bool,
    AttributeType::List,
    AttributeType::Map,
    AttributeType::Tuple,
];

fn text() -> impl Strategy<Value = String> {
    // Everything that CSV and JSON care about, and everything else.
    prop_oneof![
        "[\",\\\\{}\\[\\]\n\r 0-9.eE+-]{0,6}",
        "\\PC{0,8}",
        Just("null".to_owned()),
        Just("true".to_owned())
    ]
}

fn atom() -> impl Strategy<Value = Term> {
    text().prop_map(|name| Atom::new(name).map_or(Term::nil(), Term::Atom))
}

fn term() -> impl Strategy<Value = Term> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(Term::from),
        any::<f64>().prop_filter_map("a number", |number| Term::float(number).ok()),
        text().prop_map(|text| Term::from(text.as_str())),
        prop::collection::vec(any::<u8>(), 0..8).prop_map(Term::from),
        atom(),
        any::<bool>().prop_map(Term::from),
        Just(Term::nil()),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Term::list),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Term::tuple),
            prop::collection::vec((inner.clone(), inner), 0..4).prop_map(Term::map),
        ]
    })
}

/// A term that an attribute of this type takes, or nil.
fn term_of(takes: AttributeType) -> BoxedStrategy<Term> {
    let own = match takes {
        AttributeType::Int => any::<i64>().prop_map(Term::from).boxed(),
        AttributeType::Float => {
            any::<f64>().prop_filter_map("a number", |number| Term::float(number).ok()).boxed()
        }
        AttributeType::Binary => prop_oneof![
            text().prop_map(|text| Term::from(text.as_str())),
            prop::collection::vec(any::<u8>(), 0..8).prop_map(Term::from)
        ]
        .boxed(),
        AttributeType::String => text().prop_map(|text| Term::from(text.as_str())).boxed(),
        AttributeType::Atom => atom().boxed(),
        AttributeType::Bool => any::<bool>().prop_map(Term::from).boxed(),
        AttributeType::List => prop::collection::vec(term(), 0..3).prop_map(Term::list).boxed(),
        AttributeType::Map => prop::collection::vec((term(), term()), 0..3).prop_map(Term::map).boxed(),
        AttributeType::Tuple => prop::collection::vec(term(), 0..3).prop_map(Term::tuple).boxed(),
        _ => term().boxed(),
    };
    let fits = move |term: &Term| takes.admits(term.view());
    prop_oneof![8 => own.prop_filter("of the type", fits), 1 => Just(Term::nil())].boxed()
}

async fn exported(catalog: &Catalog, name: &str, format: TextFormat) -> Vec<u8> {
    let moment = catalog.moment(60_000).await;
    let still = moment.tables().iter().find(|still| still.schema.name() == name).unwrap();
    let mut out = Vec::new();
    export(&moment, still, format, &mut out, &Progress::default()).unwrap();
    out
}

async fn round_trip(kind: Kind, records: &[(Term, Vec<Term>)]) {
    let catalog = catalog();
    let builder = Schema::builder("t").kind(kind).attribute("k", AttributeType::Any);
    let named = |number: usize| format!("a{number}");
    let builder = TYPES
        .iter()
        .enumerate()
        .fold(builder, |builder, (number, takes)| builder.attribute(named(number), *takes));
    let table = catalog.create(builder.build().unwrap()).await.unwrap();
    for (key, terms) in records {
        let terms: Vec<&Term> = std::iter::once(key).chain(terms).collect();
        table.write(Record::new(terms).unwrap().as_ref()).await.unwrap();
    }
    let before = rows(&table);
    let count = table.fold(0, |count, _| count + 1).await.unwrap();
    for format in [TextFormat::Jsonl, TextFormat::Csv] {
        let text = exported(&catalog, "t", format).await;
        table.clear().await.unwrap();
        let brought = import(&table, format, &text[..]).await;
        assert!(
            matches!(brought, Ok(found) if found == count),
            "{brought:?} of {count}: {}",
            String::from_utf8_lossy(&text)
        );
        assert_eq!(rows(&table), before, "{}", String::from_utf8_lossy(&text));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn what_goes_out_comes_back_whatever_the_types_and_terms(
        kind in prop_oneof![Just(Kind::Set), Just(Kind::OrderedSet), Just(Kind::Bag)],
        records in prop::collection::vec((term(), TYPES.map(term_of).to_vec()), 1..6),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(round_trip(kind, &records));
    }
}

async fn people_table() -> (std::sync::Arc<Catalog>, std::sync::Arc<Table>) {
    let catalog = catalog();
    let table = catalog.create(people(Kind::Set)).await.unwrap();
    (catalog, table)
}

#[tokio::test]
async fn an_error_names_its_line_and_what_stands_before_it_is_there() {
    let (_catalog, table) = people_table().await;
    let many: String = (0..600).map(|id| format!("{{\"id\":{id}}}\n")).collect();
    let cases = [
        (TextFormat::Jsonl, format!("{many}\n{{\"id\":"), 602, 600),
        (TextFormat::Jsonl, format!("{many}{{\"id\":\"x\"}}\n{{\"id\":7000}}"), 601, 600),
        (TextFormat::Jsonl, "{\"id\":1,\"nmae\":2}".to_owned(), 1, 0),
        (TextFormat::Csv, "id,nmae\n1,2\n".to_owned(), 1, 0),
        (TextFormat::Csv, "name\nAda\n".to_owned(), 1, 0),
        (TextFormat::Csv, "id,id\n1,2\n".to_owned(), 1, 0),
        (TextFormat::Csv, "id,name\n1,\"two\nlines\"\nx,y\n".to_owned(), 4, 1),
        (TextFormat::Csv, "id,name\n1,a\n2\n".to_owned(), 3, 1),
        (TextFormat::Csv, "id,name\n1,a\n,b\n".to_owned(), 3, 1),
    ];
    for (format, text, line, there) in cases {
        table.clear().await.unwrap();
        let refused = import(&table, format, text.as_bytes()).await;
        let found = match &refused {
            Err(BackupError::Line { line, .. }) => *line,
            other => panic!("{text:?}: {other:?}"),
        };
        assert_eq!((found, table.size()), (line, there), "{text:?}: {refused:?}");
    }
}

#[tokio::test]
async fn columns_may_come_in_any_order_and_missing_ones_are_nil() {
    let (catalog, table) = people_table().await;
    let text = "\u{feff}name,id\r\nAda,1\r\n\"\",2\r\n";
    assert_eq!(import(&table, TextFormat::Csv, text.as_bytes()).await.unwrap(), 2);
    assert_eq!(import(&table, TextFormat::Csv, &b"id\n3\n"[..]).await.unwrap(), 1);
    assert_eq!(import(&table, TextFormat::Csv, &b""[..]).await.unwrap(), 0);
    let out = String::from_utf8(exported(&catalog, "people", TextFormat::Csv).await).unwrap();
    let mut lines: Vec<&str> = out.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["1,Ada", "2,", "3,", "id,name"]);
    write(&table, &[Term::from(4), Term::from("")]).await;
    assert!(
        String::from_utf8_lossy(&exported(&catalog, "people", TextFormat::Csv).await)
            .contains("4,\"\"\"\"\"\"\n")
    );
}
