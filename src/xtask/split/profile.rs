//! The recorded profile: for each function whether it ran, and which of its parts did.
//!
//! Functions are known by hashes of their names and of their shapes. A function it has never heard of stays in the page part
//! as a whole, and so does one that ran and has changed since: everything works there.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::hash::{Hash, Hasher};

use super::code::Code;

/// Begins the lines about functions that did not run.
const COLD: &str = "-";
/// How many hexadecimal digits a hash has.
const DIGITS: usize = 8;
/// How many functions a line has that did not run.
const PER_LINE: usize = 14;

/// What is known of the functions of a module.
#[derive(Default)]
pub(super) struct Profile {
    /// By name: the shape, and a bit for each part.
    ran: BTreeMap<String, (String, String)>,
    did_not: BTreeSet<String>,
}

/// What a profile says of one function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It did not run.
    DidNot,
    /// By part: whether it ran.
    Ran(Vec<bool>),
    /// It was not there, or was different.
    Unknown,
}

impl Profile {
    /// Reads the file's text.
    pub(super) fn parse(text: &str) -> Self {
        let mut profile = Self::default();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let mut words = line.split_whitespace().map(str::to_owned);
            match (words.next(), words.next(), words.next()) {
                (Some(first), second, third) if first == COLD => {
                    profile.did_not.extend(second.into_iter().chain(third).chain(words));
                }
                (Some(name), Some(shape), Some(parts)) => drop(profile.ran.insert(name, (shape, parts))),
                _ => {}
            }
        }
        profile
    }

    /// What it says of a function.
    pub(super) fn of(&self, name: &str, code: &Code<'_>) -> Verdict {
        let name = hashed(|hash| name.hash(hash));
        match self.ran.get(&name) {
            Some((shape, parts)) if *shape == hashed(|hash| code.shape(hash)) => Verdict::Ran(bits(parts)),
            None if self.did_not.contains(&name) => Verdict::DidNot,
            _ => Verdict::Unknown,
        }
    }
}

/// Writes a profile.
#[derive(Default)]
pub(super) struct Recorded {
    ran: BTreeMap<String, (String, Vec<bool>)>,
    did_not: BTreeSet<String>,
}

impl Recorded {
    /// Adds a function, with whether each of its parts ran.
    pub(super) fn add(&mut self, name: &str, code: &Code<'_>, parts: &[bool]) {
        let name = hashed(|hash| name.hash(hash));
        if !parts.contains(&true) {
            self.did_not.insert(name);
            return;
        }
        self.ran.insert(name, (hashed(|hash| code.shape(hash)), parts.to_vec()));
    }

    /// Its text.
    pub(super) fn text(&self) -> String {
        let mut text = String::from(
            "# What the page part of the WebAssembly holds, recorded by `cargo xtask profile` (docs/decisions/0012-two-modules.md):\n\
             # a function's name and shape, hashed, and a bit for each of its parts, lowest first; then names that did not run.\n",
        );
        for (name, (shape, parts)) in &self.ran {
            let _ = writeln!(text, "{name} {shape} {}", digits(parts));
        }
        let cold: Vec<&str> =
            self.did_not.iter().filter(|name| !self.ran.contains_key(*name)).map(String::as_str).collect();
        for line in cold.chunks(PER_LINE) {
            let _ = writeln!(text, "{COLD} {}", line.join(" "));
        }
        text
    }
}

fn hashed(write: impl FnOnce(&mut DefaultHasher)) -> String {
    let mut hasher = DefaultHasher::new();
    write(&mut hasher);
    let mut hex = format!("{:016x}", hasher.finish());
    hex.truncate(DIGITS);
    hex
}

/// Four bits to a hexadecimal digit.
fn digits(bits: &[bool]) -> String {
    let digit = |four: &[bool]| four.iter().rev().fold(0, |digit, bit| digit << 1 | u32::from(*bit));
    bits.chunks(4).filter_map(|four| char::from_digit(digit(four), 16)).collect()
}

/// The other way round; up to three bits more than there were.
pub(super) fn bits(digits: &str) -> Vec<bool> {
    digits
        .chars()
        .filter_map(|digit| digit.to_digit(16))
        .flat_map(|digit| (0..4).map(move |at| digit >> at & 1 == 1))
        .collect()
}
