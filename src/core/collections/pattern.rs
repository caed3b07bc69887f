//! JavaScript regular expressions in linear time, through `regex-lite`.
//!
//! The pattern is translated where JavaScript and `regex-lite` write the same thing differently. Not supported, and refused
//! with a message: look-around, back-references, `\p{…}`, the flags `v` and `y`. See docs/QUERY.md for what differs.

use regex_lite::{Regex, RegexBuilder};

use crate::base::{Error, Result};

/// Longest pattern, in bytes.
pub const PATTERN_MAX: usize = 1000;

/// Memory a compiled pattern may take, in bytes: bounds the work for each character of text.
const COMPILED_MAX: usize = 1 << 18;

/// What `\s` means in JavaScript, as the inside of a class.
const SPACE: &str = r"\t-\r \x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}";

/// A compiled regular expression.
#[derive(Clone, Debug)]
pub struct Pattern {
    regex: Regex,
    /// What the pattern comes down to, if it is but literal text.
    literal: Option<Literal>,
}

impl Pattern {
    /// Compiles a JavaScript pattern with its flags. `d`, `g` and `u` change nothing here.
    ///
    /// # Errors
    /// `Invalid` for what the module's documentation excludes, and for patterns that are too long or grow too large.
    pub fn parse(pattern: &str, flags: &str) -> Result<Self> {
        let wrong = |what: &str| Error::invalid(format!("the regular expression /{}/{flags} {what}", excerpt(pattern)));
        if pattern.len() > PATTERN_MAX {
            return Err(wrong(&format!("has {} bytes; the limit is {PATTERN_MAX}", pattern.len())));
        }
        if let Some(flag) = flags.chars().find(|flag| !"dgimsu".contains(*flag)) {
            return Err(wrong(&format!("has the flag '{flag}', which is not supported: use d, g, i, m, s, u")));
        }
        let mut translator = Translator {
            rest: pattern,
            out: String::with_capacity(pattern.len() + 16),
            ignore_case: flags.contains('i'),
            dot_all: flags.contains('s'),
            ends_range: false,
        };
        translator.run().map_err(wrong)?;
        let regex = RegexBuilder::new(&translator.out)
            .case_insensitive(translator.ignore_case)
            .multi_line(flags.contains('m'))
            .dot_matches_new_line(true)
            .size_limit(COMPILED_MAX)
            .nest_limit(50)
            .build();
        let regex = regex.map_err(|error| wrong(&format!("cannot be used: {error}")))?;
        Ok(Self { regex, literal: Literal::of(pattern, flags) })
    }

    /// Whether the pattern matches somewhere in `text`.
    pub fn is_match(&self, text: &str) -> bool {
        match &self.literal {
            Some(literal) => literal.is_match(text),
            None => self.regex.is_match(text),
        }
    }

    /// The compiled expression, for captures and positions.
    pub fn regex(&self) -> &Regex {
        &self.regex
    }
}

fn excerpt(pattern: &str) -> String {
    pattern.chars().take(60).collect()
}

struct Translator<'a> {
    rest: &'a str,
    out: String,
    ignore_case: bool,
    dot_all: bool,
    /// The next character of a class is the end of a range.
    ends_range: bool,
}

impl Translator<'_> {
    fn next(&mut self) -> Option<char> {
        let mut characters = self.rest.chars();
        let next = characters.next();
        self.rest = characters.as_str();
        next
    }

    fn run(&mut self) -> Result<(), &'static str> {
        while let Some(character) = self.next() {
            match character {
                '\\' => self.escape(false)?,
                '[' => self.class()?,
                '(' => self.group()?,
                '.' if !self.dot_all => self.out.push_str(r"[^\n\r\x{2028}\x{2029}]"),
                '{' => self.brace(),
                '*' | '+' | '?' | '|' | ')' | '^' | '$' | '.' => self.out.push(character),
                _ => self.literal(character, false),
            }
        }
        Ok(())
    }

    /// A repetition `{n}`, `{n,}` or `{n,m}`, or a brace that means itself.
    fn brace(&mut self) {
        let end = if starts_repetition(self.rest) { self.rest.find('}').map_or(0, |at| at + 1) } else { 0 };
        self.out.push_str(if end > 0 { "{" } else { r"\{" });
        self.out.push_str(&self.rest[..end]);
        self.rest = &self.rest[end..];
    }

    fn group(&mut self) -> Result<(), &'static str> {
        for look in ["?=", "?!", "?<=", "?<!"] {
            if self.rest.starts_with(look) {
                return Err("uses look-around, which has no linear-time form: match in another way, or filter twice");
            }
        }
        self.out.push('(');
        // The inside of `(?:`, `(?<name>` or `(?i:` is not made of literals.
        if self.rest.starts_with('?') {
            let end = self.rest.find([':', '>', ')']).map_or(self.rest.len(), |at| at + 1);
            self.out.push_str(&self.rest[..end]);
            self.rest = &self.rest[end..];
        }
        Ok(())
    }

    /// A literal character. With `i`, one beyond ASCII stands beside its other case, which `regex-lite` does not know.
    fn literal(&mut self, character: char, in_class: bool) {
        // What stands at an end of a range stands there alone.
        let ends_range = std::mem::take(&mut self.ends_range);
        let begins_range = self.rest.starts_with('-') && !self.rest.starts_with("-]");
        let in_range = in_class && (ends_range || begins_range);
        let other = if self.ignore_case && !in_range { other_case(character) } else { None };
        let cases = [Some(character), other];
        let bracket = other.is_some() && !in_class;
        if bracket {
            self.out.push('[');
        }
        for case in cases.into_iter().flatten() {
            if case.is_ascii_punctuation() {
                self.out.push('\\');
            }
            // Characters that mean something else behind a backslash cannot be escaped; they need not be either.
            if matches!(case, '<' | '>') {
                self.out.pop();
            }
            self.out.push(case);
        }
        if bracket {
            self.out.push(']');
        }
    }

    fn class(&mut self) -> Result<(), &'static str> {
        if let Some(rest) = self.rest.strip_prefix("^]") {
            self.rest = rest;
            self.out.push_str("(?s:.)");
            return Ok(());
        }
        if let Some(rest) = self.rest.strip_prefix(']') {
            self.rest = rest;
            self.out.push_str(r"[^\x00-\x{10ffff}]");
            return Ok(());
        }
        self.out.push('[');
        if let Some(rest) = self.rest.strip_prefix('^') {
            self.rest = rest;
            self.out.push('^');
        }
        loop {
            match self.next() {
                None => return Err("has a class that does not end: add ']' or escape '['"),
                Some(']') => break,
                Some('\\') => self.escape(true)?,
                // A range, unless it stands first or last.
                Some('-') if !self.rest.starts_with(']') && !self.out.ends_with(['[', '^']) => {
                    self.out.push('-');
                    self.ends_range = true;
                }
                Some(character) => self.literal(character, true),
            }
        }
        self.out.push(']');
        Ok(())
    }

    fn escape(&mut self, in_class: bool) -> Result<(), &'static str> {
        let Some(character) = self.next() else { return Err("ends with a backslash: escape it") };
        match character {
            's' if in_class => self.out.push_str(SPACE),
            's' | 'S' if !in_class => {
                let negation = if character == 'S' { "^" } else { "" };
                self.out.push_str(&format!("[{negation}{SPACE}]"));
            }
            'b' if in_class => self.out.push_str(r"\x08"),
            'd' | 'D' | 'w' | 'W' | 'S' | 'b' | 'B' | 't' | 'n' | 'r' | 'v' | 'f' => {
                self.out.push('\\');
                self.out.push(character);
            }
            '0' if !self.rest.starts_with(|c: char| c.is_ascii_digit()) => self.out.push_str(r"\x00"),
            'x' => {
                let code = self.hex(2).ok_or("has a malformed \\x escape: write two hexadecimal digits")?;
                self.code(code, in_class);
            }
            'u' => {
                let code = self.unicode().ok_or("has a malformed \\u escape: write four hexadecimal digits")?;
                self.code(code, in_class);
            }
            'k' | '0'..='9' => return Err("uses a back-reference, which has no linear-time form"),
            'p' | 'P' => return Err("uses \\p{…}, which is not supported: list the characters in a class"),
            'c' => return Err("uses \\c, which is not supported: write \\x and two hexadecimal digits"),
            _ if character.is_ascii_alphanumeric() => {
                return Err("escapes a letter that has no meaning: remove the backslash");
            }
            _ => self.literal(character, in_class),
        }
        Ok(())
    }

    fn code(&mut self, code: u32, in_class: bool) {
        self.literal(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), in_class);
    }

    fn hex(&mut self, digits: usize) -> Option<u32> {
        let text = self.rest.get(..digits)?;
        let code = text.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u32::from_str_radix(text, 16).ok())??;
        self.rest = &self.rest[digits..];
        Some(code)
    }

    fn unicode(&mut self) -> Option<u32> {
        if let Some(rest) = self.rest.strip_prefix('{') {
            let length = rest.find('}')?;
            self.rest = rest;
            let code = self.hex(length)?;
            self.rest = self.rest.strip_prefix('}')?;
            return Some(code);
        }
        let high = self.hex(4)?;
        if (0xd800..0xdc00).contains(&high) {
            if let Some(rest) = self.rest.strip_prefix("\\u") {
                let mut ahead =
                    Translator { rest, out: String::new(), ignore_case: false, dot_all: false, ends_range: false };
                if let Some(low @ 0xdc00..=0xdfff) = ahead.hex(4) {
                    self.rest = ahead.rest;
                    return Some(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00));
                }
            }
        }
        Some(high)
    }
}

/// The other case of a letter beyond ASCII: Latin, Greek, Cyrillic and Armenian, whose cases lie a fixed step apart. The
/// standard library knows all of them, in tables of 25 KB.
fn other_case(letter: char) -> Option<char> {
    let code = u32::from(letter);
    let step = |upper: std::ops::RangeInclusive<u32>, step: u32| match code {
        _ if upper.contains(&code) => Some(code + step),
        _ if code >= step && upper.contains(&(code - step)) => Some(code - step),
        _ => None,
    };
    // Pairs of an even capital and its odd small letter, or the other way round.
    let even = matches!(code, 0x100..=0x12f | 0x132..=0x137 | 0x14a..=0x177 | 0x370..=0x373 | 0x3d8..=0x3ef)
        || matches!(code, 0x460..=0x481 | 0x48a..=0x4bf | 0x4d0..=0x52f | 0x1e00..=0x1e95 | 0x1ea0..=0x1eff);
    let odd = matches!(code, 0x139..=0x148 | 0x179..=0x17e | 0x4c1..=0x4ce);
    let other = match code {
        0xd7 | 0xf7 => None,
        _ if even => Some(code ^ 1),
        _ if odd => Some(((code - 1) ^ 1) + 1),
        _ => step(0xc0..=0xde, 0x20)
            .or_else(|| step(0x391..=0x3a9, 0x20))
            .or_else(|| step(0x410..=0x42f, 0x20))
            .or_else(|| step(0x400..=0x40f, 0x50))
            .or_else(|| step(0x531..=0x556, 0x30)),
    };
    other.and_then(char::from_u32)
}

/// Whether `{n}`, `{n,}` or `{n,m}` follows an opening brace.
fn starts_repetition(rest: &str) -> bool {
    let Some(end) = rest.find('}') else { return false };
    let inside = &rest[..end];
    inside.starts_with(|c: char| c.is_ascii_digit())
        && inside.bytes().all(|byte| byte.is_ascii_digit() || byte == b',')
        && inside.bytes().filter(|&byte| byte == b',').count() <= 1
}

/// A pattern of literal characters, perhaps anchored: most patterns, and some ten times faster than a machine.
#[derive(Clone, Debug)]
struct Literal {
    text: Box<str>,
    at_start: bool,
    at_end: bool,
    ignore_case: bool,
}

impl Literal {
    fn of(pattern: &str, flags: &str) -> Option<Self> {
        let (text, at_start) = pattern.strip_prefix('^').map_or((pattern, false), |text| (text, true));
        let (text, at_end) = text.strip_suffix('$').map_or((text, false), |text| (text, true));
        let ignore_case = flags.contains('i');
        // Anchors mean lines with `m`, and letters beyond ASCII have other cases.
        let plain = !(flags.contains('m') && (at_start || at_end)) && (text.is_ascii() || !ignore_case);
        let literal = text
            .bytes()
            .all(|byte| !byte.is_ascii() || byte.is_ascii_alphanumeric() || b" -_,:;@#%&'\"/<>=!~`".contains(&byte));
        (plain && literal).then(|| Self { text: text.into(), at_start, at_end, ignore_case })
    }

    fn is_match(&self, text: &str) -> bool {
        let (text, sought) = (text.as_bytes(), self.text.as_bytes());
        let equal = |part: &[u8]| if self.ignore_case { part.eq_ignore_ascii_case(sought) } else { part == sought };
        match (self.at_start, self.at_end) {
            (true, true) => equal(text),
            (true, false) => text.get(..sought.len()).is_some_and(equal),
            (false, true) => text.len() >= sought.len() && equal(&text[text.len() - sought.len()..]),
            (false, false) => {
                let Some(first) = sought.first() else { return true };
                let starts = [*first, if self.ignore_case { swap_case(*first) } else { *first }];
                let last = (text.len() + 1).saturating_sub(sought.len());
                let mut at = 0;
                while let Some(found) = text.get(at..last).and_then(|rest| rest.iter().position(|b| starts.contains(b)))
                {
                    at += found;
                    if equal(&text[at..at + sought.len()]) {
                        return true;
                    }
                    at += 1;
                }
                false
            }
        }
    }
}

fn swap_case(letter: u8) -> u8 {
    if letter.is_ascii_alphabetic() {
        letter ^ 0x20
    } else {
        letter
    }
}

#[cfg(test)]
mod pattern_tests;
