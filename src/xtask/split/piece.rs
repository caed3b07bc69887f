//! A run of operations as a function of its own.
//!
//! It does not choose the run.

use wasmparser::{BlockType, FuncType, Operator, ValType};

use super::code::{Code, Op};
use super::flow::Flow;
use super::outline::{Exit, Outliner, Piece, Region};

impl<'a> Piece<'a> {
    /// The region as a function.
    pub(super) fn of(from: &Outliner<'a, '_>, region: &Region) -> Self {
        let returned = from.returned(region);
        let parameters: Vec<ValType> = region.given.iter().map(|local| from.local_type(*local)).collect();
        let mut results: Vec<ValType> = region.answered.iter().map(|local| from.local_type(*local)).collect();
        results.extend(returned);
        results.extend((region.exits.len() > 1).then_some(ValType::I32));
        let mut body = Body {
            region,
            flow: &from.flow,
            locals: region.given.clone(),
            types: parameters.clone(),
            answer: None,
            ops: Vec::new(),
        };
        body.answer = returned.map(|of| {
            body.locals.push(u32::MAX);
            add(&mut body.types, of)
        });
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
    /// The local with what the function returns.
    answer: Option<u32>,
    ops: Vec<Op<'a>>,
}

impl<'a> Body<'a, '_> {
    fn copy(&mut self, at: usize, from: &Outliner<'a, '_>) {
        let inner = self.flow.depth(self.flow.inside[at], self.region.frame);
        let moved = |depth: u32| match from.exit(at, depth, self.region.frame) {
            Some(Some(exit)) => inner + self.number(exit),
            _ => depth,
        };
        let leaves = |depth: u32| matches!(from.exit(at, depth, self.region.frame), Some(Some(Exit::Return)));
        let op = match &from.code.ops[at] {
            Op::Branch(depth) => {
                let to = moved(*depth);
                if leaves(*depth) {
                    self.ops.extend(self.answer.map(set));
                }
                Op::Branch(to)
            }
            Op::BranchIf(depth) => Op::BranchIf(moved(*depth)),
            Op::BranchTable(depths, or) => {
                Op::BranchTable(depths.iter().map(|depth| moved(*depth)).collect(), moved(*or))
            }
            Op::Plain(Operator::Return) => {
                self.ops.extend(self.answer.map(set));
                Op::Branch(inner + self.number(Exit::Return))
            }
            Op::Plain(Operator::LocalGet { local_index }) => get(self.local(*local_index, from)),
            Op::Plain(Operator::LocalSet { local_index }) => set(self.local(*local_index, from)),
            Op::Plain(Operator::LocalTee { local_index }) => {
                Op::Plain(Operator::LocalTee { local_index: self.local(*local_index, from) })
            }
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
            self.ops.extend(self.answer.map(get));
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

/// Adds a local; answers its number.
pub(super) fn add(locals: &mut Vec<ValType>, of: ValType) -> u32 {
    locals.push(of);
    u32::try_from(locals.len() - 1).unwrap_or(u32::MAX)
}
