//! A run of operations as a function of its own.
//!
//! It does not choose the run.

use wasmparser::{BlockType, FuncType, Operator, ValType};

use super::code::{Code, Op};
use super::flow::Flow;
use super::outline::{Outliner, Piece};
use super::region::{Exit, Region};

/// Stands for the old number of a local that the function does not have.
const NOTHING: u32 = u32::MAX;

impl<'a> Piece<'a> {
    /// The region as a function.
    pub(super) fn of(from: &Outliner<'a, '_>, region: &Region) -> Self {
        let parameters: Vec<ValType> = region.given.iter().map(|local| from.local_type(*local)).collect();
        let mut results: Vec<ValType> = region.answered.iter().map(|local| from.local_type(*local)).collect();
        results.extend(&region.carried);
        results.extend((region.exits.len() > 1).then_some(ValType::I32));
        let mut body = Body {
            region,
            flow: &from.flow,
            locals: region.given.clone(),
            types: parameters.clone(),
            carriers: Vec::new(),
            condition: None,
            ops: Vec::new(),
        };
        for of in &region.carried {
            let local = body.new_local(*of);
            body.carriers.push((*of, local));
        }
        for _ in &region.exits {
            body.ops.push(Op::Plain(Operator::Block { blockty: BlockType::Empty }));
        }
        for at in region.from..region.to {
            body.copy(at, from);
        }
        body.finish();
        let Body { types, ops, .. } = body;
        let (parameters, of) = (parameters.len(), FuncType::new(parameters, results));
        Self { of, code: Code { parameters, locals: types, ops, heights: Vec::new(), places: Vec::new() } }
    }
}

/// The code of a piece while it is written. Each way out is a block around all of it; the first is the innermost.
pub(super) struct Body<'a, 'r> {
    region: &'r Region,
    flow: &'r Flow,
    /// The old numbers of its locals.
    locals: Vec<u32>,
    types: Vec<ValType>,
    /// By type: the local with what is carried out.
    carriers: Vec<(ValType, u32)>,
    /// A local for a condition while what lies below it is put away.
    condition: Option<u32>,
    ops: Vec<Op<'a>>,
}

impl<'a> Body<'a, '_> {
    fn copy(&mut self, at: usize, from: &Outliner<'a, '_>) {
        let inner = self.flow.depth(self.flow.inside[at], self.region.frame);
        let moved = |depth: u32| match from.exit(at, depth, self.region.frame) {
            Some(Some(exit)) => inner + self.number(exit),
            _ => depth,
        };
        let carrier = |depth: u32| match from.exit(at, depth, self.region.frame) {
            Some(Some(exit)) => self.carrier(exit, from),
            _ => None,
        };
        let op = match &from.code.ops[at] {
            Op::Branch(depth) => {
                let (to, carrier) = (moved(*depth), carrier(*depth));
                self.ops.extend(carrier.map(set));
                Op::Branch(to)
            }
            Op::BranchIf(depth) => {
                let (to, carrier) = (moved(*depth), carrier(*depth));
                if let Some(carrier) = carrier {
                    let condition = self.condition();
                    self.ops.extend([set(condition), tee(carrier), get(condition)]);
                }
                Op::BranchIf(to)
            }
            Op::BranchTable(depths, or) => {
                Op::BranchTable(depths.iter().map(|depth| moved(*depth)).collect(), moved(*or))
            }
            Op::Plain(Operator::Return) => {
                let carrier = self.carrier(Exit::Return, from);
                self.ops.extend(carrier.map(set));
                Op::Branch(inner + self.number(Exit::Return))
            }
            Op::Plain(Operator::LocalGet { local_index }) => get(self.local(*local_index, from)),
            Op::Plain(Operator::LocalSet { local_index }) => set(self.local(*local_index, from)),
            Op::Plain(Operator::LocalTee { local_index }) => tee(self.local(*local_index, from)),
            other => other.clone(),
        };
        self.ops.push(op);
    }

    fn number(&self, exit: Exit) -> u32 {
        (0..).zip(&self.region.exits).find(|(_, other)| **other == exit).map_or(u32::MAX, |(number, _)| number)
    }

    /// The new number of a local.
    fn local(&mut self, old: u32, from: &Outliner<'a, '_>) -> u32 {
        match (0..).zip(&self.locals).find(|(_, local)| **local == old) {
            Some((new, _)) => new,
            None => {
                self.locals.push(old);
                add(&mut self.types, from.local_type(old))
            }
        }
    }

    /// The local for what is carried along that way out.
    fn carrier(&self, exit: Exit, from: &Outliner<'a, '_>) -> Option<u32> {
        let of = from.carries(exit, self.region.frame)?;
        self.carriers.iter().find(|(other, _)| *other == of).map(|(_, local)| *local)
    }

    fn condition(&mut self) -> u32 {
        if let Some(condition) = self.condition {
            return condition;
        }
        let condition = self.new_local(ValType::I32);
        *self.condition.insert(condition)
    }

    /// A local that the function does not have.
    fn new_local(&mut self, of: ValType) -> u32 {
        self.locals.push(NOTHING);
        add(&mut self.types, of)
    }

    fn finish(&mut self) {
        if self.region.exits.first() == Some(&Exit::Fall) {
            self.ops.push(Op::Branch(0));
        } else {
            self.ops.push(Op::Plain(Operator::Unreachable));
        }
        let several = self.region.exits.len() > 1;
        for number in 0..self.region.exits.len() {
            self.ops.push(Op::Plain(Operator::End));
            let answered = self.region.answered.clone();
            for old in answered {
                let new = (0..).zip(&self.locals).find(|(_, local)| **local == old).map_or(u32::MAX, |(new, _)| new);
                self.ops.push(get(new));
            }
            self.ops.extend(self.carriers.iter().map(|(_, local)| get(*local)));
            if several {
                let value = i32::try_from(number).unwrap_or(i32::MAX);
                self.ops.push(Op::Plain(Operator::I32Const { value }));
            }
            self.ops.push(Op::Plain(Operator::Return));
        }
        self.ops.push(Op::Plain(Operator::End));
    }
}

/// Reads a local.
pub(super) fn get<'a>(local_index: u32) -> Op<'a> {
    Op::Plain(Operator::LocalGet { local_index })
}

/// Writes a local.
pub(super) fn set<'a>(local_index: u32) -> Op<'a> {
    Op::Plain(Operator::LocalSet { local_index })
}

/// Writes a local, and keeps the value.
fn tee<'a>(local_index: u32) -> Op<'a> {
    Op::Plain(Operator::LocalTee { local_index })
}

/// Adds a local; answers its number.
pub(super) fn add(locals: &mut Vec<ValType>, of: ValType) -> u32 {
    locals.push(of);
    u32::try_from(locals.len() - 1).unwrap_or(u32::MAX)
}
