//! Whatever is killed or crashes: nothing acknowledged is lost or done twice, and all become the same.

use super::storm::{crash, storm, Counts};
use crate::replay::{each_crash, each_seed, is_replay};

#[test]
fn tabs_that_write_and_sync_at_once_show_the_servers_state_with_the_pending_on_top() {
    let mut total = Counts::default();
    let runs = each_seed("synced", 150, |seed| {
        let counts = storm(seed)?;
        total.promised += counts.promised;
        total.judged += counts.judged;
        total.letters += counts.letters;
        total.restores += counts.restores;
        total.disk_errors += counts.disk_errors;
        Ok(())
    });
    println!("synced: {runs} schedules: {total:?}");
    assert!(
        is_replay()
            || (total.letters > 20 && total.restores > 20 && total.disk_errors > 20 && total.judged > runs * 40),
        "{total:?}"
    );
}

#[test]
fn after_a_crash_at_any_operation_nothing_is_lost_or_done_twice() {
    let recoveries = each_crash(2, crash);
    println!("synced: {recoveries} recoveries");
    assert!(is_replay() || recoveries > 100, "only {recoveries} recoveries: the test proves little");
}
