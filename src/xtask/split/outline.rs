//! Takes the parts of a function that did not run out of it, each run of them into a function of its own that goes to the rest.
//!
//! Such a function gets the locals it needs, and answers those it may have changed and where control goes next. It does not
//! change what the code does.

use std::collections::BTreeSet;

use wasmparser::{BlockType, FuncType, Operator, ValType};

use super::code::{Code, Op};
use super::flow::{Flow, Liveness};
use super::piece::{add, get, set};
use super::region::{type_of, type_order, Exit, Region};

/// A run of operations that is smaller than this stays: calling it would cost as much.
const BYTES_MIN: usize = 8;
/// What a local costs that is passed or answered.
const LOCAL_BYTES: usize = 3;
/// What another way out costs.
const EXIT_BYTES: usize = 5;
/// So many ends of a run are tried, the last one first.
const ENDS_MAX: usize = 16;
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
        Outliner { code, results, flow, liveness, cold, first, pieces, kept, chosen: None, carriers: Vec::new() };
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
    /// The local with the way out that a piece chose, and by type the one with what it carries there.
    chosen: Option<u32>,
    carriers: Vec<(ValType, u32)>,
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
        let (mut to, mut ends) = (from, Vec::new());
        while to < limit {
            let after = self.flow.after(to);
            if !self.cold[to..after].iter().all(|cold| *cold) {
                break;
            }
            to = after;
            if starts_clean(to) || self.code.heights[to].unreachable {
                ends.push(to);
            }
        }
        ends.into_iter().rev().take(ENDS_MAX).find_map(|to| self.describe(from, to).filter(|region| self.pays(region)))
    }

    /// Whether what stays is smaller without it.
    fn pays(&self, region: &Region) -> bool {
        let passed = region.given.len() + region.answered.len() + region.carried.len();
        let cost = BYTES_MIN + LOCAL_BYTES * passed + EXIT_BYTES * region.exits.len();
        self.code.bytes(region.from, region.to) > cost && passed <= LOCALS_MAX
    }

    /// What a run needs and where it goes; `None` if it goes where several values must be carried, or one out of a table.
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
                Op::BranchIf(depth) => exits.extend(leave(depth)?),
                Op::BranchTable(depths, or) => {
                    for depth in depths.iter().chain([or]) {
                        let exit = leave(depth)?;
                        if exit.is_some_and(|exit| self.carries(exit, frame).is_some()) {
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
        let mut carried: Vec<ValType> = exits.iter().filter_map(|exit| self.carries(*exit, frame)).collect();
        carried.sort_by_key(|of| type_order(*of));
        carried.dedup();
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
        Some(Region { from, to, frame, exits, given, answered, carried })
    }

    /// Where a branch goes: `Some(None)` if it stays inside; `None` if it cannot be taken out.
    #[expect(clippy::option_option, reason = "the outer one is refusal, for the question mark")]
    pub(super) fn exit(&self, at: usize, depth: u32, frame: usize) -> Option<Option<Exit>> {
        let inner = self.flow.depth(self.flow.inside[at], frame);
        let Some(outer) = depth.checked_sub(inner) else { return Some(None) };
        let target = self.flow.frames[self.flow.around(frame, outer)];
        match target.of {
            None => Some(Some(Exit::Return)),
            Some(_) if target.takes_values() && target.takes_one().is_none() => None,
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
        type_of(&self.code.locals, local)
    }

    /// The type of what is carried along a way out of a run in construct `frame`.
    pub(super) fn carries(&self, exit: Exit, frame: usize) -> Option<ValType> {
        match exit {
            Exit::Fall => None,
            Exit::To(depth) => self.flow.frames[self.flow.around(frame, depth)].takes_one(),
            Exit::Return => self.results.first().copied(),
        }
    }

    /// Puts a call in the region's place.
    fn take_out(&mut self, region: &Region) {
        let piece = Piece::of(self, region);
        let function_index = self.first + u32::try_from(self.pieces.len()).unwrap_or(u32::MAX);
        self.pieces.push(piece);
        let chosen = (region.exits.len() > 1).then(|| self.chosen());
        let carriers: Vec<(ValType, u32)> = region.carried.iter().map(|of| (*of, self.carrier(*of))).collect();
        let ops = &mut self.kept.ops;
        ops.extend(region.given.iter().map(|local| get(*local)));
        ops.push(Op::Plain(Operator::Call { function_index }));
        let answers = region.answered.iter().copied().chain(carriers.iter().map(|(_, local)| *local)).chain(chosen);
        ops.extend(answers.collect::<Vec<_>>().into_iter().rev().map(set));
        self.go_on(region, chosen, &carriers);
    }

    /// After a call of a piece: goes the way that it chose, with what it carries there.
    fn go_on(&mut self, region: &Region, chosen: Option<u32>, carriers: &[(ValType, u32)]) {
        let value_of = |exit: Exit| {
            let of = self.carries(exit, region.frame)?;
            carriers.iter().find(|(other, _)| *other == of).map(|(_, local)| get(*local))
        };
        let exits: Vec<(Exit, Option<Op<'a>>)> = region.exits.iter().map(|exit| (*exit, value_of(*exit))).collect();
        let ops = &mut self.kept.ops;
        let Some((last, before)) = exits.split_last() else {
            ops.push(Op::Plain(Operator::Unreachable));
            return;
        };
        let falls = region.exits.first() == Some(&Exit::Fall);
        let (conditional, otherwise) = if falls { (exits.as_slice(), None) } else { (before, Some(last)) };
        for (number, (exit, value)) in (0..).zip(conditional).filter(|(_, (exit, _))| *exit != Exit::Fall) {
            let Some(chosen) = chosen else { continue };
            ops.push(get(chosen));
            if region.exits.len() > 2 || !falls {
                ops.push(Op::Plain(Operator::I32Const { value: number }));
                ops.push(Op::Plain(Operator::I32Eq));
            }
            if let (Exit::To(depth), None) = (exit, value) {
                ops.push(Op::BranchIf(*depth));
                continue;
            }
            ops.push(Op::Plain(Operator::If { blockty: BlockType::Empty }));
            ops.extend(value.clone());
            ops.extend(leaving(*exit, 1));
            ops.push(Op::Plain(Operator::End));
        }
        if let Some((exit, value)) = otherwise {
            ops.extend(value.clone());
            ops.extend(leaving(*exit, 0));
        }
    }

    /// A local of the function that stays, for the way out that a piece chose.
    fn chosen(&mut self) -> u32 {
        let locals = &mut self.kept.locals;
        *self.chosen.get_or_insert_with(|| add(locals, ValType::I32))
    }

    /// A local of the function that stays, for what a piece carries out.
    fn carrier(&mut self, of: ValType) -> u32 {
        if let Some((_, local)) = self.carriers.iter().find(|(other, _)| *other == of) {
            return *local;
        }
        let local = add(&mut self.kept.locals, of);
        self.carriers.push((of, local));
        local
    }
}

/// Goes that way, `deeper` constructs further inside than the run was.
fn leaving<'a>(exit: Exit, deeper: u32) -> Option<Op<'a>> {
    match exit {
        Exit::Fall => None,
        Exit::To(depth) => Some(Op::Branch(depth + deeper)),
        Exit::Return => Some(Op::Plain(Operator::Return)),
    }
}
