//! Many items through one function, a bounded number at once.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;

use super::Task;
use crate::context::Me;
use crate::error::{Error, Result};
use crate::timer::moment_after;

/// How a stream of tasks runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamOptions {
    /// Items at work, or done and not yet taken, at once. At least one. Default 8.
    pub max_concurrency: usize,
    /// Whether values come in the order of the items. Default yes; without it, in the order they are done.
    pub ordered: bool,
    /// How long one item may take; then it is killed and its value is [`Error::Timeout`]. Default five seconds.
    pub limit: Duration,
}

impl Default for StreamOptions {
    fn default() -> Self {
        Self { max_concurrency: 8, ordered: true, limit: Duration::from_secs(5) }
    }
}

/// Values of items, as they come. From [`Task::stream`].
pub struct TaskStream<I, F, T> {
    me: Me,
    items: I,
    work: F,
    options: StreamOptions,
    running: VecDeque<(Task<T>, Instant)>,
    /// Why the last item was not begun: its value, behind those of the items before it.
    refused: Option<Error>,
}

impl<T: Send + 'static> Task<T> {
    /// Runs `work` on each item in a task [`isolated`](Task::isolated) from `me`, so many at once as `options` say. Items
    /// are taken as values are: what is not asked for is not begun. OTP's `async_stream`.
    ///
    /// ```
    /// use mnemon_otp::{Context, ExitReason, StreamOptions, System, Task};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let system = System::new()?;
    /// let pid = system.spawn(async |me: Context| {
    ///     let mut squares = Task::stream(&me, 1..=3, |n| async move { n * n }, StreamOptions::default());
    ///     let mut sum = 0;
    ///     while let Some(square) = squares.next().await {
    ///         sum += square?;
    ///     }
    ///     assert_eq!(sum, 14);
    ///     Ok::<_, mnemon_otp::Error>(())
    /// })?;
    /// assert_eq!(system.watch(pid).await, ExitReason::Normal);
    /// # Ok(())
    /// # }
    /// ```
    pub fn stream<I, F, Fut>(
        me: &Me,
        items: I,
        work: F,
        options: StreamOptions,
    ) -> TaskStream<I::IntoIter, F, T>
    where
        I: IntoIterator,
        F: FnMut(I::Item) -> Fut,
        Fut: Future<Output = T> + Send + 'static,
    {
        let (items, running) = (items.into_iter(), VecDeque::new());
        TaskStream { me: me.clone(), items, work, options, running, refused: None }
    }
}

impl<I, F, Fut, T> TaskStream<I, F, T>
where
    I: Iterator,
    F: FnMut(I::Item) -> Fut,
    Fut: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    /// The next value; `None` when all have come. O(items at once).
    pub async fn next(&mut self) -> Option<Result<T>> {
        while self.refused.is_none() && self.running.len() < self.options.max_concurrency.max(1) {
            let Some(item) = self.items.next() else { break };
            match Task::isolated(&self.me, (self.work)(item)) {
                Ok(task) => self.running.push_back((task, moment_after(self.options.limit))),
                Err(error) => self.refused = Some(error),
            }
        }
        let Some((_, first_limit)) = self.running.front() else { return self.refused.take().map(Err) };
        let first_limit = *first_limit;
        let looked_at = if self.options.ordered { 1 } else { self.running.len() };
        let running = &mut self.running;
        let any = poll_fn(|cx| {
            for (at, (task, _)) in running.iter_mut().enumerate().take(looked_at) {
                if let Poll::Ready(value) = task.poll_value(cx) {
                    return Poll::Ready((at, value));
                }
            }
            Poll::Pending
        });
        // All have the same limit, so the first that began is the first that is late.
        match tokio::time::timeout_at(first_limit, any).await {
            Ok((at, value)) => {
                self.running.remove(at);
                Some(value)
            }
            Err(_) => {
                if let Some((task, _)) = self.running.pop_front() {
                    task.kill();
                }
                Some(Err(Error::Timeout(self.options.limit)))
            }
        }
    }

    /// All values that are left.
    ///
    /// # Errors
    /// The first error; items that are at work then are killed.
    pub async fn collect(mut self) -> Result<Vec<T>> {
        let mut values = Vec::new();
        while let Some(value) = self.next().await {
            values.push(value?);
        }
        Ok(values)
    }
}

impl<I, F, T> Drop for TaskStream<I, F, T> {
    fn drop(&mut self) {
        for (task, _) in &self.running {
            self.me.system().exit(task.process.pid, crate::reason::ExitReason::Kill);
        }
    }
}
