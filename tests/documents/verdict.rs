//! The judgement: what callers were told, what readers saw and what the log says must be one story of documents.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use tidewell_core::collections::catalog::{Catalog, Collection};
use tidewell_core::collections::{json, keys, Document, Value};
use tidewell_core::engine::{Direction, KeyRange, Read, Step};

use super::model::{Act, Answer, Doc, State, COLLECTIONS};
use super::tab::{has_ready, text_of};
use super::world::{Operation, World};
use crate::history::Change;
use crate::world::Outcome;

/// A document that a record writes.
type Written = (usize, String, Option<Rc<Doc>>);

pub(crate) fn parse_doc(value: &Value) -> Doc {
    let number = |value: &Value| if let Value::Number(number) = value { *number as i64 } else { i64::MIN };
    let field = |name: &str| value.field(name).map(number);
    let tags = match value.field("tags") {
        Some(Value::Array(tags)) => tags.iter().map(number).collect(),
        _ => Vec::new(),
    };
    Doc {
        id: value.field("id").map(text_of).unwrap_or_default(),
        k: field("k").unwrap_or(i64::MIN),
        n: field("n").unwrap_or(i64::MIN),
        u: field("u"),
        tags,
        pad: value.field("p").map(text_of).unwrap_or_default().len(),
    }
}

pub(crate) fn parse_docs(value: &Value) -> Vec<Doc> {
    match value {
        Value::Array(docs) => docs.iter().map(parse_doc).collect(),
        _ => Vec::new(),
    }
}

fn parse_stored(stored: &[u8]) -> Option<Rc<Doc>> {
    let document = Document::parse(stored).ok()?;
    json::parse(document.json()).ok().map(|value| Rc::new(parse_doc(&value)))
}

/// The log, read as documents.
#[derive(Default)]
struct Reading {
    /// Numbers of collections.
    numbers: BTreeMap<u32, usize>,
    descriptions: BTreeMap<usize, Collection>,
}

impl Reading {
    /// The documents that a record writes, in order.
    fn written(&mut self, changes: &[Change]) -> Vec<Written> {
        for (key, value) in changes {
            let described = key.strip_prefix(&[keys::CATALOG, b'c']).and_then(|name| std::str::from_utf8(name).ok());
            let at = described.and_then(|name| COLLECTIONS.iter().position(|other| *other == name));
            let (Some(at), Some(bytes)) = (at, value) else { continue };
            if let Ok(collection) = Collection::decode(COLLECTIONS[at], bytes) {
                self.numbers.insert(collection.id, at);
                self.descriptions.insert(at, collection);
            }
        }
        let written = |(key, value): &Change| {
            let at = *self.numbers.get(&keys::document_collection(key)?)?;
            let id = String::from_utf8(keys::document_id(key).to_vec()).ok()?;
            Some((at, id, value.as_deref().and_then(parse_stored)))
        };
        changes.iter().filter_map(written).collect()
    }
}

/// Judges the whole history. Call it when nothing moves any more.
pub(crate) fn judge(world: &World) {
    let history = world.recorder.history.borrow();
    let operations = world.operations.borrow();
    let mut jury = Jury::new(&operations);
    let mut reading = Reading::default();
    let mut states = vec![State::default()];
    jury.excuse_at(0, &states[0]);
    for (position, changes) in history.records() {
        if position != states.len() as u64 {
            return world.violation(format!("the log jumps from {} to {position}", states.len() - 1));
        }
        let written = reading.written(changes);
        let before = &states[position as usize - 1];
        let Some(after) = jury.explain(position, before, &written) else {
            return world.violation(format!("record {position}: {}", jury.why_not(position, before, &written)));
        };
        states.push(after);
        for promise in world.promises.borrow().iter().filter(|promise| promise.position == position) {
            let kept = reading.descriptions.get(&promise.collection);
            if !kept.is_some_and(|collection| has_ready(collection, promise.index))
                && !dropped_meanwhile(&reading, promise.collection)
            {
                world.violation(format!("index '{}' was promised at {position} and is not ready", promise.index));
            }
        }
    }
    jury.complain(world, &states);
    judge_sights(world, &states);
}

/// Another tab may drop an index between its being ready and the answer.
fn dropped_meanwhile(reading: &Reading, collection: usize) -> bool {
    reading.descriptions.get(&collection).is_some_and(|found| found.indexes.len() + 1 < found.next_index as usize)
}

/// Which operations have been found in the log.
struct Jury<'a> {
    operations: &'a BTreeMap<u64, Operation>,
    /// Acknowledged ones by position.
    claimed: BTreeMap<u64, Vec<u64>>,
    /// Those nobody knows about.
    unknown: BTreeSet<u64>,
}

impl<'a> Jury<'a> {
    fn new(operations: &'a BTreeMap<u64, Operation>) -> Self {
        let (mut claimed, mut unknown) = (BTreeMap::<u64, Vec<u64>>::new(), BTreeSet::new());
        for (number, operation) in operations {
            match operation.outcome {
                Outcome::Acknowledged(position) => claimed.entry(position).or_default().push(*number),
                Outcome::Unknown => drop(unknown.insert(*number)),
                Outcome::Failed => {}
            }
        }
        Self { operations, claimed, unknown }
    }

    /// Operations that wrote nothing are judged by what they saw.
    fn excuse_at(&mut self, position: u64, state: &State) {
        let mut claims = self.claimed.remove(&position).unwrap_or_default();
        self.excuse(&mut claims, state, &[]);
        if !claims.is_empty() {
            self.claimed.insert(position, claims);
        }
    }

    /// One that put a document and deleted it again did write, and is not excused while the record says so.
    fn excuse(&self, claims: &mut Vec<u64>, state: &State, rest: &[Written]) {
        claims.retain(|number| {
            let operation = &self.operations[number];
            let wrote = |touched: &BTreeSet<(usize, String)>| {
                rest.iter().any(|(at, id, _)| touched.contains(&(*at, id.clone())))
            };
            !run(operation, state, 0).is_some_and(|(after, touched)| after == *state && !wrote(&touched))
        });
    }

    /// Finds an order of operations that makes exactly these changes; answers the state after.
    fn explain(&mut self, position: u64, before: &State, written: &[Written]) -> Option<State> {
        let claims = self.claimed.remove(&position).unwrap_or_default();
        let mut used = Vec::new();
        let after = self.search(position, before, written, claims, &mut used)?;
        for number in used {
            self.unknown.remove(&number);
        }
        Some(after)
    }

    fn search(
        &self,
        position: u64,
        state: &State,
        rest: &[Written],
        mut claims: Vec<u64>,
        used: &mut Vec<u64>,
    ) -> Option<State> {
        self.excuse(&mut claims, state, rest);
        if rest.is_empty() {
            return claims.is_empty().then(|| state.clone());
        }
        for (at, number) in claims.iter().enumerate() {
            let mut others = claims.clone();
            others.remove(at);
            if let Some((after, left)) = follow(&self.operations[number], state, rest) {
                if let Some(end) = self.search(position, &after, left, others, used) {
                    return Some(end);
                }
            }
        }
        for number in self.unknown.iter().filter(|number| !used.contains(number)).copied().collect::<Vec<_>>() {
            let operation = &self.operations[&number];
            if operation.issued >= position || operation.over.is_some_and(|over| over < position) {
                continue;
            }
            if let Some((after, left)) = follow(operation, state, rest).filter(|(_, left)| left.len() < rest.len()) {
                used.push(number);
                if let Some(end) = self.search(position, &after, left, claims.clone(), used) {
                    return Some(end);
                }
                used.pop();
            }
        }
        None
    }

    fn why_not(&self, position: u64, before: &State, written: &[Written]) -> String {
        let about = |number: &u64, operation: &Operation| {
            let answers = operation.answers.clone().unwrap_or_default();
            let (mut state, mut touched) = (before.clone(), BTreeSet::new());
            let wrong = operation.acts.iter().zip(answers).find_map(|(act, told)| {
                let answer = act.run(&mut state, &mut touched);
                (told != answer).then(|| format!("{}}}\nanswered {told:?}\ninstead of {answer:?}", act.command()))
            });
            format!("operation {number}: {}", wrong.unwrap_or_else(|| format!("{operation:?}")))
        };
        let claims = self.operations.iter().filter(|(_, o)| o.outcome == Outcome::Acknowledged(position));
        let claims: Vec<_> = claims.map(|(number, operation)| about(number, operation)).collect();
        let brief: Vec<_> = written.iter().map(|(at, id, doc)| (at, id, doc.is_some())).take(12).collect();
        let acts = |number: &u64| self.operations[number].acts.iter().map(Act::command).collect::<Vec<_>>();
        let unknown: Vec<_> = self.unknown.iter().map(|number| format!("{number}: {:?}", acts(number))).collect();
        format!(
            "no operation explains its {} documents {brief:?}; acknowledged there:\n{}\nwithout an answer:\n{}",
            written.len(),
            claims.join("\n"),
            unknown.join("\n")
        )
    }

    /// After the last record: nothing acknowledged may be left over, and refusals must have had a reason.
    fn complain(&self, world: &World, states: &[State]) {
        for (position, claims) in &self.claimed {
            world.violation(format!("operations {claims:?} were acknowledged at {position}, which is not in the log"));
        }
        for (number, operation) in self.operations {
            let Some([Answer::Refused(reason)]) = operation.answers.as_deref().filter(|_| operation.over.is_some())
            else {
                continue;
            };
            let to = operation.over.unwrap_or_default().min(states.len() as u64 - 1);
            let justified =
                (operation.issued..=to).any(|at| is_refused(&operation.acts[0], &states[at as usize], reason));
            if !justified {
                world.violation(format!("operation {number} was refused without a reason: {operation:?}"));
            }
        }
    }
}

/// Whether the state gives a reason to refuse the command.
fn is_refused(act: &Act, state: &State, reason: &str) -> bool {
    let mut after = state.clone();
    match act.run(&mut after, &mut BTreeSet::new()) {
        Answer::Refused(why) => why == reason,
        _ => reason == "unique" && after.has_double(act.collection()),
    }
}

/// The state after the operation, and what it may have written; `None` if its answers do not fit. Where nobody knows the
/// answers, `unique` has a bit for each collection: whether an index refused what a unique index would refuse.
fn run(operation: &Operation, state: &State, unique: u8) -> Option<(State, BTreeSet<(usize, String)>)> {
    let (mut after, mut touched) = (state.clone(), BTreeSet::new());
    for (at, act) in operation.acts.iter().enumerate() {
        let told = operation.answers.as_ref().map(|answers| &answers[at]);
        let may_be_refused =
            told.map_or(unique >> act.collection() & 1 == 1, |told| *told == Answer::Refused("unique"));
        if may_be_refused && is_refused(act, &after, "unique") {
            continue;
        }
        let answer = act.run(&mut after, &mut touched);
        if told.is_some_and(|told| *told != answer) {
            return None;
        }
    }
    Some((after, touched))
}

/// The state after the operation and the rest of the record, if the record begins with just its changes.
fn follow<'w>(operation: &Operation, state: &State, rest: &'w [Written]) -> Option<(State, &'w [Written])> {
    let guesses = if operation.answers.is_none() { 1 << COLLECTIONS.len() } else { 1 };
    (0..guesses).find_map(|unique| follow_as(operation, state, rest, unique))
}

fn follow_as<'w>(
    operation: &Operation,
    state: &State,
    rest: &'w [Written],
    unique: u8,
) -> Option<(State, &'w [Written])> {
    let (after, touched) = run(operation, state, unique)?;
    let own = rest
        .iter()
        .take_while(|(at, id, doc)| touched.contains(&(*at, id.clone())) && after.get(*at, id) == doc.as_ref());
    let own: BTreeSet<(usize, &String)> = own.map(|(at, id, _)| (*at, id)).collect();
    let all = touched.iter().all(|(at, id)| own.contains(&(*at, id)) || state.get(*at, id) == after.get(*at, id));
    all.then(|| (after, &rest[own.len()..]))
}

fn judge_sights(world: &World, states: &[State]) {
    let range = |from: u64, to: u64| (from..=to).filter_map(|at| states.get(at as usize));
    for sight in world.sights.borrow().iter() {
        let fits = |state: &State| sight.act.run(&mut state.clone(), &mut BTreeSet::new()) == sight.answer;
        if !range(sight.from, sight.to).any(fits) {
            let (from, to) = (sight.from, sight.to);
            let expected = states.get(from as usize).map(|s| sight.act.run(&mut s.clone(), &mut BTreeSet::new()));
            world.violation(format!(
                "a read at {from}..={to} of {} answered\n{:?} instead of\n{expected:?}",
                sight.act.command(),
                sight.answer
            ));
        }
    }
    for sight in world.live.borrow().iter() {
        if !range(sight.from, sight.to).any(|state| sight.find.run(state) == sight.docs) {
            let expected = states.get(sight.from as usize).map(|state| sight.find.run(state));
            world.violation(format!(
                "a live query at {}..={} of {} showed\n{:?} instead of\n{expected:?}",
                sight.from,
                sight.to,
                sight.find.command(),
                sight.docs
            ));
        }
    }
}

/// The documents that a view has, against those that the log has at the same position.
pub(crate) fn compare_documents(world: &World, view: &dyn Read, catalog: &Catalog, position: u64) -> Step<Vec<String>> {
    let history = world.recorder.history.borrow();
    let logged = history.at(position);
    let mut different = Vec::new();
    for collection in catalog.all(view)? {
        let range = KeyRange::prefix(&keys::document_prefix(collection.id));
        let expected = logged.iter().filter(|(key, _)| range.contains(key));
        let mut cursor = view.cursor(range.clone(), Direction::Forward);
        for (key, value) in expected {
            let found = cursor.advance()?;
            if !found || cursor.key() != key.as_slice() || cursor.value() != value.as_slice() {
                let id = String::from_utf8_lossy(keys::document_id(key));
                different.push(format!("document '{id}' of '{}' is not as the log has it", collection.name));
                break;
            }
        }
        if different.is_empty() && cursor.advance()? {
            different.push(format!("collection '{}' has a document that the log lacks", collection.name));
        }
    }
    Ok(different)
}
