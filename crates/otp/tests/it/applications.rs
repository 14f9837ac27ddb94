//! Applications: order, errors, and what the end of one means.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mnemon_otp::{
    ApplicationSpec, Applications, ChildSpec, Context, Error, ExitReason, Me, Shutdown, StartType, Strategy,
    SupervisorSpec, System,
};

use crate::{LIMIT, obey, system};

fn app(name: &str) -> ApplicationSpec {
    ApplicationSpec::new(name, SupervisorSpec::new(Strategy::OneForOne).name(format!("{name} top")))
}

async fn with(system: &System, specs: Vec<ApplicationSpec>) -> Applications {
    let applications = Applications::start(system).await.expect("room");
    for spec in specs {
        applications.load(spec).await.expect("none runs");
    }
    applications
}

#[tokio::test(start_paused = true)]
async fn what_is_needed_starts_first_and_all_stop_in_reverse() {
    let system = system();
    let stops = Arc::new(AtomicU32::new(0));
    let count = stops.clone();
    let specs = vec![
        app("shop").needs("store").needs("log"),
        app("store").needs("log"),
        app("log").when_stopped(move || {
            count.fetch_add(1, Ordering::SeqCst);
        }),
    ];
    let applications = with(&system, specs).await;
    assert_eq!(applications.ensure_all_started("shop").await.unwrap(), ["log", "store", "shop"]);
    assert!(applications.ensure_all_started("shop").await.unwrap().is_empty());
    assert_eq!(applications.which_applications().await.unwrap(), ["log", "store", "shop"]);
    let again = applications.start_application("shop", StartType::Temporary).await;
    assert_eq!(again, Err(Error::ApplicationAlreadyStarted("shop".to_owned())));
    let reload = applications.load(app("shop")).await;
    assert_eq!(reload, Err(Error::ApplicationAlreadyStarted("shop".to_owned())));
    applications.stop(LIMIT).await.unwrap();
    assert_eq!((system.process_count(), stops.load(Ordering::SeqCst)), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn an_application_whose_needs_do_not_run_is_refused_by_name() {
    let system = system();
    let applications = with(&system, vec![app("shop").needs("store"), app("store")]).await;
    let early = applications.start_application("shop", StartType::Temporary).await;
    assert_eq!(early, Err(Error::ApplicationNotStarted("store".to_owned())));
    let unknown = applications.start_application("none", StartType::Temporary).await;
    assert_eq!(unknown, Err(Error::ApplicationNotLoaded("none".to_owned())));
    let stopped = applications.stop_application("shop").await;
    assert_eq!(stopped, Err(Error::ApplicationNotStarted("shop".to_owned())));
    applications.start_application("store", StartType::Temporary).await.unwrap();
    applications.start_application("shop", StartType::Temporary).await.unwrap();
    applications.stop_application("shop").await.unwrap();
    assert_eq!(system.whereis("shop top"), None);
}

#[tokio::test(start_paused = true)]
async fn a_failed_start_stops_what_was_started_for_it() {
    let system = system();
    let bad = ChildSpec::new("bad", async |_| Err(Error::Start(ExitReason::error("no disc"))));
    let bad = ApplicationSpec::starting(bad).needs("log");
    let applications = with(&system, vec![bad, app("log"), app("a").needs("b"), app("b").needs("a")]).await;
    let failed = applications.ensure_all_started("bad").await;
    assert_eq!(failed, Err(Error::Start(ExitReason::error("no disc"))));
    assert!(applications.which_applications().await.unwrap().is_empty());
    assert_eq!(applications.ensure_all_started("a").await, Err(Error::ApplicationCycle("a".to_owned())));
    assert_eq!(system.process_count(), 1, "only the controller");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_permanent_application_stops_all() {
    let system = system();
    let top = ApplicationSpec::starting(ChildSpec::new("one", async |me| {
        let pid = me.spawn_link(obey)?;
        me.system().register_name("one", pid)?;
        Ok(pid)
    }));
    let applications = with(&system, vec![app("other"), top]).await;
    applications.start_application("other", StartType::Temporary).await.unwrap();
    for (start, reason, survives) in [
        (StartType::Temporary, ExitReason::Killed, true),
        (StartType::Transient, ExitReason::Normal, true),
        (StartType::Permanent, ExitReason::Killed, false),
    ] {
        applications.start_application("one", start).await.unwrap();
        let pid = system.whereis("one").unwrap();
        let (end, controller) = (system.watch(pid), system.watch(applications.pid()));
        if reason == ExitReason::Normal {
            system.send(pid, crate::End(ExitReason::Normal)).unwrap();
        } else {
            system.exit(pid, ExitReason::Kill);
        }
        assert_eq!(end.await, reason);
        if survives {
            assert_eq!(applications.which_applications().await.unwrap(), ["other"]);
        } else {
            assert_eq!(controller.await, ExitReason::Killed);
            assert_eq!(system.process_count(), 0);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_system_that_shuts_down_stops_its_applications_in_reverse() {
    let system = system();
    let stops = Arc::new(Mutex::new(Vec::new()));
    let noted = |name: &'static str| {
        let stops = stops.clone();
        app(name).when_stopped(move || stops.lock().unwrap().push(name))
    };
    let specs = vec![noted("shop").needs("store"), noted("store")];
    let applications = with(&system, specs).await;
    applications.ensure_all_started("shop").await.unwrap();
    assert_eq!(system.shutdown(LIMIT).await, 0, "nobody had to be killed");
    assert_eq!(*stops.lock().unwrap(), ["shop", "store"]);
}

#[tokio::test(start_paused = true)]
async fn an_application_is_stopped_as_its_top_says() {
    let system = system();
    let deaf = ChildSpec::new("deaf", async |me: Me| {
        me.spawn_link(async |me: Context| {
            me.trap_exit(true);
            std::future::pending::<()>().await;
        })
    });
    let limit = Duration::from_secs(1);
    let deaf = ApplicationSpec::starting(deaf.shutdown(Shutdown::Timeout(limit)));
    let applications = with(&system, vec![deaf]).await;
    applications.start_application("deaf", StartType::Permanent).await.unwrap();
    let stopped = tokio::time::timeout(LIMIT, applications.stop_application("deaf")).await;
    assert_eq!((stopped, system.process_count()), (Ok(Ok(())), 1));
}
