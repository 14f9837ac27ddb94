//! What can go wrong when a node starts.

/// Why a node did not start. Nothing of it is left running.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// A setting that cannot be.
    #[error("bad setting {setting}: {cause}")]
    BadSetting {
        /// The setting.
        setting: &'static str,
        /// What is wrong with it.
        cause: String,
    },
    /// The data directory cannot be used.
    #[error("cannot use the data directory: {0}")]
    Data(String),
    /// A restore that this start was to do came to nothing.
    #[error(
        "the restore that this start was to do failed: {0}; to start without it, remove restore-pending from the data directory"
    )]
    Backup(#[from] mnemon_backup::BackupError),
    /// The door for Redis clients could not be opened.
    #[error(transparent)]
    Resp(#[from] mnemon_resp::RespError),
    /// The door for operators could not be opened.
    #[error(transparent)]
    Http(#[from] mnemon_http::HttpError),
    /// The door for clients of the line protocol could not be opened.
    #[error(transparent)]
    Line(#[from] mnemon_line::LineError),
    /// A process of the node did not start.
    #[error("the node's processes did not start: {0}")]
    Process(#[from] mnemon_otp::Error),
}
