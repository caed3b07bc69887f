//! A run of operations that could be taken out: what it needs, what it answers, and the ways out of it.
//!
//! It finds no runs; see `outline.rs`.

use wasmparser::ValType;

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
    /// The types of what it carries out, each once.
    pub(super) carried: Vec<ValType>,
}

/// The type of a local.
pub(super) fn type_of(locals: &[ValType], local: u32) -> ValType {
    locals.get(local as usize).copied().unwrap_or(ValType::I32)
}

/// In which order types come in a signature: numbers first.
pub(super) fn type_order(of: ValType) -> u8 {
    match of {
        ValType::I32 => 0,
        ValType::I64 => 1,
        ValType::F32 => 2,
        ValType::F64 => 3,
        ValType::V128 => 4,
        ValType::Ref(_) => 5,
    }
}
