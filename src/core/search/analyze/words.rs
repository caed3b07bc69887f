//! Where words begin and end.
//!
//! A simplification of Unicode's word boundaries (UAX #29) that needs no tables of its own: a word is a run of letters,
//! digits and marks, with apostrophes between letters, points and commas between digits, and points within initials. It
//! departs on purpose: `_` and points between longer parts separate; elided articles (l'eau) stand apart; scripts
//! written without spaces give bigrams.

use super::cut::cut;
use super::{fold, grams, Purpose, Token, TOKENS_MAX};

/// What a character is to a word.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Letter,
    Digit,
    /// Continues whatever it follows.
    Mark,
    /// Of a script without spaces.
    Sign,
    Other,
}

/// Parts before an apostrophe that are words of their own, in French, Italian and Catalan.
const ELIDED: [&str; 20] = [
    "c", "d", "j", "l", "m", "n", "s", "t", "qu", "jusqu", "lorsqu", "puisqu", "quoiqu", "un", "all", "dall", "dell",
    "nell", "quell", "sull",
];

#[inline]
pub(super) fn class(c: char) -> Class {
    if c.is_ascii() {
        return match c {
            'a'..='z' | 'A'..='Z' => Class::Letter,
            '0'..='9' => Class::Digit,
            _ => Class::Other,
        };
    }
    class_wide(c)
}

fn class_wide(c: char) -> Class {
    match c as u32 {
        0xc0..=0x24f if !matches!(c, '×' | '÷') => Class::Letter,
        // South-East Asian scripts without spaces, but their digits and punctuation.
        0xe50..=0xe59 | 0xed0..=0xed9 | 0x1040..=0x1049 | 0x17e0..=0x17e9 => Class::Digit,
        0xe2f | 0xe3f | 0xe4f | 0xe5a | 0xe5b | 0x104a..=0x104f | 0x17d4..=0x17d6 | 0x17d8..=0x17db => Class::Other,
        0xe01..=0xeff | 0x1000..=0x109f | 0x1780..=0x17ff | 0xaa60..=0xaa7f => Class::Sign,
        // Chinese, Japanese and Korean.
        0x1100..=0x11ff | 0x2e80..=0x2fdf | 0x3005..=0x3007 | 0x3041..=0x309f | 0x30a1..=0x30fa | 0x30fc..=0x318f => {
            Class::Sign
        }
        0x31a0..=0x31ff | 0x3400..=0x4dbf | 0x4e00..=0x9fff | 0xa960..=0xa97f | 0xac00..=0xd7ff => Class::Sign,
        0xf900..=0xfaff | 0xff66..=0xff9f | 0x20000..=0x3ffff => Class::Sign,
        code if is_mark(code) => Class::Mark,
        _ if c.is_alphabetic() => Class::Letter,
        _ if c.is_numeric() => Class::Digit,
        _ => Class::Other,
    }
}

/// Marks that belong to the letter before them, in the scripts where letters alone do not make words.
fn is_mark(code: u32) -> bool {
    match code {
        0x300..=0x36f | 0x483..=0x489 | 0x610..=0x61a | 0x64b..=0x65f | 0x670 | 0x6d6..=0x6dc | 0x6df..=0x6e8 => true,
        0x5be | 0x5c0 | 0x5c3 | 0x5c6 => false,
        0x591..=0x5c7 => true,
        // Indic scripts hold letters, marks and digits but for these.
        0x964 | 0x965 | 0x970 => false,
        0x900..=0xdff => !char::from_u32(code).is_some_and(char::is_alphanumeric),
        0xf18..=0xf39 | 0xf71..=0xf84 | 0x17b4..=0x17d3 | 0xad | 0x200c | 0x200d => true,
        0x1ab0..=0x1aff | 0x1dc0..=0x1dff | 0x20d0..=0x20ff | 0xfe00..=0xfe0f | 0xfe20..=0xfe2f => true,
        _ => false,
    }
}

/// Tokens of words as they stand, folded.
pub(super) fn standard(text: &str, purpose: Purpose, sink: &mut dyn FnMut(Token<'_>)) {
    walk(text, purpose, true, &mut |token, _| sink(token));
}

/// Calls `sink` with every folded token and whether it is a word (and not a bigram); `elides` splits l'eau.
pub(super) fn walk(text: &str, purpose: Purpose, elides: bool, sink: &mut dyn FnMut(Token<'_>, bool)) {
    let (mut at, mut position, mut term) = (0, 0, String::new());
    while let (Some(c), true) = (char_at(text, at), position < TOKENS_MAX) {
        match class(c) {
            Class::Letter | Class::Digit => {
                term.clear();
                let plain = plain_end(text, at);
                let end = plain.unwrap_or_else(|| word_end(text, at, elides));
                let word = text.get(at..end).unwrap_or_default();
                match plain {
                    Some(_) => {
                        term.push_str(word);
                        term.make_ascii_lowercase();
                    }
                    None => fold_word(word, &mut term),
                }
                if !term.is_empty() {
                    sink(Token { term: cut(&term), position, start: at, end, begins: false }, true);
                    position += 1;
                }
                at = end;
            }
            Class::Sign => {
                let end = run_end(text, at);
                position = grams::grams(text, at..end, position, purpose, &mut |token| sink(token, false));
                at = end;
            }
            Class::Mark | Class::Other => at += c.len_utf8(),
        }
    }
}

#[inline]
fn char_at(text: &str, at: usize) -> Option<char> {
    match text.as_bytes().get(at) {
        Some(byte) if byte.is_ascii() => Some(char::from(*byte)),
        Some(_) => text.get(at..)?.chars().next(),
        None => None,
    }
}

/// The end of the word that begins at `start`, if it has only ASCII letters and digits and nothing behind it could belong to it.
#[inline]
fn plain_end(text: &str, start: usize) -> Option<usize> {
    let rest = text.as_bytes().get(start..)?;
    let len = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    match rest.get(len) {
        // What may join it to more, and what is not ASCII, is looked at closely.
        Some(b'\'' | b'"' | b'.' | b',' | 0x80..) => None,
        _ => (len > 0).then_some(start + len),
    }
}

/// The end of the run of signs that begins at `at`.
fn run_end(text: &str, mut at: usize) -> usize {
    while let Some(c) = char_at(text, at).filter(|c| matches!(class(*c), Class::Sign | Class::Mark)) {
        at += c.len_utf8();
    }
    at
}

/// The end of the word that begins at `start`.
fn word_end(text: &str, start: usize, elides: bool) -> usize {
    if let Some(end) = initials_end(text, start) {
        return end;
    }
    let (mut at, mut last) = (start, Class::Letter);
    while let Some(c) = char_at(text, at) {
        let next = at + c.len_utf8();
        match class(c) {
            Class::Mark => {}
            class @ (Class::Letter | Class::Digit) => last = class,
            _ if joins(c, last, text, next) && !(elides && is_apostrophe(c) && is_elided(text.get(start..at))) => {}
            _ => break,
        }
        at = next;
    }
    at
}

/// Whether a character between two letters, or two digits, is inside a word.
fn joins(c: char, last: Class, text: &str, next: usize) -> bool {
    let (between, hebrew) = match c {
        '\'' | '’' | '＇' | '·' | '״' | '׳' => (Class::Letter, false),
        '"' => (Class::Letter, true),
        '.' | ',' => (Class::Digit, false),
        _ => return false,
    };
    let follows = |c: char| class(c) == between && (!hebrew || matches!(c as u32, 0x5d0..=0x5ea));
    last == between && char_at(text, next).is_some_and(follows)
}

fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '’' | '＇')
}

fn is_elided(part: Option<&str>) -> bool {
    part.is_some_and(|part| ELIDED.iter().any(|elided| part.eq_ignore_ascii_case(elided)))
}

/// The end of initials such as U.S.A, if they begin here.
fn initials_end(text: &str, start: usize) -> Option<usize> {
    let letter = |at| char_at(text, at).filter(|c| class(*c) == Class::Letter).map(|c| at + c.len_utf8());
    let mut end = letter(start)?;
    let first = end;
    while let (Some('.'), Some(next)) = (char_at(text, end), letter(end + 1)) {
        end = next;
    }
    let goes_on = char_at(text, end).is_some_and(|c| matches!(class(c), Class::Letter | Class::Digit | Class::Mark));
    (end > first && !goes_on).then_some(end)
}

/// Appends the word folded, without a possessive ending and without the signs that join its parts.
pub(super) fn fold_word(word: &str, out: &mut String) {
    let bare = strip_possessive(word);
    if bare.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        out.extend(bare.chars().map(|c| c.to_ascii_lowercase()));
        return;
    }
    let mut before = ' ';
    for c in bare.chars() {
        match c {
            '\'' | '"' | ',' => {}
            // In initials; between digits it stays.
            '.' if class(before) == Class::Letter => {}
            _ => fold::fold(c, out),
        }
        before = c;
    }
}

fn strip_possessive(word: &str) -> &str {
    let bare = word.strip_suffix(['s', 'S']).and_then(|rest| rest.strip_suffix(is_apostrophe));
    bare.unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_word_that_looks_plain_is_the_one_that_a_close_look_finds(
            text in "([a-zA-Z0-9]|[a-zA-Z0-9'\"., _-]|é|’|·|水|\\PC){0,24}",
            elides: bool,
        ) {
            for (at, c) in text.char_indices().filter(|(_, c)| matches!(class(*c), Class::Letter | Class::Digit)) {
                let Some(end) = plain_end(&text, at) else { continue };
                prop_assert_eq!(end, word_end(&text, at, elides), "{} at {} ({})", text, at, c);
                let mut folded = String::new();
                fold_word(&text[at..end], &mut folded);
                prop_assert_eq!(folded, text[at..end].to_ascii_lowercase());
            }
        }
    }
}
