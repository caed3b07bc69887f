//! Takes the parts of a function that did not run out of it, each run of them into a function of its own that goes to the rest.
//!
//! Such a function gets the locals it needs, and answers those it may have changed and where control goes next. It does not
//! change what the code does.

use std::collections::BTreeSet;

use wasmparser::{BlockType, FuncType, Operator, ValType};

use super::code::{Code, Op};
use super::flow::{Flow, Liveness};
use super::piece::{add, get, set};

/// A run of operations that is smaller than this stays: calling it would cost as much.
const BYTES_MIN: usize = 12;
/// What a local costs that is passed or answered.
const LOCAL_BYTES: usize = 3;
/// What another way out costs.
const EXIT_BYTES: usize = 5;
/// More than this is never passed.
const LOCALS_MAX: usize = 60;

/// What was taken out: its type, its code.
pub(super) struct Piece<'a> {
    pub(super) of: FuncType,
    pub(super) code: Code<'a>,
}

/// Takes out the parts of `code` for which `ran` is false. `results` are the function's; the pieces get the indexes from
/// `first` on. Answers the code that stays.
pub(super) fn outline<'a>(
    code: &Code<'a>,
    results: &[ValType],
    ran: &[bool],
    first: u32,
    pieces: &mut Vec<Piece<'a>>,
) -> Code<'a> {
    let flow = Flow::of(code);
    let mut cold = vec![false; code.ops.len()];
    let parts = code.parts();
    for (part, start) in parts.iter().enumerate() {
        let end = parts.get(part + 1).copied().unwrap_or(code.ops.len());
        let ran = ran.get(part).copied().unwrap_or(true);
        cold[*start..end].fill(!ran);
    }
    let liveness = Liveness::of(code, &flow);
    let kept = Code { ops: Vec::new(), heights: Vec::new(), places: Vec::new(), ..code.clone() };
    let mut outliner =
        Outliner { code, results, flow, liveness, cold, first, pieces, kept, chosen: None, answer: None };
    outliner.walk(0, code.ops.len().saturating_sub(1));
    outliner.kept.ops.extend(code.ops.last().cloned());
    outliner.kept
}

pub(super) struct Outliner<'a, 'c> {
    pub(super) code: &'c Code<'a>,
    results: &'c [ValType],
    pub(super) flow: Flow,
    liveness: Liveness,
    /// By operation: it did not run.
    cold: Vec<bool>,
    first: u32,
    pieces: &'c mut Vec<Piece<'a>>,
    kept: Code<'a>,
    /// The local with the way out that a piece chose, and the one with what it returns.
    chosen: Option<u32>,
    answer: Option<u32>,
}

/// A way out of a run of operations.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Exit {
    /// To what follows.
    Fall,
    /// To the construct so many levels around it.
    To(u32),
    /// Out of the function.
    Return,
}

/// A run of operations that could be taken out.
pub(super) struct Region {
    pub(super) from: usize,
    pub(super) to: usize,
    /// The construct around it.
    pub(super) frame: usize,
    pub(super) exits: Vec<Exit>,
    /// Locals that it is passed, and those that it answers.
    pub(super) given: Vec<u32>,
    pub(super) answered: Vec<u32>,
}

impl<'a> Outliner<'a, '_> {
    /// Copies the operations from `from` to `to`, which are of one construct, without what can be taken out.
    fn walk(&mut self, from: usize, to: usize) {
        let mut at = from;
        while at < to {
            if let Some(region) = self.region(at, to) {
                at = region.to;
                self.take_out(&region);
                continue;
            }
            let after = self.flow.after(at);
            let op = self.code.ops[at].clone();
            self.kept.ops.push(op);
            if let Some(frame) = self.flow.opened(at).copied() {
                let middle = frame.otherwise.unwrap_or(frame.end);
                self.walk(at + 1, middle);
                if frame.otherwise.is_some() {
                    self.kept.ops.push(Op::Plain(Operator::Else));
                    self.walk(middle + 1, frame.end);
                }
                self.kept.ops.push(Op::Plain(Operator::End));
            }
            at = after;
        }
    }

    /// The longest run from `from` on that can be taken out with profit; `limit` is the end of the construct around it.
    fn region(&self, from: usize, limit: usize) -> Option<Region> {
        let starts_clean = |at: usize| self.code.heights[at].operands == 0;
        if !starts_clean(from) || self.code.heights[from].unreachable {
            return None;
        }
        let (mut to, mut best) = (from, None);
        while to < limit {
            let after = self.flow.after(to);
            if !self.cold[to..after].iter().all(|cold| *cold) {
                break;
            }
            to = after;
            if starts_clean(to) || self.code.heights[to].unreachable {
                best = Some(to);
            }
        }
        let region = self.describe(from, best?)?;
        let passed = region.given.len() + region.answered.len();
        let cost = BYTES_MIN + LOCAL_BYTES * passed + EXIT_BYTES * region.exits.len();
        (self.code.bytes(from, region.to) > cost && passed <= LOCALS_MAX).then_some(region)
    }

    /// What a run needs and where it goes; `None` if it goes where values must be carried.
    fn describe(&self, from: usize, to: usize) -> Option<Region> {
        // The construct around the run; one that the first operation opens is part of it.
        let opened = self.flow.opened(from).is_some();
        let frame = self.flow.around(self.flow.inside[from], u32::from(opened));
        let mut exits = BTreeSet::new();
        if !self.code.heights[to].unreachable {
            exits.insert(Exit::Fall);
        }
        for at in from..to {
            let leave = |depth: &u32| self.exit(at, *depth, frame);
            match &self.code.ops[at] {
                Op::Branch(depth) => exits.extend(leave(depth)?),
                Op::BranchIf(depth) => {
                    let exit = leave(depth)?;
                    if exit == Some(Exit::Return) && !self.results.is_empty() {
                        return None;
                    }
                    exits.extend(exit);
                }
                Op::BranchTable(depths, or) => {
                    for depth in depths.iter().chain([or]) {
                        let exit = leave(depth)?;
                        if exit == Some(Exit::Return) && !self.results.is_empty() {
                            return None;
                        }
                        exits.extend(exit);
                    }
                }
                Op::Plain(Operator::Return) => drop(exits.insert(Exit::Return)),
                _ => {}
            }
        }
        if exits.contains(&Exit::Return) && self.results.len() > 1 {
            return None;
        }
        let exits: Vec<Exit> = exits.into_iter().collect();
        let needed_after = |local: &u32| exits.iter().any(|exit| self.needed_at(*exit, to, frame, *local));
        let ops = &self.code.ops[from..to];
        let written: BTreeSet<u32> = ops.iter().filter_map(Op::writes).collect();
        let mut answered: Vec<u32> = written.into_iter().filter(needed_after).collect();
        let read = ops.iter().filter_map(Op::reads).chain(answered.iter().copied());
        let given = read.collect::<BTreeSet<u32>>().into_iter().filter(|local| self.liveness.is_live(from, *local));
        let mut given: Vec<u32> = given.collect();
        // In an order of their types, so that fewer types are needed.
        given.sort_by_key(|local| type_order(self.local_type(*local)));
        answered.sort_by_key(|local| type_order(self.local_type(*local)));
        Some(Region { from, to, frame, exits, given, answered })
    }

    /// Where a branch goes: `Some(None)` if it stays inside; `None` if it cannot be taken out.
    #[expect(clippy::option_option, reason = "the outer one is refusal, for the question mark")]
    pub(super) fn exit(&self, at: usize, depth: u32, frame: usize) -> Option<Option<Exit>> {
        let inner = self.flow.depth(self.flow.inside[at], frame);
        let Some(outer) = depth.checked_sub(inner) else { return Some(None) };
        let target = self.flow.frames[self.flow.around(frame, outer)];
        match target.of {
            None => Some(Some(Exit::Return)),
            Some(_) if target.takes_values() => None,
            Some(_) => Some(Some(Exit::To(outer))),
        }
    }

    fn needed_at(&self, exit: Exit, to: usize, frame: usize, local: u32) -> bool {
        match exit {
            Exit::Fall => self.liveness.is_live(to, local),
            Exit::To(depth) => {
                let target = self.flow.frames[self.flow.around(frame, depth)].target();
                target.is_some_and(|target| self.liveness.is_live(target, local))
            }
            Exit::Return => false,
        }
    }

    pub(super) fn local_type(&self, local: u32) -> ValType {
        self.code.locals.get(local as usize).copied().unwrap_or(ValType::I32)
    }

    pub(super) fn returned(&self, region: &Region) -> Option<ValType> {
        self.results.first().copied().filter(|_| region.exits.contains(&Exit::Return))
    }

    /// Puts a call in the region's place.
    fn take_out(&mut self, region: &Region) {
        let piece = Piece::of(self, region);
        let function_index = self.first + u32::try_from(self.pieces.len()).unwrap_or(u32::MAX);
        self.pieces.push(piece);
        let returned = self.returned(region);
        let chosen = (region.exits.len() > 1).then(|| self.chosen());
        let answer = returned.map(|of| self.answer(of));
        let ops = &mut self.kept.ops;
        ops.extend(region.given.iter().map(|local| get(*local)));
        ops.push(Op::Plain(Operator::Call { function_index }));
        let answers = region.answered.iter().copied().chain(answer).chain(chosen);
        ops.extend(answers.collect::<Vec<_>>().into_iter().rev().map(set));
        let Some((last, before)) = region.exits.split_last() else {
            ops.push(Op::Plain(Operator::Unreachable));
            return;
        };
        let falls = region.exits.first() == Some(&Exit::Fall);
        let (conditional, otherwise) = if falls { (region.exits.as_slice(), None) } else { (before, Some(*last)) };
        for (number, exit) in (0..).zip(conditional).filter(|(_, exit)| **exit != Exit::Fall) {
            let Some(chosen) = chosen else { continue };
            ops.push(get(chosen));
            if region.exits.len() > 2 || !falls {
                ops.push(Op::Plain(Operator::I32Const { value: number }));
                ops.push(Op::Plain(Operator::I32Eq));
            }
            match exit {
                Exit::To(depth) => ops.push(Op::BranchIf(*depth)),
                _ => {
                    ops.push(Op::Plain(Operator::If { blockty: BlockType::Empty }));
                    ops.extend(answer.map(get));
                    ops.push(Op::Plain(Operator::Return));
                    ops.push(Op::Plain(Operator::End));
                }
            }
        }
        match otherwise {
            Some(Exit::To(depth)) => ops.push(Op::Branch(depth)),
            Some(Exit::Return) => {
                ops.extend(answer.map(get));
                ops.push(Op::Plain(Operator::Return));
            }
            _ => {}
        }
    }

    /// A local of the function that stays, for the way out that a piece chose.
    fn chosen(&mut self) -> u32 {
        let locals = &mut self.kept.locals;
        *self.chosen.get_or_insert_with(|| add(locals, ValType::I32))
    }

    fn answer(&mut self, of: ValType) -> u32 {
        let locals = &mut self.kept.locals;
        *self.answer.get_or_insert_with(|| add(locals, of))
    }
}

fn type_order(of: ValType) -> u8 {
    match of {
        ValType::I32 => 0,
        ValType::I64 => 1,
        ValType::F32 => 2,
        ValType::F64 => 3,
        ValType::V128 => 4,
        ValType::Ref(_) => 5,
    }
}
