//! The answer to a query by its definition: every document is looked at, nothing is bounded, skipped or cached.
//!
//! Only for tests: the oracle of the evaluator and of every index.

use std::collections::BTreeSet;

use super::edit::Pattern;
use super::evaluate::Hit;
use super::plan::{ExpansionKind, Node, Phrase, Plan, Word};
use super::postings::DocNumber;
use super::reference::{rank, MemoryIndex, Places};
use super::score::{idf, Model};

/// Every matching document with its score, best first. Prefixes and fuzzy words stand for all that is like them,
/// without the limits of the evaluator.
pub fn brute_force(index: &MemoryIndex, plan: &Plan) -> Vec<Hit> {
    let search = BruteForce { index, plan, model: Model::new(&index.spec, &index.count()) };
    let score = |doc: &DocNumber| Some(Hit { doc: *doc, score: search.node(&plan.root, *doc)? as f32 });
    let mut hits: Vec<Hit> = index.lengths.keys().filter_map(score).collect();
    rank(&mut hits);
    hits
}

struct BruteForce<'a> {
    index: &'a MemoryIndex,
    plan: &'a Plan,
    model: Model,
}

impl BruteForce<'_> {
    fn node(&self, node: &Node, doc: DocNumber) -> Option<f64> {
        match node {
            Node::Nothing => None,
            Node::Word(word) => self.word(word, doc),
            Node::Phrase(phrase) => self.phrase(phrase, doc),
            Node::Any { nodes, minimum } => {
                let scores: Vec<f64> = nodes.iter().filter_map(|node| self.node(node, doc)).collect();
                (scores.len() >= *minimum as usize).then(|| scores.iter().sum())
            }
            Node::All { required, optional, excluded } => {
                if excluded.iter().any(|node| self.node(node, doc).is_some()) {
                    return None;
                }
                let required: Option<Vec<f64>> = required.iter().map(|node| self.node(node, doc)).collect();
                let optional = optional.iter().filter_map(|node| self.node(node, doc));
                Some(required?.into_iter().chain(optional).sum())
            }
        }
    }

    fn scoped(&self, scope: usize) -> Model {
        let mut model = self.model.clone();
        model.fields.iter_mut().zip(&self.plan.scopes[scope]).for_each(|(field, boost)| field.weight *= boost);
        model
    }

    fn places(&self, term: &str, doc: DocNumber) -> Option<&Places> {
        self.index.terms.get(term.as_bytes())?.get(&doc)
    }

    fn docs(&self, term: &str) -> u64 {
        self.index.terms.get(term.as_bytes()).map_or(0, |docs| docs.len() as u64)
    }

    fn word(&self, word: &Word, doc: DocNumber) -> Option<f64> {
        let exact: Vec<(String, usize, f32)> =
            word.terms.iter().map(|term| (term.text.to_string(), term.scope, 1.0)).collect();
        let mut like: Vec<(String, usize, f32)> = Vec::new();
        for expansion in &word.expansions {
            for (term, similarity) in self.alike(word, &expansion.text, expansion.kind) {
                if exact.iter().any(|(text, scope, _)| *text == term && *scope == expansion.scope) {
                    continue;
                }
                match like.iter_mut().find(|(text, scope, _)| *text == term && *scope == expansion.scope) {
                    Some((_, _, known)) => *known = known.max(similarity),
                    None => like.push((term, expansion.scope, similarity)),
                }
            }
        }
        let scores = [self.pool(&exact, doc), self.pool(&like, doc)];
        let found = scores.iter().any(Option::is_some);
        found.then(|| scores.iter().flatten().sum::<f64>() * f64::from(word.boost))
    }

    fn alike(&self, word: &Word, text: &str, kind: ExpansionKind) -> Vec<(String, f32)> {
        let letters = |text: &str| text.chars().count();
        let kept = || self.index.terms.iter().filter(|(_, docs)| !docs.is_empty());
        let terms = || kept().map(|(term, _)| String::from_utf8_lossy(term).into_owned());
        match kind {
            ExpansionKind::Fuzzy { edits, fixed } => {
                let mut pattern = Pattern::new(text, edits, 0);
                let start: String = text.chars().take(fixed as usize).collect();
                let near = |term: String| {
                    let shorter = letters(&term).min(letters(text)) as f32;
                    let similarity = 1.0 - f32::from(pattern.distance(&term)?) / shorter;
                    (term.starts_with(&start) && similarity > 0.0).then_some((term, similarity))
                };
                terms().filter_map(near).collect()
            }
            ExpansionKind::Prefix { stemmed } => {
                let likeness = |term: String| (letters(text) as f32 / letters(&term) as f32, term);
                let longer = terms().filter(|term| term.starts_with(text)).map(likeness);
                let found: Vec<_> = longer.map(|(similarity, term)| (term, similarity)).collect();
                let known = word.terms.iter().any(|term| self.docs(&term.text) > 0);
                if !found.is_empty() || !stemmed || known {
                    return found;
                }
                let stem = terms().filter(|term| text.starts_with(term.as_str())).max_by_key(|term| term.len());
                let near = |stem: &String| letters(stem) >= 3 && letters(text) - letters(stem) <= 4;
                let likeness = |stem: String| (letters(&stem) as f32 / letters(text) as f32, stem);
                stem.filter(near).map(likeness).map(|(similarity, stem)| (stem, similarity)).into_iter().collect()
            }
        }
    }

    fn pool(&self, terms: &[(String, usize, f32)], doc: DocNumber) -> Option<f64> {
        let most = terms.iter().map(|(term, _, _)| self.docs(term)).max()?;
        let impact = |(term, scope, similarity): &(String, usize, f32)| {
            let places = self.places(term, doc)?;
            Some(self.index.impact(&self.scoped(*scope), doc, places) * similarity)
        };
        let impact: f32 = terms.iter().filter_map(impact).sum();
        let score = idf(self.index.lengths.len() as u64, most) * self.model.saturate(impact);
        (impact > 0.0).then_some(f64::from(score))
    }

    fn phrase(&self, phrase: &Phrase, doc: DocNumber) -> Option<f64> {
        let model = self.scoped(phrase.scope);
        let lengths = self.index.lengths.get(&doc)?;
        let mut impact = 0.0;
        for (field, length) in lengths.iter().enumerate().filter(|(field, _)| model.fields[*field].weight > 0.0) {
            let of_term = |(term, _): &(Box<str>, u32)| {
                let places = self.places(term, doc)?.iter().find(|(own, _)| *own == field);
                places.map(|(_, positions)| positions.clone())
            };
            let of_word = |word: &[_]| word.iter().filter_map(of_term).flatten().collect::<BTreeSet<u32>>();
            let positions: Vec<BTreeSet<u32>> = phrase.words().map(of_word).collect();
            let length = super::score::length_of(super::score::length_code(*length));
            impact += self.frequency(phrase, &positions) * model.fields[field].unit(length);
        }
        let docs = |word: &[(Box<str>, u32)]| word.iter().map(|(term, _)| self.docs(term)).max().unwrap_or(0);
        let rarity: f32 = phrase.words().map(|word| idf(self.index.lengths.len() as u64, docs(word))).sum();
        (impact > 0.0).then_some(f64::from(rarity * phrase.boost * model.saturate(impact)))
    }

    /// How often the phrase stands in a field, by trying every place of every word.
    fn frequency(&self, phrase: &Phrase, positions: &[BTreeSet<u32>]) -> f32 {
        let off = |start: u32, (at, word): (usize, &[(Box<str>, u32)])| {
            positions[at].iter().map(|own| own.abs_diff(start + word[0].1)).min().unwrap_or(u32::MAX)
        };
        let starts = positions[0].iter();
        let worst = starts.map(|start| phrase.words().enumerate().skip(1).map(|one| off(*start, one)).max());
        worst.flatten().filter(|worst| *worst <= phrase.slop).map(|worst| 1.0 / (1.0 + worst as f32)).sum()
    }
}
