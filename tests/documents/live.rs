//! A subscriber of a live query: keeps an array by applying diffs in the documented order.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tidewell_core::base::Result;
use tidewell_core::collections::{json, Value};
use tidewell_core::database::{Database, LiveEvent};
use tidewell_core::engine::Platform;

use super::model::{Doc, Find};
use super::verdict::{parse_doc, parse_docs};
use super::world::{LiveSight, World};

/// The array of one subscription, and everything it showed.
pub(crate) struct LiveArray {
    find: Find,
    docs: RefCell<Vec<Doc>>,
    /// Position and array after each event.
    shown: RefCell<Vec<(u64, Vec<Doc>)>>,
    ended: Cell<bool>,
}

impl LiveArray {
    pub(crate) async fn subscribe(database: &Database, find: Find) -> Result<Rc<Self>> {
        let command = format!("{}}}", find.command());
        let array =
            Rc::new(Self { find, docs: RefCell::default(), shown: RefCell::default(), ended: Cell::new(false) });
        let listener = Rc::clone(&array);
        database.subscribe(&command, Rc::new(move |event| listener.take_in(&event))).await?;
        Ok(array)
    }

    fn take_in(&self, event: &LiveEvent) {
        let event = json::parse(&event.json).unwrap();
        let kind = event.field("kind").map(super::tab::text_of).unwrap_or_default();
        match kind.as_str() {
            "snapshot" => {
                self.docs.replace(parse_docs(event.field("docs").unwrap_or(&Value::Null)));
            }
            "diff" => patch(&mut self.docs.borrow_mut(), &event),
            _ => return self.ended.set(true),
        }
        let position = index(&event, "position") as u64;
        self.shown.borrow_mut().push((position, self.docs.borrow().clone()));
    }

    /// Gives what was shown to the judge: each array at its event's position, and the last one, which must be the
    /// result at the end.
    pub(crate) async fn settle(&self, world: &World, database: &Database, platform: &dyn Platform) {
        if database.engine().catch_up().await.is_err() {
            return;
        }
        let from = database.engine().position();
        // A window that was used up is filled by a query in the background.
        platform.sleep(200.0).await;
        let mut shown: Vec<(u64, u64, Vec<Doc>)> =
            self.shown.take().into_iter().map(|(position, docs)| (position, position, docs)).collect();
        if !self.ended.get() {
            shown.push((from, database.engine().position(), self.docs.borrow().clone()));
        }
        world.count(|counts| counts.live += shown.len() as u64);
        let sight = |(from, to, docs)| LiveSight { find: self.find.clone(), from, to, docs };
        world.live.borrow_mut().extend(shown.into_iter().map(sight));
    }
}

/// The three steps that docs/COMMANDS.md asks of a subscriber.
fn patch(docs: &mut Vec<Doc>, diff: &Value) {
    let list = |name: &str| match diff.field(name) {
        Some(Value::Array(list)) => list.clone(),
        _ => Vec::new(),
    };
    let doc = |value: &Value| parse_doc(value.field("doc").unwrap_or(&Value::Null));
    let mut out: Vec<usize> = list("removed").iter().map(|removed| index(removed, "index")).collect();
    out.extend(list("moved").iter().map(|moved| index(moved, "from")));
    out.sort_unstable();
    for index in out.into_iter().rev() {
        docs.remove(index);
    }
    let mut put: Vec<(usize, Doc)> = list("added").iter().map(|added| (index(added, "index"), doc(added))).collect();
    put.extend(list("moved").iter().map(|moved| (index(moved, "to"), doc(moved))));
    put.sort_by_key(|(index, _)| *index);
    for (index, doc) in put {
        docs.insert(index, doc);
    }
    for changed in list("changed") {
        docs[index(&changed, "index")] = doc(&changed);
    }
}

fn index(value: &Value, field: &str) -> usize {
    match value.field(field) {
        Some(Value::Number(number)) => *number as usize,
        _ => usize::MAX,
    }
}
