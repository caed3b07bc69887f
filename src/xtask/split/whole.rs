//! Functions that stay in the page part whatever the profile says: what opening a database does depends on what others left there.
//!
//! A profile sees some databases. One that had one table less in a level, or one edit more in its log, came to a branch that no recorded
//! page had taken, and each of its openings waited for the rest (40 ms).

/// Parts of the names of functions that read the log and the manifest and make the state of them.
const OPENING: [&str; 6] = [
    "::engine::compaction_pick::Census",
    "::engine::compaction_pick::covers_something",
    "::engine::levels::",
    "::engine::manifest::",
    "::engine::state::State>::",
    "::engine::table_info::",
];

/// Whether the function of that name stays as a whole. Names have the hashes of their crates in brackets.
pub(super) fn stays(name: &str) -> bool {
    let mut plain = String::with_capacity(name.len());
    let mut rest = name;
    while let Some((before, behind)) = rest.split_once('[') {
        plain.push_str(before);
        match behind.split_once(']') {
            Some((hash, behind)) if hash.len() == 16 => rest = behind,
            _ => {
                plain.push('[');
                rest = behind;
            }
        }
    }
    plain.push_str(rest);
    OPENING.iter().any(|part| plain.contains(part))
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
