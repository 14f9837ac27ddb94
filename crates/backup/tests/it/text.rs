//! Tables as text and back.

use std::sync::Arc;

use mnemon_backup::text::{TextFormat, TextOptions, export, import};
use mnemon_backup::{BackupError, Progress};
use mnemon_store::collection::Hash;
use mnemon_store::{Collection, Expiry, Op, Value, When};
use mnemon_table::schema::{AttributeType, Kind, Schema};
use mnemon_table::{Catalog, State, Table};
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

async fn exported(catalog: &Catalog, name: &str, format: impl Into<TextOptions>) -> Vec<u8> {
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

async fn people_table() -> (Arc<Catalog>, Arc<Table>) {
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

/// As a file ends that was not copied to its end: the record was taken with what there was of it.
#[tokio::test]
async fn a_text_that_ends_within_quotes_is_refused_and_what_stands_before_is_there() {
    let whole = "id,name\n1,\"a, b\"\n2,\"c, \"\"d\"\"\"\n";
    for (text, line, there) in [
        ("id,name\n1,\"a, b\"\n2,\"c, ", "line 3", 1),
        ("id,name\n1,\"a, b\"\n2,\"c, \"\"d", "line 3", 1),
        ("id,name\n1,\"abc\n2,x\n3,y\n", "line 2", 0),
    ] {
        let (_, table) = people_table().await;
        let told = import(&table, TextFormat::Csv, text.as_bytes()).await.unwrap_err().to_string();
        assert!(told.contains(line) && told.contains("quote"), "{told}");
        assert_eq!(table.size(), there, "{text:?}");
    }
    let (_, table) = people_table().await;
    assert_eq!(import(&table, TextFormat::Csv, whole.as_bytes()).await.unwrap(), 2);
    // Many quotes, over more than the library reads at once.
    let many: String = (10..4_000).map(|id| format!("{id},\"a \"\"{id}\"\"\"\n")).collect();
    assert_eq!(import(&table, TextFormat::Csv, format!("id,name\n{many}").as_bytes()).await.unwrap(), 3_990);
}

/// Bytes of all sorts, text more often than not.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        text().prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..6),
        any::<i32>().prop_map(|number| number.to_string().into_bytes()),
        Just(b"$binary".to_vec()),
        Just(b"{\"$binary\":\"/w==\"}".to_vec()),
    ]
}

#[derive(Clone, Debug)]
enum Stored {
    Text(Vec<u8>),
    Hash(Vec<(Vec<u8>, Vec<u8>)>),
}

fn stored() -> impl Strategy<Value = Stored> {
    prop_oneof![
        bytes().prop_map(Stored::Text),
        prop::collection::vec((bytes(), bytes()), 1..200).prop_map(Stored::Hash),
    ]
}

/// All of a database: keys, values and when they expire.
fn values(table: &Table) -> Vec<String> {
    let mut all = Vec::new();
    table
        .sweep_each(State::Present, 0, &mut |row| {
            let value = match row.value() {
                Value::Collection(Collection::Hash(hash)) => {
                    let mut fields: Vec<_> =
                        hash.iter().map(|of| (of.field().to_vec(), of.value().to_vec())).collect();
                    fields.sort();
                    format!("{fields:?}")
                }
                other => format!("{other:?}"),
            };
            all.push(format!("{:?} {value} {:?}", row.key(), row.expires_at()));
            true
        })
        .unwrap();
    all.sort();
    all
}

async fn database_round_trip(entries: &[(Vec<u8>, Stored, Option<u64>)]) {
    let catalog = catalog();
    let table = catalog.database(3).clone();
    for (key, stored, ttl_ms) in entries {
        let expiry = ttl_ms.map_or(Expiry::Never, |ttl_ms| Expiry::At(catalog.store().now_ms() + ttl_ms));
        let key = key.clone().into();
        let op = match stored {
            Stored::Text(body) => {
                Op::Put { key, body: body.clone().into(), expiry, when: When::Always, over_bytes_only: false }
            }
            Stored::Hash(fields) => {
                let mut hash = Hash::default();
                for (field, value) in fields {
                    hash.insert(field, value);
                }
                Op::PutCollection { key, collection: Arc::new(Collection::Hash(hash)), expiry }
            }
        };
        table.submit_all(vec![op]).await.unwrap();
    }
    let before = values(&table);
    for format in [TextFormat::Jsonl, TextFormat::Csv] {
        let text = exported(&catalog, "db3", TextOptions { format, expiry: true }).await;
        table.submit_all(vec![Op::Clear]).await.unwrap();
        let brought = import(&table, format, &text[..]).await;
        assert_eq!(brought.unwrap(), before.len() as u64, "{}", String::from_utf8_lossy(&text));
        assert_eq!(values(&table), before, "{}", String::from_utf8_lossy(&text));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_database_goes_out_and_comes_back_with_its_hashes_and_times_to_live(
        entries in prop::collection::vec((bytes(), stored(), prop::option::of(1_000u64..1_000_000)), 0..8),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(database_round_trip(&entries));
    }
}

#[tokio::test]
async fn records_keep_the_time_they_expire_if_the_text_says_it() {
    for kind in [Kind::Set, Kind::OrderedSet, Kind::Bag] {
        let catalog = catalog();
        let schema = people(kind).alter().ttl_ms(5_000).build().unwrap();
        let table = catalog.create(schema).await.unwrap();
        let now_ms = catalog.store().now_ms();
        let record = |id: i64| Record::new(&[Term::from(id), Term::from("x")]).unwrap();
        let all: Vec<Record> = (0..3).map(record).collect();
        let expiries = [Some(Expiry::Never), Some(Expiry::At(now_ms + 77)), None];
        let each: Vec<_> = all.iter().map(Record::as_ref).zip(expiries).collect();
        let times = |table: &Table| {
            let of = |id: i64| table.store().get(table.copy(), &table.key_bytes(&Term::from(id))).unwrap();
            (0..3).map(|id| of(id).expires_at()).collect::<Vec<_>>()
        };
        for format in [TextFormat::Jsonl, TextFormat::Csv] {
            table.clear().await.unwrap();
            table.write_each(&each).await.unwrap();
            let before = times(&table);
            assert_eq!(before, [None, Some(now_ms + 77), Some(now_ms + 5_000)]);
            let text = exported(&catalog, "people", TextOptions { format, expiry: true }).await;
            let silent = exported(&catalog, "people", format).await;
            table.clear().await.unwrap();
            import(&table, format, &text[..]).await.unwrap();
            assert_eq!(times(&table), before, "{}", String::from_utf8_lossy(&text));
            // Where the text says nothing, the table's own time counts.
            table.clear().await.unwrap();
            import(&table, format, &silent[..]).await.unwrap();
            assert_eq!(times(&table), [Some(now_ms + 5_000); 3], "{}", String::from_utf8_lossy(&silent));
        }
        let past = format!("{{\"id\":9,\"$expires_at\":{}}}\n", now_ms - 1);
        import(&table, TextFormat::Jsonl, past.as_bytes()).await.unwrap();
        assert!(table.read(&Term::from(9)).await.unwrap().is_none(), "its time has passed");
        for bad in ["\"soon\"", "-1", "1.5", "[]"] {
            let text = format!("{{\"id\":9,\"$expires_at\":{bad}}}\n");
            let refused = import(&table, TextFormat::Jsonl, text.as_bytes()).await;
            assert!(matches!(refused, Err(BackupError::Line { line: 1, .. })), "{bad}: {refused:?}");
        }
    }
}

#[tokio::test]
async fn a_value_that_no_database_holds_names_its_line() {
    let catalog = catalog();
    let table = catalog.database(1);
    let good = "{\"key\":\"a\",\"value\":5}\n";
    for bad in ["{\"key\":\"b\"}", "{\"key\":\"b\",\"value\":[1]}", "{\"key\":\"b\",\"value\":{}}"] {
        let refused = import(table, TextFormat::Jsonl, format!("{good}{bad}\n").as_bytes()).await;
        assert!(matches!(refused, Err(BackupError::Line { line: 2, .. })), "{bad}: {refused:?}");
        assert_eq!(values(table).len(), 1, "what stands before is there");
    }
    let text = exported(&catalog, "db1", TextFormat::Csv).await;
    assert_eq!(String::from_utf8_lossy(&text), "key,value\na,5\n");
}
