//! Which data moves to the rest: what nobody writes to, and nothing of the page part can refer to.
//!
//! Where code names statics is known exactly, or nothing moves (`statics.rs`). Whatever code of the page part names stays, and
//! whatever that points to, and so on; and everything that could be written to, because the rest writes its data when it arrives.

use std::collections::BTreeSet;
use std::ops::Range;

use anyhow::{bail, ensure, Context, Result};
use wasm_encoder::{ConstExpr, DataSection};
use wasmparser::{DataKind, GlobalType, Operator};

use super::code::Op;
use super::halves::Plan;
use super::module::Module;
use super::statics::Statics;

/// A run of data that is shorter than this does not move, and does not cut one in two that does: a segment costs about as much.
const BYTES_MIN: u32 = 16;

/// Marks in the code of `whole` which static is meant where, by `apart`: the same module with addresses far apart.
///
/// # Errors
/// If the two differ in anything but addresses.
pub(super) fn mark(whole: &mut Module<'_>, apart: &Module<'_>, statics: &Statics) -> Result<()> {
    let same = "optimised differently where addresses are far apart";
    ensure!(whole.function_types == apart.function_types && whole.names == apart.names, "{same}: functions");
    ensure!(whole.types == apart.types && whole.slots()? == apart.slots()?, "{same}: types or the table");
    ensure!(globals(whole)? == globals(apart)?, "{same}: globals");
    ensure!(whole.codes.len() == apart.codes.len() && segments(whole)? == segments(apart)?, "{same}: data");
    let first = whole.imported();
    for (at, function) in (first..).enumerate().take(whole.codes.len()) {
        let name = whole.name(function).to_owned();
        let (code, other) = (&mut whole.codes[at], &apart.codes[at]);
        ensure!(code.ops.len() == other.ops.len() && code.locals == other.locals, "{same}: {name}");
        for (op, other) in code.ops.iter_mut().zip(&other.ops) {
            match (&*op, other) {
                (Op::Plain(real), Op::Plain(far)) if real == far => {}
                (Op::Plain(real), Op::Plain(far)) => {
                    let named = statics.named(real, far).with_context(|| format!("an address in {name}"))?;
                    *op = Op::Address(real.clone(), named);
                }
                (Op::Branch(to), Op::Branch(other)) | (Op::BranchIf(to), Op::BranchIf(other)) if to == other => {}
                (Op::BranchTable(to, or), Op::BranchTable(other, other_or)) if to == other && or == other_or => {}
                _ => bail!("{same}: {name}"),
            }
        }
    }
    Ok(())
}

/// The addresses whose data moves, in order.
pub(super) fn moved(plan: &Plan<'_, '_>, statics: &Statics) -> Result<Vec<Range<u32>>> {
    let mut stays: BTreeSet<usize> = (0..statics.all.len()).filter(|at| !statics.all[*at].constant).collect();
    for function in plan.of(true) {
        for op in &plan.module.code(function)?.ops {
            if let Op::Address(_, named) = op {
                stays.extend(named);
            }
        }
    }
    // What stays points to what stays; so does what is in no static.
    let outside = statics.pointers.iter().filter(|(place, _)| statics.holding(*place).is_none());
    stays.extend(outside.map(|(_, one)| *one));
    let mut new: Vec<usize> = stays.iter().copied().collect();
    while let Some(one) = new.pop() {
        let at = &statics.all[one].at;
        let from = statics.pointers.partition_point(|(place, _)| *place < at.start);
        for (_, to) in statics.pointers[from..].iter().take_while(|(place, _)| *place < at.end) {
            if stays.insert(*to) {
                new.push(*to);
            }
        }
    }
    let mut moved = Vec::new();
    for constants in &statics.constants {
        moved.extend(runs(constants, statics, &stays));
    }
    Ok(moved)
}

/// The runs within `constants` that move: statics next to each other, and what lies between them.
fn runs(constants: &Range<u32>, statics: &Statics, stays: &BTreeSet<usize>) -> Vec<Range<u32>> {
    let mut runs: Vec<Range<u32>> = Vec::new();
    for (one, _) in statics.all.iter().zip(0_usize..).filter(|(_, at)| !stays.contains(at)) {
        if !constants.contains(&one.at.start) {
            continue;
        }
        match runs.last_mut() {
            Some(run) if between(run.end, one.at.start, statics) => run.end = one.at.end,
            _ => runs.push(one.at.clone()),
        }
    }
    runs.retain(|run| run.end - run.start >= BYTES_MIN);
    runs
}

/// Whether there is nothing but a little padding from `from` to `to`.
fn between(from: u32, to: u32, statics: &Statics) -> bool {
    to - from < BYTES_MIN && statics.all.iter().all(|one| one.at.end <= from || one.at.start >= to)
}

/// What the globals of a module are, and with what they begin.
fn globals<'a>(module: &Module<'a>) -> Result<Vec<(GlobalType, Operator<'a>)>> {
    let globals = module.globals.iter();
    globals.map(|global| Ok((global.ty, global.init_expr.get_operators_reader().read()?))).collect()
}

/// The data of a module: address, and bytes.
fn segments<'a>(module: &Module<'a>) -> Result<Vec<(u32, &'a [u8])>> {
    let mut found = Vec::new();
    for segment in &module.data {
        let DataKind::Active { memory_index: 0, offset_expr } = &segment.kind else {
            bail!("data without a place in memory");
        };
        let Operator::I32Const { value } = offset_expr.get_operators_reader().read()? else {
            bail!("data without a fixed place");
        };
        found.push((value.cast_unsigned(), segment.data));
    }
    Ok(found)
}

/// The data of the page part, or that of the rest.
pub(super) fn section(plan: &Plan<'_, '_>, page: bool) -> Result<DataSection> {
    let mut section = DataSection::new();
    for (address, bytes) in segments(plan.module)? {
        let end = address + u32::try_from(bytes.len())?;
        let mut put = |from: u32, to: u32| {
            let range = (from - address) as usize..(to - address) as usize;
            let bytes = bytes.get(range).unwrap_or_default();
            // Memory is zero from the start.
            let skipped = bytes.iter().take_while(|byte| **byte == 0).count();
            let kept = bytes.len() - bytes.iter().rev().take_while(|byte| **byte == 0).count();
            if let Some(kept) = bytes.get(skipped..kept).filter(|kept| !kept.is_empty()) {
                let place = ConstExpr::i32_const((from + u32::try_from(skipped).unwrap_or(0)).cast_signed());
                section.active(0, &place, kept.iter().copied());
            }
        };
        let mut next = address;
        for run in plan.moved.iter().filter(|run| run.start < end && run.end > address) {
            let (from, to) = (run.start.max(address), run.end.min(end));
            if page {
                put(next, from);
            } else {
                put(from, to);
            }
            next = to;
        }
        if page {
            put(next, end);
        }
    }
    Ok(section)
}
