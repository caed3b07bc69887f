//! Functions that stay in the page part whatever the profile says: what they do depends on what others left in a database, and on when.
//!
//! A profile sees some databases, and some moments. Others, whose tables lay otherwise, came to branches that no recorded page had taken,
//! and each of their openings waited for the rest (40 ms); so did the question whether housekeeping is due, in a page that was slow.

/// Parts of the names of functions that make the state of the manifest and of the log's records, and that ask for housekeeping.
const WHOLE: [&str; 9] = [
    "::engine::compaction_pick::Census",
    "::engine::compaction_pick::covers_something",
    "::engine::engine::Inner>::flush_due",
    "::engine::engine::Inner>::work_due",
    "::engine::levels::",
    "::engine::maintenance::watch_idle::",
    "::engine::manifest::",
    "::engine::state::State>::",
    "::engine::table_info::",
];

/// Whether the function of that name stays as a whole.
pub(super) fn stays(name: &str) -> bool {
    WHOLE.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::stays;

    #[test]
    fn functions_that_stay_are_known_by_their_names() {
        assert!(stays("<tidewell_lower[8728d2ca5129c785]::engine::levels::Levels>::replaced"));
        assert!(stays("<[alloc[745b8138b754529e]::rc::Rc<tidewell_lower[8728d2ca5129c785]::engine::table_info::TableInfo>]>::sort"));
        assert!(stays("<tidewell_lower[8728d2ca5129c785]::engine::engine::Inner>::flush_due"));
        assert!(!stays("<tidewell_lower[8728d2ca5129c785]::engine::levels_of::Other>::replaced"));
        assert!(!stays("tidewell_lower[8728d2ca5129c785]::engine::flush::copy_slice"));
    }
}
