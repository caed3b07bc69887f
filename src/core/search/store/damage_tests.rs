//! Hostile bytes: whatever stands in the pages of an index, reading and merging end, and never panic.

use proptest::prelude::*;

use crate::base::SeededRng;
use crate::collections::keys::SEARCH;
use crate::engine::{Read, Step};
use crate::search::evaluate::{Evaluation, Top};
use crate::search::{Options, Plan, Query};

use super::super::postings::{Postings, NO_DOC};
use super::head::Head;
use super::index::StoredPostings;
use super::list::{read_block, read_distances, read_heads, read_plain, Columns};
use super::model_tests::Model;
use super::term_page::TermPage;
use super::Warm;

/// Steps of one walk over a damaged list.
const STEPS_MAX: u32 = 100_000;

/// Reads everything there is to read, whether it makes sense or not.
fn crawl(view: &dyn Read, model: &Model) -> Step<()> {
    let (collection, search, prepared) = model.index();
    let stored = StoredPostings::open(view, collection, search, &prepared.spec, &Warm::once())?;
    let mut list = Vec::new();
    let mut terms = stored.terms()?;
    while list.len() < 2000 && terms.advance()? {
        list.push(terms.term().to_vec());
    }
    let (mut positions, mut codes) = (Vec::new(), vec![0; 200]);
    for term in &list {
        let Some(mut docs) = stored.docs(term)? else { continue };
        let (mut next, mut steps) = (0, 0);
        while steps < STEPS_MAX && docs.seek(next)? {
            let block = docs.read()?;
            for at in 0..block.docs().len().min(3) {
                docs.positions(at, 0, &mut positions)?;
            }
            let known = block.docs().len().min(codes.len());
            stored.lengths(1, &block.docs()[..known], &mut codes[..known])?;
            let _ = block.docs().first().map(|doc| stored.id(*doc));
            if docs.last() == NO_DOC {
                break;
            }
            next = docs.last().max(next) + 1;
            steps += 1;
        }
        assert!(steps < STEPS_MAX, "a damaged list has no end");
    }
    let query = Query::parse(&crate::collections::json::parse(br#""w1 w2 w3""#)?, &Options::default(), &prepared.spec)?;
    let plan = Plan::new(&query, &prepared.spec, &prepared.analyzers)?;
    Evaluation::new(plan).run(&prepared.spec, &stored, &mut Top::new(10), 10_000)
}

#[test]
fn a_damaged_index_is_an_error_or_a_wrong_answer_and_never_a_panic() {
    let mut model = Model::new(3);
    model.declare();
    (0..6).for_each(|_| model.put(60, 120));
    model.put(200, 200);
    model.delete(20, 100);
    model.merge(2);
    let rng = SeededRng::new(5);
    let pages: Vec<_> = model
        .store
        .entries()
        .iter()
        .filter(|(key, _)| key.first() == Some(&SEARCH) && key.get(9) != Some(&b'i'))
        .collect();
    let pages: Vec<_> = pages.into_iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    let mut errors = 0;
    for _ in 0..300 {
        let (key, value) = &pages[rng.index(pages.len())];
        let mut damaged = value.clone();
        match rng.below(4) {
            0 => damaged.truncate(rng.index(value.len() + 1)),
            1 => damaged.extend_from_slice(&[0xff; 5]),
            _ if damaged.is_empty() => {}
            _ => (0..1 + rng.below(3)).for_each(|_| damaged[rng.index(value.len())] = rng.below(256) as u8),
        }
        let mut victim = model.with_store(model.store.clone());
        victim.store.commit(|tx| tx.put(key, &damaged)).unwrap();
        errors += u32::from(victim.store.read(|view| crawl(view, &victim)).is_err());
        for _ in 0..3 {
            let _ = victim.try_merge();
        }
    }
    assert!(errors > 5, "{errors}");
}

proptest! {
    #[test]
    fn random_bytes_are_no_list(bytes: Vec<u8>, before: u32, docs in 0usize..9) {
        let mut columns = Columns::new(2);
        let _ = read_plain(&bytes, docs, before, &mut columns);
        if let Ok(heads) = read_heads(&bytes, before) {
            for head in heads.iter() {
                if let Ok(mask) = read_block(&bytes, head, &mut columns) {
                    let _ = read_distances(&bytes, head, mask, &mut columns);
                }
            }
        }
    }

    #[test]
    fn random_bytes_are_no_page_and_no_head(bytes: Vec<u8>, base: u32) {
        if let Ok(page) = TermPage::read(bytes.clone(), base) {
            (0..page.len()).for_each(|at| drop(page.whole_entry(at)));
        }
        let _ = Head::decode(&bytes, 2);
    }
}
