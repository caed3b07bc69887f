//! Where control goes in a function, and which locals are still needed where.

use wasmparser::{BlockType, Operator, ValType};

use super::code::{Code, Op};

/// A construct: from its first operation to its `end`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) start: usize,
    pub(super) otherwise: Option<usize>,
    pub(super) end: usize,
    is_loop: bool,
    /// What it is of; the function itself has none.
    pub(super) of: Option<BlockType>,
}

impl Frame {
    /// Where a branch to it goes; `None` for the function: it returns.
    pub(super) fn target(&self) -> Option<usize> {
        self.of.map(|_| if self.is_loop { self.start } else { self.end })
    }

    /// The type of the value that a branch to it carries, if it is one.
    pub(super) fn takes_one(&self) -> Option<ValType> {
        match (self.of, self.is_loop) {
            (Some(BlockType::Type(of)), false) => Some(of),
            _ => None,
        }
    }

    /// Whether a branch to it carries values.
    pub(super) fn takes_values(&self) -> bool {
        !matches!((self.of, self.is_loop), (Some(BlockType::Empty), _) | (Some(BlockType::Type(_)), true))
    }
}

/// The constructs of a function.
pub(super) struct Flow {
    /// By number; the first is the function itself.
    pub(super) frames: Vec<Frame>,
    /// The construct that an operation opens.
    opens: Vec<Option<usize>>,
    /// The construct around an operation (for its first, `else` and `end`: the construct itself).
    pub(super) inside: Vec<usize>,
    /// The construct around a construct.
    outer: Vec<usize>,
}

impl Flow {
    pub(super) fn of(code: &Code<'_>) -> Self {
        let last = code.ops.len().saturating_sub(1);
        let function = Frame { start: 0, otherwise: None, end: last, is_loop: false, of: None };
        let (mut frames, mut outer) = (vec![function], vec![0]);
        let (mut opens, mut inside) = (vec![None; code.ops.len()], vec![0; code.ops.len()]);
        let mut open = vec![0];
        for (at, op) in code.ops.iter().enumerate() {
            let innermost = open.last().copied().unwrap_or(0);
            inside[at] = innermost;
            match op {
                Op::Plain(Operator::Block { blockty } | Operator::Loop { blockty } | Operator::If { blockty }) => {
                    let is_loop = matches!(op, Op::Plain(Operator::Loop { .. }));
                    opens[at] = Some(frames.len());
                    inside[at] = frames.len();
                    open.push(frames.len());
                    outer.push(innermost);
                    frames.push(Frame { start: at, otherwise: None, end: last, is_loop, of: Some(*blockty) });
                }
                Op::Plain(Operator::Else) => frames[innermost].otherwise = Some(at),
                Op::Plain(Operator::End) => {
                    frames[innermost].end = at;
                    open.pop();
                }
                _ => {}
            }
        }
        Self { frames, opens, inside, outer }
    }

    /// The construct that the operation opens.
    pub(super) fn opened(&self, at: usize) -> Option<&Frame> {
        self.opens[at].map(|frame| &self.frames[frame])
    }

    /// Where the operation, or the construct it opens, is over.
    pub(super) fn after(&self, at: usize) -> usize {
        self.opened(at).map_or(at, |frame| frame.end) + 1
    }

    /// The construct `depth` levels around construct `from`.
    pub(super) fn around(&self, from: usize, depth: u32) -> usize {
        (0..depth).fold(from, |frame, _| self.outer[frame])
    }

    /// How many constructs are around construct `from`, down to `to`.
    pub(super) fn depth(&self, from: usize, to: usize) -> u32 {
        let (mut depth, mut frame) = (0, from);
        while frame != to && frame != 0 {
            frame = self.outer[frame];
            depth += 1;
        }
        depth
    }

    /// Where control may be after the operation.
    fn next(&self, code: &Code<'_>, at: usize) -> Vec<usize> {
        let target = |depth: &u32| self.frames[self.around(self.inside[at], *depth)].target();
        match &code.ops[at] {
            Op::Branch(to) => target(to).into_iter().collect(),
            Op::BranchIf(to) => target(to).into_iter().chain([at + 1]).collect(),
            Op::BranchTable(to, or) => to.iter().chain([or]).filter_map(target).collect(),
            Op::Plain(Operator::Return | Operator::Unreachable) => Vec::new(),
            Op::Plain(Operator::Else) => vec![self.frames[self.inside[at]].end],
            Op::Plain(Operator::If { .. }) => {
                let frame = self.frames[self.inside[at]];
                vec![at + 1, frame.otherwise.map_or(frame.end, |otherwise| otherwise + 1)]
            }
            _ if at + 1 < code.ops.len() => vec![at + 1],
            _ => Vec::new(),
        }
    }
}

/// Which locals are needed at each operation: their value may be read before another one is written.
pub(super) struct Liveness {
    words: usize,
    bits: Vec<u64>,
}

impl Liveness {
    pub(super) fn of(code: &Code<'_>, flow: &Flow) -> Self {
        let words = code.locals.len().div_ceil(64);
        let mut found = Self { words, bits: vec![0; words * code.ops.len()] };
        let nexts: Vec<Vec<usize>> = (0..code.ops.len()).map(|at| flow.next(code, at)).collect();
        let mut changed = true;
        while changed {
            changed = false;
            for at in (0..code.ops.len()).rev() {
                changed |= found.step(code, at, &nexts[at]);
            }
        }
        found
    }

    fn step(&mut self, code: &Code<'_>, at: usize, nexts: &[usize]) -> bool {
        let mut changed = false;
        for word in 0..self.words {
            let mut live = nexts.iter().fold(0, |live, next| live | self.bits[next * self.words + word]);
            let bit = |local: u32| if local as usize / 64 == word { 1 << (local % 64) } else { 0 };
            live &= !code.ops[at].writes().map_or(0, bit);
            live |= code.ops[at].reads().map_or(0, bit);
            changed |= std::mem::replace(&mut self.bits[at * self.words + word], live) != live;
        }
        changed
    }

    /// Whether the local is needed before the operation.
    pub(super) fn is_live(&self, at: usize, local: u32) -> bool {
        let word = self.bits.get(at * self.words + local as usize / 64).copied().unwrap_or(0);
        word >> (local % 64) & 1 == 1
    }
}
