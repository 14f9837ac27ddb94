//! Work that outlives the request that asked for it: begun with a number, looked at by the number.
//!
//! What must stay true: the list is bounded, and so is the work that runs at a time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::watch;

use crate::error::BackupError;
use crate::restore::RestorePlan;
use crate::service::Backups;

/// Jobs that are remembered.
const JOBS_MAX: usize = 64;
/// Jobs that run at a time; of those that write, one does.
const RUNNING_MAX: usize = 4;

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Task {
    /// [`Backups::create`].
    Create {
        /// The backup's name; `None`: after the node and the time.
        name: Option<String>,
        /// The tables; `None`: all.
        tables: Option<Vec<String>>,
    },
    /// [`Backups::verify`].
    Verify(String),
    /// [`Backups::restore`].
    Restore(String, RestorePlan),
    /// [`Backups::restore_at_next_start`].
    RestoreAtNextStart(String, RestorePlan),
}

/// How a job stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// It goes on.
    #[default]
    Running,
    /// It is done.
    Done,
    /// It came to nothing.
    Failed,
}

/// A piece of work.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Job {
    /// Its number, from 1.
    pub id: u64,
    /// What it does, in words.
    pub what: String,
    /// How it stands.
    pub state: JobState,
    /// What has come of it, once it is done.
    pub result: Option<Value>,
    /// An upper-case word, once it has failed.
    pub error: Option<String>,
    /// What failed and what to try.
    pub message: Option<String>,
}

/// The jobs of a node, the newest last.
#[derive(Debug)]
pub(crate) struct Jobs {
    list: Mutex<List>,
    /// Counts the jobs that have ended.
    ended: watch::Sender<u64>,
}

impl Default for Jobs {
    fn default() -> Self {
        Self { list: Mutex::default(), ended: watch::channel(0).0 }
    }
}

#[derive(Debug, Default)]
struct List {
    last: u64,
    jobs: VecDeque<Job>,
}

impl Jobs {
    fn begin(&self, what: String) -> Result<Job, BackupError> {
        let mut list = self.list.lock();
        let mut running = list.jobs.iter().filter(|job| job.state == JobState::Running);
        if let Some(other) = running.nth(RUNNING_MAX - 1) {
            return Err(BackupError::Busy(other.what.clone()));
        }
        if list.jobs.len() >= JOBS_MAX
            && let Some(place) = list.jobs.iter().position(|job| job.state != JobState::Running)
        {
            list.jobs.remove(place);
        }
        list.last += 1;
        let job = Job { id: list.last, what, ..Job::default() };
        list.jobs.push_back(job.clone());
        Ok(job)
    }

    fn end(&self, id: u64, outcome: Result<Value, BackupError>) {
        let mut list = self.list.lock();
        let Some(job) = list.jobs.iter_mut().find(|job| job.id == id) else { return };
        match outcome {
            Ok(result) => {
                job.state = JobState::Done;
                job.result = Some(result);
            }
            Err(cause) => {
                job.state = JobState::Failed;
                job.error = Some(cause.word().to_owned());
                job.message = Some(cause.to_string());
            }
        }
        self.ended.send_modify(|ended| *ended += 1);
    }

    fn get(&self, id: u64) -> Option<Job> {
        self.list.lock().jobs.iter().find(|job| job.id == id).cloned()
    }
}

impl Backups {
    /// Begins a piece of work that goes on by itself; [`Backups::job`] tells how it stands.
    ///
    /// # Errors
    /// `Busy` when too much is under way.
    pub fn start(self: &Arc<Self>, task: Task) -> Result<Job, BackupError> {
        let job = self.jobs().begin(task.what())?;
        let (own, id) = (self.clone(), job.id);
        self.runtime().spawn(async move {
            let outcome = own.perform(task).await;
            own.jobs().end(id, outcome);
        });
        Ok(job)
    }

    /// How a piece of work stands; `None` for a number that never was, or is long past.
    #[must_use]
    pub fn job(&self, id: u64) -> Option<Job> {
        self.jobs().get(id)
    }

    /// The same as soon as it has ended, or after so long.
    pub async fn job_ended(&self, id: u64, within: Duration) -> Option<Job> {
        let mut ended = self.jobs().ended.subscribe();
        let wait = async {
            // The sender lives as long as this node's backups.
            while self.job(id).is_some_and(|job| job.state == JobState::Running)
                && ended.changed().await.is_ok()
            {}
        };
        // Late or not, how it stands is the answer.
        let _ = tokio::time::timeout(within, wait).await;
        self.job(id)
    }

    async fn perform(self: &Arc<Self>, task: Task) -> Result<Value, BackupError> {
        match task {
            Task::Create { name, tables } => self.create(name, tables).await.map(as_json),
            Task::Verify(name) => self.verify(&name).await.map(as_json),
            Task::Restore(name, plan) => self.restore(&name, plan).await.map(as_json),
            Task::RestoreAtNextStart(name, plan) => {
                self.restore_at_next_start(&name, plan).await.map(|()| as_json(true))
            }
        }
    }
}

impl Task {
    fn what(&self) -> String {
        match self {
            Self::Create { name: Some(name), .. } => format!("backup {name}"),
            Self::Create { name: None, .. } => "backup".to_owned(),
            Self::Verify(name) => format!("verify {name}"),
            Self::Restore(name, _) => format!("restore {name}"),
            Self::RestoreAtNextStart(name, _) => format!("check {name}"),
        }
    }
}

/// Numbers, texts and lists, so this cannot fail.
fn as_json(value: impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}
