//! Dynamic supervisors against a model: any number of children, any sequence of exits, starts that fail, orders and pauses.

#![expect(clippy::unwrap_used, reason = "all of this file is one test")]

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mnemon_otp::{
    ChildInfo, ChildSpec, ChildState, Context, DynamicSpec, DynamicSupervisor, Error, ExitReason, Me, Restart,
};
use proptest::prelude::*;

use crate::supervisors_model::{Journal, Leaving, restart};
use crate::{End, obey};

const WITHIN_MS: u64 = 1_000;

#[derive(Clone, Copy, Debug)]
enum Step {
    Add(Restart),
    /// A child ends, orderly or not, and so many of its next starts fail.
    End {
        number: usize,
        orderly: bool,
        refusals: u32,
    },
    Terminate(usize),
    Pause(u64),
}

struct ModelChild {
    id: String,
    restart: Restart,
    refusals: Arc<AtomicU32>,
}

/// The rules, for children that are known oldest first.
#[derive(Default)]
struct Model {
    limit: usize,
    children: Vec<ModelChild>,
    restarts: VecDeque<u64>,
    now_ms: u64,
    journal: Vec<String>,
    added: usize,
    has_given_up: bool,
}

impl Model {
    fn add(&mut self, restart: Restart) -> &ModelChild {
        self.added += 1;
        let child = ModelChild { id: format!("c{}", self.added), restart, refusals: Arc::default() };
        self.journal.push(format!("+{}", child.id));
        self.children.push(child);
        self.children.last().unwrap()
    }

    fn remove(&mut self, at: usize) -> ModelChild {
        let child = self.children.remove(at);
        self.journal.push(format!("-{}", child.id));
        child
    }

    fn end(&mut self, at: usize, orderly: bool, refusals: u32) {
        let child = self.remove(at);
        match child.restart {
            Restart::Temporary => return,
            Restart::Transient if orderly => return,
            Restart::Transient | Restart::Permanent => {}
        }
        for _ in 0..=refusals {
            self.restarts.retain(|then| self.now_ms - then <= WITHIN_MS);
            if self.restarts.len() >= self.limit {
                self.has_given_up = true;
                while !self.children.is_empty() {
                    self.remove(0);
                }
                return;
            }
            self.restarts.push_back(self.now_ms);
        }
        self.journal.push(format!("+{}", child.id));
        self.children.insert(at, child);
    }
}

fn spec(child: &ModelChild, journal: &Journal) -> ChildSpec {
    let (id, journal, refusals) = (child.id.clone(), journal.clone(), child.refusals.clone());
    let start = move |me: Me| {
        let refused = refusals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        let (id, journal) = (id.clone(), journal.clone());
        async move {
            if refused.is_ok() {
                return Err(Error::Start(ExitReason::error("not yet")));
            }
            journal.lock().unwrap().push(format!("+{id}"));
            let leaving = Leaving(journal, id);
            me.spawn_link(async move |me: Context| {
                let _leaving = leaving;
                obey(me).await
            })
        }
    };
    ChildSpec::new(child.id.as_str(), start).restart(child.restart)
}

/// The children once none waits to be tried again.
async fn settled(top: &DynamicSupervisor) -> Vec<ChildInfo> {
    loop {
        let children = top.which_children().await.unwrap_or_default();
        if children.iter().all(|child| child.state == ChildState::Running) {
            return children;
        }
    }
}

async fn compare(limit: u32, steps: Vec<Step>) {
    let (system, journal) = (crate::system(), Journal::default());
    let mut model = Model { limit: limit as usize, ..Model::default() };
    let top =
        DynamicSpec::new().intensity(limit, Duration::from_millis(WITHIN_MS)).start(&system).await.unwrap();
    let given_up = system.watch(top.pid());
    for step in steps {
        let children = settled(&top).await;
        let of = |number: usize| number.checked_rem(children.len());
        let pid = |at: usize| children[at].pid.unwrap();
        match step {
            Step::Add(restart) => {
                let spec = spec(model.add(restart), &journal);
                top.start_child(spec).await.unwrap().unwrap();
            }
            Step::End { number, orderly, refusals } => {
                let Some(at) = of(number) else { continue };
                model.children[at].refusals.store(refusals, Ordering::SeqCst);
                let end = system.watch(pid(at));
                let reason = if orderly { ExitReason::shutdown("done") } else { ExitReason::error("crash") };
                system.send(pid(at), End(reason)).unwrap();
                end.await;
                model.end(at, orderly, refusals);
            }
            Step::Terminate(number) => {
                let Some(at) = of(number) else { continue };
                top.terminate_child(pid(at)).await.unwrap();
                assert!(matches!(top.terminate_child(pid(at)).await, Err(Error::ChildNotFound(_))));
                model.remove(at);
            }
            Step::Pause(ms) => {
                tokio::time::advance(Duration::from_millis(ms)).await;
                model.now_ms += ms;
            }
        }
        if model.has_given_up {
            break;
        }
        let real: Vec<String> = settled(&top).await.into_iter().map(|child| child.id).collect();
        let expected: Vec<String> = model.children.iter().map(|child| child.id.clone()).collect();
        assert_eq!(real, expected, "after {step:?}");
        assert_eq!(*journal.lock().unwrap(), model.journal, "after {step:?}");
        assert_eq!(system.process_count(), 1 + expected.len());
    }
    if model.has_given_up {
        assert_eq!(given_up.await, ExitReason::Shutdown);
        assert_eq!(system.process_count(), 0);
        // All are stopped at once, in no order.
        let mut real = journal.lock().unwrap().clone();
        real.sort();
        model.journal.sort();
        assert_eq!(real, model.journal);
    }
}

fn step() -> impl Strategy<Value = Step> {
    let end = (0..8_usize, any::<bool>(), prop_oneof![4 => Just(0), 1 => 1..3_u32]);
    prop_oneof![
        3 => restart().prop_map(Step::Add),
        5 => end.prop_map(|(number, orderly, refusals)| Step::End { number, orderly, refusals }),
        1 => (0..8_usize).prop_map(Step::Terminate),
        2 => (1..900_u64).prop_map(Step::Pause),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_history_of_a_dynamic_supervisor_is_that_of_the_model(
        limit in 0..6_u32,
        steps in prop::collection::vec(step(), 0..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.unwrap().block_on(compare(limit, steps));
    }
}
