//! A live `find`: its window, filled by a query and then kept by the commits.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::base::{Error, FastMap, Result};
use crate::collections::fields::Fields;
use crate::collections::find::{Query, Ranking, Selection};
use crate::collections::live::{Applied, Output, Rank, Span, Standing, Window};
use crate::collections::{keys, Document};
use crate::engine::{Item, Record, SNAPSHOT_EXPIRED};

use super::super::handle::Shared;
use super::super::response::{write_list, ObjectWriter};
use super::{error_event, LiveEvent, LiveListener};

/// A live `find`.
pub(super) struct LiveWindow {
    command: Box<str>,
    /// The time of the subscription, which its filter sees for good.
    now_ms: f64,
    query: Query,
    listener: LiveListener,
    ended: Cell<bool>,
    state: RefCell<State>,
}

struct State {
    window: Window,
    /// The number of the collection the window shows; `None` while it does not exist.
    collection: Option<u32>,
    /// While a query fills the window: the positions of the commits meanwhile that matter.
    filling: Option<Vec<u64>>,
    /// Whether the whole window must be told anew.
    anew: bool,
}

type Match = (Rank, Box<str>, Rc<Output>);

fn parse(command: &str, now_ms: f64) -> Result<Query> {
    let mut fields = Fields::split(command.as_bytes(), "subscribe")?;
    fields.required_text("op")?;
    if fields.text("after")?.is_some() {
        return Err(Error::invalid("subscribe: a live query has no 'after': give it a filter, or skip and limit"));
    }
    // A window needs a total order, whether one was asked for or not.
    let ranking = Ranking::parse(fields.value("sort")?, true)?;
    let query = Query { ranking, ..Query::take(&mut fields, now_ms)? };
    fields.finish()?;
    Ok(query)
}

impl LiveWindow {
    pub(super) fn new(command: &str, now_ms: f64, listener: LiveListener) -> Result<Self> {
        let query = parse(command, now_ms)?;
        let limit = query.limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
        let span = Span { skip: usize::try_from(query.skip).unwrap_or(usize::MAX), limit };
        let state = State { window: Window::new(span), collection: None, filling: Some(Vec::new()), anew: true };
        Ok(Self {
            command: command.into(),
            now_ms,
            query,
            listener,
            ended: Cell::new(false),
            state: RefCell::new(state),
        })
    }

    pub(super) fn end(&self) {
        self.ended.set(true);
    }

    pub(super) fn tell(&self, event: LiveEvent) {
        if !self.ended.get() {
            (self.listener)(event);
        }
    }

    /// Fills the window from a query and tells the difference, or everything if nothing was told before.
    pub(super) async fn fill(&self, shared: &Rc<Shared>) -> Result<()> {
        while !self.ended.get() {
            let (position, collection, matches) = match self.run_query(shared).await {
                Err(error) if error.reason() == Some(SNAPSHOT_EXPIRED) => continue,
                result => result?,
            };
            if let Some(event) = self.take_in(position, collection, matches)? {
                self.tell(event);
            }
            if self.state.borrow().filling.is_none() {
                break;
            }
        }
        Ok(())
    }

    async fn run_query(&self, shared: &Rc<Shared>) -> Result<(u64, Option<u32>, Vec<Match>)> {
        let fill = self.state.borrow().window.span().fill();
        let query = Query { skip: 0, limit: fill.map(|fill| fill as u64), ..parse(&self.command, self.now_ms)? };
        let mut selection = Selection::new(Rc::new(query));
        let snapshot = shared.engine.snapshot()?;
        let mut matches = Vec::new();
        let collection = shared
            .engine
            .read_at(&snapshot, |view| {
                selection.run(view, &shared.catalog, &mut |found| {
                    matches.push(self.rank(found.id, &found.document));
                    Ok(())
                })?;
                shared.catalog.find(view, &self.query.collection)
            })
            .await?;
        Ok((snapshot.position(), collection.map(|collection| collection.id), matches))
    }

    fn rank(&self, id: &str, document: &Document<'_>) -> Match {
        let mut rank = Vec::new();
        self.query.ranking.rank(document, id.as_bytes(), &mut rank);
        let mut json = Vec::new();
        let extended = self.query.show(document, &mut json);
        (rank.into(), id.into(), Rc::new(Output { json, extended }))
    }

    /// Puts a query's result into the window, and asks for another round if commits came while the query ran.
    fn take_in(&self, position: u64, collection: Option<u32>, matches: Vec<Match>) -> Result<Option<LiveEvent>> {
        let mut state = self.state.borrow_mut();
        state.collection = collection;
        let event = if std::mem::take(&mut state.anew) {
            let event = snapshot_event(position, state.window.span(), &matches);
            state.window.fill(matches);
            Some(event)
        } else {
            diff_event(position, &state.window.fill(matches))?
        };
        let late = state.filling.take().unwrap_or_default();
        // The next round of the query has what commits brought since this one.
        if late.iter().any(|at| *at > position) {
            state.filling = Some(Vec::new());
        }
        Ok(event)
    }

    /// Follows a commit.
    pub(super) fn follow(self: &Rc<Self>, shared: &Rc<Shared>, record: &Record) {
        match self.apply(shared, record) {
            Ok(Followed::Told(Some(event))) => self.tell(event),
            Ok(Followed::Told(None)) => {}
            Ok(Followed::FillAgain) => self.fill_soon(shared),
            Err(error) => self.tell(error_event(&error)),
        }
    }

    fn apply(&self, shared: &Rc<Shared>, record: &Record) -> Result<Followed> {
        let position = record.header.position;
        let mut state = self.state.borrow_mut();
        if self.collection_changed(shared, record, &state) {
            return Ok(state.fill_again());
        }
        let Some(collection) = state.collection else {
            // The first query is still running, perhaps on a state before this commit.
            state.filling.iter_mut().for_each(|late| late.push(position));
            return Ok(Followed::Told(None));
        };
        let standings = self.standings(collection, record)?;
        if standings.is_empty() {
            return Ok(Followed::Told(None));
        }
        if let Some(late) = &mut state.filling {
            late.push(position);
            return Ok(Followed::Told(None));
        }
        match state.window.apply(standings) {
            Applied::Diff(diff) => Ok(Followed::Told(diff_event(position, &diff)?)),
            Applied::Drained => Ok(state.fill_again()),
        }
    }

    /// Whether the commit created, dropped or replaced the collection.
    fn collection_changed(&self, shared: &Rc<Shared>, record: &Record, state: &State) -> bool {
        let key = keys::collection(&self.query.collection);
        let touched = record.items().any(|item| matches!(item, Item::Put(at, _) | Item::Delete(at) if *at == *key));
        if !touched {
            return false;
        }
        let found = shared.engine.try_read(|view| shared.catalog.find(view, &self.query.collection));
        // When in doubt, the query looks.
        found.map_or(true, |found| found.map(|collection| collection.id) != state.collection)
    }

    /// Where the documents of the commit stand now, each once.
    fn standings(&self, collection: u32, record: &Record) -> Result<Vec<Standing>> {
        let prefix = keys::document_prefix(collection);
        let mut newest: FastMap<&[u8], usize> = FastMap::default();
        let mut changes: Vec<(&[u8], Option<&[u8]>)> = Vec::new();
        for item in record.items() {
            let (key, value) = match item {
                Item::Put(key, value) => (key, Some(value)),
                Item::Delete(key) => (key, None),
                Item::Edit(_) => continue,
            };
            let Some(id) = key.strip_prefix(&prefix) else { continue };
            match newest.get(id).and_then(|at| changes.get_mut(*at)) {
                // Jobs of one group may write a document one after the other: the last one counts.
                Some(change) => change.1 = value,
                None => {
                    newest.insert(id, changes.len());
                    changes.push((id, value));
                }
            }
        }
        changes.into_iter().map(|(id, stored)| self.standing(id, stored)).collect()
    }

    fn standing(&self, id: &[u8], stored: Option<&[u8]>) -> Result<Standing> {
        let id = std::str::from_utf8(id).map_err(|_| crate::base::Error::corrupt("a document's id is not UTF-8"))?;
        let now = match stored {
            Some(stored) => {
                let document = Document::parse(stored)?;
                let matches = self.query.matcher.matches(&document)?;
                matches.then(|| self.rank(id, &document)).map(|(rank, _, output)| (rank, output))
            }
            None => None,
        };
        Ok(Standing { id: id.into(), now })
    }

    /// Everything may be different: the subscriber is told the whole result again.
    pub(super) fn start_over(self: &Rc<Self>, shared: &Rc<Shared>) {
        let again = {
            let mut state = self.state.borrow_mut();
            state.anew = true;
            state.fill_again()
        };
        if matches!(again, Followed::FillAgain) {
            self.fill_soon(shared);
        }
    }

    fn fill_soon(self: &Rc<Self>, shared: &Rc<Shared>) {
        let (window, task) = (Rc::clone(self), Rc::clone(shared));
        shared.platform.spawn(Box::pin(async move {
            if let Err(error) = window.fill(&task).await {
                window.tell(error_event(&error));
            }
        }));
    }
}

/// What following a commit came to.
enum Followed {
    Told(Option<LiveEvent>),
    FillAgain,
}

impl State {
    /// Asks for a query unless one is under way, which then runs once more.
    fn fill_again(&mut self) -> Followed {
        match &mut self.filling {
            Some(late) => {
                late.push(u64::MAX);
                Followed::Told(None)
            }
            None => {
                self.filling = Some(Vec::new());
                Followed::FillAgain
            }
        }
    }
}

fn snapshot_event(position: u64, span: Span, matches: &[Match]) -> LiveEvent {
    let shown = matches.iter().skip(span.skip).take(span.limit.unwrap_or(usize::MAX));
    let mut event = ObjectWriter::default();
    event.text("kind", "snapshot").number("position", position);
    write_list(event.field("docs"), shown.clone(), |(_, _, output), out| out.extend_from_slice(&output.json));
    LiveEvent { json: event.finish().json, extended: shown.into_iter().any(|(_, _, output)| output.extended) }
}

fn diff_event(position: u64, diff: &crate::collections::live::Diff) -> Result<Option<LiveEvent>> {
    if diff.is_empty() {
        return Ok(None);
    }
    let mut json = Vec::new();
    diff.write(position, &mut json)?;
    Ok(Some(LiveEvent { json, extended: diff.extended() }))
}
