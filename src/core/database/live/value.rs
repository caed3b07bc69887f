//! A live `search`, `count`, `distinct` or `aggregate`: run again when a commit touches what it reads, at most once at a time.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::base::{Error, Result};
use crate::collections::keys;
use crate::engine::{Item, Record};

use super::super::command::{parse, Command};
use super::super::handle::Shared;
use super::super::read::ReadTask;
use super::super::response::ObjectWriter;
use super::{error_event, LiveEvent, LiveListener};

/// A live value.
pub(super) struct LiveValue {
    command: Box<str>,
    collections: Vec<Box<str>>,
    listener: LiveListener,
    ended: Cell<bool>,
    running: Cell<bool>,
    dirty: Cell<bool>,
    last: RefCell<Option<Vec<u8>>>,
}

fn task(shared: &Shared, command: &str) -> Result<ReadTask> {
    match parse(command.as_bytes(), shared.platform.wall_ms())?.command {
        Command::Read(task) => Ok(task),
        _ => Err(Error::internal("a live value is no read")),
    }
}

impl LiveValue {
    pub(super) fn new(shared: &Shared, command: &str, listener: LiveListener) -> Result<Self> {
        Ok(Self {
            collections: task(shared, command)?.touches(),
            command: command.into(),
            listener,
            ended: Cell::new(false),
            running: Cell::new(false),
            dirty: Cell::new(true),
            last: RefCell::default(),
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

    /// Runs until nothing has changed since the run began.
    pub(super) async fn run(&self, shared: &Rc<Shared>) -> Result<()> {
        if self.running.replace(true) {
            return Ok(());
        }
        let mut result = Ok(());
        while result.is_ok() && self.dirty.take() && !self.ended.get() {
            result = self.run_once(shared).await;
        }
        self.running.set(false);
        result
    }

    async fn run_once(&self, shared: &Rc<Shared>) -> Result<()> {
        let position = shared.engine.position();
        let answer = shared.read(task(shared, &self.command)?, &self.command).await?;
        if self.last.borrow().as_ref() == Some(&answer.json) {
            return Ok(());
        }
        let mut event = ObjectWriter::default();
        event.text("kind", "value").number("position", position).raw("value", &answer.json);
        *self.last.borrow_mut() = Some(answer.json);
        self.tell(LiveEvent { json: event.finish().json, extended: answer.extended });
        Ok(())
    }

    /// Follows a commit.
    pub(super) fn follow(self: &Rc<Self>, shared: &Rc<Shared>, record: &Record) {
        if self.is_touched(shared, record) {
            self.start_over(shared);
        }
    }

    fn is_touched(&self, shared: &Shared, record: &Record) -> bool {
        let ids: Vec<_> = self.collections.iter().filter_map(|name| shared.catalog.cached_id(name)).collect();
        let all_known = ids.len() == self.collections.len();
        record.items().any(|item| match item {
            Item::Put(key, _) | Item::Delete(key) => match keys::document_collection(key) {
                Some(collection) => !all_known || ids.contains(&collection),
                None => key.first() == Some(&keys::CATALOG),
            },
            Item::Edit(_) => false,
        })
    }

    /// Runs again soon.
    pub(super) fn start_over(self: &Rc<Self>, shared: &Rc<Shared>) {
        self.dirty.set(true);
        if self.running.get() {
            return;
        }
        let (value, task) = (Rc::clone(self), Rc::clone(shared));
        shared.platform.spawn(Box::pin(async move {
            if let Err(error) = value.run(&task).await {
                value.tell(error_event(&error));
            }
        }));
    }
}
