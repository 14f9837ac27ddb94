//! Many connections on one thread: the servers under measurement need the other processors.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};

use crate::error::Error;

/// Bytes read at once.
const PIECE: usize = 64 << 10;

/// What the connections to a port run on.
pub(crate) fn runtime(port: u16) -> Result<Runtime, Error> {
    let failed = |source| Error::Network { port, what: "cannot start clients", source };
    Builder::new_current_thread().enable_all().build().map_err(failed)
}

/// Connects to a port of this machine.
pub(crate) async fn connect(port: u16) -> Result<TcpStream, Error> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let failed = |source| Error::Network { port, what: "cannot connect", source };
    let stream = TcpStream::connect(address).await.map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    Ok(stream)
}

/// Writes all of it.
pub(crate) async fn write(stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        stream.writable().await?;
        match stream.try_write(bytes) {
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => {}
            Err(cause) => return Err(cause),
        }
    }
    Ok(())
}

/// Reads so many bytes, and gives the last of them that came at once.
///
/// # Errors
/// `InvalidData`: more came.
pub(crate) async fn read(stream: &TcpStream, whole: u64) -> io::Result<Vec<u8>> {
    let mut piece = vec![0; PIECE];
    let last = read_into(stream, whole, &mut piece).await?;
    piece.truncate(last);
    Ok(piece)
}

/// Reads so many bytes through `piece`; how many of them, at its beginning, came last.
///
/// # Errors
/// `InvalidData`: more came.
pub(crate) async fn read_into(stream: &TcpStream, whole: u64, piece: &mut [u8]) -> io::Result<usize> {
    let mut left = whole;
    let mut last = 0;
    while left > 0 {
        stream.readable().await?;
        match stream.try_read(piece) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                last = count;
                left = left.checked_sub(count as u64).ok_or(io::ErrorKind::InvalidData)?;
            }
            Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => {}
            Err(cause) => return Err(cause),
        }
    }
    Ok(last)
}
