//! Process groups.

use mnemon_otp::{ExitReason, Groups};

use crate::{idle, system};

#[tokio::test(start_paused = true)]
async fn a_member_is_in_a_group_as_often_as_it_joined_and_leaves_all_with_its_end() {
    let system = system();
    let groups = Groups::<&str>::new(&system);
    let (first, second) = (idle(&system), idle(&system));
    for (group, pid) in [("a", first), ("a", second), ("a", first), ("b", first)] {
        groups.join(group, pid).unwrap();
    }
    assert_eq!(groups.members("a"), [first, second, first]);
    assert!(groups.leave("a", first));
    assert_eq!(groups.members("a"), [second, first]);
    assert!(!groups.leave("b", second));
    let mut all = groups.which_groups();
    all.sort_unstable();
    assert_eq!(all, ["a", "b"]);
    system.exit(first, ExitReason::Kill);
    system.watch(first).await;
    assert_eq!((groups.members("a"), groups.which_groups()), (vec![second], vec!["a"]));
}
