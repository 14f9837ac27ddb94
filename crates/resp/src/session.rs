//! The state of one client, and how its commands run. Knows no socket: a test needs none.
//!
//! What must stay true: a command outside `MULTI` that needs one operation allocates nothing but its row; inside `MULTI`
//! nothing runs before `EXEC`, and `EXEC` is one commit; nothing here waits, what must wait is handed out as a future.

mod ahead;
mod closed;
mod exec;
mod following;
mod guard;
mod listening;
mod lookups;
mod pace;
mod permit;
mod rehearsal;
mod state;
mod voice;
mod watching;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Waker;

use mnemon_store::{Op, Outcome, Verdict};
use mnemon_table::Table;

use crate::answer::Answer;
use crate::command::{
    self, Command, Context, FinishMany, FinishOne, Found, Outcomes, Plan, Run, Target, entry, flag,
};
use crate::host::Host;
use crate::presence::Presence;
use crate::protocol::{Args, Version};
use crate::refusal;
use crate::users::User;
use exec::Queue;
use following::Follow;
use guard::Decider;
use listening::Listening;
use lookups::Lookups;
use pace::Pace;
pub(crate) use voice::Voice;
use watching::Watches;

/// An answer under way; needs nothing of the session.
pub type Answering = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// What a command has come to.
pub enum Execution {
    /// It is done.
    Done(Answer),
    /// It waits for others. Commands behind it must wait too, so that answers keep their order. To be awaited inside a
    /// tokio runtime.
    Later(Answering),
}

impl std::fmt::Debug for Execution {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Done(answer) => f.debug_tuple("Done").field(answer).finish(),
            Self::Later(_) => f.write_str("Later"),
        }
    }
}

impl Execution {
    /// The answer, awaited if need be.
    pub async fn answer(self) -> Answer {
        match self {
            Self::Done(answer) => answer,
            Self::Later(answering) => answering.await,
        }
    }
}

/// The state of one client.
///
/// ```
/// use std::sync::Arc;
///
/// use mnemon_resp::protocol::{ArgsBuf, Version};
/// use mnemon_resp::{Execution, Host, Session, Settings};
/// use mnemon_store::SystemClock;
/// use mnemon_table::Catalog;
///
/// let catalog = Arc::new(Catalog::local(Box::new(SystemClock)));
/// let mut session = Session::new(Arc::new(Host::new(catalog, Settings::default())), "a test");
/// let mut reply = |command: &[&str]| {
///     let args: ArgsBuf = command.iter().collect();
///     match session.execute(args.as_args()) {
///         Execution::Done(answer) => answer.to_bytes(Version::Resp2),
///         Execution::Later(_) => unreachable!("a local table answers at once"),
///     }
/// };
/// assert_eq!(reply(&["SET", "k", "v"]), b"+OK\r\n");
/// assert_eq!(reply(&["GET", "k"]), b"$1\r\nv\r\n");
/// ```
#[derive(Debug)]
pub struct Session {
    host: Arc<Host>,
    /// What others may know of the client.
    presence: Arc<Presence>,
    user: Arc<User>,
    number: usize,
    database: Arc<Table>,
    version: Version,
    authenticated: bool,
    /// Commands must be looked at before they run: see [`Self::intercept`].
    special: bool,
    queue: Option<Box<Queue>>,
    watches: Watches,
    follows: Vec<Follow>,
    listening: Listening,
    voice: Voice,
    /// The place of the last command in the command table, and that of its subcommand behind it.
    last: (usize, Option<usize>),
    /// The last command did not run.
    refused: bool,
    /// Who is woken for this client now.
    waker: Option<Waker>,
    closing: bool,
    pace: Pace,
    lookups: Lookups,
    /// A table was read or written whose commits must be durable before they are told of.
    touched: bool,
}

impl Session {
    /// The session of a client that has just connected; `peer` is how `CLIENT INFO` shows its address.
    #[must_use]
    pub fn new(host: Arc<Host>, peer: impl Into<String>) -> Self {
        let local = host.addr.to_string();
        let id = host.next_client();
        Self::between(host, id, None, [peer.into(), local])
    }

    /// The same for the client with this number at the first address, which has connected to the second and is served by an I/O
    /// thread.
    pub(crate) fn between(host: Arc<Host>, id: u64, thread: Option<usize>, ends: [String; 2]) -> Self {
        let authenticated = !host.users.need_password();
        let presence = Arc::new(Presence::new(id, thread, ends, host.now_ms()));
        host.roster.enter(presence.clone());
        Self {
            presence,
            user: host.users.default_user(),
            number: 0,
            database: host.catalog.database(0).clone(),
            version: Version::default(),
            authenticated,
            special: !authenticated,
            queue: None,
            watches: Watches::default(),
            follows: Vec::new(),
            listening: Listening::default(),
            voice: Voice::default(),
            last: (usize::MAX, None),
            refused: false,
            waker: None,
            closing: false,
            pace: Pace::default(),
            lookups: Lookups::default(),
            touched: false,
            host,
        }
    }

    /// Commands that have arrived together begin to run. Until the next batch they may share readings of the clock.
    pub(crate) fn begin_batch(&mut self) {
        self.pace.begin_batch();
    }

    /// Runs one command. An empty one answers nothing.
    pub fn execute(&mut self, args: Args<'_>) -> Execution {
        self.execute_found(command::find_place(args.name()), args)
    }

    /// The same for a command that was looked up already.
    #[inline]
    pub(crate) fn execute_found(&mut self, found: Found, args: Args<'_>) -> Execution {
        if self.voice.is_muted() { self.execute_muted(found, args) } else { self.execute_aloud(found, args) }
    }

    fn execute_aloud(&mut self, found: Found, args: Args<'_>) -> Execution {
        let Some((place, command)) = found else { return self.refuse_unknown(args) };
        self.last = (place, None);
        self.refused = false;
        if !command.takes(args.len()) {
            return self.refuse(command, refusal::arity(command.name));
        }
        if !command.subcommands.is_empty() {
            match check_subcommand(command, args) {
                Ok(place) => self.last.1 = place,
                Err(refusal) => return self.refuse(command, refusal),
            }
        }
        if (self.special || self.host.is_over_memory() || self.host.catalog.has_closed_tables())
            && let Some(answer) = self.intercept(command, args)
        {
            return Execution::Done(answer);
        }
        match command.run {
            Run::Data(plan) => {
                let plan = plan(&self.context(), args);
                self.run(plan, args)
            }
            Run::Session(run) => Execution::Done(run(self, args)),
            Run::Host(run) => Execution::Done(run(&self.host, args)),
            Run::Control(run) => run(self, args),
            Run::Schema(change) => match change(&self.context(), args) {
                Ok(changing) => Execution::Later(changing),
                Err(refusal) => Execution::Done(refusal),
            },
        }
    }

    fn context(&self) -> Context<'_> {
        self.context_of(&self.database)
    }

    /// The same with another database selected.
    fn context_of<'s>(&'s self, database: &'s Arc<Table>) -> Context<'s> {
        Context { catalog: &self.host.catalog, database, dice: &self.host.dice }
    }

    /// What a client hears whose command must not run now: it has to authenticate, is in subscriber mode or builds a
    /// transaction.
    #[cold]
    fn intercept(&mut self, command: &'static Command, args: Args<'_>) -> Option<Answer> {
        if !self.authenticated && !command.has(flag::NO_AUTH) {
            return Some(self.refuse_answer(command, Answer::error("NOAUTH Authentication required.")));
        }
        if let Some(refusal) = self.forbidden(command, args).or_else(|| self.lacks_memory(command)) {
            return Some(self.refuse_answer(command, refusal));
        }
        if self.is_subscriber() && !command.has(flag::SUBSCRIBER) {
            let kinds = if self.listens() {
                "(P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE"
            } else {
                "T.SUBSCRIBE / T.UNSUBSCRIBE"
            };
            let text = format!(
                "ERR Can't execute '{}': only {kinds} / PING / QUIT / RESET are allowed in this context",
                command.name
            );
            return Some(self.refuse_answer(command, Answer::failure(text)));
        }
        if let Some(refusal) = self.misses_rows(command) {
            return Some(self.refuse_answer(command, refusal));
        }
        self.enqueue(command, args)
    }

    /// A command that is refused before it runs takes a transaction along.
    #[cold]
    fn refuse(&mut self, command: &Command, refusal: Answer) -> Execution {
        Execution::Done(self.refuse_answer(command, refusal))
    }

    fn refuse_answer(&mut self, command: &Command, refusal: Answer) -> Answer {
        self.refused = true;
        if command.name == "exec" {
            // So says Redis also where there is no transaction.
            self.discard();
            return match refusal {
                Answer::Reply(crate::protocol::Reply::Error(text)) => {
                    let cause = text.strip_prefix("ERR ").unwrap_or(&text);
                    Answer::failure(format!("EXECABORT Transaction discarded because of: {cause}"))
                }
                other => other,
            };
        }
        self.spoil();
        refusal
    }

    #[cold]
    fn refuse_unknown(&mut self, args: Args<'_>) -> Execution {
        self.last = (usize::MAX, None);
        if args.is_empty() {
            return Execution::Done(Answer::Static(b""));
        }
        if command::connection::is_http(args.name()) {
            tracing::warn!(
                client = self.presence.id,
                peer = self.presence.peer,
                "closed a connection that speaks HTTP to the RESP port: a browser may have been abused"
            );
            self.closing = true;
            return Execution::Done(Answer::Static(b""));
        }
        self.spoil();
        Execution::Done(unknown_command(args))
    }

    /// Has the rows, or fields of one hash, fetched from memory that the next commands of a pipeline name. After how many commands to look again.
    pub(crate) fn look_ahead(&self, pipeline: &[u8]) -> u64 {
        let copy = self.database.copy();
        if let Some(key) = ahead::common_key(pipeline) {
            copy.prefetch_fields(key, ahead::fields(pipeline, key));
        } else if copy.outgrows_caches() {
            copy.prefetch(ahead::keys(pipeline));
        }
        ahead::COMMANDS
    }

    /// How often keys were found, since it was last taken.
    pub(crate) fn lookups(&mut self) -> &mut Lookups {
        &mut self.lookups
    }

    /// Whether commands since the last call have shown or made what must be durable before it is told.
    pub(crate) fn take_touched(&mut self) -> bool {
        std::mem::take(&mut self.touched)
    }

    /// Notes that an answer shows rows that must be durable before it is told.
    pub(crate) fn touch_rows(&mut self) {
        self.touched = true;
    }

    /// Notes the tables of a plan.
    #[inline]
    fn touch(&mut self, plan: &Plan<'_>) {
        self.touched |= match plan {
            Plan::Answered(_) => false,
            Plan::One(Target::Database, ..) | Plan::Many(Target::Database, ..) => self.database.is_synced(),
            Plan::Read(..) | Plan::Guarded(..) => self.database.is_synced(),
            Plan::One(Target::Table(table), ..) | Plan::Many(Target::Table(table), ..) => table.is_synced(),
            // What they read stands in them; to wait once too often costs little.
            Plan::Across(..) | Plan::Query(_) => true,
        };
    }

    /// Runs a plan outside of a transaction.
    #[inline]
    fn run(&mut self, plan: Plan<'_>, args: Args<'_>) -> Execution {
        self.touch(&plan);
        match plan {
            // The databases are this node's own, so a read is a look at the row: no commit and no clock.
            Plan::One(Target::Database, Op::Get { key }, finish) => {
                let row = self.database.store().get(self.database.copy(), &key);
                self.lookups.note(row.is_some());
                Execution::Done(finish(&self.database, args, Ok(Outcome::Row(row))))
            }
            Plan::One(Target::Database, op, finish) => {
                match self.database.submit_at(self.pace.now_ms(self.database.store()), &op).applied() {
                    Verdict::Ready(Ok(outcome)) => Execution::Done(finish(&self.database, args, outcome)),
                    other => settle_one(self.database.clone(), args, other, finish),
                }
            }
            Plan::Answered(answer) => Execution::Done(answer),
            Plan::One(Target::Table(table), op, finish) => {
                let verdict = table.submit_at(self.pace.now_ms(table.store()), &op);
                settle_one(table, args, verdict, finish)
            }
            Plan::Many(target, ops, finish) => {
                let verdict = self.host.catalog.submit(Vec::new(), ops).applied();
                if let Verdict::Ready(Ok(applied)) = &verdict {
                    self.lookups.note_all(&applied.outcomes);
                }
                settle_many(self.table_of(target), args, verdict, finish)
            }
            Plan::Read(key, finish) => {
                let row = self.database.store().get(self.database.copy(), key);
                self.lookups.note(row.is_some());
                Execution::Done(finish(row))
            }
            Plan::Guarded(keys, decide) => {
                let places = guard::places(&self.database, keys);
                self.run_guarded(&places, Decider::Here(decide), args)
            }
            Plan::Across(places, decide) => self.run_guarded(&places, Decider::Across(decide), args),
            Plan::Query(request) if let Some(answer) = request.at_once() => Execution::Done(answer),
            Plan::Query(request) if request.is_short() => Execution::Later(Box::pin(request.answer())),
            Plan::Query(request) => Execution::Later(Box::pin(request.answer_aside())),
        }
    }

    fn table_of(&self, target: Target) -> Arc<Table> {
        match target {
            Target::Database => self.database.clone(),
            Target::Table(table) => table,
        }
    }
}

/// The place of the subcommand that the second word of a command names, or what is wrong with it.
fn check_subcommand(command: &Command, args: Args<'_>) -> Result<Option<usize>, Answer> {
    let Some(name) = args.get(1) else { return Ok(None) };
    let named = |sub: &entry::Subcommand| sub.name.as_bytes().eq_ignore_ascii_case(name);
    let found = command.subcommands.iter().enumerate().find(|(_, sub)| named(sub));
    match found {
        None => {
            let after = format!("'. Try {} HELP.", command.name.to_ascii_uppercase());
            Err(refusal::quoting("ERR unknown subcommand '", name, &after))
        }
        Some((_, sub)) if !entry::fits(sub.arity, args.len()) => {
            Err(refusal::arity(&format!("{}|{}", command.name, sub.name)))
        }
        Some((place, _)) => Ok(Some(place)),
    }
}

/// In Redis's words: the name and the first 128 bytes of arguments.
fn unknown_command(args: Args<'_>) -> Answer {
    const SHOWN: usize = 128;
    let mut shown: Vec<u8> = Vec::new();
    for arg in args.skip(1) {
        if shown.len() >= SHOWN {
            break;
        }
        let text = arg.split(|&byte| byte == 0).next().unwrap_or_default();
        shown.push(b'\'');
        shown.extend(text.iter().take(SHOWN - (shown.len() - 1)));
        shown.extend_from_slice(b"' ");
    }
    let mut after = b"', with args beginning with: ".to_vec();
    after.extend_from_slice(&shown);
    match refusal::quoting("ERR unknown command '", args.name(), "") {
        Answer::Refusal(text) => Answer::Refusal([text, after].concat()),
        other => other,
    }
}

type OneVerdict = Verdict<Result<Result<Outcome, mnemon_store::OpError>, mnemon_table::TableError>>;

fn settle_one(table: Arc<Table>, args: Args<'_>, verdict: OneVerdict, finish: FinishOne) -> Execution {
    match verdict.applied() {
        Verdict::Ready(Ok(outcome)) => Execution::Done(finish(&table, args, outcome)),
        Verdict::Ready(Err(error)) => Execution::Done(refusal::of_table(&error)),
        later => {
            let args = args.to_buf();
            Execution::Later(Box::pin(async move {
                match later.await {
                    Ok(outcome) => finish(&table, args.as_args(), outcome),
                    Err(error) => refusal::of_table(&error),
                }
            }))
        }
    }
}

type ManyVerdict = Verdict<Result<mnemon_store::Applied, mnemon_table::TableError>>;

fn settle_many(table: Arc<Table>, args: Args<'_>, verdict: ManyVerdict, finish: FinishMany) -> Execution {
    let done = move |table: &Table, args: Args<'_>, applied: Result<mnemon_store::Applied, _>| match applied {
        Ok(applied) => {
            let mut outcomes = applied.outcomes.into_iter();
            let outcomes: &mut Outcomes<'_> = &mut outcomes;
            finish(table, args, outcomes)
        }
        Err(error) => refusal::of_table(&error),
    };
    match verdict.applied() {
        Verdict::Ready(applied) => Execution::Done(done(&table, args, applied)),
        later => {
            let args = args.to_buf();
            Execution::Later(Box::pin(async move { done(&table, args.as_args(), later.await) }))
        }
    }
}
