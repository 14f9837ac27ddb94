//! The server: its time, and what is asked of it in passing.

use crate::answer::Answer;
use crate::host::Host;
use crate::protocol::{Args, Reply};
use crate::refusal;

/// `TIME`: the group's time, which knows milliseconds.
pub(super) fn time(host: &Host, _: Args<'_>) -> Answer {
    let now_ms = host.now_ms();
    let parts = [now_ms / 1000, now_ms % 1000 * 1000];
    Reply::Array(parts.iter().map(|part| Reply::bulk(part.to_string())).collect()).into()
}

/// `DEBUG`: Redis refuses it unless it is switched on, and here it cannot be: it stops servers and crashes them.
pub(super) fn debug(_: &Host, _: Args<'_>) -> Answer {
    Answer::error(
        "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from \
         a local connection, otherwise you need to set this option in the configuration file, and then restart \
         the server.",
    )
}

/// `ROLE`: what a server without replicas says.
pub(super) fn role(_: &Host, _: Args<'_>) -> Answer {
    Reply::Array(vec![Reply::StaticBulk("master"), Reply::Int(0), Reply::Array(Vec::new())]).into()
}

/// `LOLWUT [VERSION version]`
pub(super) fn lolwut(_: &Host, args: Args<'_>) -> Answer {
    if args.len() > 16 {
        return refusal::SYNTAX;
    }
    Reply::text(concat!("Mnemon ver. ", env!("CARGO_PKG_VERSION"), "\n")).into()
}
