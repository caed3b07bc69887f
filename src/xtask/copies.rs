//! Makes short copies of bytes short: every `memory.copy` whose length is not known becomes a call of a function that moves up to 32
//! bytes in registers.
//!
//! V8 leaves `memory.copy` to a function of the browser: 6 ns for nine bytes, where loads and stores take one (a loop of either, Node
//! 20). Most copies of this program are keys, names and numbers. Not a change of meaning: overlapping bytes move right,
//! and what lies outside of the memory traps.

use std::convert::Infallible;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use wasm_encoder::reencode::{utils, Error, Reencode};
use wasm_encoder::{
    BlockType, CodeSection, Function, FunctionSection, Instruction, MemArg, MemArgTarget, Module, NameMap, NameSection,
    TypeSection, ValType,
};
use wasmparser::{
    CodeSectionReader, FunctionBody, FunctionSectionReader, Name, Operator, OperatorsReader, Parser, Payload, TypeRef,
    TypeSectionReader,
};

/// What the function is called.
const NAME: &str = "copy";
/// Where its parameters and locals are.
const TO: u32 = 0;
const FROM: u32 = 1;
const LEN: u32 = 2;

/// Shortens the copies of the module in that file.
pub(crate) fn shorten(module: &Path) -> Result<()> {
    let before = fs::read(module).with_context(|| format!("reading {}", module.display()))?;
    let after = shortened(&before).context("shortening copies")?;
    fs::write(module, after).with_context(|| format!("writing {}", module.display()))
}

fn shortened(before: &[u8]) -> Result<Vec<u8>> {
    let mut copies = Copies { types: 0, functions: 0, literal: false };
    for payload in Parser::new(0).parse_all(before) {
        match payload? {
            Payload::TypeSection(types) => copies.types = types.into_iter_err_on_gc_types().count() as u32,
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    copies.functions += u32::from(matches!(import?.ty, TypeRef::Func(_)));
                }
            }
            Payload::FunctionSection(functions) => copies.functions += functions.count(),
            _ => {}
        }
    }
    let mut module = Module::new();
    copies.parse_core_module(&mut module, Parser::new(0), before)?;
    Ok(module.finish())
}

/// Copies a module, and changes what is to change.
struct Copies {
    /// How many there were: the numbers of the new ones.
    types: u32,
    functions: u32,
    /// Whether the instruction before put a number of the program on the stack.
    literal: bool,
}

impl Reencode for Copies {
    type Error = Infallible;

    fn parse_type_section(&mut self, out: &mut TypeSection, types: TypeSectionReader<'_>) -> Result<(), Error> {
        utils::parse_type_section(self, out, types)?;
        out.ty().function([ValType::I32; 3], []);
        Ok(())
    }

    fn parse_function_section(
        &mut self,
        out: &mut FunctionSection,
        functions: FunctionSectionReader<'_>,
    ) -> Result<(), Error> {
        utils::parse_function_section(self, out, functions)?;
        out.function(self.types);
        Ok(())
    }

    fn parse_code_section(&mut self, out: &mut CodeSection, bodies: CodeSectionReader<'_>) -> Result<(), Error> {
        utils::parse_code_section(self, out, bodies)?;
        out.function(&copy());
        Ok(())
    }

    fn parse_function_body(&mut self, out: &mut CodeSection, body: FunctionBody<'_>) -> Result<(), Error> {
        self.literal = false;
        utils::parse_function_body(self, out, body)
    }

    fn parse_instruction<'a>(&mut self, reader: &mut OperatorsReader<'a>) -> Result<Instruction<'a>, Error> {
        let operator = reader.read()?;
        let literal = std::mem::replace(&mut self.literal, matches!(operator, Operator::I32Const { .. }));
        match operator {
            Operator::MemoryCopy { dst_mem: 0, src_mem: 0 } if !literal => Ok(Instruction::Call(self.functions)),
            operator => self.instruction(operator),
        }
    }

    fn parse_custom_name_subsection(&mut self, out: &mut NameSection, names: Name<'_>) -> Result<(), Error> {
        let Name::Function(functions) = names else { return utils::parse_custom_name_subsection(self, out, names) };
        let mut all = NameMap::new();
        for naming in functions {
            let naming = naming?;
            all.append(naming.index, naming.name);
        }
        all.append(self.functions, NAME);
        out.functions(&all);
        Ok(())
    }
}

/// The function: everything is loaded before anything is stored, from both ends at once; longer copies are the browser's.
fn copy() -> Function {
    let mut function = Function::new([(2, ValType::V128), (2, ValType::I64), (2, ValType::I32)]);
    let at = |offset| MemArg { offset, align: 0, target: MemArgTarget::default(), ordering: None };
    let get = Instruction::LocalGet;
    let by_width: [(i32, u32, Instruction<'_>, Instruction<'_>); 4] = [
        (16, 3, Instruction::V128Load(at(0)), Instruction::V128Store(at(0))),
        (8, 5, Instruction::I64Load(at(0)), Instruction::I64Store(at(0))),
        (4, 7, Instruction::I32Load(at(0)), Instruction::I32Store(at(0))),
        (2, 7, Instruction::I32Load16U(at(0)), Instruction::I32Store16(at(0))),
    ];
    let mut put = |instructions: &[Instruction<'_>]| {
        for one in instructions {
            function.instruction(one);
        }
    };
    put(&[get(LEN), Instruction::I32Const(32), Instruction::I32GtU, Instruction::If(BlockType::Empty)]);
    put(&[get(TO), get(FROM), get(LEN), Instruction::MemoryCopy { src_mem: 0, dst_mem: 0 }]);
    put(&[Instruction::Return, Instruction::End]);
    for (width, first, load, store) in by_width {
        let last = [get(LEN), Instruction::I32Add, Instruction::I32Const(width), Instruction::I32Sub];
        put(&[get(LEN), Instruction::I32Const(width), Instruction::I32GeU, Instruction::If(BlockType::Empty)]);
        put(&[get(FROM), load.clone(), Instruction::LocalSet(first), get(FROM)]);
        put(&last);
        put(&[load, Instruction::LocalSet(first + 1), get(TO), get(first), store.clone(), get(TO)]);
        put(&last);
        put(&[get(first + 1), store, Instruction::Return, Instruction::End]);
    }
    put(&[get(LEN), Instruction::If(BlockType::Empty), get(TO), get(FROM), Instruction::I32Load8U(at(0))]);
    put(&[Instruction::I32Store8(at(0)), Instruction::End, Instruction::End]);
    function
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use wasm_encoder::{ExportKind, ExportSection, MemorySection, MemoryType};

    use super::*;

    /// A module that exports its memory and `move`, which copies as it is told, and `eight`, which copies eight bytes.
    fn sample() -> Vec<u8> {
        let mut types = TypeSection::new();
        types.ty().function([ValType::I32; 3], []);
        let mut functions = FunctionSection::new();
        functions.function(0).function(0);
        let mut memories = MemorySection::new();
        memories.memory(MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None });
        let mut exports = ExportSection::new();
        exports.export("memory", ExportKind::Memory, 0);
        exports.export("move", ExportKind::Func, 0).export("eight", ExportKind::Func, 1);
        let mut code = CodeSection::new();
        for len in [Instruction::LocalGet(LEN), Instruction::I32Const(8)] {
            let mut function = Function::new([]);
            function.instruction(&Instruction::LocalGet(TO)).instruction(&Instruction::LocalGet(FROM));
            function.instruction(&len).instruction(&Instruction::MemoryCopy { src_mem: 0, dst_mem: 0 });
            code.function(function.instruction(&Instruction::End));
        }
        let mut names = NameMap::new();
        names.append(0, "move");
        names.append(1, "eight");
        let mut name_section = NameSection::new();
        name_section.functions(&names);
        let mut module = Module::new();
        module.section(&types).section(&functions).section(&memories).section(&exports).section(&code);
        module.section(&name_section);
        module.finish()
    }

    /// Compares with what JavaScript does: every length, with every overlap, and at the end of the memory.
    const COMPARE: &str = r"
const { memory, move, eight } = new WebAssembly.Instance(new WebAssembly.Module(require('fs').readFileSync(0))).exports
const bytes = new Uint8Array(memory.buffer), wanted = new Uint8Array(bytes.length)
const fill = () => { for (let i = 0; i < 400; i++) bytes[i] = wanted[i] = i * 7 + (i >> 8) }
const compare = (what) => { if (bytes.subarray(0, 400).some((byte, at) => byte !== wanted[at])) throw new Error(what) }
for (let len = 0; len <= 70; len++) {
  for (let apart = -40; apart <= 40; apart++) {
    fill(); move(150 + apart, 150, len); wanted.copyWithin(150 + apart, 150, 150 + len); compare(`${len} bytes by ${apart}`)
  }
  const end = bytes.length - len
  move(10, end, len)
  if (len === 0) continue
  let trapped = 0
  for (const [to, from] of [[end + 1, 0], [0, end + 1]]) try { move(to, from, len) } catch { trapped++ }
  if (trapped !== 2) throw new Error(`${len} bytes outside of the memory`)
}
fill(); eight(20, 10, 0); wanted.copyWithin(20, 10, 18); compare('eight bytes')
";

    #[test]
    fn copies_of_every_length_move_as_before() {
        let after = shortened(&sample()).unwrap();
        wasmparser::Validator::new().validate_all(&after).unwrap();
        let file = std::env::temp_dir().join(format!("tidewell-copies-{}.wasm", std::process::id()));
        fs::write(&file, &after).unwrap();
        let node = Command::new("node").args(["-e", COMPARE]).stdin(fs::File::open(&file).unwrap()).output().unwrap();
        fs::remove_file(&file).unwrap();
        assert!(node.status.success(), "{}", String::from_utf8_lossy(&node.stderr));
    }

    #[test]
    fn only_copies_of_unknown_length_are_changed() {
        let after = shortened(&sample()).unwrap();
        let mut calls = Vec::new();
        for payload in Parser::new(0).parse_all(&after) {
            let Ok(Payload::CodeSectionEntry(body)) = payload else { continue };
            let operators = body.get_operators_reader().unwrap().into_iter().map(|operator| operator.unwrap());
            calls.push(operators.filter(|operator| matches!(operator, Operator::Call { .. })).count());
        }
        assert_eq!(calls, [1, 0, 0]);
    }
}
