//! How far a node is with loading its tables, as a bar on a terminal. The log and `/readyz` tell it to everybody else.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use mnemon_node::{Node, NodeError};

/// How often the bar moves.
const STEP: Duration = Duration::from_millis(100);

/// Waits until the node has loaded its tables, and shows how that goes on.
///
/// # Errors
/// As [`Node::loaded`].
pub(crate) async fn watch(node: &Node) -> Result<(), NodeError> {
    if !std::io::stderr().is_terminal() {
        return node.loaded().await;
    }
    let mut bar = None;
    loop {
        let waited = tokio::time::timeout(STEP, node.loaded()).await;
        let loading = node.catalog().loading();
        let (done, total) = loading
            .iter()
            .fold((0, 0), |(done, total), table| (done + table.progress.done, total + table.progress.total));
        if let Ok(ended) = waited {
            if let Some((bar, _)) = bar {
                ProgressBar::finish_and_clear(&bar);
            }
            return ended;
        }
        // The whole is what was left when the bar was first drawn; tables that are done are no longer listed.
        let (bar, whole) = bar.get_or_insert_with(|| (drawn(total), total));
        bar.set_position(whole.saturating_sub(total.saturating_sub(done)));
        let names: Vec<&str> = loading.iter().take(3).map(|table| table.table.as_str()).collect();
        bar.set_message(names.join(", "));
    }
}

fn drawn(total: u64) -> ProgressBar {
    let bar = ProgressBar::new(total);
    let style = ProgressStyle::with_template(
        "loading {bar:32} {percent:>3} % of {human_len} rows, {eta} left  {msg}",
    );
    // The template is fixed, and the plain bar does as well.
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}
