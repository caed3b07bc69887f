//! The judgement: what callers were told, what the log says and what an instance shows must be one story.

use std::collections::BTreeMap;
use std::rc::Rc;

use tidewell_core::base::Result;
use tidewell_core::engine::{Direction, Engine, KeyRange};

use crate::history::Change;
use crate::program::{imagine, look, marked, Act, Model, Seen};
use crate::world::{Operation, Outcome, World};

/// Judges the whole history.
pub(crate) fn judge(world: &World) {
    let history = world.recorder.history.borrow();
    let operations = world.operations.borrow();
    let occurrences = history.occurrences();
    for (number, operation) in operations.iter() {
        let at = occurrences.get(number).map_or(&[][..], Vec::as_slice);
        let fits = match operation.outcome {
            Outcome::Acknowledged(position) => at == [position],
            Outcome::Failed => at.is_empty(),
            Outcome::Unknown => at.len() <= 1,
        };
        if !fits {
            let told = (&operation.outcome, operation.durability);
            world.violation(format!("operation {number} is in the log at {at:?}; its caller was told {told:?}"));
        }
    }
    let mut model = Model::new();
    let mut expected_next = 1;
    for (position, changes) in history.records() {
        if position != expected_next {
            world.violation(format!("the log jumps from {} to {position}", expected_next - 1));
        }
        expected_next = position + 1;
        replay(world, &operations, &mut model, position, changes);
    }
}

/// Replays one record: each operation in it must have seen the state it found and changed just what it was asked to.
fn replay(world: &World, operations: &BTreeMap<u64, Operation>, model: &mut Model, position: u64, changes: &[Change]) {
    let starts: Vec<usize> = (0..changes.len()).filter(|&index| marked(&changes[index].0).is_some()).collect();
    if !changes.is_empty() && starts.first() != Some(&0) {
        world.violation(format!("record {position} begins with a change that no operation made"));
    }
    for (index, &start) in starts.iter().enumerate() {
        let end = starts.get(index + 1).copied().unwrap_or(changes.len());
        let number = marked(&changes[start].0).unwrap_or_default();
        let Some(operation) = operations.get(&number) else {
            world.violation(format!("record {position} holds operation {number}, which nobody asked for"));
            continue;
        };
        let mut imagined = model.clone();
        let seen = imagine(&operation.acts, &mut imagined);
        if operation.seen.as_ref().is_some_and(|told| *told != seen) {
            let told = operation.seen.as_deref().unwrap_or_default();
            let text = difference(told, &seen);
            world.violation(format!("operation {number} at {position} saw what was not there: {text}"));
        }
        for (key, value) in &changes[start..end] {
            match value {
                Some(value) => drop(model.insert(key.clone(), value.clone())),
                None => drop(model.remove(key)),
            }
        }
        if *model != imagined {
            world.violation(format!("operation {number} at {position} did not do what it was asked to, or only half"));
        }
    }
}

/// The first difference between two looks.
pub(crate) fn difference(seen: &[Seen], expected: &[Seen]) -> String {
    let index = seen.iter().zip(expected).position(|(seen, expected)| seen != expected).unwrap_or(0);
    match (seen.get(index), expected.get(index)) {
        (Some(Seen::Entries(seen)), Some(Seen::Entries(expected))) => {
            let at = (0..).find(|&at| seen.get(at) != expected.get(at)).unwrap_or(0);
            let brief = |entry: Option<&(Vec<u8>, Vec<u8>)>| {
                entry.map(|(key, value)| format!("{} = {}", String::from_utf8_lossy(key), brief(value)))
            };
            let (this, that) = (brief(seen.get(at)), brief(expected.get(at)));
            format!(
                "look {index}, entry {at} of {} is {this:?}; of {} it should be {that:?}",
                seen.len(),
                expected.len()
            )
        }
        (Some(Seen::Value(seen)), Some(Seen::Value(expected))) => {
            let (this, that) = (seen.as_deref().map(brief), expected.as_deref().map(brief));
            format!("look {index} is {this:?}, it should be {that:?}")
        }
        _ => format!("{} looks instead of {}", seen.len(), expected.len()),
    }
}

fn brief(value: &[u8]) -> String {
    format!("{} bytes {:02x?}", value.len(), value.get(..8).unwrap_or(value))
}

/// Reads everything in both directions and compares with the history at the instance's position.
pub(crate) async fn compare_all(world: &Rc<World>, engine: &Engine, when: &str) -> Result<()> {
    let everything = KeyRange { start: Vec::new(), end: None };
    let acts = [Direction::Forward, Direction::Backward].map(|direction| Act::Scan {
        range: everything.clone(),
        direction,
        limit: usize::MAX,
    });
    compare(world, engine, &acts, when).await
}

/// Runs reading `acts` at one position and compares with the history there.
pub(crate) async fn compare(world: &Rc<World>, engine: &Engine, acts: &[Act], when: &str) -> Result<()> {
    let snapshot = engine.snapshot()?;
    let seen = engine.read_at(&snapshot, |view| look(acts, view)).await?;
    compare_seen(world, &seen, acts, snapshot.position(), when);
    Ok(())
}

/// Compares what was seen at `position`.
pub(crate) fn compare_seen(world: &World, seen: &[Seen], acts: &[Act], position: u64, when: &str) {
    let history = world.recorder.history.borrow();
    if position > history.head() {
        return world
            .violation(format!("{when}: an instance shows position {position}, the log ends at {}", history.head()));
    }
    let expected = imagine(acts, &mut history.at(position));
    world.count(|counts| counts.reads += 1);
    if seen != expected {
        world.violation(format!("{when}: at position {position}: {}", difference(seen, &expected)));
    }
}
