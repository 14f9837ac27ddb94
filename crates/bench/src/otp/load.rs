//! Our side: the same work as the program in Erlang does, on two threads.

use std::time::{Duration, Instant};

use mnemon_otp::{
    CallOutcome, ChildSpec, Context, ExitReason, GenServer, Init, Next, Pid, ReplyTo, ServerRef, Settings,
    Strategy, SupervisorSpec, System,
};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::OtpFigures;
use crate::clock::now;
use crate::error::Error;
use crate::process::resident_bytes;
use crate::statistics::median;

/// Threads, as many as the runtime beside it has schedulers.
const THREADS: usize = 2;

/// Operations between two looks at the clock.
const BATCH: u64 = 1000;

const RESTARTS: usize = 2000;

/// Longer than anything here waits for.
const LIMIT: Duration = Duration::from_secs(60);

struct Echo(u64);

impl GenServer for Echo {
    type Args = ();
    type Call = u64;
    type Reply = u64;
    type Cast = u64;
    type Continue = ();

    async fn init((): (), _: &mut Context) -> Init<Self> {
        Init::Ready(Self(0))
    }

    async fn handle_call(&mut self, call: u64, _: &ReplyTo<u64>, _: &mut Context) -> CallOutcome<Self> {
        CallOutcome::reply(call + self.0)
    }

    async fn handle_cast(&mut self, cast: u64, _: &mut Context) -> Next<Self> {
        std::hint::black_box(cast);
        Next::Wait
    }
}

/// A server that tells when it has started.
struct Telling;

impl GenServer for Telling {
    type Args = UnboundedSender<(Pid, Instant)>;
    type Call = ();
    type Reply = ();
    type Cast = ();
    type Continue = ();

    async fn init(whom: Self::Args, ctx: &mut Context) -> Init<Self> {
        match whom.send((ctx.pid(), now())) {
            Ok(()) => Init::Ready(Self),
            Err(_) => Init::Ignore,
        }
    }

    async fn handle_call(&mut self, (): (), _: &ReplyTo<()>, _: &mut Context) -> CallOutcome<Self> {
        CallOutcome::reply(())
    }
}

/// Servers at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory {
    live: f64,
    process_bytes: f64,
}

/// Has `processes` servers live at once. To be asked once and first: memory that was used before and is free would be
/// used again, and these servers would seem to take less.
///
/// # Errors
/// When there is no runtime, or a server does not start.
pub(super) fn memory(processes: u32) -> Result<Memory, Error> {
    let runtime = runtime()?;
    let system = System::with(Settings::default(), runtime.handle().clone());
    runtime.block_on(async {
        let memory = fill(&system, processes).await;
        system.shutdown(LIMIT).await;
        memory
    })
}

fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .enable_time()
        .build()
        .map_err(|error| Error::Embedded(format!("no runtime for the processes: {error}")))
}

/// Measures everything else once: four phases of `phase` each, and restarts.
///
/// # Errors
/// When there is no runtime, or a process does not do what it should.
pub(super) fn measure(phase: Duration, memory: Memory) -> Result<OtpFigures, Error> {
    let runtime = runtime()?;
    let system = System::with(Settings::default(), runtime.handle().clone());
    runtime.block_on(async {
        let figures = OtpFigures {
            calls_1: calls(&system, phase, 1).await?,
            calls_8: calls(&system, phase, 8).await?,
            casts: casts(&system, phase).await?,
            spawns: spawns(&system, phase).await?,
            restart_us: restarts(&system).await?,
            live: memory.live,
            process_bytes: memory.process_bytes,
        };
        system.shutdown(LIMIT).await;
        Ok(figures)
    })
}

/// Operations a second of `workers` processes, each running `batch` until `phase` is over.
async fn rate<F, Fut>(system: &System, phase: Duration, workers: usize, batch: F) -> Result<f64, Error>
where
    F: Fn(Context) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = mnemon_otp::Result<Context>> + Send,
{
    let started = now();
    let (sender, mut receiver) = unbounded_channel();
    for _ in 0..workers {
        let (sender, batch) = (sender.clone(), batch.clone());
        system.spawn(move |mut me| async move {
            let mut count = 0_u64;
            while now() - started < phase {
                me = batch(me).await?;
                count += BATCH;
            }
            sender.send(count).map_err(|_| mnemon_otp::Error::NoProcess)
        })?;
    }
    drop(sender);
    let (mut total, mut done) = (0, 0);
    while let Some(count) = receiver.recv().await {
        total += count;
        done += 1;
    }
    if done < workers {
        return Err(Error::Embedded(format!(
            "{} of {workers} processes failed at their work",
            workers - done
        )));
    }
    Ok(total as f64 / (now() - started).as_secs_f64())
}

async fn calls(system: &System, phase: Duration, callers: usize) -> Result<f64, Error> {
    let echo = ServerRef::<Echo>::start(system, ()).await?;
    rate(system, phase, callers, move |me| {
        let echo = echo.clone();
        async move {
            for number in 0..BATCH {
                echo.call(number).await?;
            }
            Ok(me)
        }
    })
    .await
}

/// A call ends each batch: the server has taken all casts before it.
async fn casts(system: &System, phase: Duration) -> Result<f64, Error> {
    let echo = ServerRef::<Echo>::start(system, ()).await?;
    rate(system, phase, 1, move |me| {
        let echo = echo.clone();
        async move {
            for number in 0..BATCH {
                echo.cast(number)?;
            }
            echo.call(0).await?;
            Ok(me)
        }
    })
    .await
}

async fn spawns(system: &System, phase: Duration) -> Result<f64, Error> {
    rate(system, phase, 1, |mut me| async move {
        for _ in 0..BATCH {
            let (_, monitor) = me.spawn_monitor(async |_| ())?;
            me.receive_down(monitor).await;
        }
        Ok(me)
    })
    .await
}

/// Kills a child again and again. It runs in a process, as a caller on one of the two threads would.
async fn restarts(system: &System) -> Result<f64, Error> {
    let (whom, mut told) = unbounded_channel();
    let top = SupervisorSpec::new(Strategy::OneForOne)
        .intensity(1_000_000, Duration::from_secs(1))
        .child(ChildSpec::server::<Telling>("child", whom))
        .start(system)
        .await?;
    let (sender, mut receiver) = unbounded_channel();
    system.spawn(move |me| async move {
        let mut times = Vec::with_capacity(RESTARTS);
        let mut live = told.recv().await;
        while let Some((pid, _)) = live
            && times.len() < RESTARTS
        {
            let before = now();
            me.exit(pid, ExitReason::Kill);
            live = told.recv().await;
            times.extend(live.map(|(_, at)| (at - before).as_secs_f64() * 1e6));
        }
        drop(sender.send(times));
    })?;
    let times = receiver.recv().await.unwrap_or_default();
    top.stop(LIMIT).await?;
    median(&times)
        .filter(|_| times.len() == RESTARTS)
        .ok_or_else(|| Error::Embedded(format!("only {} of {RESTARTS} restarts happened", times.len())))
}

async fn fill(system: &System, processes: u32) -> Result<Memory, Error> {
    let before = resident_bytes(std::process::id())?;
    let mut servers = Vec::new();
    for _ in 0..processes {
        servers.push(ServerRef::<Echo>::start(system, ()).await?);
    }
    let bytes = resident_bytes(std::process::id())?.saturating_sub(before);
    let live = servers.iter().filter(|server| server.is_alive()).count();
    Ok(Memory { live: live as f64, process_bytes: bytes as f64 / f64::from(processes) })
}
