//! Looking at processes from outside.

use std::time::Duration;

use mnemon_otp::{
    Agent, Applications, ChildSpec, Context, DynamicSpec, EventManager, ExitReason, Me, ProcessKind,
    ProcessTree, SpawnOptions, Start, Strategy, SupervisorSpec, System, Task,
};

use crate::{idle, obey, system, trapping};

#[tokio::test(start_paused = true)]
async fn a_process_shows_its_name_mailbox_links_monitors_and_age() {
    let system = system();
    let (me, _mailbox) = trapping(&system);
    let options = SpawnOptions::new().link().monitor().mailbox(9).module("worker");
    let pid = me.spawn_with(options, async |_: Context| std::future::pending::<()>().await).unwrap().pid;
    let other = idle(&system);
    system.register_name("worker 1", pid).unwrap();
    for number in 0..3 {
        system.send(pid, number).unwrap();
    }
    system.send(me.pid(), "handled").unwrap();
    tokio::time::advance(Duration::from_secs(3)).await;
    tokio::task::yield_now().await;
    let info = system.info(pid).unwrap();
    assert_eq!((info.name.as_deref(), info.module.as_str(), info.mailbox), (Some("worker 1"), "worker", 3));
    assert_eq!((info.mailbox_limit, info.handled, info.uptime_ms), (9, 0, 3000));
    assert_eq!(
        (info.parent, info.links, info.monitored_by),
        (Some(me.pid()), vec![me.pid()], vec![me.pid()])
    );
    assert!(!info.trap_exit && info.memory > 300 && info.memory < 1024, "{}", info.memory);
    let watcher = system.info(me.pid()).unwrap();
    assert_eq!((watcher.monitors, watcher.handled, watcher.trap_exit), (vec![pid], 1, true));
    system.exit(other, ExitReason::Kill);
    system.watch(other).await;
    assert!(system.info(other).is_none());
}

fn shape(tree: &[ProcessTree]) -> String {
    let shapes: Vec<String> = tree
        .iter()
        .map(|node| {
            let name = node.process.child.clone().or_else(|| node.process.name.clone()).unwrap_or_default();
            format!("{name}({})", shape(&node.children))
        })
        .collect();
    shapes.join(" ")
}

#[tokio::test(start_paused = true)]
async fn the_tree_shows_who_started_whom_and_how_the_last_one_ended() {
    let system = system();
    let worker = |id: &str| ChildSpec::new(id, async |me: Me| me.spawn_link(obey));
    let inner = SupervisorSpec::new(Strategy::OneForOne).child(worker("b")).child(worker("c"));
    let top = SupervisorSpec::new(Strategy::OneForOne)
        .name("top")
        .child(worker("a"))
        .child(ChildSpec::supervisor("inner", inner))
        .start(&system)
        .await
        .unwrap();
    let lone = idle(&system);
    system.register_name("lone", lone).unwrap();
    assert_eq!(shape(&system.tree()), "top(a() inner(b() c())) lone()");
    let first = top.which_children().await.unwrap()[0].pid.unwrap();
    system.exit(first, ExitReason::error("crash"));
    system.watch(first).await;
    top.which_children().await.unwrap();
    let json = serde_json::to_value(system.tree()).unwrap();
    let children = json[0]["children"].as_array().unwrap();
    let again = children.iter().find(|child| child["child"] == "a").unwrap();
    assert_eq!(again["last_exit"], "crash");
    assert_eq!(again["mailbox"], 0);
}

#[tokio::test(start_paused = true)]
async fn a_long_chain_of_processes_is_shown_without_going_deep() {
    let system = system();
    fn deeper(me: Me, left: u32) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            if left > 0 {
                me.spawn(move |child| deeper(child.me(), left - 1)).unwrap();
            }
            std::future::pending().await
        })
    }
    system.spawn(|me| deeper(me.me(), 1000)).unwrap();
    while system.process_count() < 1001 {
        tokio::task::yield_now().await;
    }
    fn depth(tree: &[ProcessTree]) -> usize {
        tree.iter().map(|node| 1 + depth(&node.children)).max().unwrap_or(0)
    }
    fn count(tree: &[ProcessTree]) -> usize {
        tree.iter().map(|node| 1 + count(&node.children)).sum()
    }
    let tree = system.tree();
    assert_eq!((depth(&tree), count(&tree)), (mnemon_otp::MAX_TREE_DEPTH, 1001));
    drop(System::clone(&system));
}

#[tokio::test]
async fn each_process_tells_its_behaviour_and_its_module() {
    use ProcessKind as K;
    let system = system();
    let (me, _mailbox) = trapping(&system);
    let agent = Agent::start(&system, || vec![1]).await.unwrap().pid();
    let server = Start::<Counting>::new(()).start(&system).await.unwrap().pid();
    let events = EventManager::<u8>::start(&system).await.unwrap().pid();
    let task = Task::linked(&me, std::future::pending::<()>()).unwrap();
    let top = SupervisorSpec::new(Strategy::OneForOne).start(&system).await.unwrap().pid();
    let many = DynamicSpec::new().start(&system).await.unwrap();
    let child = ChildSpec::new("client-7", async |me: Me| me.spawn_link(obey));
    let one_of_many = many.start_child(child).await.unwrap().unwrap();
    let controller = Applications::start(&system).await.unwrap().pid();
    let plain = system.spawn(async |_: Context| std::future::pending::<()>().await).unwrap();
    for (pid, kind, module) in [
        (agent, K::Agent, "Vec<i32>"),
        (server, K::GenServer, "looking::Counting"),
        (events, K::EventManager, "u8"),
        (task.pid(), K::Task, "Pending<()>"),
        (top, K::Supervisor, "otp::Supervisor"),
        (many.pid(), K::DynamicSupervisor, "otp::DynamicSupervisor"),
        (controller, K::ApplicationController, "otp::Applications"),
        (plain, K::Process, "looking::each_process_tells_its_behaviour_and_its_module"),
    ] {
        let info = system.info(pid).unwrap();
        assert_eq!(info.kind, kind, "{info:?}");
        assert!(info.module.ends_with(module), "{}", info.module);
    }
    let info = system.info(one_of_many).unwrap();
    assert_eq!((info.child.as_deref(), info.parent), (Some("client-7"), Some(many.pid())));
}

struct Counting;

impl mnemon_otp::GenServer for Counting {
    type Args = ();
    type Call = ();
    type Reply = ();
    type Cast = ();
    type Continue = ();

    async fn init((): (), _: &mut Context) -> mnemon_otp::Init<Self> {
        mnemon_otp::Init::Ready(Self)
    }

    async fn handle_call(
        &mut self,
        (): (),
        _: &mnemon_otp::ReplyTo<()>,
        _: &mut Context,
    ) -> mnemon_otp::CallOutcome<Self> {
        mnemon_otp::CallOutcome::reply(())
    }
}
