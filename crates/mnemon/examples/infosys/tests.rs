//! What a question costs when backends hang, crash or say nothing.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// A backend that does as its test wants.
struct Acting(&'static str, fn() -> Answers, AtomicU32);

impl Backend for Acting {
    fn name(&self) -> &'static str {
        self.0
    }

    fn ask(&self, _: &str, _: usize) -> Answers {
        self.2.fetch_add(1, Ordering::SeqCst);
        (self.1)()
    }
}

fn acting(name: &'static str, act: fn() -> Answers) -> Arc<Acting> {
    Arc::new(Acting(name, act, AtomicU32::new(0)))
}

fn answers(scores: &'static [f64]) -> Answers {
    let answer =
        |score: &f64| Answer { score: *score, text: String::new(), url: None, backend: String::new() };
    Box::pin(async move { scores.iter().map(answer).collect() })
}

fn scores(answers: &[Answer]) -> Vec<f64> {
    answers.iter().map(|answer| answer.score).collect()
}

#[tokio::test(start_paused = true)]
async fn who_hangs_crashes_or_says_nothing_costs_the_others_nothing() {
    let system = System::new().expect("a runtime");
    let backends: Vec<Arc<dyn Backend>> = vec![
        acting("silent", || answers(&[])),
        acting("hanging", || Box::pin(std::future::pending())),
        acting("crashing", || Box::pin(async { panic!("no idea") })),
        acting("crashing at once", || panic!("no idea")),
        acting("good", || answers(&[3.0, 1.0])),
        acting("better", || answers(&[2.0, 9.0])),
    ];
    let infosys = Infosys::start(&system, backends, None).await.expect("room for a process");
    let wish = Wish { within: Duration::from_millis(10), ..Wish::default() };
    let started = Instant::now();
    let found = infosys.ask("?", wish).await;
    assert_eq!(scores(&found), [9.0, 3.0, 2.0, 1.0]);
    assert!(started.elapsed() < Duration::from_millis(20), "the deadline is one for all");
    let few = infosys.ask("?", Wish { limit: 2, ..wish }).await;
    assert_eq!(scores(&few), [9.0, 3.0]);
    assert_eq!(infosys.supervisor.count_children().await.expect("it answers").specs, 0);
    assert_eq!(system.process_count(), 1, "only the supervisor is left");
    let info = system.info(infosys.supervisor.pid()).expect("it lives");
    assert_eq!((info.mailbox, info.links.len()), (0, 0), "no stray message, no link");
}

#[tokio::test(start_paused = true)]
async fn a_question_that_is_given_up_or_finds_no_room_leaves_no_process() {
    let settings = mnemon_otp::Settings { max_processes: 2, ..Default::default() };
    let system = System::with(settings, tokio::runtime::Handle::current());
    let backends: Vec<Arc<dyn Backend>> =
        vec![acting("hanging", || Box::pin(std::future::pending())), acting("no room", || answers(&[1.0]))];
    let infosys = Infosys::start(&system, backends, None).await.expect("room for a process");
    let wish = Wish { within: Duration::from_millis(10), ..Wish::default() };
    assert!(infosys.ask("?", wish).await.is_empty());
    assert_eq!(system.process_count(), 1, "one backend was asked, and killed");
    let given_up = tokio::time::timeout(Duration::from_secs(1), infosys.ask("?", Wish::default())).await;
    assert!(given_up.is_err());
    while system.process_count() > 1 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn answers_found_before_are_not_asked_for_again() {
    let node = Node::builder().start().await.expect("a node");
    let cache = node.create_table::<Found>("answers").await.expect("a table");
    let (system, good) = (System::new().expect("a runtime"), acting("good", || answers(&[1.0])));
    let infosys = Infosys::start(&system, vec![good.clone()], Some(cache)).await.expect("room for a process");
    for (query, limit, asked) in [("a", 10, 1), ("a", 10, 1), ("a", 5, 2), ("b", 10, 3)] {
        let found = infosys.ask(query, Wish { limit, ..Wish::default() }).await;
        assert_eq!((scores(&found), good.2.load(Ordering::SeqCst)), (vec![1.0], asked), "{query} {limit}");
    }
    node.shutdown().await;
}

/// A service that answers one request, in Wolfram|Alpha's XML.
async fn serve(listener: tokio::net::TcpListener) -> String {
    let (mut stream, _) = listener.accept().await.expect("a client");
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        stream.read_buf(&mut request).await.expect("a request");
    }
    let body = "<?xml version='1.0' encoding='UTF-8'?><queryresult success='true' numpods='2'>\
        <pod title='Input interpretation'><subpod><plaintext>pi</plaintext></subpod></pod>\
        <pod title='Result' primary='true'><subpod><plaintext>3.14159 &amp; more</plaintext></subpod></pod></queryresult>";
    let head = format!("HTTP/1.0 200 OK\r\ncontent-type: text/xml\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all((head + body).as_bytes()).await.expect("it reads");
    String::from_utf8_lossy(&request).into_owned()
}

#[tokio::test]
async fn a_service_is_asked_over_http_beside_a_table_of_facts() {
    let node = Node::builder().start().await.expect("a node");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let at = listener.local_addr().expect("it is bound").to_string();
    let served = tokio::spawn(serve(listener));
    let facts = Facts::new(&node, &[("what is pi?", "a number")]).await.expect("a table");
    let backends: Vec<Arc<dyn Backend>> = vec![Arc::new(Service::new(&at)), Arc::new(facts)];
    let system = System::new().expect("a runtime");
    let infosys = Infosys::start(&system, backends, None).await.expect("room for a process");
    let wish = Wish { within: Duration::from_secs(30), ..Wish::default() };
    let found = infosys.ask("what is pi?", wish).await;
    let texts: Vec<&str> = found.iter().map(|answer| answer.text.as_str()).collect();
    assert_eq!(texts, ["a number", "3.14159 & more"]);
    assert_eq!(
        found[1].url.as_deref(),
        Some(format!("http://{at}/v2/query?input=what%20is%20pi%3F").as_str())
    );
    assert!(
        served.await.expect("it answered").starts_with("GET /v2/query?input=what%20is%20pi%3F HTTP/1.0\r\n")
    );
    node.shutdown().await;
}
