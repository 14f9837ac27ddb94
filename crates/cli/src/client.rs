//! A connection to a RESP server that asks one question after the other and waits for each answer.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use clap::Args;
use mnemon_resp::protocol::{DecodeLimits, Decoder, Reply};

use crate::error::CliError;
use crate::trust::{self, SecureStream, Trust};

/// How long a server may take to accept.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// Bytes read at once.
const PIECE: usize = 64 << 10;

/// Which server is spoken to, and as whom.
#[derive(Debug, Clone, Args)]
pub(crate) struct Server {
    /// The address for Redis clients.
    #[arg(long, env = "MNEMON_CONNECT", value_name = "ADDR", default_value = "127.0.0.1:7070")]
    pub(crate) connect: String,

    /// The user to authenticate as.
    #[arg(long, env = "MNEMON_LOGIN", value_name = "NAME", default_value = "default")]
    pub(crate) user: String,

    /// The password. Without a value it is asked for; MNEMON_PASSWORD keeps it from the list of processes, too.
    #[arg(
        long, env = "MNEMON_PASSWORD", value_name = "PASSWORD", hide_env_values = true,
        num_args = 0..=1, require_equals = true, default_missing_value = ""
    )]
    pub(crate) password: Option<String>,

    /// Speaks TLS; --ca implies it.
    #[arg(long)]
    tls: bool,

    #[command(flatten)]
    pub(crate) trust: Trust,

    /// How long to wait for an answer, in seconds.
    #[arg(long, value_name = "SECONDS", default_value = "300", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) timeout: u64,
}

impl Server {
    /// Whether TLS is spoken.
    pub(crate) fn is_secure(&self) -> bool {
        self.tls || self.trust.ca.is_some()
    }

    /// Asks for the password on the terminal if it is to be asked for.
    ///
    /// # Errors
    /// `Refused` when there is no terminal.
    pub(crate) fn ask_password(&mut self) -> Result<(), CliError> {
        if self.password.as_deref() == Some("") {
            let asked = rpassword::prompt_password(format!("Password of {}: ", self.user));
            self.password = Some(asked.map_err(|cause| {
                CliError::Usage(format!("cannot ask for the password ({cause}); give it in MNEMON_PASSWORD"))
            })?);
        }
        Ok(())
    }
}

/// A command: its name and arguments.
pub(crate) type Words = Vec<Vec<u8>>;

/// Appends a command as RESP has it.
pub(crate) fn encode(words: &[impl AsRef<[u8]>], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
    for word in words {
        let word = word.as_ref();
        out.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}

/// What bytes go through.
enum Link {
    Plain(TcpStream),
    Secure(Box<SecureStream>),
}

impl Link {
    fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Secure(stream) => &stream.sock,
        }
    }

    /// Whether the other side has hung up, if the socket does not block.
    fn has_ended(&mut self) -> bool {
        match self {
            Self::Plain(stream) => match stream.peek(&mut [0]) {
                Ok(count) => count == 0,
                Err(cause) => cause.kind() != io::ErrorKind::WouldBlock,
            },
            // A farewell is encrypted, too. What else has come stays in the connection's own buffer.
            Self::Secure(stream) => {
                let SecureStream { conn, sock } = &mut **stream;
                match conn.read_tls(sock) {
                    Ok(0) => true,
                    Ok(_) => conn.process_new_packets().map_or(true, |state| state.peer_has_closed()),
                    Err(cause) => cause.kind() != io::ErrorKind::WouldBlock,
                }
            }
        }
    }
}

impl Read for Link {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(into),
            Self::Secure(stream) => stream.read(into),
        }
    }
}

impl Write for Link {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Secure(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Secure(stream) => stream.flush(),
        }
    }
}

/// A connection. After an error it is of no use.
pub(crate) struct Client {
    link: Link,
    decoder: Decoder,
    unread: Vec<u8>,
    address: String,
}

impl Client {
    /// Connects, greets in RESP3 (or RESP2, where the server knows no other) and authenticates.
    ///
    /// # Errors
    /// `Unreachable`; `Refused` for a wrong password.
    pub(crate) fn connect(server: &Server) -> Result<Self, CliError> {
        let failed = |cause: io::Error| CliError::Unreachable {
            url: server.connect.clone(),
            cause: cause.to_string(),
        };
        let stream = open(&server.connect).map_err(failed)?;
        let within = Some(Duration::from_secs(server.timeout));
        stream.set_read_timeout(within).and_then(|()| stream.set_write_timeout(within)).map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        let link = if server.is_secure() {
            let secured = trust::secure(server.trust.config()?, &server.connect, stream);
            Link::Secure(Box::new(secured.map_err(|cause| failed(io::Error::other(cause)))?))
        } else {
            Link::Plain(stream)
        };
        let decoder = Decoder::new(DecodeLimits::default());
        let mut client = Self { link, decoder, unread: Vec::new(), address: server.connect.clone() };
        let mut hello = vec!["HELLO", "3"];
        if let Some(password) = &server.password {
            hello.extend(["AUTH", &server.user, password]);
        }
        match client.ask(&hello).map_err(failed)? {
            Reply::Error(text) if text.starts_with("ERR unknown command") || text.starts_with("NOPROTO") => {
                if let Some(password) = &server.password {
                    let auth = client.ask(&["AUTH", password.as_str()]).map_err(failed)?;
                    refuse_error(auth)?;
                }
            }
            // Without a password only some commands are open to us; the server says so at the first other one.
            Reply::Error(text) if text.starts_with("NOAUTH") && server.password.is_none() => {}
            reply => refuse_error(reply)?,
        }
        Ok(client)
    }

    /// The address that was connected to.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Sends a command and waits for its answer; messages that come ahead of it are dropped.
    pub(crate) fn ask(&mut self, words: &[impl AsRef<[u8]>]) -> io::Result<Reply> {
        self.send(words)?;
        loop {
            match self.receive()? {
                Reply::Push(_) => {}
                reply => return Ok(reply),
            }
        }
    }

    /// Sends a command.
    pub(crate) fn send(&mut self, words: &[impl AsRef<[u8]>]) -> io::Result<()> {
        let mut out = Vec::new();
        encode(words, &mut out);
        self.link.write_all(&out)?;
        // TLS keeps back what the socket did not take at once.
        self.link.flush()
    }

    /// Waits for the next answer or message.
    pub(crate) fn receive(&mut self) -> io::Result<Reply> {
        loop {
            let read = self.decoder.advance(&self.unread);
            if let Some((reply, len)) =
                read.map_err(|cause| io::Error::new(io::ErrorKind::InvalidData, cause))?
            {
                self.unread.drain(..len);
                return Ok(reply);
            }
            let mut piece = vec![0; PIECE];
            match self.link.read(&mut piece) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.unread.extend(piece.iter().take(count)),
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                // What Unix calls a time-out of a socket.
                Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                Err(cause) => return Err(cause),
            }
        }
    }

    /// Waits at most so long for answers and messages from now on; `None`: nobody knows when the next one comes.
    pub(crate) fn wait_at_most(&self, within: Option<Duration>) -> io::Result<()> {
        self.link.socket().set_read_timeout(within)
    }

    /// Ends the connection.
    pub(crate) fn hang_up(&self) -> io::Result<()> {
        self.link.socket().shutdown(std::net::Shutdown::Both)
    }

    /// Whether the server has hung up meanwhile. Waits for nothing.
    pub(crate) fn is_gone(&mut self) -> bool {
        if self.link.socket().set_nonblocking(true).is_err() {
            return true;
        }
        let is_gone = self.link.has_ended();
        self.link.socket().set_nonblocking(false).is_err() || is_gone
    }
}

fn refuse_error(reply: Reply) -> Result<(), CliError> {
    match reply {
        Reply::Error(text) => Err(CliError::Refused(text.into_owned())),
        _ => Ok(()),
    }
}

/// Connects to the first address of a host's that answers.
fn open(address: &str) -> io::Result<TcpStream> {
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT_WITHIN) {
            Ok(stream) => return Ok(stream),
            Err(cause) => failure = cause,
        }
    }
    Err(failure)
}
