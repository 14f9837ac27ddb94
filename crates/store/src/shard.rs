//! One shard of a copy: some of its rows under one lock, with their expiry queue and eviction policy.

use mnemon_disc::DiscError;

use crate::cold::ColdRows;
use crate::collection::Collection;
use crate::eviction::{Policy, Probe};
use crate::expiry::ExpiryQueue;
use crate::row::Row;
use crate::rows::{At, Rows};
use crate::snapshot::Keeping;
use crate::versioned::Versioned;

/// Some rows of a copy.
pub(crate) struct Shard {
    pub(crate) rows: Versioned,
    expiry: ExpiryQueue,
    policy: Option<Policy>,
    /// Bytes of the rows, as [`Row::memory`] counts them.
    bytes: usize,
}

/// Rows that were cleared, to be freed without a lock held.
pub(crate) struct ClearedShard {
    #[allow(dead_code, reason = "held only to be dropped later")]
    rows: Option<Rows>,
    #[allow(dead_code, reason = "held only to be dropped later")]
    expiry: ExpiryQueue,
}

impl ClearedShard {
    pub(crate) fn of_index(rows: Option<Rows>) -> Self {
        Self { rows, expiry: ExpiryQueue::default() }
    }
}

impl Shard {
    pub(crate) fn new(rows: Rows, policy: Option<Policy>) -> Self {
        Self { rows: Versioned::new(rows), expiry: ExpiryQueue::default(), policy, bytes: 0 }
    }

    /// All rows of a table that are on disc, with their expiry queue and their bytes.
    pub(crate) fn cold(rows: ColdRows, expiry: ColdRows, bytes: usize) -> Self {
        let rows = Versioned::new(Rows::Cold(Box::new(rows)));
        Self { rows, expiry: ExpiryQueue::Cold(Box::new(expiry)), policy: None, bytes }
    }

    /// The maps of rows that are on disc.
    pub(crate) fn cold_mut(&mut self) -> Option<(&mut ColdRows, &mut ColdRows)> {
        match (&mut self.rows.rows, &mut self.expiry) {
            (Rows::Cold(rows), ExpiryQueue::Cold(expiry)) => Some((rows, expiry)),
            _ => None,
        }
    }

    /// Forgets rows that were brought in from the disc for a commit.
    pub(crate) fn let_go(&mut self) {
        if let Rows::Cold(rows) = &mut self.rows.rows {
            rows.let_go();
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.rows.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Rows with a time to live.
    pub(crate) fn expiring(&self) -> usize {
        self.expiry.len()
    }

    /// The row, whether its time has passed or not.
    #[inline]
    pub(crate) fn get(&self, at: At<'_>) -> Option<&Row> {
        self.rows.rows.get(at)
    }

    /// Puts a row in its place; `keeping` is given when snapshots are open.
    pub(crate) fn put(&mut self, at: At<'_>, row: Row, keeping: Option<Keeping>) -> Option<Row> {
        self.bytes += row.memory();
        let new = (row.expires_at().is_some() || self.policy.is_some()).then(|| row.clone());
        let old = self.rows.insert(at, row, keeping);
        if let Some(old) = &old {
            self.bytes = self.bytes.saturating_sub(old.memory());
            self.expiry.remove(old);
        } else if let Some(policy) = &mut self.policy {
            policy.inserted(at);
        }
        if let Some(new) = &new {
            self.expiry.add(new);
            new.set_heat(old.as_ref().map_or(0, Row::heat));
        }
        old
    }

    /// Changes a row's collection where it is, when it `is_wanted`. Gives the change back where that cannot be done: when somebody else
    /// holds the row (one that expires is also in the queue), or an open snapshot may see it (up to `seen_up_to`). The
    /// caller removes a row whose collection is empty then.
    pub(crate) fn change_collection<R, F>(
        &mut self,
        at: At<'_>,
        seen_up_to: u64,
        version: u64,
        is_wanted: impl FnOnce(&Collection) -> bool,
        change: F,
    ) -> Result<(R, bool), F>
    where
        F: FnOnce(&mut Collection) -> R,
    {
        let row = self.rows.rows.get_mut(at).filter(|row| row.version() > seen_up_to);
        let Some(row) = row else { return Err(change) };
        let before = row.memory();
        let result = row.change_collection(version, is_wanted, change)?;
        self.bytes = (self.bytes + row.memory()).saturating_sub(before);
        Ok(result)
    }

    pub(crate) fn remove(&mut self, at: At<'_>, keeping: Option<Keeping>, version: u64) -> Option<Row> {
        let old = self.rows.remove(at, keeping, version)?;
        self.bytes = self.bytes.saturating_sub(old.memory());
        self.expiry.remove(&old);
        let rows = &self.rows.rows;
        match &mut self.policy {
            Some(Policy::Hashed(queues)) => queues.sweep(rows.len(), |hash| find_hash(rows, *hash).is_some()),
            Some(Policy::Ordered(queues)) => queues.sweep(rows.len(), |key| find_key(rows, key).is_some()),
            None => {}
        }
        Some(old)
    }

    /// Takes a row out of its place so that its collection can be changed without copying it. The caller puts the
    /// changed row back under the same lock.
    pub(crate) fn take(&mut self, at: At<'_>) -> Option<Row> {
        let row = self.rows.rows.get(at)?.clone();
        let stand_in = Row::bytes(row.version(), None, at.key, &[]);
        stand_in.set_heat(row.heat());
        self.expiry.remove(&row);
        self.bytes = (self.bytes + stand_in.memory()).saturating_sub(row.memory());
        self.rows.rows.insert(at, stand_in);
        Some(row)
    }

    pub(crate) fn clear(&mut self, keeping: Option<Keeping>, version: u64) -> ClearedShard {
        let mut bytes = std::mem::take(&mut self.bytes);
        if let Rows::Cold(rows) = &self.rows.rows {
            // What a snapshot holds of them is in memory for this part only.
            bytes = rows.pending_bytes();
        }
        if let Some(policy) = &mut self.policy {
            policy.clear();
        }
        ClearedShard { rows: self.rows.clear(keeping, version, bytes), expiry: self.expiry.take() }
    }

    /// Exchanges all that is here with all that is there. For readers who have found something absent, all may have been removed.
    pub(crate) fn exchange(&mut self, other: &mut Self, version: u64) {
        std::mem::swap(self, other);
        self.rows.last_removal = version;
        other.rows.last_removal = version;
    }

    /// Rows whose time has passed, the earliest first; none of rows on disc.
    pub(crate) fn due(&self, now_ms: u64, limit: usize) -> Vec<Row> {
        self.expiry.due(now_ms, limit)
    }

    /// The keys of rows on disc whose time has passed, the earliest first.
    pub(crate) fn due_keys(&self, now_ms: u64, limit: usize) -> Result<Vec<Box<[u8]>>, DiscError> {
        self.expiry.due_keys(now_ms, limit)
    }

    /// The row that the policy gives up next, any but the one at `spared`. Whoever then does not remove it must
    /// say so with `keep`.
    pub(crate) fn victim(&mut self, spared: Option<At<'_>>) -> Option<Row> {
        let rows = &self.rows.rows;
        let probe = |row: Option<&Row>| match (row, spared) {
            (None, _) => Probe::Gone,
            (Some(row), Some(spared)) if row.key() == spared.key => Probe::Spared,
            (Some(row), _) => Probe::Heat(row.heat()),
        };
        match self.policy.as_mut()? {
            Policy::Hashed(queues) => {
                let hash = queues.victim(
                    |hash| probe(find_hash(rows, *hash)),
                    |hash, heat| cool(find_hash(rows, *hash), heat),
                )?;
                find_hash(rows, hash).cloned()
            }
            Policy::Ordered(queues) => {
                let key = queues
                    .victim(|key| probe(find_key(rows, key)), |key, heat| cool(find_key(rows, key), heat))?;
                find_key(rows, &key).cloned()
            }
        }
    }

    /// A row that was to be given up stays: the policy must know its name again.
    pub(crate) fn keep(&mut self, at: At<'_>) {
        if self.rows.rows.get(at).is_some()
            && let Some(policy) = &mut self.policy
        {
            policy.inserted(at);
        }
    }
}

fn find_hash(rows: &Rows, hash: u64) -> Option<&Row> {
    match rows {
        Rows::Hashed(rows) => rows.any_with_hash(hash),
        Rows::Ordered(_) | Rows::Index(_) | Rows::Cold(_) => None,
    }
}

fn find_key<'r>(rows: &'r Rows, key: &[u8]) -> Option<&'r Row> {
    rows.get(At { hash: 0, key })
}

fn cool(row: Option<&Row>, heat: u8) {
    if let Some(row) = row {
        row.set_heat(heat);
    }
}
