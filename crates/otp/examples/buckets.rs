//! Named buckets: agents under a dynamic supervisor, found through a registry, with events when they come and go.

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::collections::BTreeMap;

use mnemon_otp::{
    Agent, AgentServer, ChildSpec, Context, DynamicSpec, DynamicSupervisor, Error, EventHandler,
    EventManager, ExitReason, Handled, Me, Message, Registry, RegistryEvent, Restart, ServerRef,
    SpawnOptions, System,
};

type Items = BTreeMap<String, u32>;

/// What is told of buckets.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Event {
    Create(String),
    Exit(String),
}

struct Buckets {
    registry: Registry<String>,
    supervisor: DynamicSupervisor,
    events: EventManager<Event>,
}

impl Buckets {
    async fn start(system: &System) -> Result<Self, Error> {
        let buckets = Self {
            registry: Registry::unique(system),
            supervisor: DynamicSpec::new().start(system).await?,
            events: EventManager::start(system).await?,
        };
        let events = buckets.events.clone();
        let teller =
            system.spawn_with(SpawnOptions::new().module("buckets::Teller"), |me| tell(me, events))?;
        buckets.registry.listen(teller);
        Ok(buckets)
    }

    /// Makes a bucket, once.
    async fn create(&self, name: &str) -> Result<(), Error> {
        let (registry, key) = (self.registry.clone(), name.to_owned());
        let begin = move || Agent::begin(Items::new).via(&registry, key.clone(), ());
        let bucket = ChildSpec::server_with("bucket", begin).restart(Restart::Temporary);
        match self.supervisor.start_child(bucket).await {
            Ok(_) | Err(Error::AlreadyStarted(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Finds a bucket; no process is asked.
    fn find(&self, name: &str) -> Result<Agent<Items>, Error> {
        ServerRef::<AgentServer<Items>>::via(&self.registry, name).map(Agent::of)
    }
}

/// Makes events of buckets out of those of the registry.
async fn tell(mut me: Context, events: EventManager<Event>) -> Result<(), Error> {
    loop {
        let Message::User(payload) = me.receive().await else { continue };
        match payload.downcast() {
            Ok(RegistryEvent::Registered(name, _)) => events.notify(Event::Create(name))?,
            Ok(RegistryEvent::Unregistered(name, _)) => events.notify(Event::Exit(name))?,
            Err(_) => {}
        }
    }
}

/// A handler that prints.
struct Print;

impl EventHandler<Event> for Print {
    fn handle_event(&mut self, event: &Event, _: &Me) -> Handled {
        println!("{event:?}");
        Handled::Keep
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let system = System::new()?;
    let buckets = Buckets::start(&system).await?;
    buckets.events.add_handler("print", Print).await?;
    buckets.create("shopping").await?;
    let shopping = buckets.find("shopping")?;
    shopping.update(|items| items.extend([("eggs".to_owned(), 3)])).await?;
    println!("eggs: {:?}", shopping.get(|items| items.get("eggs").copied()).await?);
    let end = system.watch(shopping.pid());
    system.exit(shopping.pid(), ExitReason::Kill);
    println!("it was {}; its name is free: {}", end.await, buckets.find("shopping").is_err());
    Ok(())
}

#[cfg(test)]
mod tests {
    use mnemon_otp::Streamed;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_bucket_that_crashes_is_forgotten_told_of_and_made_again() {
        let system = System::new().expect("a runtime");
        let buckets = Buckets::start(&system).await.expect("room for processes");
        let mut events = buckets.events.stream(10).await.expect("room for a stream");
        for _ in 0..2 {
            buckets.create("a").await.expect("room for a bucket");
        }
        buckets.create("b").await.expect("room for a bucket");
        let (a, b) = (buckets.find("a").expect("it runs"), buckets.find("b").expect("it runs"));
        b.update(|items| items.extend([("milk".to_owned(), 1)])).await.expect("it runs");
        assert!(a.update(|_| panic!("rotten")).await.is_err());
        assert!(buckets.find("a").is_err());
        buckets.create("a").await.expect("room for a bucket");
        assert_eq!(buckets.find("a").expect("it runs").get(Items::len).await, Ok(0));
        assert_eq!(b.get(Items::len).await, Ok(1), "the other one has lost nothing");
        let (create, exit) =
            (|name: &str| Event::Create(name.to_owned()), |name: &str| Event::Exit(name.to_owned()));
        for expected in [create("a"), create("b"), exit("a"), create("a")] {
            assert!(matches!(events.next().await, Some(Streamed::Event(event)) if event == expected));
        }
    }
}
