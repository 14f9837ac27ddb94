//! The integration tests of the `mnemon` binary, and of the workspace it stands on top of.

mod serve;
mod tidy;
