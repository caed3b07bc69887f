use std::collections::BTreeMap;
use std::rc::Rc;

use proptest::prelude::*;

use super::window::{Applied, Output, Rank, Span, Standing, Window};
use super::Diff;

type Model = BTreeMap<u8, (u8, u8)>;
type Writes = Vec<(u8, Option<(u8, u8)>)>;

fn rank(id: u8, sort: u8) -> Rank {
    vec![sort, id].into()
}

fn output(id: u8, sort: u8, content: u8) -> Rc<Output> {
    Rc::new(Output { json: format!("[{id},{sort},{content}]").into_bytes(), extended: false })
}

/// What a fresh query would show.
fn query(model: &Model, skip: usize, limit: Option<usize>) -> Vec<(Rank, Box<str>, Rc<Output>)> {
    let mut all: Vec<_> = model
        .iter()
        .map(|(&id, &(sort, content))| (rank(id, sort), id.to_string().into(), output(id, sort, content)))
        .collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all.into_iter().skip(skip).take(limit.unwrap_or(usize::MAX)).collect()
}

/// What the documented steps of a subscriber make of its array.
fn patch(array: &mut Vec<Vec<u8>>, diff: &Diff) {
    let mut out: Vec<usize> = diff.removed.iter().map(|removed| removed.index).collect();
    out.extend(diff.moved.iter().map(|moved| moved.from));
    out.sort_unstable();
    for index in out.into_iter().rev() {
        array.remove(index);
    }
    let mut put: Vec<_> = diff.added.iter().map(|added| (added.index, &added.output.json)).collect();
    put.extend(diff.moved.iter().map(|moved| (moved.to, &moved.output.json)));
    put.sort_unstable();
    for (index, json) in put {
        array.insert(index, json.clone());
    }
    for changed in &diff.changed {
        assert_ne!(array[changed.index], changed.output.json, "a change that changes nothing was told");
        array[changed.index] = changed.output.json.clone();
    }
}

fn commit(model: &mut Model, writes: Writes) -> Vec<Standing> {
    let last: BTreeMap<_, _> = writes.into_iter().collect();
    last.into_iter()
        .map(|(id, write)| {
            match write {
                Some(value) => model.insert(id, value),
                None => model.remove(&id),
            };
            let now = write.map(|(sort, content)| (rank(id, sort), output(id, sort, content)));
            Standing { id: id.to_string().into(), now }
        })
        .collect()
}

fn check(span: Span, first: Model, commits: Vec<Writes>) -> usize {
    let mut model = first;
    let mut window = Window::new(span);
    let mut array = Vec::new();
    patch(&mut array, &window.fill(query(&model, 0, span.fill())));
    let mut drained = 0;
    for writes in commits {
        let standings = commit(&mut model, writes);
        let diff = match window.apply(standings) {
            Applied::Diff(diff) => diff,
            Applied::Drained => {
                drained += 1;
                window.fill(query(&model, 0, span.fill()))
            }
        };
        patch(&mut array, &diff);
        let fresh = query(&model, span.skip, span.limit);
        let fresh: Vec<_> = fresh.into_iter().map(|(_, _, output)| output.json.clone()).collect();
        assert_eq!(array, fresh);
    }
    drained
}

fn write() -> impl Strategy<Value = (u8, Option<(u8, u8)>)> {
    (0u8..80, prop::option::weighted(0.6, (0u8..12, 0u8..3)))
}

proptest! {
    #[test]
    fn after_any_commits_the_patched_array_equals_a_fresh_query(
        skip in 0usize..4,
        limit in prop::option::of(0usize..6),
        first in prop::collection::vec((0u8..80, (0u8..12, 0u8..3)), 0..60),
        commits in prop::collection::vec(prop::collection::vec(write(), 1..50), 0..30),
    ) {
        check(Span { skip, limit }, first.into_iter().collect(), commits);
    }
}

#[test]
fn a_window_runs_its_query_again_only_when_its_look_ahead_is_used_up() {
    let first: Model = (0..100).map(|id| (id, (id, 0))).collect();
    let deletes = |n: u8| (0..n).map(|id| vec![(id, None)]).collect();
    let span = Span { skip: 0, limit: Some(5) };
    assert_eq!(check(span, first.clone(), deletes(16)), 0);
    assert_eq!(check(span, first, deletes(17)), 1);
}
