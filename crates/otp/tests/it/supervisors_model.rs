//! Supervisors against a model of OTP's rules: any children, any strategy, any sequence of exits, orders and pauses.
//!
//! The model says what starts and stops, in what order, and when the supervisor gives up. The journal of the real one has
//! to be the same after each step.

#![expect(clippy::unwrap_used, reason = "all of this file is one test")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mnemon_otp::{
    ChildSpec, ChildState, Context, Error, ExitReason, Me, Restart, Strategy as Rule, Supervisor,
    SupervisorSpec, System,
};
use proptest::prelude::*;

use crate::{End, obey};

const WITHIN_MS: u64 = 1_000;

#[derive(Clone, Copy, Debug)]
enum Step {
    Crash(usize),
    Leave(usize),
    Pause(u64),
    Terminate(usize),
    Restart(usize),
    Delete(usize),
    Add(Restart),
}

#[derive(Clone, Debug, PartialEq)]
struct ModelChild {
    id: String,
    restart: Restart,
    runs: bool,
}

/// OTP's rules.
struct Model {
    rule: Rule,
    limit: usize,
    children: Vec<ModelChild>,
    restarts: VecDeque<u64>,
    now_ms: u64,
    alive: bool,
    journal: Vec<String>,
    added: usize,
}

impl Model {
    fn start(&mut self, at: usize) {
        self.children[at].runs = true;
        self.journal.push(format!("+{}", self.children[at].id));
    }

    fn stop(&mut self, at: usize) {
        if std::mem::replace(&mut self.children[at].runs, false) {
            self.journal.push(format!("-{}", self.children[at].id));
            if self.children[at].restart == Restart::Temporary {
                self.children.remove(at);
            }
        }
    }

    fn exit(&mut self, at: usize, orderly: bool) {
        let child = &mut self.children[at];
        child.runs = false;
        self.journal.push(format!("-{}", child.id));
        match child.restart {
            Restart::Temporary => drop(self.children.remove(at)),
            Restart::Transient if orderly => {}
            Restart::Transient | Restart::Permanent => self.restart(at),
        }
    }

    fn restart(&mut self, at: usize) {
        self.restarts.retain(|then| self.now_ms - then <= WITHIN_MS);
        if self.restarts.len() >= self.limit {
            self.alive = false;
            for at in (0..self.children.len()).rev() {
                self.stop(at);
            }
            return;
        }
        self.restarts.push_back(self.now_ms);
        let (first, mut end) = match self.rule {
            Rule::OneForOne => (at, at + 1),
            Rule::OneForAll => (0, self.children.len()),
            Rule::RestForOne => (at, self.children.len()),
        };
        for at in (first..end).rev() {
            let before = self.children.len();
            self.stop(at);
            end -= before - self.children.len();
        }
        for at in first..end {
            if !self.children[at].runs {
                self.start(at);
            }
        }
    }

    fn add(&mut self, restart: Restart) -> ModelChild {
        self.added += 1;
        let child = ModelChild { id: format!("c{}", self.added), restart, runs: false };
        self.children.push(child.clone());
        self.start(self.children.len() - 1);
        child
    }
}

pub(crate) type Journal = Arc<Mutex<Vec<String>>>;

/// Notes that a child has ended.
pub(crate) struct Leaving(pub(crate) Journal, pub(crate) String);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.lock().unwrap().push(format!("-{}", self.1));
    }
}

fn spec(child: &ModelChild, journal: &Journal) -> ChildSpec {
    let (id, journal) = (child.id.clone(), journal.clone());
    ChildSpec::new(child.id.as_str(), move |me: Me| {
        let leaving = Leaving(journal.clone(), id.clone());
        async move {
            leaving.0.lock().unwrap().push(format!("+{}", leaving.1));
            me.spawn_link(async move |me: Context| {
                let _leaving = leaving;
                obey(me).await
            })
        }
    })
    .restart(child.restart)
}

/// Does `step` to both. The model is asked for a child by number, so that steps mean something whatever came before.
async fn take(step: Step, model: &mut Model, system: &System, top: &Supervisor, journal: &Journal) {
    let at = |number: usize| (!model.children.is_empty()).then(|| number % model.children.len());
    match step {
        Step::Pause(ms) => {
            tokio::time::advance(Duration::from_millis(ms)).await;
            model.now_ms += ms;
        }
        Step::Add(restart) => {
            let child = model.add(restart);
            top.start_child(spec(&child, journal)).await.unwrap();
        }
        Step::Crash(number) | Step::Leave(number) => {
            let Some(at) = at(number).filter(|at| model.children[*at].runs) else { return };
            let orderly = matches!(step, Step::Leave(_));
            let pid = top.which_children().await.unwrap()[at].pid.unwrap();
            let ends = (system.watch(pid), system.watch(top.pid()));
            let reason = if orderly { ExitReason::Normal } else { ExitReason::error("crash") };
            system.send(pid, End(reason)).unwrap();
            ends.0.await;
            model.exit(at, orderly);
            if !model.alive {
                assert_eq!(ends.1.await, ExitReason::Shutdown);
            }
        }
        Step::Terminate(number) => {
            let Some(at) = at(number) else { return };
            let child = model.children[at].clone();
            top.terminate_child(&child.id).await.unwrap();
            model.stop(at);
        }
        Step::Restart(number) => {
            let Some(at) = at(number) else { return };
            let child = model.children[at].clone();
            let outcome = top.restart_child(&child.id).await;
            if child.runs {
                assert_eq!(outcome, Err(Error::ChildRunning(child.id)));
            } else {
                outcome.unwrap().unwrap();
                model.start(at);
            }
        }
        Step::Delete(number) => {
            let Some(at) = at(number) else { return };
            let child = model.children[at].clone();
            let outcome = top.delete_child(&child.id).await;
            if child.runs {
                assert_eq!(outcome, Err(Error::ChildRunning(child.id)));
            } else {
                outcome.unwrap();
                model.children.remove(at);
            }
        }
    }
}

async fn compare(rule: Rule, limit: u32, restarts: Vec<Restart>, steps: Vec<Step>) {
    let system = crate::system();
    let journal = Journal::default();
    let mut model = Model {
        rule,
        limit: limit as usize,
        children: Vec::new(),
        restarts: VecDeque::new(),
        now_ms: 0,
        alive: true,
        journal: Vec::new(),
        added: 0,
    };
    let mut top = SupervisorSpec::new(rule).intensity(limit, Duration::from_millis(WITHIN_MS));
    for restart in restarts {
        top = top.child(spec(&model.add(restart), &journal));
    }
    let top = top.start(&system).await.unwrap();
    for step in steps {
        take(step, &mut model, &system, &top, &journal).await;
        if !model.alive {
            break;
        }
        let children = top.which_children().await.unwrap();
        let real: Vec<(String, Restart, bool)> = children
            .into_iter()
            .map(|child| (child.id, child.restart, child.state == ChildState::Running))
            .collect();
        let expected: Vec<(String, Restart, bool)> =
            model.children.iter().map(|child| (child.id.clone(), child.restart, child.runs)).collect();
        assert_eq!(real, expected, "after {step:?}");
        assert_eq!(*journal.lock().unwrap(), model.journal, "after {step:?}");
        assert_eq!(system.process_count(), 1 + model.children.iter().filter(|child| child.runs).count());
    }
    assert_eq!(*journal.lock().unwrap(), model.journal);
    if !model.alive {
        assert_eq!(system.process_count(), 0);
    }
}

pub(crate) fn restart() -> impl Strategy<Value = Restart> {
    prop_oneof![Just(Restart::Permanent), Just(Restart::Transient), Just(Restart::Temporary)]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..8_usize).prop_map(Step::Crash),
        2 => (0..8_usize).prop_map(Step::Leave),
        2 => (1..900_u64).prop_map(Step::Pause),
        1 => (0..8_usize).prop_map(Step::Terminate),
        1 => (0..8_usize).prop_map(Step::Restart),
        1 => (0..8_usize).prop_map(Step::Delete),
        1 => restart().prop_map(Step::Add),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_history_of_a_supervisor_is_that_of_the_model(
        rule in prop_oneof![Just(Rule::OneForOne), Just(Rule::OneForAll), Just(Rule::RestForOne)],
        limit in 0..5_u32,
        restarts in prop::collection::vec(restart(), 0..5),
        steps in prop::collection::vec(step(), 0..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.unwrap().block_on(compare(rule, limit, restarts, steps));
    }
}
