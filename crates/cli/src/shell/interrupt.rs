//! Ctrl-C while the shell on a terminal waits for the server: it ends listening, and elsewhere the shell.
//!
//! At the prompt the line editor reads the key itself, and this hears nothing.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;

use crate::signals::Signals;

/// Nobody listens: the shell ends.
const ENDS: u8 = 0;
/// Messages are listened to.
const LISTENS: u8 = 1;
/// Whoever listens is to stop.
const ASKED: u8 = 2;

/// What Ctrl-C means at the moment.
pub(super) struct Interrupt(Arc<AtomicU8>);

impl Interrupt {
    /// Takes the signals over for the rest of the process.
    ///
    /// # Errors
    /// When the system gives no thread or signals.
    pub(super) fn new() -> io::Result<Self> {
        let state = Arc::new(AtomicU8::new(ENDS));
        let meaning = state.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let mut signals = {
            let _inside = runtime.enter();
            Signals::new()?
        };
        thread::Builder::new().name("signals".to_owned()).spawn(move || {
            runtime.block_on(async move {
                loop {
                    let (name, status) = signals.next().await;
                    let asks = name != "SIGTERM"
                        && meaning.compare_exchange(LISTENS, ASKED, Ordering::SeqCst, Ordering::SeqCst)
                            != Err(ENDS);
                    if !asks {
                        // As if the signal had not been taken over.
                        std::process::exit(status);
                    }
                }
            });
        })?;
        Ok(Self(state))
    }

    /// From here on Ctrl-C ends the listening.
    pub(super) fn begin(&self) {
        self.0.store(LISTENS, Ordering::SeqCst);
    }

    /// Whether the listening is to end.
    pub(super) fn is_asked(&self) -> bool {
        self.0.load(Ordering::SeqCst) == ASKED
    }

    /// From here on it ends the shell.
    pub(super) fn end(&self) {
        self.0.store(ENDS, Ordering::SeqCst);
    }
}
