//! One client's connection: requests out, answers in, plainly or over TLS.

use std::io;
use std::sync::Arc;

use mnemon_resp::protocol::{DecodeLimits, Decoder, Reply};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;

use crate::bench::Bench;
use crate::client::encode;
use crate::error::CliError;
use crate::trust::server_name;

/// What bytes go through.
enum Link {
    Plain(TcpStream),
    Secure(Box<TlsStream<TcpStream>>),
}

/// A client's connection.
pub(super) struct Connection {
    link: Link,
    answers: Answers,
    address: String,
}

impl Connection {
    /// Connects and authenticates.
    ///
    /// # Errors
    /// `Unreachable`; `Refused` for a wrong password.
    pub(super) async fn open(bench: &Bench, tls: Option<Arc<ClientConfig>>) -> Result<Self, CliError> {
        let address = bench.server.connect.clone();
        let failed =
            |cause: io::Error| CliError::Unreachable { url: address.clone(), cause: cause.to_string() };
        let stream = TcpStream::connect(&address).await.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        let link = match tls {
            None => Link::Plain(stream),
            Some(tls) => {
                let name = server_name(&address).map_err(|cause| failed(io::Error::other(cause)))?;
                let secured = TlsConnector::from(tls).connect(name, stream).await.map_err(failed)?;
                Link::Secure(Box::new(secured))
            }
        };
        let answers = Answers { decoder: Decoder::new(DecodeLimits::default()), unread: Vec::new() };
        let mut connection = Self { link, answers, address };
        if let Some(password) = &bench.server.password {
            let mut auth = Vec::new();
            let is_default = bench.server.user == "default";
            let words: &[&str] =
                if is_default { &["AUTH", password] } else { &["AUTH", &bench.server.user, password] };
            encode(words, &mut auth);
            connection.exchange(&auth, 1).await?;
        }
        Ok(connection)
    }

    /// Sends requests and reads as many answers.
    ///
    /// # Errors
    /// `Lost`; `Refused` with the first error among the answers.
    pub(super) async fn exchange(&mut self, requests: &[u8], count: u64) -> Result<(), CliError> {
        let (answers, address) = (&mut self.answers, &self.address);
        match &mut self.link {
            Link::Plain(stream) => {
                let (reader, writer) = stream.split();
                exchange(reader, writer, answers, address, requests, count).await
            }
            Link::Secure(stream) => {
                let (reader, writer) = tokio::io::split(stream);
                exchange(reader, writer, answers, address, requests, count).await
            }
        }
    }
}

/// Sends requests and reads as many answers.
async fn exchange(
    reader: impl AsyncRead + Unpin,
    writer: impl AsyncWrite + Unpin,
    answers: &mut Answers,
    address: &str,
    requests: &[u8],
    count: u64,
) -> Result<(), CliError> {
    let lost = |cause: io::Error| CliError::Lost { url: address.to_owned(), cause };
    // A server that stops reading until its answers are read would otherwise stop us, too.
    tokio::try_join!(
        async {
            let mut writer = writer;
            writer.write_all(requests).await.map_err(lost)?;
            // TLS keeps back what the socket did not take at once.
            writer.flush().await.map_err(lost)
        },
        answers.read(reader, address, count)
    )
    .map(|_| ())
}

/// What has come and was not yet read.
struct Answers {
    decoder: Decoder,
    unread: Vec<u8>,
}

impl Answers {
    /// Reads so many answers.
    async fn read(
        &mut self,
        mut reader: impl AsyncRead + Unpin,
        address: &str,
        count: u64,
    ) -> Result<(), CliError> {
        let lost = |cause: io::Error| CliError::Lost { url: address.to_owned(), cause };
        let Self { decoder, unread } = self;
        let mut missing = count;
        let mut read = 0;
        while missing > 0 {
            let rest = unread.get(read..).unwrap_or_default();
            match decoder.advance(rest) {
                Ok(Some((Reply::Error(text), _))) => return Err(CliError::Refused(text.into_owned())),
                Ok(Some((_, len))) => {
                    read += len;
                    missing -= 1;
                }
                Ok(None) => {
                    unread.drain(..read);
                    read = 0;
                    let arrived = reader.read_buf(unread).await.map_err(lost)?;
                    if arrived == 0 {
                        return Err(lost(io::ErrorKind::UnexpectedEof.into()));
                    }
                }
                Err(cause) => return Err(lost(io::Error::other(cause))),
            }
        }
        unread.drain(..read);
        Ok(())
    }
}
