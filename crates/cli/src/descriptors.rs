//! The files that this process may open: each client takes one, and the usual limit is below the clients that are allowed.

/// Files beside those of clients.
const RESERVE: u64 = 512;

/// Raises the limit as far as it may be raised, and says so when that is not enough.
pub(crate) fn provide_for(clients: usize) {
    let wanted = (clients as u64).saturating_add(RESERVE);
    match rlimit::increase_nofile_limit(wanted) {
        Ok(limit) if limit >= wanted => {}
        Ok(limit) => tracing::warn!(
            limit,
            wanted,
            "this process may open fewer files than it needs for all clients; raise `ulimit -n` or lower --max-clients"
        ),
        Err(cause) => tracing::warn!(%cause, wanted, "the limit of open files cannot be read or raised"),
    }
}
