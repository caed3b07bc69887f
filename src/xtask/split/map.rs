//! Encodes code with the indexes of one half.

use std::collections::BTreeMap;
use std::convert::Infallible;

use anyhow::{Context, Result};
use wasm_encoder::reencode::{Error as Reencoding, Reencode};
use wasm_encoder::{Encode, Function, Instruction, MemArg, MemArgTarget};
use wasmparser::Operator;

use super::code::{Code, Op};
use super::halves::broken;

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
                Op::Plain(operator) | Op::Address(operator, _) => {
                    function.instruction(&self.instruction(operator.clone())?)
                }
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

/// An operation without the numbers in it that may be addresses, and those: 32 bits each.
///
/// # Errors
/// If there is none in it.
pub(super) fn addresses(operator: &Operator<'_>) -> Result<(Vec<u8>, Vec<u32>)> {
    let words = |bytes: &[u8]| {
        let words = bytes.chunks_exact(4).filter_map(|word| word.try_into().ok());
        words.map(u32::from_le_bytes).collect::<Vec<u32>>()
    };
    match operator {
        Operator::I32Const { value } => Ok((vec![4], vec![value.cast_unsigned()])),
        // Two in one: wasm-opt makes one constant of a text's address and its length.
        Operator::I64Const { value } => Ok((vec![8], words(&value.to_le_bytes()))),
        Operator::V128Const { value } => Ok((vec![16], words(value.bytes()))),
        _ => {
            let mut without = WithoutOffset(None);
            let instruction = without.instruction(operator.clone()).map_err(broken)?;
            let offset = without.0.with_context(|| format!("an operation without an address: {operator:?}"))?;
            let mut bytes = Vec::new();
            instruction.encode(&mut bytes);
            Ok((bytes, vec![u32::try_from(offset)?]))
        }
    }
}

/// Encodes accesses to memory at offset 0, and notes where they were.
struct WithoutOffset(Option<u64>);

impl Reencode for WithoutOffset {
    type Error = Infallible;

    fn mem_arg(&mut self, place: wasmparser::MemArg) -> Result<MemArg, Reencoding<Infallible>> {
        self.0 = Some(place.offset);
        wasm_encoder::reencode::utils::mem_arg(self, wasmparser::MemArg { offset: 0, ..place })
    }
}
