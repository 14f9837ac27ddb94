//! Registries: keys, values, and their end with the process.

use mnemon_otp::{Error, ExitReason, Message, Registry, RegistryEvent};

use crate::{idle, system, trapping};

#[tokio::test(start_paused = true)]
async fn a_unique_key_belongs_to_one_process_until_that_ends() {
    let system = system();
    let registry = Registry::<String, u8>::unique(&system);
    let (first, second) = (idle(&system), idle(&system));
    registry.register(first, "key".to_owned(), 1).unwrap();
    let taken = registry.register(second, "key".to_owned(), 2);
    assert_eq!(taken, Err(Error::AlreadyRegistered(first)));
    assert_eq!(registry.lookup("key"), [(first, 1)]);
    system.exit(first, ExitReason::Kill);
    system.watch(first).await;
    assert_eq!((registry.whereis("key"), registry.count()), (None, 0));
    assert!(registry.keys(first).is_empty());
    registry.register(second, "key".to_owned(), 2).unwrap();
    assert_eq!(registry.whereis("key"), Some(second));
    assert_eq!(registry.register(first, "other".to_owned(), 0), Err(Error::NoProcess));
}

#[tokio::test(start_paused = true)]
async fn a_name_is_gone_before_anyone_hears_of_the_end() {
    let system = system();
    let (me, mut mailbox) = trapping(&system);
    for _ in 0..50 {
        let pid = idle(&system);
        system.register_name("name", pid).unwrap();
        me.monitor(pid);
        system.exit(pid, ExitReason::Kill);
        assert!(matches!(mailbox.recv().await, Some(Message::Down { .. })));
        assert_eq!(system.whereis("name"), None);
        assert!(!system.is_alive(pid));
    }
}

#[test]
fn a_lookup_asks_no_process() {
    // Nobody drives this runtime, so no process can answer anything.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let system = mnemon_otp::System::with(mnemon_otp::Settings::default(), runtime.handle().clone());
    let registry = Registry::<String, u8>::unique(&system);
    let pid = idle(&system);
    registry.register(pid, "key".to_owned(), 7).unwrap();
    system.register_name("name", pid).unwrap();
    assert_eq!((registry.whereis("key"), registry.lookup("key")), (Some(pid), vec![(pid, 7)]));
    assert_eq!((registry.keys(pid), system.whereis("name")), (vec!["key".to_owned()], Some(pid)));
    drop(runtime);
    assert_eq!((registry.whereis("key"), system.whereis("name"), system.process_count()), (None, None, 0));
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_key_is_shared_and_given_back_as_a_whole() {
    let system = system();
    let registry = Registry::<&str, u8>::duplicate(&system);
    let (first, second) = (idle(&system), idle(&system));
    registry.register(first, "topic", 1).unwrap();
    registry.register(second, "topic", 2).unwrap();
    registry.register(first, "topic", 3).unwrap();
    registry.register(first, "other", 4).unwrap();
    assert_eq!(registry.lookup("topic"), [(first, 1), (second, 2), (first, 3)]);
    assert_eq!(registry.keys(first), ["topic", "topic", "other"]);
    assert!(registry.unregister(first, "topic"));
    assert!(!registry.unregister(first, "topic"));
    assert_eq!(registry.lookup("topic"), [(second, 2)]);
    assert_eq!(registry.keys(first), ["other"]);
}

#[tokio::test(start_paused = true)]
async fn listeners_hear_of_keys_taken_and_given_back() {
    let system = system();
    let registry = Registry::<u8>::unique(&system);
    let (me, mut mailbox) = trapping(&system);
    registry.listen(me.pid());
    let pid = idle(&system);
    registry.register(pid, 1, ()).unwrap();
    registry.register(pid, 2, ()).unwrap();
    registry.unregister(pid, &1);
    system.exit(pid, ExitReason::Kill);
    let expected = [
        RegistryEvent::Registered(1, pid),
        RegistryEvent::Registered(2, pid),
        RegistryEvent::Unregistered(1, pid),
        RegistryEvent::Unregistered(2, pid),
    ];
    for event in expected {
        let Some(Message::User(payload)) = mailbox.recv().await else { panic!("an event") };
        assert_eq!(payload.downcast::<RegistryEvent<u8>>().ok(), Some(event));
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_can_be_taken_away() {
    let system = system();
    let pid = idle(&system);
    system.register_name("name", pid).unwrap();
    assert_eq!(system.register_name("name", idle(&system)), Err(Error::AlreadyRegistered(pid)));
    assert!(system.unregister_name("name"));
    assert!(!system.unregister_name("name"));
    assert_eq!(system.whereis("name"), None);
    assert!(system.is_alive(pid));
}

#[tokio::test(start_paused = true)]
async fn a_process_that_gives_one_of_its_names_back_shows_the_other() {
    let system = system();
    let pid = idle(&system);
    let name = || system.info(pid).and_then(|info| info.name);
    system.register_name("old", pid).unwrap();
    system.register_name("new", pid).unwrap();
    assert!(system.unregister_name("old"));
    assert_eq!(name().as_deref(), Some("new"));
    system.register_name("newest", pid).unwrap();
    assert!(system.unregister_name("newest"));
    assert_eq!(name().as_deref(), Some("new"));
    assert!(system.unregister_name("new"));
    assert_eq!(name(), None);
}

#[tokio::test(start_paused = true)]
async fn a_value_that_panics_when_it_is_dropped_keeps_no_process_from_its_end() {
    struct Clinging(Registry<&'static str, std::sync::Arc<Clinging>>);
    impl Drop for Clinging {
        fn drop(&mut self) {
            assert_eq!(self.0.whereis("key"), None);
            panic!("not yet");
        }
    }
    let system = system();
    let (me, mut mailbox) = trapping(&system);
    let pid = idle(&system);
    me.link(pid);
    let registry = Registry::unique(&system);
    registry.register(pid, "key", std::sync::Arc::new(Clinging(registry.clone()))).unwrap();
    system.exit(pid, ExitReason::error("x"));
    let end = tokio::time::timeout(crate::LIMIT, mailbox.recv()).await;
    let Ok(Some(Message::Exit { from, reason })) = end else { panic!("an exit: {end:?}") };
    assert_eq!((from, reason), (pid, ExitReason::error("x")));
    assert_eq!(registry.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_is_ending_is_neither_counted_nor_listed() {
    type Seen = Vec<usize>;
    /// Looks at another registry while its process is forgotten by this one.
    struct Looking(Registry<u8>, mnemon_otp::Pid, tokio::sync::mpsc::UnboundedSender<Seen>);
    impl Drop for Looking {
        fn drop(&mut self) {
            let Self(other, pid, seen) = self;
            drop(seen.send(vec![other.count(), other.entries().len(), other.keys(*pid).len()]));
        }
    }
    let system = system();
    let pid = idle(&system);
    let (first, other) = (Registry::unique(&system), Registry::unique(&system));
    let (sender, mut seen) = tokio::sync::mpsc::unbounded_channel();
    first.register(pid, "key", std::sync::Arc::new(Looking(other.clone(), pid, sender))).unwrap();
    other.register(pid, 1, ()).unwrap();
    assert_eq!((other.count(), other.entries().len(), other.keys(pid)), (1, 1, vec![1]));
    system.exit(pid, ExitReason::Kill);
    system.watch(pid).await;
    assert_eq!(seen.recv().await, Some(vec![0, 0, 0]));
}
