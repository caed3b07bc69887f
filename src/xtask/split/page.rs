//! Writes the page part: all that stays, and a way to what does not.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use wasm_encoder::reencode::Reencode;
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, DataCountSection, ElementSection, Elements, EntityType, ExportKind,
    ExportSection, Function, FunctionSection, GlobalSection, GlobalType, ImportSection, Instruction, MemorySection,
    MemoryType, TableSection, ValType,
};

use super::data;
use super::halves::{broken, inner, Plan, OTHER};
use super::map::Map;
use super::module::count;

/// The export in which a recording module notes what ran.
const RAN: &str = "$ran";
/// A page of memory.
const PAGE_BYTES: u32 = 65_536;

impl Plan<'_, '_> {
    /// The page part.
    pub(super) fn page(&self) -> Result<Vec<u8>> {
        let module = self.module;
        let (types, nothing, ways) = self.types()?;
        let mut map = Map::default();
        let mut imports = ImportSection::new();
        for (import, function) in module.imports.iter().zip(0..) {
            imports.import(import.module, import.name, EntityType::Function(module.type_of(function)?));
            map.add(function);
        }
        let load = map.next;
        imports.import(OTHER, "load", EntityType::Function(nothing));
        map.next += 1;
        let mut functions = FunctionSection::new();
        for function in self.of(true) {
            functions.function(module.type_of(function)?);
            map.add(function);
        }
        let mut by_type = BTreeMap::new();
        for (called, of) in &ways {
            functions.function(*of);
            by_type.insert(*called, map.next);
            map.next += 1;
        }
        for (function, slot) in &self.entries {
            let way = by_type.get(&module.type_of(*function)?).copied().context("no way to a far function")?;
            map.far.insert(*function, (*slot, way));
        }
        let standing_in = self.standing_in()?;
        for function in &standing_in {
            functions.function(module.type_of(*function)?);
            map.add(*function);
        }
        let ready = count(&module.globals);
        let mut code = CodeSection::new();
        for function in self.of(true) {
            code.function(&map.function(module.code(function)?).map_err(broken)?);
        }
        for called in ways.keys() {
            code.function(&self.way(*called, load, ready)?);
        }
        for function in &standing_in {
            code.function(&self.placeholder(*function, &map)?);
        }
        let mut out = wasm_encoder::Module::new();
        out.section(&types).section(&imports).section(&functions).section(&self.tables(&mut map)?);
        let mut memories = MemorySection::new();
        for memory in &module.memories {
            memories.memory(map.memory_type(*memory).map_err(broken)?);
        }
        if self.recorded > 0 {
            let minimum = u64::from(self.recorded.div_ceil(PAGE_BYTES));
            memories.memory(MemoryType {
                minimum,
                maximum: None,
                memory64: false,
                shared: false,
                page_size_log2: None,
            });
        }
        out.section(&memories).section(&self.globals(&mut map)?).section(&self.exports(&mut map, ready)?);
        out.section(&self.elements(&mut map)?);
        let data = data::section(self, true)?;
        if module.has_data_count {
            out.section(&DataCountSection { count: data.len() });
        }
        out.section(&code).section(&data);
        Ok(out.finish())
    }

    /// The names of the page part's functions, a line each in their order: it has none itself, and stack traces give numbers.
    pub(super) fn names(&self) -> Result<String> {
        let (_, _, ways) = self.types()?;
        let mut names: Vec<String> = self.module.imports.iter().map(|import| import.name.to_owned()).collect();
        names.push("load".to_owned());
        names.extend(self.of(true).map(|function| self.module.name(function).to_owned()));
        names.extend(ways.keys().map(|called| format!("the way to functions of type {called}")));
        names.extend(
            self.standing_in()?.iter().map(|function| format!("placeholder of {}", self.module.name(*function))),
        );
        Ok(names.join("\n"))
    }

    /// Far functions that are exported or in the table from the start: something must stand there for them.
    fn standing_in(&self) -> Result<Vec<u32>> {
        let exported = self.module.exports.iter().filter(|export| export.kind == wasmparser::ExternalKind::Func);
        let in_table = self.module.slots()?.into_iter().map(|(_, function)| function);
        let all = exported.map(|export| export.index).chain(in_table).filter(|function| !self.stays(*function));
        let mut all: Vec<u32> = all.collect::<BTreeSet<u32>>().into_iter().collect();
        all.sort_by_key(|function| (self.module.type_of(*function).unwrap_or(u32::MAX), self.entries.get(function)));
        Ok(all)
    }

    /// The way to the far functions of a type: it loads the rest unless that is there, then calls what is in the table's slot that its
    /// last parameter says.
    fn way(&self, of: u32, load: u32, ready: u32) -> Result<Function> {
        let parameters = count(self.module.type_at(of)?.params());
        let mut body = Function::new([]);
        body.instruction(&Instruction::GlobalGet(ready));
        body.instruction(&Instruction::I32Eqz);
        body.instruction(&Instruction::If(BlockType::Empty));
        body.instruction(&Instruction::Call(load));
        body.instruction(&Instruction::End);
        for parameter in 0..=parameters {
            body.instruction(&Instruction::LocalGet(parameter));
        }
        body.instruction(&Instruction::CallIndirect { type_index: of, table_index: 0 });
        body.instruction(&Instruction::End);
        Ok(body)
    }

    /// Goes the way to a far function.
    fn placeholder(&self, function: u32, map: &Map) -> Result<Function> {
        let of = self.module.type_of(function)?;
        let parameters = count(self.module.type_at(of)?.params());
        let (slot, way) = map.far.get(&function).copied().context("a far function without a way to it")?;
        let mut body = Function::new([]);
        for parameter in 0..parameters {
            body.instruction(&Instruction::LocalGet(parameter));
        }
        body.instruction(&Instruction::I32Const(slot.cast_signed()));
        body.instruction(&Instruction::Call(way));
        body.instruction(&Instruction::End);
        Ok(body)
    }

    fn tables(&self, map: &mut Map) -> Result<TableSection> {
        let mut tables = TableSection::new();
        for (at, table) in self.module.tables.iter().enumerate() {
            let mut of = map.table_type(table.ty).map_err(broken)?;
            if at == 0 {
                let more = u64::from(self.table_length()) - of.minimum;
                of.minimum += more;
                of.maximum = of.maximum.map(|maximum| maximum + more);
            }
            tables.table(of);
        }
        Ok(tables)
    }

    fn globals(&self, map: &mut Map) -> Result<GlobalSection> {
        let mut globals = GlobalSection::new();
        for global in &self.module.globals {
            map.parse_global(&mut globals, global.clone()).map_err(broken)?;
        }
        let number = |mutable| GlobalType { val_type: ValType::I32, mutable, shared: false };
        globals.global(number(true), &ConstExpr::i32_const(0));
        globals.global(number(false), &ConstExpr::i32_const(self.table_size.cast_signed()));
        Ok(globals)
    }

    fn exports(&self, map: &mut Map, ready: u32) -> Result<ExportSection> {
        let mut exports = ExportSection::new();
        for export in &self.module.exports {
            map.parse_export(&mut exports, *export).map_err(broken)?;
        }
        exports.export("$ready", ExportKind::Global, ready);
        exports.export("$lent", ExportKind::Global, ready + 1);
        exports.export(&self.seal, ExportKind::Memory, 0);
        if self.recorded > 0 {
            exports.export(RAN, ExportKind::Memory, 1);
        }
        for (at, _) in self.module.tables.iter().enumerate() {
            exports.export(&inner('t', at), ExportKind::Table, u32::try_from(at)?);
        }
        for (at, _) in self.module.globals.iter().enumerate() {
            exports.export(&inner('g', at), ExportKind::Global, u32::try_from(at)?);
        }
        Ok(exports)
    }

    fn elements(&self, map: &mut Map) -> Result<ElementSection> {
        let mut elements = ElementSection::new();
        for element in &self.module.elements {
            map.parse_element(&mut elements, element.clone()).map_err(broken)?;
        }
        // What the rest calls is handed over in the table, which is smaller than an export with a name for each.
        let lent = self.lent().map(|function| map.function_index(function)).collect::<Result<Vec<u32>, _>>();
        let lent = lent.map_err(broken)?;
        elements.active(None, &ConstExpr::i32_const(self.table_size.cast_signed()), Elements::Functions(lent.into()));
        Ok(elements)
    }
}
