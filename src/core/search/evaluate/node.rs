//! The parts of a running search, and how they combine within a window.

use std::cell::RefCell;
use std::rc::Rc;

use crate::collections::view::Gather;
use crate::engine::Step;
use crate::search::plan::{Node, Phrase, Word};
use crate::search::postings::{Block, DocNumber, Postings, NO_DOC};
use crate::search::score::{idf, Model};

use super::bits::Bits;
use super::bound::can_beat;
use super::expand::Near;
use super::frame::{Frame, Window, WINDOW};
use super::phrase::PhraseNode;
use super::pool::{floor, Member, Pool, Scope};

/// A word of more terms than this makes windows wide.
const MANY_TERMS: usize = 8;

/// What every part of a search shares.
pub(super) struct Setting<'a> {
    pub(super) postings: &'a dyn Postings,
    scopes: Vec<Rc<Scope>>,
    pub(super) k1: f32,
    pub(super) docs: u64,
    /// For words of several terms.
    scratch: RefCell<Frame>,
    /// What members have before they read.
    empty: Rc<Block>,
}

impl<'a> Setting<'a> {
    pub(super) fn new(postings: &'a dyn Postings, model: &Model, scopes: &[Vec<f32>], docs: u64) -> Self {
        let reference = postings.reference();
        let scopes = scopes.iter().map(|boosts| Rc::new(Scope::new(model, reference, boosts))).collect();
        Self { postings, scopes, k1: model.k1, docs, scratch: RefCell::default(), empty: Rc::default() }
    }

    fn member(&self, term: &str, scope: usize, similarity: f32, holders: u32) -> Step<Option<Member<'a>>> {
        let Some(scope) = self.scopes.get(scope) else { return Ok(None) };
        let docs = self.postings.docs_of(term.as_bytes(), holders)?;
        Ok(docs.map(|docs| Member::new(docs, Rc::clone(scope), similarity, Rc::clone(&self.empty))))
    }
}

/// A running part.
pub(super) enum Live<'a> {
    Nothing,
    Pool(Pool<'a>),
    Phrase(Box<PhraseNode<'a>>),
    Any(AnyNode<'a>),
    All(AllNode<'a>),
}

/// A part with its bound in the current window.
pub(super) struct Child<'a> {
    pub(super) live: Live<'a>,
    /// The same for all documents.
    pub(super) most: f64,
    pub(super) bound: f64,
}

impl<'a> Child<'a> {
    fn new(live: Live<'a>) -> Self {
        Self { most: live.most(), live, bound: 0.0 }
    }
}

pub(super) struct AnyNode<'a> {
    pub(super) children: Vec<Child<'a>>,
    pub(super) minimum: u32,
    /// The children, those that can add least first.
    pub(super) ascending: Vec<usize>,
    order: Vec<usize>,
    scratch: Frame,
}

pub(super) struct AllNode<'a> {
    pub(super) required: Vec<Live<'a>>,
    pub(super) optional: Vec<Live<'a>>,
    pub(super) excluded: Vec<Live<'a>>,
    scratch: Frame,
}

/// Opens the postings of a part. Words come in the order in which they were expanded.
pub(super) fn build<'a>(
    setting: &Setting<'a>,
    node: &Node,
    words: &mut dyn Iterator<Item = &[Near]>,
) -> Step<Live<'a>> {
    Ok(match node {
        Node::Nothing => Live::Nothing,
        Node::Word(word) => build_word(setting, word, words.next().unwrap_or_default())?,
        Node::Phrase(phrase) => build_phrase(setting, phrase)?,
        Node::Any { nodes, minimum } => {
            let children = build_all(setting, nodes, words)?;
            any(children.into_iter().map(Child::new).collect(), *minimum)
        }
        Node::All { required, optional, excluded } => {
            let mut required = build_all(setting, required, words)?;
            let live = |lives: Vec<Live<'a>>| lives.into_iter().filter(|live| !matches!(live, Live::Nothing)).collect();
            let optional: Vec<Live<'a>> = live(build_all(setting, optional, words)?);
            let excluded: Vec<Live<'a>> = live(build_all(setting, excluded, words)?);
            if required.iter().any(|live| matches!(live, Live::Nothing)) {
                return Ok(Live::Nothing);
            }
            crate::base::sort::sort_by_key(&mut required, Live::cost);
            Live::All(AllNode { required, optional, excluded, scratch: Frame::default() })
        }
    })
}

fn build_all<'a>(
    setting: &Setting<'a>,
    nodes: &[Node],
    words: &mut dyn Iterator<Item = &[Near]>,
) -> Step<Vec<Live<'a>>> {
    let mut gather = Gather::default();
    let mut lives = Vec::with_capacity(nodes.len());
    for node in nodes {
        lives.extend(gather.step(build(setting, node, words))?);
    }
    gather.finish()?;
    Ok(lives)
}

/// Alternatives without those that cannot match.
fn any(mut children: Vec<Child<'_>>, minimum: u32) -> Live<'_> {
    children.retain(|child| !matches!(child.live, Live::Nothing));
    match (children.len(), children.pop()) {
        (len, _) if len < minimum as usize => Live::Nothing,
        (_, None) => Live::Nothing,
        (1, Some(only)) => only.live,
        (_, Some(last)) => {
            children.push(last);
            let mut ascending: Vec<usize> = (0..children.len()).collect();
            crate::base::sort::sort_by(&mut ascending, |a, b| children[*a].most.total_cmp(&children[*b].most));
            Live::Any(AnyNode { children, minimum, ascending, order: Vec::new(), scratch: Frame::default() })
        }
    }
}

/// The word itself, and the terms like it: two pools, so that neither's rarity is the other's.
fn build_word<'a>(setting: &Setting<'a>, word: &Word, near: &[Near]) -> Step<Live<'a>> {
    let mut gather = Gather::default();
    let (mut exact, mut like) = (Vec::new(), Vec::new());
    for term in &word.terms {
        exact.extend(gather.step(setting.member(&term.text, term.scope, 1.0, u32::MAX))?.flatten());
    }
    like.reserve(near.len());
    for near in near {
        let member = setting.member(&near.text, near.scope, near.similarity, near.holders);
        like.extend(gather.step(member)?.flatten());
    }
    gather.finish()?;
    let pool = |members: Vec<Member<'a>>| {
        let docs = members.iter().map(Member::docs).max().unwrap_or(0);
        let weight = idf(setting.docs, u64::from(docs)) * word.boost;
        let live = if docs == 0 { Live::Nothing } else { Live::Pool(Pool { members, weight, k1: setting.k1 }) };
        Child::new(live)
    };
    Ok(any(vec![pool(exact), pool(like)], 1))
}

fn build_phrase<'a>(setting: &Setting<'a>, phrase: &Phrase) -> Step<Live<'a>> {
    let mut gather = Gather::default();
    let (mut members, mut rarity, mut lacking) = (Vec::new(), 0.0, false);
    for terms in phrase.words() {
        let mut docs = 0;
        for (term, place) in terms {
            if let Some(member) = gather.step(setting.member(term, phrase.scope, 1.0, u32::MAX))?.flatten() {
                docs = docs.max(member.docs());
                members.push((member, *place));
            }
        }
        rarity += idf(setting.docs, u64::from(docs));
        lacking |= docs == 0;
    }
    gather.finish()?;
    if lacking {
        return Ok(Live::Nothing);
    }
    Ok(Live::Phrase(Box::new(PhraseNode::new(members, phrase.slop, rarity * phrase.boost, setting.k1))))
}

impl Live<'_> {
    /// About how many documents match.
    fn cost(&self) -> u64 {
        let member = |member: &Member<'_>| u64::from(member.docs());
        match self {
            Self::Nothing => 0,
            Self::Pool(pool) => pool.members.iter().map(member).sum(),
            Self::Phrase(phrase) => {
                phrase.words().map(|word| word.iter().map(|(one, _)| member(one)).sum()).min().unwrap_or(0)
            }
            Self::Any(any) => any.children.iter().map(|child| child.live.cost()).sum(),
            Self::All(all) => all.required.iter().map(Self::cost).min().unwrap_or(0),
        }
    }

    /// Whether some word stands for so many terms that the ends of their blocks say little.
    pub(super) fn has_many_terms(&self) -> bool {
        match self {
            Self::Nothing | Self::Phrase(_) => false,
            Self::Pool(pool) => pool.members.len() > MANY_TERMS,
            Self::Any(any) => any.children.iter().any(|child| child.live.has_many_terms()),
            Self::All(all) => all.required.iter().chain(&all.optional).any(Self::has_many_terms),
        }
    }

    /// No match is before this document and at or after `doc`.
    pub(super) fn next(&mut self, doc: DocNumber) -> Step<DocNumber> {
        match self {
            Self::Nothing => Ok(NO_DOC),
            Self::Pool(pool) => pool.next(doc),
            Self::Phrase(phrase) => phrase.next(doc),
            Self::Any(any) => {
                let mut gather = Gather::default();
                let mut next = NO_DOC;
                for child in &mut any.children {
                    next = next.min(gather.step(child.live.next(doc))?.unwrap_or(doc));
                }
                gather.finish()?;
                Ok(next)
            }
            Self::All(all) => {
                let mut next = doc;
                for child in &mut all.required {
                    next = next.max(child.next(next)?);
                    if next == NO_DOC {
                        break;
                    }
                }
                Ok(next)
            }
        }
    }

    /// Fills a frame with what matches in a window, of all documents or of the candidates; what cannot exceed the threshold
    /// may be left out.
    pub(super) fn fill(
        &mut self,
        setting: &Setting<'_>,
        window: Window,
        candidates: Option<&Bits>,
        threshold: f32,
        frame: &mut Frame,
    ) -> Step<()> {
        match self {
            Self::Nothing => {
                frame.clear();
                Ok(())
            }
            Self::Pool(pool) => {
                frame.clear();
                pool.add(window, candidates, floor(threshold, 0.0), frame, &mut setting.scratch.borrow_mut())
            }
            Self::Phrase(phrase) => phrase.fill(window, candidates, frame),
            Self::Any(any) if any.minimum > 1 => any.fill_counted(setting, window, candidates, frame),
            Self::Any(any) => any.fill(setting, window, candidates, threshold, frame),
            Self::All(all) => all.fill(setting, window, candidates, frame),
        }
    }
}

impl AnyNode<'_> {
    fn fill(
        &mut self,
        setting: &Setting<'_>,
        window: Window,
        candidates: Option<&Bits>,
        threshold: f32,
        frame: &mut Frame,
    ) -> Step<()> {
        frame.clear();
        self.order.clear();
        self.order.extend(0..self.children.len());
        let children = &mut self.children;
        // Few children: sorting by insertion. Greatest bounds first.
        for end in 1..self.order.len() {
            let mut at = end;
            while at > 0 && children[self.order[at]].bound > children[self.order[at - 1]].bound {
                self.order.swap(at, at - 1);
                at -= 1;
            }
        }
        let all: f64 = children.iter().map(|child| child.bound).sum();
        let mut left = all;
        let mut found: Option<Bits> = candidates.cloned();
        let mut essential = true;
        for at in &self.order {
            let child = &mut children[*at];
            if essential && !can_beat(left, threshold) {
                // A document with none of the words so far cannot make it.
                essential = false;
                found = Some(frame.matched.clone());
            }
            if let (false, Some(found)) = (essential, &mut found) {
                found.retain(|at| !frame.matched.has(at) || can_beat(frame.scores[at] + left, threshold));
                if found.is_empty() {
                    break;
                }
            }
            left -= child.bound;
            match &mut child.live {
                Live::Pool(pool) => {
                    let floor = floor(threshold, all - child.bound);
                    pool.add(window, found.as_ref(), floor, frame, &mut self.scratch)?;
                }
                other => {
                    other.fill(setting, window, found.as_ref(), f32::NEG_INFINITY, &mut self.scratch)?;
                    frame.add_all(&self.scratch);
                }
            }
        }
        if let (false, Some(found)) = (essential, &found) {
            frame.matched.keep(found);
        }
        Ok(())
    }

    fn fill_counted(
        &mut self,
        setting: &Setting<'_>,
        window: Window,
        candidates: Option<&Bits>,
        frame: &mut Frame,
    ) -> Step<()> {
        frame.clear();
        let mut counts = [0u16; WINDOW as usize];
        for child in &mut self.children {
            child.live.fill(setting, window, candidates, f32::NEG_INFINITY, &mut self.scratch)?;
            frame.add_all(&self.scratch);
            self.scratch.matched.each(|at| counts[at] += 1);
        }
        frame.matched.retain(|at| u32::from(counts[at]) >= self.minimum);
        Ok(())
    }
}

impl AllNode<'_> {
    fn fill(
        &mut self,
        setting: &Setting<'_>,
        window: Window,
        candidates: Option<&Bits>,
        frame: &mut Frame,
    ) -> Step<()> {
        frame.clear();
        let mut left: Option<Bits> = candidates.cloned();
        for child in &mut self.required {
            child.fill(setting, window, left.as_ref(), f32::NEG_INFINITY, &mut self.scratch)?;
            frame.add_all(&self.scratch);
            frame.matched.clone_from(&self.scratch.matched);
            if frame.matched.is_empty() {
                return Ok(());
            }
            left = Some(self.scratch.matched.clone());
        }
        for child in &mut self.excluded {
            child.fill(setting, window, Some(&frame.matched), f32::NEG_INFINITY, &mut self.scratch)?;
            frame.matched.remove_all(&self.scratch.matched);
        }
        for child in &mut self.optional {
            child.fill(setting, window, Some(&frame.matched), f32::NEG_INFINITY, &mut self.scratch)?;
            self.scratch.matched.each(|at| frame.scores[at] += self.scratch.scores[at]);
        }
        Ok(())
    }
}
