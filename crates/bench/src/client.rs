//! The least of a RESP client: `PING`, and pipelined `SET`s to fill a server. Measuring with a client of either side would
//! measure that client too.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use crate::audience::{CHANNEL, MESSAGE};
use crate::error::Error;

/// How long a server may keep silent; a backup is answered when it is there.
const REPLY_LIMIT: Duration = Duration::from_secs(60);

/// `SET`s sent before their replies are read: few enough for both sides' socket buffers.
const BATCH: u64 = 256;

/// A longer reply line than this is no reply to what is asked here.
const MAX_LINE: u64 = 4096;

/// The bytes of a value that [`Client::fill`] writes.
pub(crate) const VALUE_LEN: usize = 40;

/// A connection to a server on a loopback port.
#[derive(Debug)]
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
    port: u16,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens there.
    pub(crate) fn connect(port: u16) -> Result<Self, Error> {
        let failed = |source| Error::Network { port, what: "cannot connect", source };
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let stream = TcpStream::connect_timeout(&address, REPLY_LIMIT).map_err(failed)?;
        stream.set_read_timeout(Some(REPLY_LIMIT)).map_err(failed)?;
        stream.set_write_timeout(Some(REPLY_LIMIT)).map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        Ok(Self { stream: BufReader::with_capacity(64 * 1024, stream), port })
    }

    /// Asks whether the server is there.
    ///
    /// # Errors
    /// When it answers anything but `PONG`.
    pub(crate) fn ping(&mut self) -> Result<(), Error> {
        self.send(b"*1\r\n$4\r\nPING\r\n")?;
        self.expect("PING", "+PONG")
    }

    /// Sets the keys numbered `keys`, 16 bytes each, to values of 40 bytes.
    ///
    /// # Errors
    /// At the first reply that is not `OK`.
    pub(crate) fn fill(&mut self, keys: std::ops::Range<u64>) -> Result<(), Error> {
        let mut requests = Vec::new();
        let mut next = keys.start;
        while next < keys.end {
            let end = keys.end.min(next + BATCH);
            requests.clear();
            for key in next..end {
                push_set(&mut requests, key);
            }
            self.send(&requests)?;
            for _ in next..end {
                self.expect("SET", "+OK")?;
            }
            next = end;
        }
        Ok(())
    }

    /// Sets the fields numbered `fields` of a hash, named as the load generator names them, to values of 40 bytes.
    ///
    /// # Errors
    /// At the first reply that is not 1.
    pub(crate) fn fill_hash(&mut self, key: &str, fields: std::ops::Range<u64>) -> Result<(), Error> {
        let mut requests = Vec::new();
        let mut next = fields.start;
        while next < fields.end {
            let end = fields.end.min(next + BATCH);
            requests.clear();
            for field in next..end {
                let field = format!("field:{field:012}");
                push_command(&mut requests, &[b"HSET", key.as_bytes(), field.as_bytes(), &[b'v'; VALUE_LEN]]);
            }
            self.send(&requests)?;
            for _ in next..end {
                self.expect("HSET", ":1")?;
            }
            next = end;
        }
        Ok(())
    }

    /// Sends a command and reads so many lines of its answer.
    ///
    /// # Errors
    /// When the server is silent or hangs up. An answer of an error is one line.
    pub(crate) fn ask(&mut self, words: &[&str], lines: usize) -> Result<Vec<String>, Error> {
        let mut request = Vec::new();
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        push_command(&mut request, &words);
        self.send(&request)?;
        let mut answer = Vec::new();
        while answer.len() < lines {
            let line = self.line()?;
            let is_error = answer.is_empty() && line.starts_with('-');
            answer.push(line);
            if is_error {
                break;
            }
        }
        Ok(answer)
    }

    /// Sends a command and reads its answer, a bulk string of lines.
    ///
    /// # Errors
    /// As `ask`.
    pub(crate) fn ask_bulk(&mut self, words: &[&str]) -> Result<String, Error> {
        let head = self.ask(words, 1)?;
        let length = head.first().and_then(|head| head.strip_prefix('$')?.parse::<usize>().ok());
        let length = length.ok_or_else(|| Error::Embedded(format!("{words:?} answers {head:?}")))?;
        let mut text = String::new();
        while text.len() < length {
            text.push_str(&self.line()?);
            text.push_str("\r\n");
        }
        if text.len() < length + 2 {
            self.line()?;
        }
        Ok(text)
    }

    /// How many bytes a request is answered with.
    ///
    /// # Errors
    /// When it is an error, or none comes.
    pub(crate) fn answer_length(&mut self, request: &[u8]) -> Result<u64, Error> {
        self.send(request)?;
        self.send(b"*1\r\n$4\r\nPING\r\n")?;
        let (mut answer, mut reading) = (Vec::new(), true);
        while reading {
            let line = self.line()?;
            if answer.is_empty() && line.starts_with('-') {
                return Err(Error::Reply {
                    port: self.port,
                    request: "the request",
                    expected: "no error",
                    reply: line,
                });
            }
            reading = line != "+PONG";
            answer.push(line);
        }
        // Without `PONG`; each line had an end of two bytes.
        Ok(answer.iter().rev().skip(1).map(|line| line.len() as u64 + 2).sum())
    }

    fn line(&mut self) -> Result<String, Error> {
        let port = self.port;
        let failed = |source| Error::Network { port, what: "cannot read a reply", source };
        let mut line = Vec::new();
        (&mut self.stream).take(MAX_LINE).read_until(b'\n', &mut line).map_err(failed)?;
        if line.is_empty() {
            return Err(failed(std::io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned())
    }

    /// One step of a walk over the keys: the next cursor, and how many keys came.
    ///
    /// # Errors
    /// When the reply is no page of `SCAN`.
    pub(crate) fn scan(&mut self, cursor: &str, step: u64) -> Result<(String, u64), Error> {
        let mut request = Vec::new();
        push_command(&mut request, &[b"SCAN", cursor.as_bytes(), b"COUNT", step.to_string().as_bytes()]);
        self.send(&request)?;
        self.expect("SCAN", "*2")?;
        let cursor = self.bulk("SCAN")?;
        let keys = self.number("SCAN", '*')?;
        for _ in 0..keys {
            self.bulk("SCAN")?;
        }
        Ok((String::from_utf8_lossy(&cursor).into_owned(), keys))
    }

    /// Reads one of the keys that [`Client::fill`] wrote.
    ///
    /// # Errors
    /// When its value does not come.
    pub(crate) fn get(&mut self, key: u64) -> Result<(), Error> {
        let mut request = Vec::new();
        push_command(&mut request, &[b"GET", format!("key:{key:012}").as_bytes()]);
        self.send(&request)?;
        self.bulk("GET").map(drop)
    }

    /// Publishes so many messages, some at once, each of which so many subscribers get.
    ///
    /// # Errors
    /// At the first reply that is another number of subscribers.
    pub(crate) fn publish(&mut self, messages: u64, pipeline: u64, subscribers: u64) -> Result<(), Error> {
        let mut one = Vec::new();
        push_command(&mut one, &[b"PUBLISH", CHANNEL.as_bytes(), &MESSAGE]);
        let mut left = messages;
        while left > 0 {
            let count = left.min(pipeline.max(1));
            self.send(&one.repeat(usize::try_from(count).unwrap_or(1)))?;
            for _ in 0..count {
                let got = self.number("PUBLISH", ':')?;
                if got != subscribers {
                    let (port, reply) = (self.port, got.to_string());
                    return Err(Error::Reply {
                        port,
                        request: "PUBLISH",
                        expected: "every subscriber",
                        reply,
                    });
                }
            }
            left -= count;
        }
        Ok(())
    }

    /// Lets the server have so many clients.
    ///
    /// # Errors
    /// When it refuses.
    pub(crate) fn allow_clients(&mut self, clients: u64) -> Result<(), Error> {
        let mut request = Vec::new();
        push_command(&mut request, &[b"CONFIG", b"SET", b"maxclients", clients.to_string().as_bytes()]);
        self.send(&request)?;
        self.expect("CONFIG SET", "+OK")
    }

    /// A number behind the sign of its type.
    fn number(&mut self, request: &'static str, sign: char) -> Result<u64, Error> {
        let text = self.line()?;
        let number = text.strip_prefix(sign).and_then(|number| number.parse().ok());
        let port = self.port;
        number.ok_or(Error::Reply { port, request, expected: "a number", reply: text })
    }

    /// A string, at most [`MAX_LINE`] long.
    fn bulk(&mut self, request: &'static str) -> Result<Vec<u8>, Error> {
        let length = self.number(request, '$')?.min(MAX_LINE);
        let mut bytes = vec![0; usize::try_from(length + 2).unwrap_or_default()];
        let port = self.port;
        let failed = |source| Error::Network { port, what: "cannot read a reply", source };
        self.stream.read_exact(&mut bytes).map_err(failed)?;
        bytes.truncate(bytes.len().saturating_sub(2));
        Ok(bytes)
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let port = self.port;
        let failed = |source| Error::Network { port, what: "cannot send", source };
        self.stream.get_mut().write_all(bytes).map_err(failed)
    }

    fn expect(&mut self, request: &'static str, expected: &'static str) -> Result<(), Error> {
        let port = self.port;
        let reply = self.line()?;
        if reply == expected {
            return Ok(());
        }
        Err(Error::Reply { port, request, expected, reply })
    }
}

/// Appends `SET key:NNNNNNNNNNNN VALUE`; the value repeats the number, so that no two keys share one.
fn push_set(requests: &mut Vec<u8>, key: u64) {
    let text = format!(
        "*3\r\n$3\r\nSET\r\n$16\r\nkey:{key:012}\r\n${VALUE_LEN}\r\n{key:0width$}\r\n",
        width = VALUE_LEN
    );
    requests.extend_from_slice(text.as_bytes());
}

/// Appends a command as an array of strings.
pub(crate) fn push_command(requests: &mut Vec<u8>, words: &[&[u8]]) {
    requests.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
    for word in words {
        requests.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        requests.extend_from_slice(word);
        requests.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    #[test]
    fn a_key_has_16_bytes_and_a_value_40() {
        let mut requests = Vec::new();
        push_set(&mut requests, 1_234_567);
        let text = String::from_utf8(requests).unwrap();
        let lines: Vec<&str> = text.split("\r\n").collect();
        assert_eq!(lines[4], "key:000001234567");
        assert_eq!(lines[4].len(), 16);
        assert_eq!(lines[6].len(), VALUE_LEN);
    }

    #[test]
    fn an_error_reply_ends_the_filling() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0_u8; 1024];
            let _ = stream.read(&mut request).unwrap();
            stream.write_all(b"+OK\r\n-OOM no memory\r\n").unwrap();
        });
        let error = Client::connect(port).unwrap().fill(0..3).unwrap_err();
        assert!(error.to_string().contains("-OOM no memory"), "{error}");
        server.join().unwrap();
    }
}
