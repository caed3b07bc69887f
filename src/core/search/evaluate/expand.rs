//! What prefixes and fuzzy words stand for in an index.
//!
//! Bounded: of a prefix that begins more than [`PREFIX_TERMS_MAX`] terms the most frequent count, of a fuzzy word the
//! nearest [`FUZZY_TERMS_MAX`]. A term whose documents are all removed is none of them: it may stay in the index for long.

use crate::base::sort;
use crate::engine::Step;
use crate::search::edit::Pattern;
use crate::search::plan::{Expansion, ExpansionKind, Node, Plan, Word};
use crate::search::postings::{Postings, TermStats, Terms};

/// The most terms that a prefix stands for.
pub const PREFIX_TERMS_MAX: usize = 256;
/// The most terms that a fuzzy word stands for.
pub const FUZZY_TERMS_MAX: usize = 64;
/// The most letters that are taken off what was typed, to find a stem that begins it.
pub(crate) const CUT_MAX: usize = 4;
/// The fewest letters that stay.
pub(crate) const STEM_MIN: usize = 3;

/// A term like a word of the query.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Near {
    pub(super) text: Box<str>,
    pub(super) scope: usize,
    /// 1 is the same; how much its occurrences count.
    pub(super) similarity: f32,
    docs: u32,
    /// Where the index has it.
    pub(super) holders: u32,
}

/// The terms like each word of a plan, in the order of the plan.
#[derive(Debug, Default)]
pub(super) struct Expanded {
    words: Vec<Vec<Near>>,
}

impl Expanded {
    pub(super) fn words(&self) -> impl Iterator<Item = &[Near]> {
        self.words.iter().map(Vec::as_slice)
    }
}

/// Looks up what the words of a plan stand for.
pub(super) fn expand(plan: &Plan, postings: &dyn Postings) -> Step<Expanded> {
    let mut expanded = Expanded::default();
    expand_node(&plan.root, postings, &mut expanded)?;
    Ok(expanded)
}

fn expand_node(node: &Node, postings: &dyn Postings, expanded: &mut Expanded) -> Step<()> {
    let mut all = |nodes: &[Node]| nodes.iter().try_for_each(|node| expand_node(node, postings, expanded));
    match node {
        Node::Nothing | Node::Phrase(_) => Ok(()),
        Node::Any { nodes, .. } => all(nodes),
        Node::All { required, optional, excluded } => {
            all(required)?;
            all(optional)?;
            all(excluded)
        }
        Node::Word(word) => {
            expanded.words.push(expand_word(word, postings)?);
            Ok(())
        }
    }
}

fn expand_word(word: &Word, postings: &dyn Postings) -> Step<Vec<Near>> {
    let mut near: Vec<Near> = Vec::new();
    for expansion in &word.expansions {
        let mut terms = postings.terms()?;
        let found = match expansion.kind {
            ExpansionKind::Prefix { stemmed } => beginning(expansion, stemmed, word, &mut *terms, postings)?,
            ExpansionKind::Fuzzy { edits, fixed } => alike(expansion, edits, fixed, &mut *terms)?,
        };
        // The terms of one expansion are all different; only several may name a term twice.
        let known = near.len();
        for one in found {
            if word.terms.iter().any(|term| term.text == one.text && term.scope == one.scope) {
                continue;
            }
            match near.iter_mut().take(known).find(|other| other.text == one.text && other.scope == one.scope) {
                Some(other) => other.similarity = other.similarity.max(one.similarity),
                None => near.push(one),
            }
        }
    }
    Ok(near)
}

/// The terms that begin with a text: the nearer in length, the more alike.
fn beginning(
    expansion: &Expansion,
    stemmed: bool,
    word: &Word,
    terms: &mut dyn Terms,
    postings: &dyn Postings,
) -> Step<Vec<Near>> {
    let prefix = expansion.text.as_bytes();
    let letters = expansion.text.chars().count() as f32;
    let mut found = Vec::new();
    let mut alive = terms.seek(prefix)?;
    while alive && terms.term().starts_with(prefix) {
        let (TermStats { docs, .. }, holders) = terms.held();
        if let (Ok(text), 1..) = (std::str::from_utf8(terms.term()), docs) {
            let similarity = letters / text.chars().count().max(1) as f32;
            found.push(Near { text: text.into(), scope: expansion.scope, similarity, docs, holders });
        }
        alive = terms.advance()?;
    }
    keep(&mut found, PREFIX_TERMS_MAX, |one| (0, one.docs));
    if found.is_empty() && stemmed {
        found.extend(beginning_of(expansion, word, postings)?);
    }
    Ok(found)
}

/// The longest beginning of a text that is a term, where terms are stems: of "computi", "comput".
fn beginning_of(expansion: &Expansion, word: &Word, postings: &dyn Postings) -> Step<Option<Near>> {
    for term in &word.terms {
        if postings.docs(term.text.as_bytes())?.is_some() {
            return Ok(None);
        }
    }
    let letters = expansion.text.chars().count();
    for len in (letters.saturating_sub(CUT_MAX).max(STEM_MIN)..letters).rev() {
        let end = expansion.text.char_indices().nth(len).map_or(expansion.text.len(), |(at, _)| at);
        let Some(text) = expansion.text.get(..end) else { continue };
        if let Some(docs) = postings.docs(text.as_bytes())? {
            let similarity = len as f32 / letters as f32;
            let docs = docs.stats().docs;
            let scope = expansion.scope;
            return Ok(Some(Near { text: text.into(), scope, similarity, docs, holders: u32::MAX }));
        }
    }
    Ok(None)
}

/// The terms a few edits away: the fewer for their length, the more alike.
fn alike(expansion: &Expansion, edits: u8, fixed: u32, terms: &mut dyn Terms) -> Step<Vec<Near>> {
    let letters = expansion.text.chars().count();
    let mut found = Vec::new();
    let mut keep_one = |text: &str, distance: u8, stats: TermStats, holders: u32| {
        let shorter = text.chars().count().min(letters).max(1) as f32;
        let similarity = 1.0 - f32::from(distance) / shorter;
        if similarity > 0.0 && stats.docs > 0 {
            found.push(Near { text: text.into(), scope: expansion.scope, similarity, docs: stats.docs, holders });
        }
        true
    };
    Pattern::new(&expansion.text, edits, fixed as usize).search(terms, &mut keep_one)?;
    keep(&mut found, FUZZY_TERMS_MAX, |one| ((one.similarity * 1000.0) as u32, one.docs));
    Ok(found)
}

/// Keeps the `most` with the greatest keys, in their order.
fn keep(found: &mut Vec<Near>, most: usize, key: impl Fn(&Near) -> (u32, u32)) {
    if found.len() <= most {
        return;
    }
    let mut order = sort::order(found.len(), &mut |a, b| key(&found[a]) > key(&found[b]));
    order.truncate(most);
    sort::sort(&mut order);
    let mut at = 0;
    found.retain(|_| {
        at += 1;
        order.binary_search(&(at - 1)).is_ok()
    });
}
