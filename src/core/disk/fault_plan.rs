//! What goes wrong and when, as a value that prints, parses back and replays.
//!
//! It decides nothing by itself: [`FaultyStorage`](super::FaultyStorage) asks it before every operation.
//!
//! Written out, a plan is words separated by spaces: `seed=7 17:crash-power-cut 30:quota one-in=50:hang,bit-flip
//! quota=1000000`.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::base::{Error, Rng, SeededRng};

/// One thing that goes wrong with one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The process dies. Commits it had in flight happened or did not, each by itself, whole; all acknowledged ones stay.
    CrashKill,
    /// The power fails. Like `CrashKill`, and then the last few commits are lost: any number of them, newest first, but
    /// never an acknowledged strict one or anything before it.
    CrashPowerCut,
    /// Like `CrashPowerCut`, with the commits in flight taking effect in any order.
    CrashReordered,
    /// Like `CrashKill` on storage that breaks its promise: of the commits in flight that happened, blobs of the log
    /// and of tables are cut short, garbled or missing.
    CrashTorn,
    /// The operation fails and nothing happened.
    Unavailable,
    /// The operation fails; if it is a commit, it happened or did not, and that is decided.
    Interrupted,
    /// The operation resolves only at the deadline; if it is a commit, it may happen at any time until `settle` resolves.
    Hang,
    /// There is no space for a commit. Reads are unharmed.
    Quota,
    /// One bit of one blob that the operation answers is wrong.
    BitFlip,
    /// The connection dies: the operation and the next few of the same handle are interrupted.
    ConnectionLost,
    /// Somebody clears the storage: every open handle answers `Lost` from now on.
    Cleared,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::CrashKill,
        Self::CrashPowerCut,
        Self::CrashReordered,
        Self::CrashTorn,
        Self::Unavailable,
        Self::Interrupted,
        Self::Hang,
        Self::Quota,
        Self::BitFlip,
        Self::ConnectionLost,
        Self::Cleared,
    ];

    /// Whether nobody who had the storage open survives it.
    pub fn is_crash(self) -> bool {
        matches!(self, Self::CrashKill | Self::CrashPowerCut | Self::CrashReordered | Self::CrashTorn)
    }

    /// The fault's name in a written plan.
    pub fn name(self) -> &'static str {
        match self {
            Self::CrashKill => "crash-kill",
            Self::CrashPowerCut => "crash-power-cut",
            Self::CrashReordered => "crash-reordered",
            Self::CrashTorn => "crash-torn",
            Self::Unavailable => "unavailable",
            Self::Interrupted => "interrupted",
            Self::Hang => "hang",
            Self::Quota => "quota",
            Self::BitFlip => "bit-flip",
            Self::ConnectionLost => "connection-lost",
            Self::Cleared => "cleared",
        }
    }

    fn named(name: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|fault| fault.name() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            Error::invalid(format!("faults: there is no fault \"{name}\"; use one of {names}"))
        })
    }
}

/// Which operations meet which fault. Operations (read, scan, commit) are counted from 1 over all handles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FaultPlan {
    /// Decides everything the plan leaves to chance.
    pub seed: u64,
    /// Faults at given operations.
    pub at: BTreeMap<u64, Fault>,
    /// Faults by chance: one operation in this many, on average, meets one of these.
    pub one_in: Option<(u64, Vec<Fault>)>,
    /// The sum of the lengths of all blobs may not exceed this many bytes.
    pub quota: Option<u64>,
}

impl FaultPlan {
    /// Nothing goes wrong.
    pub fn none() -> Self {
        Self::default()
    }

    /// Operation `n` meets `fault`, and no other does. Run the same work with n = 1, 2, … until it makes fewer than
    /// n operations, and every operation has met the fault once.
    pub fn nth(seed: u64, n: u64, fault: Fault) -> Self {
        Self { seed, at: BTreeMap::from([(n, fault)]), ..Self::default() }
    }

    /// One operation in `n` meets one of `faults`.
    pub fn one_in(seed: u64, n: u64, faults: &[Fault]) -> Self {
        Self { seed, one_in: Some((n, faults.to_vec())), ..Self::default() }
    }

    /// Whether commits may be lost that were acknowledged, so that the past must be remembered.
    pub(super) fn rewinds(&self) -> bool {
        let by_chance = self.one_in.iter().flat_map(|(_, faults)| faults);
        self.at.values().chain(by_chance).any(|fault| matches!(fault, Fault::CrashPowerCut | Fault::CrashReordered))
    }

    /// The fault that operation `number` meets.
    pub(super) fn fault(&self, number: u64, rng: &SeededRng) -> Option<Fault> {
        let by_chance = self.one_in.as_ref().and_then(|(n, faults)| {
            let drawn = rng.next_u64();
            drawn.is_multiple_of((*n).max(1)).then(|| faults.get(rng.index(faults.len())).copied()).flatten()
        });
        self.at.get(&number).copied().or(by_chance)
    }
}

impl fmt::Display for FaultPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed={}", self.seed)?;
        for (operation, fault) in &self.at {
            write!(f, " {operation}:{}", fault.name())?;
        }
        if let Some((n, faults)) = &self.one_in {
            let names: Vec<&str> = faults.iter().map(|fault| fault.name()).collect();
            write!(f, " one-in={n}:{}", names.join(","))?;
        }
        match self.quota {
            Some(bytes) => write!(f, " quota={bytes}"),
            None => Ok(()),
        }
    }
}

impl FromStr for FaultPlan {
    type Err = Error;

    /// Reads what `Display` writes.
    fn from_str(text: &str) -> Result<Self, Error> {
        let mut plan = Self::none();
        for word in text.split_ascii_whitespace() {
            if let Some(seed) = word.strip_prefix("seed=") {
                plan.seed = number(seed)?;
            } else if let Some(bytes) = word.strip_prefix("quota=") {
                plan.quota = Some(number(bytes)?);
            } else if let Some((n, names)) = word.strip_prefix("one-in=").and_then(|rest| rest.split_once(':')) {
                let faults: Result<Vec<Fault>, Error> = names.split(',').map(Fault::named).collect();
                plan.one_in = Some((number(n)?, faults?));
            } else if let Some((operation, name)) = word.split_once(':') {
                plan.at.insert(number(operation)?, Fault::named(name)?);
            } else {
                return Err(Error::invalid(format!(
                    "faults: \"{word}\" is none of seed=, quota=, one-in= and n:fault"
                )));
            }
        }
        Ok(plan)
    }
}

fn number(text: &str) -> Result<u64, Error> {
    text.parse().map_err(|_| Error::invalid(format!("faults: \"{text}\" is not a whole number")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_prints_what_it_parses() {
        let text = "seed=7 17:crash-power-cut 30:quota one-in=50:hang,bit-flip quota=1000000";
        let plan: FaultPlan = text.parse().unwrap();
        assert_eq!(plan.to_string(), text);
        assert_eq!(plan.at[&30], Fault::Quota);
        assert!(plan.rewinds());
        for fault in Fault::ALL {
            assert_eq!(Fault::named(fault.name()), Ok(fault));
        }
    }

    #[test]
    fn a_bad_plan_is_refused_with_the_word_that_is_wrong() {
        for (text, word) in [("3:hiccup", "hiccup"), ("seed=x", "\"x\""), ("what", "what"), ("one-in=2:oops", "oops")] {
            let error = text.parse::<FaultPlan>().unwrap_err();
            assert!(error.message().contains(word), "{error}");
        }
    }
}
