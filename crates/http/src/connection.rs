//! One connection: plain or over TLS, its deadlines, its end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;

/// The first byte of a TLS handshake; no method of HTTP begins with it.
const HANDSHAKE: u8 = 0x16;

/// Bytes that are heard of a client that speaks plainly.
const HEARD_MAX: u64 = 64 << 10;

/// What is said to a client that speaks plainly where only HTTPS is.
const SPEAK_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\nconnection: close\r\n\
content-length: 88\r\n\r\n{\"error\": \"TLSREQUIRED\", \"message\": \"only HTTPS is spoken here; write https:// instead\"}";

/// What it takes to serve a connection.
#[derive(Clone)]
pub(crate) struct Waiter {
    /// Shakes hands, where TLS is spoken.
    pub(crate) hands: Option<Arc<mnemon_tls::Acceptor>>,
    pub(crate) router: Router,
    pub(crate) head_within: Duration,
    pub(crate) max_head_bytes: usize,
    pub(crate) answer_within: Duration,
    pub(crate) connection_within: Duration,
    pub(crate) stopped: watch::Receiver<bool>,
}

impl Waiter {
    /// Resolves when the server stops.
    pub(crate) async fn stopped(&mut self) {
        // The sender was dropped: the server is.
        drop(self.stopped.wait_for(|stopped| *stopped).await);
    }

    /// Serves a connection to its end.
    pub(crate) async fn serve(mut self, stream: TcpStream, peer: SocketAddr, secure: bool) {
        let Some(hands) = self.hands.clone().filter(|_| secure) else {
            return self.answer(stream).await;
        };
        let opened = tokio::select! {
            opened = open(&hands, stream, peer, self.head_within) => opened,
            () = self.stopped() => None,
        };
        if let Some(stream) = opened {
            self.answer(stream).await;
        }
    }

    async fn answer(mut self, stream: impl AsyncRead + AsyncWrite + Unpin) {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.head_within)
            .max_buf_size(self.max_head_bytes)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(self.router.clone()));
        let mut connection = std::pin::pin!(connection);
        let (answer_within, connection_within) = (self.answer_within, self.connection_within);
        // How a connection ended concerns nobody: the client sees it.
        tokio::select! {
            _ = connection.as_mut() => return,
            () = self.stopped() => (),
            () = tokio::time::sleep(connection_within) => (),
        }
        connection.as_mut().graceful_shutdown();
        drop(tokio::time::timeout(answer_within, connection).await);
    }
}

/// Shakes hands with a client. One that speaks plainly is told what is spoken here.
async fn open(
    hands: &mnemon_tls::Acceptor,
    mut stream: TcpStream,
    peer: SocketAddr,
    within: Duration,
) -> Option<mnemon_tls::TlsStream<TcpStream>> {
    let mut first = [HANDSHAKE];
    tokio::time::timeout(within, stream.peek(&mut first)).await.ok()?.ok()?;
    if first == [HANDSHAKE] {
        return hands.shake_hands(stream, &peer.to_string()).await;
    }
    drop(tokio::time::timeout(within, explain(&mut stream)).await);
    None
}

/// Tells a client to speak TLS. What it has sent is read first: bytes left unread would make its side drop the answer.
async fn explain(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(SPEAK_TLS).await?;
    stream.shutdown().await?;
    let mut rest = stream.take(HEARD_MAX);
    tokio::io::copy(&mut rest, &mut tokio::io::sink()).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_announced_length_is_that_of_the_body() {
        let text = std::str::from_utf8(SPEAK_TLS).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.ends_with(&format!("content-length: {}", body.len())), "{}", body.len());
        let failure: crate::api::Failure = serde_json::from_str(body).unwrap();
        assert_eq!(failure.error, "TLSREQUIRED");
    }
}
