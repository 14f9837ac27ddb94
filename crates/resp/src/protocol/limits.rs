//! The bounds on what one client request may ask of the server.

/// How much one request may ask of the server. All are inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest argument in bytes (Redis: `proto-max-bulk-len`). Default 512 MiB.
    pub max_bulk_len: usize,
    /// Most arguments of one command. Default 1,048,576. Costs 16 bytes each while the command is read.
    pub max_args: usize,
    /// Longest inline request, and longest line that announces a length, in bytes; below 4 counts as 4. Default 64 KiB.
    pub max_inline_len: usize,
    /// Longest request in bytes, framing included (Redis: `client-query-buffer-limit`). Default 1 GiB. This bounds the
    /// read buffer of one connection.
    pub max_request_len: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bulk_len: 512 << 20,
            max_args: 1024 * 1024,
            max_inline_len: 64 << 10,
            max_request_len: 1 << 30,
        }
    }
}

/// What a client may send before it has authenticated, as in Redis: enough for any form of `AUTH` and `HELLO`.
const UNAUTHENTICATED_ARGS: usize = 10;
const UNAUTHENTICATED_BULK_LEN: usize = 16 * 1024;

impl Limits {
    /// The most arguments and the longest argument that are accepted now.
    pub(super) fn accepted(&self, authenticated: bool) -> (usize, usize) {
        if authenticated {
            (self.max_args, self.max_bulk_len)
        } else {
            (self.max_args.min(UNAUTHENTICATED_ARGS), self.max_bulk_len.min(UNAUTHENTICATED_BULK_LEN))
        }
    }
}
