//! Answers wait until what they show is durable.
//!
//! Commands run at once, also those on tables whose commits are synced before they are acknowledged; only their answers wait,
//! all of a batch for one sync. So pipelined commands share syncs with one another as well as with other clients.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite};

use super::Connection;

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Waits until what the session has seen since the last call is durable. The answers behind `first` in the output show it;
    /// when the disc fails they are taken back, as nobody can say whether they are true. `false`: the connection must end.
    pub(super) async fn wait_until_durable(&mut self, first: usize) -> io::Result<bool> {
        if !self.session.take_touched() {
            return Ok(true);
        }
        let Some(synced) = self.host.catalog.store().unsynced() else { return Ok(true) };
        let unresting = self.stats().coalescing.unresting();
        let waited = self.stats().syncing.wait(synced).await;
        drop(unresting);
        let Err(cause) = waited else { return Ok(true) };
        tracing::error!(client = self.session.id(), %cause, "the disc failed before answers were durable");
        self.output.take_back(first);
        let text = format!(
            "-OUTCOMEUNKNOWN the disc failed before the commands were synced: {cause}; look before you repeat them\r\n"
        );
        self.output.buffer().extend_from_slice(text.as_bytes());
        Ok(false)
    }
}
