//! What a suite answers, how claims are counted in a tool's output, and the table at the end.

use crate::places::{self, Row};
use crate::process::Output;

/// What became of one suite.
#[derive(Default)]
pub(crate) struct Outcome {
    /// Claims that held.
    pub passed: u64,
    /// Claims that did not, a run that ended badly counting as one.
    pub failed: u64,
    /// Tests that a runner was told to leave out.
    pub skipped: u64,
    /// What was said of places, then what became of those declared.
    pub places: Vec<Row>,
    /// What the suite counted besides, such as recoveries after a crash.
    pub notes: Vec<String>,
    /// Recoveries after a simulated crash or fault.
    recoveries: u64,
    /// How long it took.
    pub seconds: f64,
}

impl Outcome {
    /// Counts the claims in the output of cargo test, of the WebAssembly test runner or of Node's test runner.
    pub(crate) fn of(output: &Output) -> Outcome {
        let mut outcome = Outcome { seconds: output.seconds, ..Outcome::default() };
        for line in output.text.lines() {
            outcome.count(line.trim());
        }
        if outcome.recoveries > 0 {
            outcome.notes.push(format!("{} recoveries after simulated crashes and faults", outcome.recoveries));
        }
        // A suite that died, or claimed nothing at all, did not pass.
        let silent = outcome.passed == 0;
        if (!output.ok || silent) && outcome.failed == 0 {
            outcome.failed = 1;
            outcome.notes.push(String::from(if output.ok { "it ran no test" } else { "it ended badly" }));
        }
        outcome
    }

    /// An outcome of one claim.
    pub(crate) fn claim(held: bool, seconds: f64) -> Outcome {
        Outcome { passed: u64::from(held), failed: u64::from(!held), seconds, ..Outcome::default() }
    }

    /// What two runs of one suite came to.
    pub(crate) fn and(mut self, other: Outcome) -> Outcome {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
        self.places.extend(other.places);
        self.recoveries += other.recoveries;
        self.seconds += other.seconds;
        self.notes.extend(other.notes);
        self
    }

    /// A suite that could not run.
    pub(crate) fn broken(error: &anyhow::Error) -> Outcome {
        Outcome { failed: 1, notes: vec![format!("{error:#}")], ..Outcome::default() }
    }

    /// Holds the suite to the places it declared: each must have been told of, and no other.
    pub(crate) fn expect(mut self, declared: Vec<Row>) -> Outcome {
        self.places = places::merge(declared, self.places);
        let failures = places::failures(&self.places);
        if failures > 0 && self.failed == 0 {
            self.failed = 1;
            self.notes.push(format!("{failures} of its places failed"));
        }
        self
    }

    fn count(&mut self, line: &str) {
        if let Some(rest) = line.strip_prefix("test result: ") {
            self.passed += number_before(rest, " passed");
            self.failed += number_before(rest, " failed");
            self.skipped += number_before(rest, " ignored");
        } else if let Some(rest) = line.strip_prefix("# pass ").or_else(|| line.strip_prefix("ℹ pass ")) {
            self.passed += rest.trim().parse().unwrap_or(0);
        } else if let Some(rest) = line.strip_prefix("# fail ").or_else(|| line.strip_prefix("ℹ fail ")) {
            self.failed += rest.trim().parse().unwrap_or(0);
        } else if let Some(rest) = SKIPPED.iter().find_map(|word| line.strip_prefix(word)) {
            self.skipped += rest.trim().parse::<u64>().unwrap_or(0);
        } else if let Some(place) = Row::said(line) {
            self.places.push(place);
        } else if let Some((_, note)) = line.split_once("counted: ") {
            self.notes.push(note.to_owned());
        } else if line.contains(" recoveries, ") {
            self.recoveries += number_before(line, " recoveries");
        }
    }
}

/// What Node's runner calls tests that it did not run, or whose failure it did not count.
const SKIPPED: [&str; 4] = ["# skipped ", "ℹ skipped ", "# todo ", "ℹ todo "];

fn number_before(text: &str, word: &str) -> u64 {
    let before = text.split(word).next().unwrap_or("");
    before.rsplit(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

/// The rows of the table, in the order in which the suites ran.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<(String, Outcome)>,
}

impl Table {
    /// Adds a row.
    pub(crate) fn add(&mut self, suite: &str, outcome: Outcome) {
        self.rows.push((suite.to_owned(), outcome));
    }

    /// Prints the table and the final line; answers whether everything held.
    pub(crate) fn print(&self) -> bool {
        let width = self.rows.iter().map(|(suite, _)| suite.chars().count()).max().unwrap_or(0).max(5);
        println!("\n{:width$}  {:6}  {:>9}  {:>8}", "suite", "result", "count", "seconds");
        for (suite, outcome) in &self.rows {
            let result = if outcome.failed == 0 { "passed" } else { "FAILED" };
            let total = outcome.passed + outcome.failed;
            let count = if outcome.failed == 0 { total.to_string() } else { format!("{}/{total}", outcome.passed) };
            println!("{suite:width$}  {result:6}  {count:>9}  {:>8.1}", outcome.seconds);
            if outcome.skipped > 0 {
                println!("{:width$}  · {} SKIPPED", "", outcome.skipped);
            }
            for note in &outcome.notes {
                println!("{:width$}  · {note}", "");
            }
        }
        let passed: u64 = self.rows.iter().map(|(_, outcome)| outcome.passed).sum();
        let failed: u64 = self.rows.iter().map(|(_, outcome)| outcome.failed).sum();
        let skipped: u64 = self.rows.iter().map(|(_, outcome)| outcome.skipped).sum();
        places::print(&self.rows.iter().flat_map(|(_, outcome)| &outcome.places).collect::<Vec<_>>());
        println!("\n{passed} passed, {failed} failed, {skipped} skipped");
        failed == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, ok: bool, passed: u64, failed: u64) {
        let outcome = Outcome::of(&Output { text: text.to_owned(), ok, seconds: 0.0 });
        assert_eq!((outcome.passed, outcome.failed), (passed, failed), "of {text:?}");
    }

    #[test]
    fn claims_are_counted_in_every_runners_own_words() {
        check("test result: ok. 12 passed; 0 failed; 1 ignored\ntest result: ok. 3 passed; 0 failed", true, 15, 0);
        check("test result: FAILED. 1 passed; 2 failed", false, 1, 2);
        check("# tests 5\n# pass 4\n# fail 1", false, 4, 1);
        check("ℹ pass 7\nℹ fail 0", true, 7, 0);
    }

    #[test]
    fn a_suite_that_ran_nothing_or_died_has_failed() {
        check("", true, 0, 1);
        check("test result: ok. 12 passed; 0 failed", false, 12, 1);
    }

    #[test]
    fn skipped_tests_are_counted() {
        let of = |text: &str| Outcome::of(&Output { text: text.to_owned(), ok: true, seconds: 0.0 });
        let node = of("# pass 4\n# fail 0\n# cancelled 0\n# skipped 2\n# todo 1");
        let cargo = of("test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured");
        assert_eq!((node.skipped, cargo.skipped), (3, 1));
        assert_eq!(node.and(cargo).skipped, 4);
    }

    #[test]
    fn a_suite_whose_places_did_not_all_hold_has_failed() {
        let outcome =
            || Outcome::of(&Output { text: String::from("# pass 4\n# place: a | b | c"), ok: true, seconds: 0.0 });
        assert_eq!(outcome().failed, 0);
        assert_eq!(outcome().expect(Vec::new()).failed, 1);
        let declared = vec![Row::said("place: a | b | declared").unwrap()];
        assert_eq!(outcome().expect(declared).failed, 0);
    }

    #[test]
    fn what_a_suite_counted_is_kept() {
        let text = "test a ... counted: 50000 recoveries\ntest result: ok. 1 passed; 0 failed";
        let outcome = Outcome::of(&Output { text: text.to_owned(), ok: true, seconds: 0.0 });
        assert_eq!(outcome.notes, ["50000 recoveries"]);
    }

    #[test]
    fn recoveries_are_added_up() {
        let text =
            "kill: 3 runs, 1200 recoveries, 0 lost\ntorn: 30 recoveries, 0 lost\ntest result: ok. 1 passed; 0 failed";
        let outcome = Outcome::of(&Output { text: text.to_owned(), ok: true, seconds: 0.0 });
        assert_eq!(outcome.notes, ["1230 recoveries after simulated crashes and faults"]);
    }
}
