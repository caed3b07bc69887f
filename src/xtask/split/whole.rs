//! Functions that stay in the page part whatever the profile says: what opening a database does depends on what others left there.
//!
//! A profile sees some databases. Others, whose tables lay otherwise, came to branches that no recorded page had taken, and each of their
//! openings waited for the rest (40 ms).

/// Parts of the names of functions that make the state of the manifest and of the log's records.
const OPENING: [&str; 6] = [
    "::engine::compaction_pick::Census",
    "::engine::compaction_pick::covers_something",
    "::engine::levels::",
    "::engine::manifest::",
    "::engine::state::State>::",
    "::engine::table_info::",
];

/// Whether the function of that name stays as a whole.
pub(super) fn stays(name: &str) -> bool {
    OPENING.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::stays;

    #[test]
    fn functions_of_opening_are_known_by_their_names() {
        assert!(stays("<tidewell_lower[8728d2ca5129c785]::engine::levels::Levels>::replaced"));
        assert!(stays("<[alloc[745b8138b754529e]::rc::Rc<tidewell_lower[8728d2ca5129c785]::engine::table_info::TableInfo>]>::sort"));
        assert!(!stays("<tidewell_lower[8728d2ca5129c785]::engine::levels_of::Other>::replaced"));
        assert!(!stays("tidewell_lower[8728d2ca5129c785]::engine::flush::copy_slice"));
    }
}
