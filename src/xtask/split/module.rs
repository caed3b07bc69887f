//! A WebAssembly module, read: what splitting it in two needs to know of it.
//!
//! It keeps bodies as they are; nothing is decoded that is only copied.

use std::collections::BTreeMap;

use anyhow::{bail, Context, Result};
use wasmparser::{
    Data, Element, ElementItems, ElementKind, Export, FuncType, Global, Import, KnownCustom, MemoryType, Name,
    Operator, Parser, Payload, Table, TypeRef, ValType, ValidPayload, Validator,
};

use super::code::{Code, Op};
use super::outline::Piece;

/// A module. Functions are numbered as in WebAssembly: imported ones first.
pub(super) struct Module<'a> {
    /// Its types; only those of functions.
    pub(super) types: Vec<FuncType>,
    /// Imports, all of them of functions.
    pub(super) imports: Vec<Import<'a>>,
    /// The type of every function, imported ones first.
    pub(super) function_types: Vec<u32>,
    /// The code of the defined ones.
    pub(super) codes: Vec<Code<'a>>,
    pub(super) tables: Vec<Table<'a>>,
    pub(super) memories: Vec<MemoryType>,
    pub(super) globals: Vec<Global<'a>>,
    pub(super) exports: Vec<Export<'a>>,
    pub(super) elements: Vec<Element<'a>>,
    pub(super) data: Vec<Data<'a>>,
    pub(super) has_data_count: bool,
    /// What functions are called, by index.
    pub(super) names: BTreeMap<u32, String>,
}

impl<'a> Module<'a> {
    /// Reads `bytes`.
    ///
    /// # Errors
    /// If it is no module, or has something that splitting does not know.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self> {
        let mut module = Self {
            types: Vec::new(),
            imports: Vec::new(),
            function_types: Vec::new(),
            codes: Vec::new(),
            tables: Vec::new(),
            memories: Vec::new(),
            globals: Vec::new(),
            exports: Vec::new(),
            elements: Vec::new(),
            data: Vec::new(),
            has_data_count: false,
            names: BTreeMap::new(),
        };
        let mut validator = Validator::new();
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload?;
            if let ValidPayload::Func(validate, body) = validator.payload(&payload)? {
                let of = module.type_of(module.imported() + count(&module.codes))?;
                let parameters = module.type_at(of)?.params().to_vec();
                module.codes.push(Code::read(&parameters, &body, validate)?);
            }
            module.take(payload)?;
        }
        Ok(module)
    }

    fn take(&mut self, payload: Payload<'a>) -> Result<()> {
        match payload {
            Payload::TypeSection(section) => {
                for one in section.into_iter_err_on_gc_types() {
                    self.types.push(one?);
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import?;
                    let TypeRef::Func(of) = import.ty else { bail!("an import that is no function: {}", import.name) };
                    self.function_types.push(of);
                    self.imports.push(import);
                }
            }
            Payload::FunctionSection(section) => {
                for of in section {
                    self.function_types.push(of?);
                }
            }
            Payload::TableSection(section) => self.tables = section.into_iter().collect::<Result<_, _>>()?,
            Payload::MemorySection(section) => self.memories = section.into_iter().collect::<Result<_, _>>()?,
            Payload::GlobalSection(section) => self.globals = section.into_iter().collect::<Result<_, _>>()?,
            Payload::ExportSection(section) => self.exports = section.into_iter().collect::<Result<_, _>>()?,
            Payload::ElementSection(section) => self.elements = section.into_iter().collect::<Result<_, _>>()?,
            Payload::DataSection(section) => self.data = section.into_iter().collect::<Result<_, _>>()?,
            Payload::DataCountSection { .. } => self.has_data_count = true,
            Payload::CustomSection(section) => {
                if let KnownCustom::Name(names) = section.as_known() {
                    for part in names {
                        self.take_names(part?)?;
                    }
                }
            }
            Payload::Version { .. }
            | Payload::CodeSectionStart { .. }
            | Payload::CodeSectionEntry(_)
            | Payload::End(_) => {}
            other => bail!("a section that splitting does not know: {other:?}"),
        }
        Ok(())
    }

    fn take_names(&mut self, part: Name<'a>) -> Result<()> {
        if let Name::Function(map) = part {
            for naming in map {
                let naming = naming?;
                self.names.insert(naming.index, without_hashes(naming.name));
            }
        }
        Ok(())
    }

    /// How many functions are imported: the index of the first defined one.
    pub(super) fn imported(&self) -> u32 {
        count(&self.imports)
    }

    /// How many functions there are.
    pub(super) fn functions(&self) -> u32 {
        count(&self.function_types)
    }

    /// The code of a defined function.
    pub(super) fn code(&self, function: u32) -> Result<&Code<'a>> {
        let at = function.checked_sub(self.imported()).context("an imported function has no code")?;
        self.codes.get(at as usize).context("a function without code")
    }

    /// A type of functions.
    pub(super) fn type_at(&self, of: u32) -> Result<&FuncType> {
        self.types.get(of as usize).context("a function of no type")
    }

    /// Gives a defined function other code.
    pub(super) fn replace(&mut self, function: u32, code: Code<'a>) {
        let at = function.checked_sub(self.imported()).map(|at| at as usize);
        if let Some(old) = at.and_then(|at| self.codes.get_mut(at)) {
            *old = code;
        }
    }

    /// Adds a function.
    pub(super) fn add(&mut self, piece: Piece<'a>) {
        let known = self.types.iter().position(|known| *known == piece.of);
        let of = known.unwrap_or_else(|| {
            self.types.push(piece.of);
            self.types.len() - 1
        });
        let of = u32::try_from(of).unwrap_or(u32::MAX);
        self.function_types.push(of);
        self.codes.push(piece.code);
    }

    /// The type of a function: its index.
    pub(super) fn type_of(&self, function: u32) -> Result<u32> {
        self.function_types.get(function as usize).copied().context("a function without a type")
    }

    /// What functions have in common that look alike: their type, and about how much they do.
    pub(super) fn likeness(&self, function: u32) -> (u32, usize) {
        let operations = self.code(function).map_or(0, |code| code.ops.len());
        (self.type_of(function).unwrap_or(u32::MAX), operations)
    }

    /// The name of a function, without what differs from build to build.
    pub(super) fn name(&self, function: u32) -> &str {
        self.names.get(&function).map_or("", String::as_str)
    }

    /// The slots of the table of functions that are filled from the start: slot and function.
    pub(super) fn slots(&self) -> Result<Vec<(u32, u32)>> {
        let mut slots = Vec::new();
        for element in &self.elements {
            let ElementKind::Active { table_index, offset_expr } = &element.kind else { continue };
            let ElementItems::Functions(functions) = &element.items else {
                bail!("table elements that are expressions")
            };
            if table_index.unwrap_or(0) != 0 {
                bail!("elements of a table other than the first");
            }
            let Operator::I32Const { value } = offset_expr.get_operators_reader().read()? else {
                bail!("a table element without a fixed place");
            };
            for (at, function) in (value.cast_unsigned()..).zip(functions.clone()) {
                slots.push((at, function?));
            }
        }
        Ok(slots)
    }

    /// What a function's code mentions: functions and globals.
    pub(super) fn mentions(&self, function: u32) -> Result<Mentions> {
        let mut found = Mentions::default();
        for op in &self.code(function)?.ops {
            match op {
                Op::Plain(Operator::Call { function_index }) => found.functions.push(*function_index),
                Op::Plain(Operator::RefFunc { .. } | Operator::ReturnCall { .. }) => {
                    bail!("a way to call that is not known here")
                }
                Op::Plain(Operator::MemoryInit { .. } | Operator::DataDrop { .. }) => {
                    bail!("data that is called by the number of its segment")
                }
                Op::Plain(Operator::GlobalGet { global_index } | Operator::GlobalSet { global_index }) => {
                    found.globals.push(*global_index);
                }
                _ => {}
            }
        }
        Ok(found)
    }

    /// The results of a function.
    pub(super) fn results(&self, function: u32) -> Result<Vec<ValType>> {
        Ok(self.type_at(self.type_of(function)?)?.results().to_vec())
    }
}

/// What code mentions, with repetitions.
#[derive(Default)]
pub(super) struct Mentions {
    pub(super) functions: Vec<u32>,
    pub(super) globals: Vec<u32>,
}

/// A length as WebAssembly counts.
pub(super) fn count<T>(all: &[T]) -> u32 {
    u32::try_from(all.len()).unwrap_or(u32::MAX)
}

/// A name without the hashes of crates: `core[3e63b5de82c7b372]::fmt` becomes `core::fmt`.
fn without_hashes(name: &str) -> String {
    const DIGITS: usize = 16;
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(at) = rest.find('[') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let hash = from.get(1..=DIGITS).filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let skip = if hash.is_some() && from.as_bytes().get(DIGITS + 1) == Some(&b']') { DIGITS + 2 } else { 0 };
        if skip == 0 {
            out.push('[');
        }
        rest = from.get(skip.max(1)..).unwrap_or("");
    }
    out.push_str(rest);
    out
}
