//! Two backends: a table of facts, and an answer service over HTTP that speaks Wolfram|Alpha's XML.

use std::io;

use mnemon::{Node, Table};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::{Answer, Answers, Backend};

/// What is known.
#[derive(Debug, Serialize, Deserialize)]
struct Fact {
    question: String,
    text: String,
}

/// A table of facts.
pub(crate) struct Facts(Table<Fact>);

impl Facts {
    pub(crate) async fn new(node: &Node, known: &[(&str, &str)]) -> Result<Self, mnemon::Error> {
        let table = node.create_table::<Fact>("facts").await?;
        for (question, text) in known {
            table.write(&Fact { question: (*question).to_owned(), text: (*text).to_owned() }).await?;
        }
        Ok(Self(table))
    }
}

impl Backend for Facts {
    fn name(&self) -> &'static str {
        "facts"
    }

    fn ask(&self, query: &str, _: usize) -> Answers {
        let fact = self.0.dirty_read(query).ok().flatten();
        let answers =
            fact.map(|fact| Answer { score: 100.0, text: fact.text, url: None, backend: "facts".to_owned() });
        Box::pin(async move { answers.into_iter().collect() })
    }
}

/// An answer service.
pub(crate) struct Service {
    address: String,
}

/// The longest answer that is read.
const ANSWER_MAX: u64 = 1 << 20;

impl Service {
    pub(crate) fn new(address: impl Into<String>) -> Self {
        Self { address: address.into() }
    }
}

impl Backend for Service {
    fn name(&self) -> &'static str {
        "service"
    }

    fn ask(&self, query: &str, limit: usize) -> Answers {
        let (address, path) = (self.address.clone(), format!("/v2/query?input={}", escaped(query)));
        Box::pin(async move {
            let body = match get(&address, &path).await {
                Ok(body) => body,
                // No answer is an answer: the other backends have theirs.
                Err(_) => return Vec::new(),
            };
            let url = format!("http://{address}{path}");
            let answer =
                |text| Answer { score: 95.0, text, url: Some(url.clone()), backend: "service".to_owned() };
            texts(&body).into_iter().take(limit).map(answer).collect()
        })
    }
}

/// The texts of an answer: those of the pods that hold results or definitions.
fn texts(xml: &str) -> Vec<String> {
    let Ok(document) = roxmltree::Document::parse(xml) else { return Vec::new() };
    let holds = |title: &str| title.contains("Result") || title.contains("Definition");
    let pods = document
        .descendants()
        .filter(|node| node.has_tag_name("pod") && node.attribute("title").is_some_and(holds));
    let texts = pods.flat_map(|pod| pod.descendants().filter(|node| node.has_tag_name("plaintext")));
    texts.filter_map(|node| node.text()).map(str::to_owned).collect()
}

/// The body that a GET is answered with.
async fn get(address: &str, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.0\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut text = String::new();
    stream.take(ANSWER_MAX).read_to_string(&mut text).await?;
    match text.split_once("\r\n\r\n") {
        Some((head, body)) if head.split(' ').nth(1) == Some("200") => Ok(body.to_owned()),
        _ => Err(io::Error::other("no answer of status 200")),
    }
}

/// A text as a part of a URL.
fn escaped(text: &str) -> String {
    let sign = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(sign).collect()
}
