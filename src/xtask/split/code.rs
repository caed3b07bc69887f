//! The code of one function as a list of operations, and its parts: the runs of operations that are executed as one.

use anyhow::{Context, Result};
use wasmparser::{FuncToValidate, FuncValidatorAllocations, FunctionBody, Operator, ValType, ValidatorResources};

/// An operation. Branches are apart from others because they change when code moves.
#[derive(Clone)]
pub(super) enum Op<'a> {
    Plain(Operator<'a>),
    /// One that names addresses of statics, and their numbers.
    Address(Operator<'a>, Vec<usize>),
    Branch(u32),
    BranchIf(u32),
    /// Targets, and the default.
    BranchTable(Vec<u32>, u32),
    /// Notes in the recording memory, at this place, that it ran.
    Ran(u32),
}

/// What is on the operand stack before an operation.
#[derive(Clone, Copy)]
pub(super) struct Height {
    /// Operands that belong to the innermost construct.
    pub(super) operands: usize,
    /// The operation is never reached.
    pub(super) unreachable: bool,
}

/// A function's code.
#[derive(Clone)]
pub(super) struct Code<'a> {
    /// How many of its locals are parameters.
    pub(super) parameters: usize,
    /// The types of its locals, parameters first.
    pub(super) locals: Vec<ValType>,
    pub(super) ops: Vec<Op<'a>>,
    /// Before every operation; empty for code that was made here.
    pub(super) heights: Vec<Height>,
    /// Where every operation began in the module.
    pub(super) places: Vec<u64>,
}

impl<'a> Code<'a> {
    /// Decodes and validates a body.
    pub(super) fn read(
        parameters: &[ValType],
        body: &FunctionBody<'a>,
        validate: FuncToValidate<ValidatorResources>,
    ) -> Result<Self> {
        let mut validator = validate.into_validator(FuncValidatorAllocations::default());
        let mut binary = body.get_binary_reader();
        validator.read_locals(&mut binary)?;
        let mut code = Self {
            parameters: parameters.len(),
            locals: parameters.to_vec(),
            ops: Vec::new(),
            heights: Vec::new(),
            places: Vec::new(),
        };
        for run in body.get_locals_reader()? {
            let (count, of) = run?;
            code.locals.resize(code.locals.len() + count as usize, of);
        }
        let mut reader = body.get_operators_reader()?;
        while !reader.eof() {
            let place = reader.original_position();
            let operator = reader.read()?;
            let frame = validator.get_control_frame(0).context("an operation outside its function")?;
            let operands = (validator.operand_stack_height() as usize).saturating_sub(frame.height);
            code.heights.push(Height { operands, unreachable: frame.unreachable });
            code.places.push(place);
            validator.op(place, &operator)?;
            code.ops.push(Op::of(operator)?);
        }
        Ok(code)
    }

    /// The size of the operations from `from` to `to` in bytes.
    pub(super) fn bytes(&self, from: usize, to: usize) -> usize {
        let place = |at: usize| self.places.get(at).or(self.places.last()).copied().unwrap_or(0);
        usize::try_from(place(to).saturating_sub(place(from))).unwrap_or(usize::MAX)
    }

    /// Where the parts begin: a part runs as a whole, or not at all, unless it traps.
    pub(super) fn parts(&self) -> Vec<usize> {
        let after = self.ops.iter().enumerate().filter(|(_, op)| op.ends_part()).map(|(at, _)| at + 1);
        std::iter::once(0).chain(after).filter(|at| *at < self.ops.len()).collect()
    }

    /// A number that other code has too only if it does the same operations in the same order, on whatever values.
    pub(super) fn shape(&self, hash: &mut impl std::hash::Hasher) {
        use std::hash::Hash;
        for op in &self.ops {
            match op {
                Op::Plain(operator) | Op::Address(operator, _) => std::mem::discriminant(operator).hash(hash),
                Op::Branch(to) => (1, to).hash(hash),
                Op::BranchIf(to) => (2, to).hash(hash),
                Op::BranchTable(to, or) => (3, to, or).hash(hash),
                Op::Ran(_) => {}
            }
        }
    }
}

impl<'a> Op<'a> {
    fn of(operator: Operator<'a>) -> Result<Self> {
        Ok(match operator {
            Operator::Br { relative_depth } => Self::Branch(relative_depth),
            Operator::BrIf { relative_depth } => Self::BranchIf(relative_depth),
            Operator::BrTable { targets } => {
                Self::BranchTable(targets.targets().collect::<Result<_, _>>()?, targets.default())
            }
            other => Self::Plain(other),
        })
    }

    /// Whether what follows may run without it, or it without what follows.
    fn ends_part(&self) -> bool {
        match self {
            Self::Branch(_) | Self::BranchIf(_) | Self::BranchTable(..) => true,
            Self::Plain(operator) => matches!(
                operator,
                Operator::Loop { .. }
                    | Operator::If { .. }
                    | Operator::Else
                    | Operator::End
                    | Operator::Return
                    | Operator::Unreachable
            ),
            Self::Address(..) | Self::Ran(_) => false,
        }
    }

    /// The local it reads.
    pub(super) fn reads(&self) -> Option<u32> {
        match self {
            Self::Plain(Operator::LocalGet { local_index }) => Some(*local_index),
            _ => None,
        }
    }

    /// The local it writes.
    pub(super) fn writes(&self) -> Option<u32> {
        match self {
            Self::Plain(Operator::LocalSet { local_index } | Operator::LocalTee { local_index }) => Some(*local_index),
            _ => None,
        }
    }
}
