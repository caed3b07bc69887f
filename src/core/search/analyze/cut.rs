//! Terms of bounded length.

use super::TERM_MAX;

/// The longest beginning that is a term.
pub(super) fn cut(word: &str) -> &str {
    if word.len() <= TERM_MAX {
        return word;
    }
    let mut end = TERM_MAX;
    while !word.is_char_boundary(end) {
        end -= 1;
    }
    word.get(..end).unwrap_or_default()
}
