//! Servers: init, calls, casts, what comes next, and the end.

use std::time::Duration;

use mnemon_otp::{
    CallOutcome, Context, Error, ExitReason, GenServer, Info, Init, Message, Next, Pid, Registry, ReplyTo,
    ServerRef, Start, System, sys,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::{LIMIT, idle, system, trapping};

/// A server that does what it is told and notes what happens to it.
struct Probe {
    notes: UnboundedSender<String>,
    later: Vec<ReplyTo<u32>>,
    sum: u32,
}

#[derive(Clone, Copy)]
enum Opening {
    Ready,
    Continue,
    Timeout,
    Stop,
    Ignore,
    Panic,
    Hang,
    Trap,
}

enum Call {
    Sum,
    Later,
    Never,
    Panic,
    StopWith(u32),
    StopSilently,
    Hang,
}

enum Cast {
    Add(u32),
    AnswerAll,
    Idle(Duration),
    Continue,
    Panic,
}

impl GenServer for Probe {
    type Args = (Opening, UnboundedSender<String>);
    type Call = Call;
    type Reply = u32;
    type Cast = Cast;
    type Continue = &'static str;

    async fn init((opening, notes): Self::Args, ctx: &mut Context) -> Init<Self> {
        let this = Self { notes, later: Vec::new(), sum: 0 };
        match opening {
            Opening::Ready => Init::Ready(this),
            Opening::Continue => Init::Continue(this, "left by init"),
            Opening::Timeout => Init::Timeout(this, Duration::from_secs(1)),
            Opening::Stop => Init::Stop(ExitReason::error("not today")),
            Opening::Ignore => Init::Ignore,
            Opening::Panic => panic!("in init"),
            Opening::Hang => std::future::pending().await,
            Opening::Trap => {
                ctx.trap_exit(true);
                Init::Ready(this)
            }
        }
    }

    async fn handle_call(&mut self, call: Call, from: &ReplyTo<u32>, _: &mut Context) -> CallOutcome<Self> {
        match call {
            Call::Sum => CallOutcome::reply(self.sum),
            Call::Later => {
                self.later.push(from.clone());
                CallOutcome::no_reply()
            }
            Call::Never => CallOutcome::no_reply(),
            Call::Panic => panic!("in a call"),
            Call::StopWith(reply) => CallOutcome::reply(reply).stop(ExitReason::Shutdown),
            Call::StopSilently => CallOutcome::no_reply().stop(ExitReason::error("silent")),
            Call::Hang => std::future::pending().await,
        }
    }

    async fn handle_cast(&mut self, cast: Cast, _: &mut Context) -> Next<Self> {
        match cast {
            Cast::Add(by) => self.sum += by,
            Cast::AnswerAll => self.later.drain(..).for_each(|caller| {
                caller.reply(self.sum);
            }),
            Cast::Idle(limit) => return Next::Timeout(limit),
            Cast::Continue => return Next::Continue("left by a cast"),
            Cast::Panic => panic!("in a cast"),
        }
        Next::Wait
    }

    async fn handle_info(&mut self, info: Info, _: &mut Context) -> Next<Self> {
        self.note(match info {
            Info::Timeout => "timeout".to_owned(),
            Info::Message(Message::User(payload)) => format!("user {}", payload.type_name()),
            Info::Message(Message::Exit { reason, .. }) => format!("exit {reason}"),
            Info::Message(other) => format!("{other:?}"),
        });
        Next::Wait
    }

    async fn handle_continue(&mut self, left: &'static str, _: &mut Context) -> Next<Self> {
        self.note(left.to_owned());
        Next::Wait
    }

    async fn terminate(&mut self, reason: &ExitReason, _: &mut Context) {
        let reason = match reason {
            ExitReason::Panic(report) => report.message.clone(),
            other => other.to_string(),
        };
        self.note(format!("terminate {reason}"));
    }

    fn state_text(&self) -> String {
        assert_ne!(self.sum, 13, "unlucky");
        format!("sum {}", self.sum)
    }
}

impl Probe {
    fn note(&self, text: String) {
        drop(self.notes.send(text));
    }
}

async fn start(system: &System, opening: Opening) -> (ServerRef<Probe>, UnboundedReceiver<String>) {
    let (sender, receiver) = unbounded_channel();
    (ServerRef::start(system, (opening, sender)).await.expect("it starts"), receiver)
}

#[tokio::test(start_paused = true)]
async fn calls_and_casts_are_handled_in_the_order_they_were_sent() {
    let system = system();
    let (server, _) = start(&system, Opening::Ready).await;
    for _ in 0..10 {
        server.cast(Cast::Add(1)).unwrap();
    }
    let asked = server.call(Call::Sum);
    assert_eq!(asked.await, Ok(10));
}

#[tokio::test(start_paused = true)]
async fn a_reply_may_be_given_later_and_by_others() {
    let system = system();
    let (server, _) = start(&system, Opening::Ready).await;
    let (first, second, ()) = tokio::join!(server.call(Call::Later), server.call(Call::Later), async {
        tokio::time::sleep_until(tokio::time::Instant::now() + Duration::from_secs(4)).await;
        server.cast(Cast::Add(7)).unwrap();
        server.cast(Cast::AnswerAll).unwrap();
    });
    assert_eq!((first, second), (Ok(7), Ok(7)));
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_five_seconds_by_default() {
    let system = system();
    let (server, _) = start(&system, Opening::Ready).await;
    let start = tokio::time::Instant::now();
    assert_eq!(server.call(Call::Never).await, Err(Error::Timeout(Duration::from_secs(5))));
    assert_eq!(start.elapsed(), Duration::from_secs(5));
    assert_eq!(server.call(Call::Sum).await, Ok(0), "the server goes on");
}

#[tokio::test(start_paused = true)]
async fn a_late_reply_is_dropped() {
    let system = system();
    let (server, mut notes) = start(&system, Opening::Ready).await;
    let caller = server.clone();
    let pid = system
        .spawn(async move |mut me: Context| {
            let late = caller.call_within(Call::Later, Duration::from_secs(1)).await;
            assert_eq!(late, Err(Error::Timeout(Duration::from_secs(1))));
            caller.cast(Cast::AnswerAll)?;
            assert_eq!(caller.call(Call::Sum).await, Ok(0));
            assert!(me.receive_within(LIMIT).await.is_none(), "no stray message");
            Ok::<_, Error>(())
        })
        .unwrap();
    assert_eq!(system.watch(pid).await, ExitReason::Normal);
    assert!(notes.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_call_to_the_dead_fails_at_once() {
    let system = system();
    let (server, _) = start(&system, Opening::Ready).await;
    server.stop(ExitReason::Normal, LIMIT).await.unwrap();
    assert_eq!(server.call(Call::Sum).await, Err(Error::NoProcess));
    assert_eq!(server.cast(Cast::Add(1)), Err(Error::NoProcess));
    assert!(matches!(ServerRef::<Probe>::of(&system, server.pid()), Err(Error::NoProcess)));
}

#[tokio::test(start_paused = true)]
async fn a_caller_learns_why_the_server_ended_before_it_answered() {
    let system = system();
    let (server, mut notes) = start(&system, Opening::Ready).await;
    let (deferred, crashed) = tokio::join!(server.call(Call::Later), server.call(Call::Panic));
    for answer in [deferred, crashed] {
        let Err(Error::Exit(ExitReason::Panic(report))) = answer else { panic!("{answer:?}") };
        assert_eq!(report.message, "in a call");
    }
    assert_eq!(notes.recv().await.as_deref(), Some("terminate in a call"));
    let (server, _) = start(&system, Opening::Ready).await;
    let (hanging, waiting, _) = tokio::join!(server.call(Call::Hang), server.call(Call::Sum), async {
        tokio::task::yield_now().await;
        system.exit(server.pid(), ExitReason::Kill)
    });
    assert_eq!(hanging, Err(Error::Exit(ExitReason::Killed)));
    assert_eq!(waiting, Err(Error::Exit(ExitReason::Killed)));
}

#[tokio::test(start_paused = true)]
async fn a_server_may_answer_and_stop_or_stop_without_an_answer() {
    let system = system();
    let (server, mut notes) = start(&system, Opening::Ready).await;
    let end = system.watch(server.pid());
    assert_eq!(server.call(Call::StopWith(3)).await, Ok(3));
    assert_eq!(end.await, ExitReason::Shutdown);
    assert_eq!(notes.recv().await.as_deref(), Some("terminate shutdown"));
    let (server, _) = start(&system, Opening::Ready).await;
    assert_eq!(server.call(Call::StopSilently).await, Err(Error::Exit(ExitReason::error("silent"))));
}

#[tokio::test(start_paused = true)]
async fn what_is_left_to_do_comes_before_the_next_message() {
    let system = system();
    let (server, mut notes) = start(&system, Opening::Continue).await;
    server.cast(Cast::Continue).unwrap();
    system.send(server.pid(), 1_u8).unwrap();
    for expected in ["left by init", "left by a cast", "user u8"] {
        assert_eq!(notes.recv().await.as_deref(), Some(expected));
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_limit_tells_a_timeout_unless_a_message_comes() {
    let system = system();
    let (server, mut notes) = start(&system, Opening::Timeout).await;
    assert_eq!(notes.recv().await.as_deref(), Some("timeout"));
    server.cast(Cast::Idle(Duration::from_secs(10))).unwrap();
    server.cast(Cast::Add(1)).unwrap();
    tokio::time::advance(Duration::from_secs(20)).await;
    assert_eq!(server.call(Call::Sum).await, Ok(1));
    assert!(notes.try_recv().is_err(), "the message ended the limit");
}

#[tokio::test(start_paused = true)]
async fn what_init_says_is_what_the_starter_hears() {
    let system = system();
    let begin = |opening| Start::<Probe>::new((opening, unbounded_channel().0)).name("probe");
    let stopped = begin(Opening::Stop).start(&system).await;
    assert_eq!(stopped.err(), Some(Error::Start(ExitReason::error("not today"))));
    assert_eq!(begin(Opening::Ignore).start(&system).await.err(), Some(Error::Ignored));
    let panicked = begin(Opening::Panic).start(&system).await;
    assert!(matches!(panicked, Err(Error::Start(ExitReason::Panic(_)))));
    let late = begin(Opening::Hang).limit(Duration::from_secs(2)).start(&system).await;
    assert_eq!(late.err(), Some(Error::Timeout(Duration::from_secs(2))));
    assert_eq!(system.whereis("probe"), None, "the name is free after each of them");
    let first = begin(Opening::Ready).start(&system).await.unwrap();
    let second = begin(Opening::Ready).start(&system).await;
    assert_eq!(second.err(), Some(Error::AlreadyStarted(first.pid())));
    assert_eq!(ServerRef::<Probe>::named(&system, "probe").unwrap().pid(), first.pid());
}

#[tokio::test(start_paused = true)]
async fn a_failed_init_reaches_a_linked_starter_as_an_exit_too() {
    let system = system();
    let (me, mut mailbox) = trapping(&system);
    let failed = ServerRef::<Probe>::start_link(&me, (Opening::Stop, unbounded_channel().0)).await;
    assert!(failed.is_err());
    let Some(Message::Exit { reason, .. }) = mailbox.recv().await else { panic!("an exit") };
    assert_eq!(reason, ExitReason::error("not today"));
}

#[tokio::test(start_paused = true)]
async fn an_exit_ends_a_server_without_terminate_unless_it_traps() {
    let system = system();
    let (server, mut notes) = start(&system, Opening::Ready).await;
    system.exit(server.pid(), ExitReason::Shutdown);
    system.watch(server.pid()).await;
    assert_eq!(notes.recv().await, None, "no terminate");
    let (server, mut notes) = start(&system, Opening::Trap).await;
    system.exit(server.pid(), ExitReason::Shutdown);
    assert_eq!(notes.recv().await.as_deref(), Some("exit shutdown"));
    assert!(server.is_alive());
}

#[tokio::test(start_paused = true)]
async fn the_exit_of_its_parent_ends_a_trapping_server_with_terminate() {
    let system = system();
    let (sender, mut notes) = unbounded_channel();
    let parent = system
        .spawn(async move |me: Context| {
            ServerRef::<Probe>::start_link(&me, (Opening::Trap, sender)).await?;
            Err::<(), _>(Error::Start(ExitReason::error("parent")))
        })
        .unwrap();
    system.watch(parent).await;
    assert_eq!(notes.recv().await.as_deref(), Some("terminate parent"));
    assert_eq!(notes.recv().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_cast_runs_terminate_and_costs_nobody_else() {
    let system = system();
    let other = idle(&system);
    let (server, mut notes) = start(&system, Opening::Ready).await;
    let end = system.watch(server.pid());
    server.cast(Cast::Panic).unwrap();
    assert!(matches!(end.await, ExitReason::Panic(_)));
    assert_eq!(notes.recv().await.as_deref(), Some("terminate in a cast"));
    assert!(system.is_alive(other));
}

#[tokio::test(start_paused = true)]
async fn a_stopped_server_finishes_what_came_before_and_tidies_up() {
    let system = system();
    let (server, mut notes) = start(&system, Opening::Ready).await;
    system.send(server.pid(), "before").unwrap();
    server.stop(ExitReason::Normal, LIMIT).await.unwrap();
    assert_eq!(notes.recv().await.as_deref(), Some("user &str"));
    assert_eq!(notes.recv().await.as_deref(), Some("terminate normal"));
    assert_eq!(server.stop(ExitReason::Normal, LIMIT).await, Err(Error::NoProcess));
}

#[tokio::test(start_paused = true)]
async fn a_server_can_be_found_through_a_registry() {
    let system = system();
    let registry = Registry::<(String, u8)>::unique(&system);
    let key = ("probe".to_owned(), 1);
    let begin =
        || Start::<Probe>::new((Opening::Ready, unbounded_channel().0)).via(&registry, key.clone(), ());
    let server = begin().start(&system).await.unwrap();
    assert_eq!(begin().start(&system).await.err(), Some(Error::AlreadyStarted(server.pid())));
    assert_eq!(ServerRef::<Probe>::via(&registry, &key).unwrap().call(Call::Sum).await, Ok(0));
    server.stop(ExitReason::Normal, LIMIT).await.unwrap();
    assert!(matches!(ServerRef::<Probe>::via(&registry, &key), Err(Error::NoProcess)));
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_for_room_and_for_its_answer_within_one_limit() {
    let system = system();
    let start = Start::<Probe>::new((Opening::Ready, unbounded_channel().0)).mailbox(1);
    let server = start.start(&system).await.unwrap();
    sys::suspend(&system, server.pid(), LIMIT).await.unwrap();
    server.cast(Cast::Add(1)).unwrap();
    assert_eq!(server.cast(Cast::Add(1)), Err(Error::MailboxFull { pid: server.pid(), capacity: 1 }));
    let began = tokio::time::Instant::now();
    let late = server.call_within(Call::Sum, Duration::from_secs(2)).await;
    assert_eq!(late, Err(Error::MailboxFull { pid: server.pid(), capacity: 1 }));
    assert_eq!(began.elapsed(), Duration::from_secs(2));
    let (answer, resumed) = tokio::join!(server.call(Call::Sum), sys::resume(&system, server.pid(), LIMIT));
    assert_eq!((answer, resumed), (Ok(1), Ok(())));
}

#[tokio::test(start_paused = true)]
async fn sys_shows_the_state_the_statistics_and_the_trace() {
    let system = system();
    let (server, _notes) = start(&system, Opening::Ready).await;
    let pid = server.pid();
    sys::trace(&system, pid, 3, LIMIT).await.unwrap();
    for _ in 0..4 {
        server.cast(Cast::Add(2)).unwrap();
    }
    server.call(Call::Sum).await.unwrap();
    assert_eq!(sys::get_state(&system, pid, LIMIT).await.as_deref(), Ok("sum 8"));
    let statistics = sys::statistics(&system, pid, LIMIT).await.unwrap();
    assert_eq!((statistics.messages_in, statistics.replies), (5, 1));
    let trace = sys::traced(&system, pid, LIMIT).await.unwrap();
    assert_eq!(trace.len(), 3);
    assert_eq!(trace[2], "out reply");
    sys::trace(&system, pid, 0, LIMIT).await.unwrap();
    assert_eq!(sys::traced(&system, pid, LIMIT).await, Ok(Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn a_state_that_cannot_be_told_harms_no_server() {
    let system = system();
    let (server, _notes) = start(&system, Opening::Ready).await;
    server.cast(Cast::Add(13)).unwrap();
    let told = sys::get_state(&system, server.pid(), LIMIT).await.unwrap();
    assert!(told.starts_with("no state: panic at") && told.contains("unlucky"), "{told}");
    assert_eq!(server.call(Call::Sum).await, Ok(13));
}

#[tokio::test(start_paused = true)]
async fn a_suspended_server_answers_sys_and_nothing_else_until_it_is_resumed() {
    let system = system();
    let (server, _notes) = start(&system, Opening::Ready).await;
    sys::suspend(&system, server.pid(), LIMIT).await.unwrap();
    server.cast(Cast::Add(1)).unwrap();
    assert!(server.call(Call::Sum).await.is_err());
    assert_eq!(sys::get_state(&system, server.pid(), LIMIT).await.as_deref(), Ok("sum 0"));
    sys::resume(&system, server.pid(), LIMIT).await.unwrap();
    assert_eq!(server.call(Call::Sum).await, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn a_process_that_is_no_behaviour_says_so_to_sys() {
    let system = system();
    let pid: Pid = idle(&system);
    assert_eq!(sys::get_state(&system, pid, LIMIT).await, Err(Error::NotSupported(pid)));
    system.exit(pid, ExitReason::Kill);
    system.watch(pid).await;
    assert_eq!(sys::get_state(&system, pid, LIMIT).await, Err(Error::NoProcess));
}
