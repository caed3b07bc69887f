//! A query with its texts analyzed: which terms of the index to look up, and how they combine.
//!
//! Made without looking at an index: what a prefix stands for is found when the plan runs.

use crate::base::{Error, Result};

use super::analyze::{Analyzer, Purpose};
use super::edit::edits_for;
use super::query::{Fuzzy, Matching, Options, Prefix, Query, TERMS_MAX};
use super::spec::SearchSpec;

/// The most positions between the first and the last word of a phrase.
const PHRASE_SPAN_MAX: u32 = 10_000;

/// A compiled query.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What must be found.
    pub root: Node,
    /// For each scope the boost of every field, 0 where a field is left out.
    pub scopes: Vec<Vec<f32>>,
}

/// A part of a plan.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// Matches no document.
    Nothing,
    /// One word of the query.
    Word(Word),
    /// Words in their order.
    Phrase(Phrase),
    /// At least `minimum` of the nodes match; scores are added.
    Any {
        /// The alternatives, at least one.
        nodes: Vec<Node>,
        /// 1 or more.
        minimum: u32,
    },
    /// All of `required` match and none of `excluded`; scores of `required` and `optional` are added.
    All {
        /// At least one.
        required: Vec<Node>,
        /// These only add to the score.
        optional: Vec<Node>,
        /// These must not match.
        excluded: Vec<Node>,
    },
}

/// One word of the query: a term for each way in which the fields are analyzed, and what else it stands for.
#[derive(Clone, Debug, PartialEq)]
pub struct Word {
    /// The terms that are the word.
    pub terms: Vec<Term>,
    /// How to find terms that are like it.
    pub expansions: Vec<Expansion>,
    /// The factor of its score: boosts, times how often the word stands in the query.
    pub boost: f32,
}

/// A term in some fields.
#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    /// The term.
    pub text: Box<str>,
    /// Which fields, by place in [`Plan::scopes`].
    pub scope: usize,
}

/// Terms to be found in the index.
#[derive(Clone, Debug, PartialEq)]
pub struct Expansion {
    /// What they are like.
    pub text: Box<str>,
    /// Which fields, by place in [`Plan::scopes`].
    pub scope: usize,
    /// How they are like it.
    pub kind: ExpansionKind,
}

/// How terms are like a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpansionKind {
    /// They begin with it. If none does and the fields are stemmed, the word's own longest beginning that is a term.
    Prefix {
        /// Whether the fields are stemmed.
        stemmed: bool,
    },
    /// They are at most so many edits away, and their first letters are the same.
    Fuzzy {
        /// 1 or 2.
        edits: u8,
        /// How many letters are the same.
        fixed: u32,
    },
}

/// Words in their order, in one of the fields of a scope.
#[derive(Clone, Debug, PartialEq)]
pub struct Phrase {
    /// Each term with its place, ascending, the first at 0; at least two places. Terms at one place are alternatives.
    pub terms: Vec<(Box<str>, u32)>,
    /// By how many places a term may be off.
    pub slop: u32,
    /// Which fields, by place in [`Plan::scopes`].
    pub scope: usize,
    /// The factor of its score.
    pub boost: f32,
}

impl Phrase {
    /// The terms of each word: those at one place.
    pub fn words(&self) -> impl Iterator<Item = &[(Box<str>, u32)]> {
        self.terms.chunk_by(|a, b| a.1 == b.1)
    }
}

impl Plan {
    /// Analyzes a query by the analyzers of the spec's fields.
    ///
    /// # Errors
    /// `Invalid` if it has more than [`TERMS_MAX`] terms; what a custom analyzer failed with.
    pub fn new(query: &Query, spec: &SearchSpec, analyzers: &[Analyzer]) -> Result<Self> {
        let mut compiler = Compiler { spec, analyzers, scopes: Vec::new(), terms: 0 };
        let root = compiler.node(query, 1.0)?;
        Ok(Self { root, scopes: compiler.scopes })
    }
}

struct Compiler<'a> {
    spec: &'a SearchSpec,
    analyzers: &'a [Analyzer],
    scopes: Vec<Vec<f32>>,
    terms: usize,
}

/// Fields that are analyzed alike.
struct Group<'a> {
    analyzer: &'a Analyzer,
    scope: usize,
}

/// A word of the query's text, and where it stands.
struct Found {
    start: usize,
    end: usize,
    word: Word,
    groups: usize,
}

impl<'a> Compiler<'a> {
    fn node(&mut self, query: &Query, boost: f32) -> Result<Node> {
        match query {
            Query::Text { text, options, boost: own } => self.text(text, options, boost * own),
            Query::Phrase { text, slop, fields, boost: own } => {
                self.phrase(text, *slop, fields.as_deref(), boost * own)
            }
            Query::Bool { must, should, not, minimum, boost: own } => {
                let mut list = |queries: &[Query]| {
                    let nodes = queries.iter().map(|query| self.node(query, boost * own));
                    nodes.collect::<Result<Vec<Node>>>()
                };
                Ok(combine(list(must)?, list(should)?, list(not)?, *minimum))
            }
        }
    }

    /// The groups of the fields asked for.
    fn groups(&mut self, fields: Option<&[(usize, f32)]>) -> Vec<Group<'a>> {
        let mut groups: Vec<(usize, Vec<f32>)> = Vec::new();
        for (at, field) in self.spec.fields.iter().enumerate() {
            let asked =
                |fields: &[(usize, f32)]| fields.iter().find(|(place, _)| *place == at).map(|(_, boost)| *boost);
            let Some(boost) = fields.map_or(Some(1.0), asked) else { continue };
            let same = |(first, _): &&mut (usize, Vec<f32>)| self.spec.fields[*first].analyzer == field.analyzer;
            match groups.iter_mut().find(same) {
                Some((_, boosts)) => boosts[at] = boost,
                None => {
                    let mut boosts = vec![0.0; self.spec.fields.len()];
                    boosts[at] = boost;
                    groups.push((at, boosts));
                }
            }
        }
        let placed: Vec<(usize, usize)> = groups.into_iter().map(|(at, boosts)| (at, self.scope(boosts))).collect();
        let analyzers = self.analyzers;
        placed.into_iter().filter_map(|(at, scope)| Some(Group { analyzer: analyzers.get(at)?, scope })).collect()
    }

    fn scope(&mut self, boosts: Vec<f32>) -> usize {
        self.scopes.iter().position(|known| *known == boosts).unwrap_or_else(|| {
            self.scopes.push(boosts);
            self.scopes.len() - 1
        })
    }

    fn count(&mut self, terms: usize) -> Result<()> {
        self.terms += terms;
        if self.terms > TERMS_MAX {
            return Err(Error::invalid(format!("the query has more than {TERMS_MAX} terms: shorten it")));
        }
        Ok(())
    }

    fn text(&mut self, text: &str, options: &Options, boost: f32) -> Result<Node> {
        let mut found: Vec<Found> = Vec::new();
        // Fields whose whole text is one term are another way to match, not another word.
        let (mut whole, mut groups) = (Vec::new(), 0);
        for group in self.groups(options.fields.as_deref()) {
            let is_whole = matches!(group.analyzer, Analyzer::Keyword);
            groups += usize::from(!is_whole);
            let last = last_start(group.analyzer, text, options)?;
            group.analyzer.tokens(text, Purpose::Query, &mut |token| {
                let term = Term { text: token.term.into(), scope: group.scope };
                let surface = text.get(token.start..token.end).unwrap_or_default();
                let prefixed = token.begins || options.prefix == Prefix::All || Some(token.start) == last;
                let expansions = expansions(&group, token.term, surface, prefixed, options);
                let word = Word { terms: vec![term], expansions, boost };
                if is_whole {
                    whole.push(Node::Word(word));
                } else {
                    add(&mut found, Found { start: token.start, end: token.end, word, groups: 1 });
                }
            })?;
        }
        self.count(found.len() + whole.len())?;
        // A word that some fields leave out (a stop word) is not required of the others.
        let (kept, partial): (Vec<Found>, Vec<Found>) = found.into_iter().partition(|word| word.groups >= groups);
        let words = matched(merged(kept), merged(partial), options.matching);
        if whole.is_empty() {
            return Ok(words);
        }
        whole.push(words);
        Ok(any(whole, 1))
    }

    fn phrase(&mut self, text: &str, slop: u32, fields: Option<&[(usize, f32)]>, boost: f32) -> Result<Node> {
        let mut nodes = Vec::new();
        let mut count = 0;
        for group in self.groups(fields) {
            let (mut terms, mut begins): (Vec<(Box<str>, u32)>, bool) = (Vec::new(), false);
            group.analyzer.tokens(text, Purpose::Query, &mut |token| {
                let first = terms.first().map_or(token.position, |(_, first)| *first);
                begins = token.begins;
                if token.position - first <= PHRASE_SPAN_MAX {
                    terms.push((token.term.into(), token.position));
                }
            })?;
            count += terms.len();
            let first = terms.first().map_or(0, |(_, first)| *first);
            terms.iter_mut().for_each(|(_, place)| *place -= first);
            nodes.push(match terms.last() {
                None => Node::Nothing,
                Some((_, 0)) => Node::Word(alone(terms, group.scope, begins, boost)),
                Some(_) => Node::Phrase(Phrase { terms, slop, scope: group.scope, boost }),
            });
        }
        self.count(count)?;
        Ok(any(nodes, 1))
    }
}

/// Puts a term to the word at the same place, or a new word behind the others.
fn add(found: &mut Vec<Found>, new: Found) {
    match found.iter_mut().find(|known| known.start == new.start && known.end == new.end) {
        Some(known) => {
            known.groups += 1;
            known.word.terms.extend(new.word.terms);
            known.word.expansions.extend(new.word.expansions);
        }
        None => found.push(new),
    }
}

/// A phrase of one word.
fn alone(terms: Vec<(Box<str>, u32)>, scope: usize, begins: bool, boost: f32) -> Word {
    let terms: Vec<Term> = terms.into_iter().map(|(text, _)| Term { text, scope }).collect();
    let kind = ExpansionKind::Prefix { stemmed: false };
    let beginning = terms.iter().filter(|_| begins).map(|term| Expansion { text: term.text.clone(), scope, kind });
    Word { expansions: beginning.collect(), terms, boost }
}

/// Where the word begins that is being typed, if the text ends in one.
fn last_start(analyzer: &Analyzer, text: &str, options: &Options) -> Result<Option<usize>> {
    let mut last = None;
    if options.prefix == Prefix::Last && !text.ends_with(char::is_whitespace) {
        analyzer.tokens(text, Purpose::Query, &mut |token| last = Some(token.start))?;
    }
    Ok(last)
}

fn expansions(group: &Group<'_>, term: &str, surface: &str, prefixed: bool, options: &Options) -> Vec<Expansion> {
    let mut expansions = Vec::new();
    if prefixed {
        let stemmed = group.analyzer.stems();
        // Terms are stems: what was typed begins them, or its own stem does.
        let text = if stemmed { group.analyzer.unstemmed(surface) } else { term.into() };
        expansions.push(Expansion { text, scope: group.scope, kind: ExpansionKind::Prefix { stemmed } });
    }
    let letters = term.chars().count();
    let edits = match options.fuzzy {
        Fuzzy::Auto => edits_for(letters),
        Fuzzy::Edits(_) if letters <= 2 => 0,
        Fuzzy::Edits(edits) => edits,
    };
    if edits > 0 {
        let kind = ExpansionKind::Fuzzy { edits, fixed: options.fixed };
        expansions.push(Expansion { text: term.into(), scope: group.scope, kind });
    }
    expansions
}

/// Each different word once; repetitions add to its boost.
fn merged(found: Vec<Found>) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    for Found { word, .. } in found {
        let same = |known: &&mut Word| known.terms == word.terms && known.expansions == word.expansions;
        match words.iter_mut().find(same) {
            Some(known) => known.boost += word.boost,
            None => words.push(word),
        }
    }
    words
}

/// Words of which as many must match as asked, and words that need not.
fn matched(words: Vec<Word>, extra: Vec<Word>, matching: Matching) -> Node {
    let nodes = |words: Vec<Word>| words.into_iter().map(Node::Word).collect::<Vec<Node>>();
    let (mut words, extra) = (nodes(words), nodes(extra));
    let minimum = match matching {
        Matching::Any => 1,
        Matching::All => words.len(),
        Matching::Minimum(minimum) => (minimum as usize).clamp(1, words.len().max(1)),
    };
    if minimum <= 1 {
        words.extend(extra);
        return any(words, 1);
    }
    let required = if minimum == words.len() { words } else { vec![any(words, minimum as u32)] };
    Node::All { required, optional: extra, excluded: Vec::new() }
}

/// Alternatives without those that match nothing.
fn any(mut nodes: Vec<Node>, minimum: u32) -> Node {
    nodes.retain(|node| *node != Node::Nothing);
    match (nodes.len(), nodes.pop()) {
        (_, None) => Node::Nothing,
        (1, Some(node)) => node,
        (len, Some(last)) => {
            nodes.push(last);
            Node::Any { nodes, minimum: minimum.clamp(1, len as u32) }
        }
    }
}

/// `must`, `should` and `not`. Parts of which analysis left nothing do not count.
fn combine(mut must: Vec<Node>, mut should: Vec<Node>, mut not: Vec<Node>, minimum: u32) -> Node {
    for nodes in [&mut must, &mut should, &mut not] {
        nodes.retain(|node| *node != Node::Nothing);
    }
    let mut optional = Vec::new();
    if minimum > 0 && !should.is_empty() {
        must.push(any(should, minimum));
    } else {
        optional = should;
    }
    if must.is_empty() {
        must.push(any(std::mem::take(&mut optional), 1));
    }
    if must == [Node::Nothing] || (must.len() == 1 && optional.is_empty() && not.is_empty()) {
        return must.pop().unwrap_or(Node::Nothing);
    }
    Node::All { required: must, optional, excluded: not }
}
