//! What each path answers.

use mnemon_http::api::{Clients, Failure, Status, Table, Tables};
use mnemon_http::{HttpConfig, TABLE_LABELS_MAX};
use mnemon_store::Kind;
use mnemon_table::schema::{AttributeType, Schema};
use mnemon_term::{Record, Term};

use crate::stand_in::{Answer, Site, StandIn};

fn users() -> Schema {
    let builder = Schema::builder("users").kind(Kind::OrderedSet).attribute("id", AttributeType::Int);
    builder.attribute("name", AttributeType::Any).index("name").max_entries(2).build().expect("a schema")
}

fn site() -> (Site, std::sync::Arc<StandIn>) {
    let (site, node) = Site::start(HttpConfig::default(), StandIn::new());
    let table = site.runtime.block_on(node.catalog.create(users())).expect("a new table");
    for id in 0..5 {
        let ada = Term::from("Ada");
        let record = Record::new([&Term::from(id), &ada]).expect("a record");
        site.runtime.block_on(table.write((&record).into())).expect("a write");
    }
    (site, node)
}

fn read<T: serde::de::DeserializeOwned>(answer: &Answer) -> T {
    serde_json::from_str(&answer.body).unwrap_or_else(|cause| panic!("{cause}: {answer:?}"))
}

#[test]
fn probes_say_what_is_wrong() {
    let (site, node) = site();
    for path in ["/livez", "/readyz", "/healthz"] {
        let answer = site.get(path);
        assert_eq!((answer.status, answer.body.as_str()), (200, "ok"), "{path}");
    }
    let listed = site.get("/healthz?verbose").body;
    assert_eq!(listed, "[+]ping ok\n[+]resp ok\nhealthz check passed\n");
    *node.failure.lock().unwrap() = Some("draining".to_owned());
    assert_eq!(site.get("/livez").status, 200);
    let answer = site.get("/readyz");
    assert_eq!((answer.status, answer.body.contains("[-]resp failed: draining")), (503, true));
    assert_eq!(site.get("/readyz?exclude=resp").status, 200);
}

#[test]
fn a_change_of_a_table_is_told_by_verbose_probes_and_by_the_table() {
    let (site, node) = site();
    // As long as this is held no other change gets its turn.
    let held = site.runtime.block_on(node.catalog.refill_in_place("users")).expect("a refill");
    let catalog = node.catalog.clone();
    let changing = site.runtime.spawn(async move { catalog.add_table_index("users", "id").await });
    let is_listed = || node.catalog.changes().len() == 1;
    site.runtime.block_on(async {
        while !is_listed() {
            tokio::task::yield_now().await;
        }
    });
    let told = "add index id: waiting for its turn, since 0 s";
    for path in ["/readyz", "/healthz"] {
        let listed = site.get(&format!("{path}?verbose")).body;
        assert!(listed.contains(&format!("[~]change of users: {told}\n")), "{listed}");
        assert_eq!(site.get(path).body, "ok", "it is nothing to worry about");
    }
    assert!(!site.get("/livez?verbose").body.contains("users"));
    let table: Table = read(&site.get("/api/v1/tables/users"));
    assert_eq!(table.changes.iter().map(ToString::to_string).collect::<Vec<_>>(), [told]);
    drop(held);
    drop(site.runtime.block_on(changing).expect("it ends"));
    assert!(read::<Table>(&site.get("/api/v1/tables/users")).changes.is_empty());
    assert!(!site.get("/healthz?verbose").body.contains("change of"));
}

#[test]
fn metrics_are_text_that_prometheus_reads() {
    let (site, _) = site();
    let answer = site.get("/metrics");
    assert!(answer.head.contains("content-type: text/plain; version=0.0.4"), "{}", answer.head);
    for line in [
        "mnemon_build_info{node=\"shop1\",version=\"1.2.3\"} 1",
        "mnemon_uptime_seconds 1.5",
        "mnemon_check_ok{check=\"resp\"} 1",
        "mnemon_table_rows{table=\"users\"} 2",
        "mnemon_table_evicted_total{table=\"users\"} 3",
        "mnemon_resp_commands_total 42",
        "mnemon_resp_refused_total{limit=\"clients\"} 9",
        "mnemon_resp_command_duration_seconds_bucket{family=\"string\",le=\"0.000001\"} 5",
        "mnemon_resp_command_duration_seconds_bucket{family=\"string\",le=\"0.000002\"} 12",
        "mnemon_resp_command_duration_seconds_bucket{family=\"string\",le=\"+Inf\"} 13",
        "mnemon_resp_command_duration_seconds_count{family=\"string\"} 13",
    ] {
        assert!(answer.body.lines().any(|found| found == line), "{line:?} is not in\n{}", answer.body);
    }
    // Each metric is declared once, ahead of its samples.
    let mut declared = Vec::new();
    for line in answer.body.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let name = rest.split(' ').next().unwrap().to_owned();
            assert!(!declared.contains(&name), "{name} twice");
            declared.push(name);
        } else if !line.starts_with('#') {
            let current = declared.last().unwrap();
            assert!(line.starts_with(current.as_str()), "{line} below {current}");
            assert!(line.rsplit(' ').next().unwrap().parse::<f64>().is_ok(), "{line}");
        }
    }
}

#[test]
fn labels_of_tables_are_bounded() {
    let (site, node) = site();
    site.runtime.block_on(async {
        for number in 0..TABLE_LABELS_MAX + 10 {
            let schema = Schema::builder(format!("t{number}")).attribute("id", AttributeType::Any);
            node.catalog.create(schema.build().unwrap()).await.unwrap();
        }
    });
    let body = site.get("/metrics").body;
    let labels = body.lines().filter(|line| line.starts_with("mnemon_table_rows{")).count();
    assert_eq!(labels, TABLE_LABELS_MAX + 1);
    assert!(body.contains("mnemon_table_rows{table=\"(other)\"} 0"));
    assert!(body.contains("mnemon_table_rows{table=\"users\"} 2"), "the oldest keep their labels");
    assert!(body.contains(&format!("mnemon_tables {}", TABLE_LABELS_MAX + 11)));
}

#[test]
fn the_api_shows_the_node_its_tables_and_clients() {
    let (site, node) = site();
    let status: Status = read(&site.get("/api/v1/status"));
    assert_eq!((status.name.as_str(), status.ready, status.tables, status.rows), ("shop1", true, 1, 2));
    assert_eq!((status.uptime_s, status.clients, status.commands), (1, 3, 42));
    *node.failure.lock().unwrap() = Some("draining".to_owned());
    let status: Status = read(&site.get("/api/v1/status"));
    assert_eq!((status.ready, status.failures), (false, vec!["resp: draining".to_owned()]));

    let tables: Tables = read(&site.get("/api/v1/tables"));
    assert_eq!((tables.tables.len(), tables.next), (1, None));
    let table: Table = read(&site.get("/api/v1/tables/users"));
    assert_eq!(tables.tables.first(), Some(&table.summary));
    assert_eq!((table.summary.rows, table.summary.evicted, table.max_entries), (2, 3, Some(2)));
    let attributes: Vec<_> = table.attributes.iter().map(|a| (a.name.as_str(), a.indexed)).collect();
    assert_eq!(attributes, [("id:int", false), ("name", true)]);

    let clients: Clients = read(&site.get("/api/v1/clients?limit=2"));
    assert_eq!((clients.clients.len(), clients.next), (2, Some(2)));
    let clients: Clients = read(&site.get("/api/v1/clients?limit=2&after=2"));
    assert_eq!((clients.clients.len(), clients.next), (1, None));
}

#[test]
fn tables_come_in_pages_that_meet_each_once() {
    let (site, node) = site();
    for number in 0..5 {
        let schema = Schema::builder(format!("t{number}")).attribute("id", AttributeType::Any);
        site.runtime.block_on(node.catalog.create(schema.build().unwrap())).unwrap();
    }
    let (mut names, mut after) = (Vec::new(), String::new());
    loop {
        let page: Tables = read(&site.get(&format!("/api/v1/tables?limit=2&after={after}")));
        names.extend(page.tables.into_iter().map(|table| table.name));
        match page.next {
            Some(next) => after = next,
            None => break,
        }
    }
    assert_eq!(names, ["t0", "t1", "t2", "t3", "t4", "users"]);
}

#[test]
fn what_is_not_there_is_told_in_json() {
    let (site, _) = site();
    for (path, status, error) in [
        ("/", 404, "NOPATH"),
        ("/api/v1/tables/nosuch", 404, "NOTABLE"),
        ("/api/v1/tables/db7", 404, "NOTABLE"),
        ("/api/v1/tables?limit=0", 400, "BADQUERY"),
        ("/api/v1/tables?limit=10001", 400, "BADQUERY"),
        ("/api/v1/clients?after=x", 400, "BADQUERY"),
        ("/api/v1/clients?sort=id", 400, "BADQUERY"),
    ] {
        let answer = site.get(path);
        let failure: Failure = read(&answer);
        assert_eq!((answer.status, failure.error.as_str()), (status, error), "{path}");
        assert!(!failure.message.is_empty());
    }
}
