//! Writes the rest. It has no memory, table or global of its own, and writes only data to which nobody else writes: linking it twice does
//! no harm.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use wasm_encoder::reencode::Reencode;
use wasm_encoder::{CodeSection, ConstExpr, ElementSection, Elements, EntityType, FunctionSection, ImportSection};

use super::data;
use super::halves::{broken, inner, Plan, OTHER};
use super::map::Map;
use super::module::count;

impl Plan<'_, '_> {
    /// The rest. Its first import is of the memory under the seal: halves of two modules do not link.
    pub(super) fn rest(&self) -> Result<Vec<u8>> {
        let module = self.module;
        let (types, ..) = self.types()?;
        let mut map = Map::default();
        let mut imports = ImportSection::new();
        for memory in &module.memories {
            imports.import(OTHER, &self.seal, map.memory_type(*memory).map_err(broken)?);
        }
        let mut used = BTreeSet::new();
        let mut used_globals = BTreeSet::new();
        for function in self.of(false) {
            let mentions = module.mentions(function)?;
            used.extend(mentions.functions.into_iter().filter(|called| *called < module.imported()));
            used_globals.extend(mentions.globals);
        }
        for function in used {
            let import = module.imports.get(function as usize).context("an import that is not there")?;
            imports.import(import.module, import.name, EntityType::Function(module.type_of(function)?));
            map.add(function);
        }
        for (at, function) in self.lent().enumerate() {
            imports.import(OTHER, &inner('f', at), EntityType::Function(module.type_of(function)?));
            map.add(function);
        }
        for (at, table) in module.tables.iter().enumerate() {
            let mut of = map.table_type(table.ty).map_err(broken)?;
            if at == 0 {
                of.minimum = u64::from(self.table_length());
                of.maximum = of.maximum.map(|maximum| maximum + of.minimum - table.ty.initial);
            }
            imports.import(OTHER, &inner('t', at), EntityType::Table(of));
        }
        for (global, at) in module.globals.iter().zip(0_u32..).filter(|(_, at)| used_globals.contains(at)) {
            let of = map.global_type(global.ty).map_err(broken)?;
            imports.import(OTHER, &inner('g', at as usize), EntityType::Global(of));
            let next = u32::try_from(map.globals.len())?;
            map.globals.insert(at, next);
        }
        map.renumbers_globals = true;
        let mut functions = FunctionSection::new();
        for function in self.of(false) {
            functions.function(module.type_of(function)?);
            map.add(function);
        }
        let mut code = CodeSection::new();
        for function in self.of(false) {
            code.function(&map.function(module.code(function)?).map_err(broken)?);
        }
        let mut out = wasm_encoder::Module::new();
        out.section(&types).section(&imports).section(&functions).section(&self.fillings(&mut map)?);
        out.section(&code).section(&data::section(self, false)?);
        Ok(out.finish())
    }

    /// What the rest puts into the table, run by run.
    fn fillings(&self, map: &mut Map) -> Result<ElementSection> {
        let mut slots: Vec<(u32, u32)> = self.entries.iter().map(|(function, slot)| (*slot, *function)).collect();
        slots.extend(self.module.slots()?.into_iter().filter(|(_, function)| !self.stays(*function)));
        slots.sort_unstable();
        slots.dedup();
        let mut elements = ElementSection::new();
        let mut runs: Vec<(u32, Vec<u32>)> = Vec::new();
        for (slot, function) in slots {
            let function = map.function_index(function).map_err(broken)?;
            match runs.last_mut() {
                Some((start, run)) if *start + count(run) == slot => run.push(function),
                _ => runs.push((slot, vec![function])),
            }
        }
        for (start, run) in runs {
            let place = ConstExpr::i32_const(start.cast_signed());
            elements.active(None, &place, Elements::Functions(run.into()));
        }
        Ok(elements)
    }
}
