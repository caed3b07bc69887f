//! Encodes code with the indexes of one half.

use std::collections::BTreeMap;
use std::convert::Infallible;

use wasm_encoder::reencode::{Error as Reencoding, Reencode};
use wasm_encoder::{Function, Instruction, MemArg, MemArgTarget};
use wasmparser::Operator;

use super::code::{Code, Op};

/// New indexes for old ones.
#[derive(Default)]
pub(super) struct Map {
    functions: BTreeMap<u32, u32>,
    pub(super) next: u32,
    /// Functions of the other half: slot, and the way there.
    pub(super) far: BTreeMap<u32, (u32, u32)>,
    pub(super) globals: BTreeMap<u32, u32>,
    pub(super) renumbers_globals: bool,
}

impl Map {
    pub(super) fn add(&mut self, function: u32) {
        self.functions.insert(function, self.next);
        self.next += 1;
    }

    /// Encodes a function's code.
    pub(super) fn function(&mut self, code: &Code<'_>) -> Result<Function, Reencoding<Infallible>> {
        let mut runs: Vec<(u32, wasm_encoder::ValType)> = Vec::new();
        for local in code.locals.iter().skip(code.parameters) {
            let of = self.val_type(*local)?;
            match runs.last_mut() {
                Some((count, last)) if *last == of => *count += 1,
                _ => runs.push((1, of)),
            }
        }
        let mut function = Function::new(runs);
        for op in &code.ops {
            match op {
                Op::Plain(Operator::Call { function_index }) if self.far.contains_key(function_index) => {
                    let (slot, way) = self.far.get(function_index).copied().unwrap_or_default();
                    function.instruction(&Instruction::I32Const(slot.cast_signed()));
                    function.instruction(&Instruction::Call(way))
                }
                Op::Plain(operator) => function.instruction(&self.instruction(operator.clone())?),
                Op::Branch(to) => function.instruction(&Instruction::Br(*to)),
                Op::BranchIf(to) => function.instruction(&Instruction::BrIf(*to)),
                Op::BranchTable(to, or) => function.instruction(&Instruction::BrTable(to.into(), *or)),
                Op::Ran(place) => {
                    let offset = u64::from(*place);
                    function.instruction(&Instruction::I32Const(0));
                    function.instruction(&Instruction::I32Const(1));
                    function.instruction(&Instruction::I32Store8(MemArg {
                        offset,
                        align: 0,
                        target: MemArgTarget::Memory(1),
                        ordering: None,
                    }))
                }
            };
        }
        Ok(function)
    }
}

impl Reencode for Map {
    type Error = Infallible;

    fn function_index(&mut self, function: u32) -> Result<u32, Reencoding<Infallible>> {
        // A number that is nowhere makes the module invalid, which is found out at once.
        Ok(self.functions.get(&function).copied().unwrap_or(u32::MAX))
    }

    fn global_index(&mut self, global: u32) -> Result<u32, Reencoding<Infallible>> {
        if !self.renumbers_globals {
            return Ok(global);
        }
        Ok(self.globals.get(&global).copied().unwrap_or(u32::MAX))
    }
}
