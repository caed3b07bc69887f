//! Where the product was run: the places that a suite declares beside its tests, and what each of its tests said of one.
//!
//! It runs nothing. A place that is declared and said nothing has failed, and one that is not declared, too: the table is whole.

use std::fs;
use std::path::Path;

use anyhow::{bail, Context, Result};

/// Declares the places of a folder of tests.
const FILE: &str = "places.txt";
/// What a test prints of a place that held: `place: PLACE | SCENARIO | RESULT`.
const SAID: &str = "place: ";
/// What begins a line of the declaration for what is not run on this machine.
const NOT_HERE: &str = "not here";

/// How one scenario went in one place.
#[derive(Debug, PartialEq)]
enum Went {
    Held(String),
    Failed(&'static str),
    NotHere(String),
}

/// One row of the table of places.
#[derive(Debug, PartialEq)]
pub(crate) struct Row {
    place: String,
    scenario: String,
    went: Went,
}

impl Row {
    /// What a line of a test's output says of a place, if it does. Runners may put a mark before it.
    pub(crate) fn said(line: &str) -> Option<Row> {
        let line = line.strip_prefix("# ").unwrap_or(line).strip_prefix(SAID)?;
        let [place, scenario, result] = fields(line)?;
        Some(Row { place, scenario, went: Went::Held(result) })
    }

    fn is_of(&self, other: &Row) -> bool {
        self.place == other.place && self.scenario == other.scenario
    }
}

fn fields(line: &str) -> Option<[String; 3]> {
    let parts: Vec<String> = line.splitn(3, " | ").map(|part| part.trim().to_owned()).collect();
    parts.try_into().ok()
}

/// The places a folder of tests declares; none where it has no declaration.
pub(crate) fn declared(folder: &Path) -> Result<Vec<Row>> {
    let file = folder.join(FILE);
    if !file.is_file() {
        return Ok(Vec::new());
    }
    let shown = file.display();
    parse(&fs::read_to_string(&file)?).with_context(|| format!("{shown} cannot be read"))
}

/// Lines are `PLACE | SCENARIO`, or `not here | PLACE | WHY`; those that begin with `#` are for the reader.
fn parse(text: &str) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let parts: Vec<&str> = line.split(" | ").map(str::trim).collect();
        let row = match parts[..] {
            [NOT_HERE, place, why] => {
                Row { place: place.to_owned(), scenario: String::from("–"), went: Went::NotHere(why.to_owned()) }
            }
            [place, scenario] => Row {
                place: place.to_owned(),
                scenario: scenario.to_owned(),
                went: Went::Failed("it said nothing: its test failed, or did not run"),
            },
            _ => bail!("`{line}` is neither `PLACE | SCENARIO` nor `not here | PLACE | WHY`"),
        };
        if rows.iter().any(|other| row.is_of(other)) {
            bail!("`{line}` is there twice");
        }
        rows.push(row);
    }
    Ok(rows)
}

/// Every declared place with what was said of it, and then those that nobody declared.
pub(crate) fn merge(declared: Vec<Row>, said: Vec<Row>) -> Vec<Row> {
    let mut rows = declared;
    for one in said {
        match rows.iter_mut().find(|row| row.is_of(&one)) {
            Some(row) => row.went = one.went,
            None => rows.push(Row { went: Went::Failed("it is not declared in places.txt"), ..one }),
        }
    }
    rows
}

/// How many of the rows failed.
pub(crate) fn failures<'a>(rows: impl IntoIterator<Item = &'a Row>) -> usize {
    rows.into_iter().filter(|row| matches!(row.went, Went::Failed(_))).count()
}

/// Prints place × scenario × result, what is not run here at the end.
pub(crate) fn print(rows: &[&Row]) {
    if rows.is_empty() {
        return;
    }
    let wide = |of: fn(&Row) -> &str| rows.iter().map(|row| of(row).chars().count()).max().unwrap_or(0);
    let (place, scenario) = (wide(|row| &row.place).max(5), wide(|row| &row.scenario).max(8));
    println!("\n{:place$}  {:scenario$}  {:6}", "place", "scenario", "result");
    let not_here = |row: &&&Row| matches!(row.went, Went::NotHere(_));
    for row in rows.iter().filter(|row| !not_here(row)).chain(rows.iter().filter(not_here)) {
        let result = match &row.went {
            Went::Held(how) => format!("passed  {how}"),
            Went::Failed(why) => format!("FAILED  {why}"),
            Went::NotHere(why) => format!("not run here: {why}"),
        };
        println!("{:place$}  {:scenario$}  {result}", row.place, row.scenario);
    }
    let failed = failures(rows.iter().copied());
    let untried = rows.iter().filter(not_here).count();
    println!("\n{} places passed, {failed} failed, {untried} not run here", rows.len() - failed - untried);
}

#[cfg(test)]
mod tests {
    use super::*;

    const DECLARED: &str = "# of a suite\nVite | page\nVite | a worker\nnot here | Safari | no driver\n";

    fn went(said: &[&str]) -> Vec<String> {
        let said = said.iter().filter_map(|line| Row::said(line)).collect();
        let rows = merge(parse(DECLARED).unwrap(), said);
        rows.iter().map(|row| format!("{} {} {:?}", row.place, row.scenario, row.went)).collect()
    }

    #[test]
    fn a_declared_place_that_said_nothing_has_failed() {
        let rows = went(&["# place: Vite | page | stored | and read"]);
        assert_eq!(rows[0], "Vite page Held(\"stored | and read\")");
        assert!(rows[1].starts_with("Vite a worker Failed("), "{rows:?}");
        assert_eq!(rows[2], "Safari – NotHere(\"no driver\")");
    }

    #[test]
    fn a_place_that_nobody_declared_has_failed() {
        let rows =
            went(&["place: Vite | page | stored", "place: Vite | a worker | stored", "place: Opera | page | stored"]);
        assert_eq!(rows[3], "Opera page Failed(\"it is not declared in places.txt\")");
    }

    #[test]
    fn other_lines_say_nothing_of_places() {
        for line in ["it took place: here | there | then", "# counted: 3", "place: Vite | page"] {
            assert_eq!(Row::said(line), None, "{line}");
        }
    }

    #[test]
    fn a_declaration_that_means_nothing_or_twice_the_same_is_refused() {
        for text in ["Vite", "a | b | c", "Vite | page\nVite | page"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_declarations_of_the_repository_can_be_read() {
        for folder in ["packaging", "examples", "edge", "browser"] {
            let rows = declared(&crate::tree::root().join("tests").join(folder)).unwrap();
            assert!(rows.len() > 3, "{folder} declares {} places", rows.len());
        }
    }
}
