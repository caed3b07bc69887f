//! `explain`: the plan of a read, and what running it cost.

use crate::base::{Error, Result};
use crate::collections::fields::Fields;
use crate::collections::find::explain;
use crate::engine::{Read, Step};

use super::super::response::Response;
use super::{Context, ReadTask};

/// The task: it runs the explained command to its end.
pub(in super::super) struct Explain {
    inner: ReadTask,
    /// When it first ran, on the monotonic clock.
    begun_ms: Option<f64>,
}

impl Explain {
    pub(super) fn take(fields: &mut Fields<'_>, now_ms: f64) -> Result<Self> {
        let wrong = || Error::invalid("explain: 'command' must be a find, count, distinct or aggregate");
        let command = fields.raw("command").ok_or_else(wrong)?;
        let mut inner = Fields::split(command, "explain: 'command'")?;
        let op = inner.required_text("op")?;
        let task = match &*op {
            "find" | "count" | "distinct" | "aggregate" => ReadTask::take(&op, &mut inner, now_ms)?,
            _ => None,
        };
        inner.finish()?;
        task.map(|(_, inner)| Self { inner, begun_ms: None }).ok_or_else(wrong)
    }

    pub(super) fn step(&mut self, view: &dyn Read, context: Context<'_>) -> Step<Response> {
        let begun_ms = *self.begun_ms.get_or_insert_with(|| context.platform.monotonic_ms());
        let ms = || context.platform.monotonic_ms() - begun_ms;
        let json = match &mut self.inner {
            ReadTask::Find(task) => {
                let (collection, sorted) = (task.query().collection.clone(), task.query().ranking.order.required);
                let find = task.run(view, context)?;
                let returned = find.len();
                explain::write(&collection, find.selection().scan(), false, sorted, returned, ms())
            }
            ReadTask::Tally(task) => {
                let collection = task.collection();
                let tally = task.run(view, context)?;
                explain::write(&collection, tally.scan(), tally.is_covered(), false, tally.matched(), ms())
            }
            ReadTask::Aggregate(task) => {
                let count = task.run_to_end(view, context)?;
                let selection = task.selection();
                explain::write(&selection.query().collection, selection.scan(), false, false, count, ms())
            }
            _ => return Err(Error::internal("explain ran a command without a plan").into()),
        };
        Ok(Response::plain(json))
    }
}
