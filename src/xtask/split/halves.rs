//! What follows from a choice of functions that stay: which calls cross, and over which slots of the table.
//!
//! It does not make the choice.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::ops::Range;

use anyhow::{anyhow, Context, Result};
use wasm_encoder::reencode::{Error as Reencoding, Reencode};
use wasm_encoder::{TypeSection, ValType};

use super::map::Map;
use super::module::{count, Module};

/// The module by which the rest imports from the page part, and the page part what loads the rest.
pub(super) const OTHER: &str = "page";
/// What the names of exports that only the rest sees begin with.
const INNER: char = '$';

/// Which functions stay, and what follows from it.
pub(super) struct Plan<'a, 'm> {
    pub(super) module: &'m Module<'a>,
    /// By function: whether it stays in the page part. Imports do.
    stays: Vec<bool>,
    /// Functions of the rest that the page part calls, has in its table or exports: each with its slot.
    pub(super) entries: BTreeMap<u32, u32>,
    /// Functions of the page part that the rest calls.
    called_back: BTreeSet<u32>,
    /// How large the table becomes.
    pub(super) table_size: u32,
    /// What proves that two halves are of one module.
    pub(super) seal: String,
    /// The addresses whose data is in the rest, in order.
    pub(super) moved: Vec<Range<u32>>,
    /// The bytes of a second memory, in which the page part notes what ran; 0 for none.
    pub(super) recorded: u32,
}

impl<'a, 'm> Plan<'a, 'm> {
    /// Finds the calls that cross, for functions that stay by `stays`.
    ///
    /// # Errors
    /// If the module has something that is not known here.
    pub(super) fn new(module: &'m Module<'a>, stays: Vec<bool>, seal: String, recorded: u32) -> Result<Self> {
        let mut plan = Self {
            module,
            stays,
            entries: BTreeMap::new(),
            called_back: BTreeSet::new(),
            table_size: 0,
            seal,
            moved: Vec::new(),
            recorded,
        };
        let mut crossing = BTreeSet::new();
        for function in module.imported()..module.functions() {
            let stays = plan.stays(function);
            for called in module.mentions(function)?.functions {
                match (stays, plan.stays(called)) {
                    (true, false) => drop(crossing.insert(called)),
                    (false, true) if called >= module.imported() => drop(plan.called_back.insert(called)),
                    _ => {}
                }
            }
        }
        let exported = module.exports.iter().filter(|export| export.kind == wasmparser::ExternalKind::Func);
        crossing.extend(exported.map(|export| export.index).filter(|function| !plan.stays(*function)));
        for (slot, function) in module.slots()? {
            if !plan.stays(function) {
                plan.entries.insert(function, slot);
            }
        }
        let size = module.tables.first().context("a module without a table")?.ty.initial;
        plan.table_size = u32::try_from(size)?;
        for function in crossing {
            if !plan.entries.contains_key(&function) {
                plan.entries.insert(function, plan.table_size);
                plan.table_size += 1;
            }
        }
        Ok(plan)
    }

    pub(super) fn stays(&self, function: u32) -> bool {
        self.stays.get(function as usize).copied().unwrap_or(false)
    }

    /// How many functions the page part has a placeholder for.
    pub(super) fn placeholders(&self) -> usize {
        self.entries.len()
    }

    /// The functions that stay, or those that do not: like ones next to each other, which compresses better.
    pub(super) fn of(&self, stays: bool) -> impl Iterator<Item = u32> + '_ {
        let chosen = self.module.imported()..self.module.functions();
        let mut functions: Vec<u32> = chosen.filter(|function| self.stays(*function) == stays).collect();
        functions.sort_by_key(|function| self.module.likeness(*function));
        functions.into_iter()
    }

    /// How long the table of functions is, with those that the rest calls behind all others.
    pub(super) fn table_length(&self) -> u32 {
        self.table_size + u32::try_from(self.lent().count()).unwrap_or(u32::MAX)
    }

    /// The functions of the page part that the rest calls, in the order of the page part.
    pub(super) fn lent(&self) -> impl Iterator<Item = u32> + '_ {
        self.of(true).filter(|function| self.called_back.contains(function))
    }

    /// The types of both halves: the module's; no parameters and no result; those of the ways to far functions. Answers the number
    /// of the second, and those of the last by the type of what is called.
    pub(super) fn types(&self) -> Result<(TypeSection, u32, BTreeMap<u32, u32>)> {
        let mut types = TypeSection::new();
        let mut map = Map::default();
        for one in &self.module.types {
            types.ty().func_type(&map.func_type(one.clone()).map_err(broken)?);
        }
        types.ty().function([], []);
        let nothing = count(&self.module.types);
        let mut ways = BTreeMap::new();
        for function in self.entries.keys() {
            let of = self.module.type_of(*function)?;
            if ways.contains_key(&of) {
                continue;
            }
            ways.insert(of, nothing + 1 + u32::try_from(ways.len())?);
            let called = self.module.type_at(of)?;
            let mut parameters = map.val_types(called.params().to_vec()).map_err(broken)?;
            parameters.push(ValType::I32);
            types.ty().function(parameters, map.val_types(called.results().to_vec()).map_err(broken)?);
        }
        Ok((types, nothing, ways))
    }
}

/// The name of something that only the rest sees.
pub(super) fn inner(kind: char, at: usize) -> String {
    format!("{INNER}{kind}{at}")
}

/// What went wrong while a half was written.
pub(super) fn broken(error: Reencoding<Infallible>) -> anyhow::Error {
    anyhow!("writing a half of the module: {error}")
}
