//! Running a transaction to its end: attempts, conflicts, turns, the deadline.

use std::sync::atomic::Ordering;
use std::time::Duration;

use mnemon_store::StoreError;

use crate::catalog::Catalog;
use crate::error::TableError;
use crate::transaction::{Phase, Transaction};

/// Losses after which a transaction queues for a turn over the row it lost.
const LOSSES_BEFORE_TURN: u32 = 2;

/// Between looks at a table that is being transformed.
const TRANSFORMATION_PAUSE: Duration = Duration::from_millis(5);

/// How a transaction runs.
#[derive(Clone, Copy, Debug)]
pub struct TransactionOptions {
    /// How long after its first conflict it may be run again before it is `Aborted`, in milliseconds. Default: 5,000.
    pub deadline_ms: u64,
    /// It only reads: it runs on a snapshot, once, and never conflicts. Default: no.
    pub read_only: bool,
}

impl Default for TransactionOptions {
    fn default() -> Self {
        Self { deadline_ms: 5_000, read_only: false }
    }
}

/// How one attempt ended.
enum Ended<T> {
    Done(T),
    Lost,
}

impl Catalog {
    /// Runs `body` as a transaction: all its reads are of one state, and its writes are applied together at one
    /// moment at which all it read still held (strict serializability), or not at all. `body` may run several times,
    /// so it must not do what may happen only once. An error that it returns aborts the transaction.
    ///
    /// # Errors
    /// `body`'s own; `Aborted` when the transaction lost against others until its deadline; `TooLarge`.
    pub async fn transaction<T, E, F, A>(&self, body: F) -> Result<T, E>
    where
        F: Fn(Transaction) -> A,
        A: Future<Output = Result<T, E>>,
        E: From<TableError>,
    {
        self.transaction_with(TransactionOptions::default(), body).await
    }

    /// As [`Catalog::transaction`], with options.
    ///
    /// # Errors
    /// As `transaction`.
    pub async fn transaction_with<T, E, F, A>(&self, options: TransactionOptions, body: F) -> Result<T, E>
    where
        F: Fn(Transaction) -> A,
        A: Future<Output = Result<T, E>>,
        E: From<TableError>,
    {
        // Asked at the first loss: most transactions have none, and the clock costs a part of them.
        let mut first_loss_ms = None;
        let mut losses: u32 = 0;
        let mut turn = None;
        loop {
            let handle = Transaction::begin(self.store(), options.read_only, options.deadline_ms);
            // Ends the handle even when this future is dropped while the closure waits.
            let mut attempt = EndOnDrop { handle: handle.clone(), ended: false };
            let answer = body(handle).await;
            // `finish` ends it before it waits for anything.
            attempt.ended = true;
            match self.finish(&attempt.handle, answer).await? {
                Ended::Done(answer) => return Ok(answer),
                Ended::Lost => losses += 1,
            }
            self.conflicts.fetch_add(1, Ordering::Relaxed);
            let now_ms = self.store().now_ms();
            let waited_ms = now_ms - *first_loss_ms.get_or_insert(now_ms);
            if waited_ms >= options.deadline_ms {
                let cause =
                    format!("it lost against other transactions {losses} times in {waited_ms} ms; try again");
                return Err(TableError::Aborted(cause).into());
            }
            let lost_over = attempt.handle.lost_over();
            if losses >= LOSSES_BEFORE_TURN && turn.is_none() {
                if let Some((table, key)) = lost_over {
                    turn = Some(self.turns.take(table, key.as_deref()).await);
                }
            } else {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Commits what an attempt has written, unless it is lost or its closure failed.
    async fn finish<T, E>(&self, handle: &Transaction, answer: Result<T, E>) -> Result<Ended<T>, E>
    where
        E: From<TableError>,
    {
        let submitted = {
            let mut attempt = handle.0.attempt.lock();
            let lost = attempt.phase == Phase::Lost;
            attempt.phase = Phase::Ended;
            if lost {
                return Ok(Ended::Lost);
            }
            let answer = answer?;
            if !attempt.has_writes() {
                // All reads are of the state at the attempt's clock, so there is nothing to validate.
                return Ok(Ended::Done(answer));
            }
            if attempt.writes_to_sealed() {
                None
            } else {
                Some((self.submit_commit(&attempt.commit(self.store().now_ms())), answer))
            }
        };
        let Some((verdict, answer)) = submitted else {
            tokio::time::sleep(TRANSFORMATION_PAUSE).await;
            return Ok(Ended::Lost);
        };
        match verdict.await {
            Ok(_) => Ok(Ended::Done(answer)),
            Err(StoreError::Sealed(_)) => {
                // A transformation ends; until then, or until the deadline, the transaction waits for it.
                tokio::time::sleep(TRANSFORMATION_PAUSE).await;
                Ok(Ended::Lost)
            }
            // Its rows have moved, or it was dropped: the next run is told which.
            Err(StoreError::NoTable(_)) => Ok(Ended::Lost),
            Err(StoreError::Conflict { table, key }) => {
                handle.0.attempt.lock().lost_over = Some((table, key));
                Ok(Ended::Lost)
            }
            Err(other) => Err(TableError::from(other).into()),
        }
    }
}

struct EndOnDrop {
    handle: Transaction,
    ended: bool,
}

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        if !self.ended {
            self.handle.0.attempt.lock().phase = Phase::Ended;
        }
    }
}
