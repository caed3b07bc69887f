//! Claims about splitting, on a module of three functions that is small enough to run here: by Node, as it is and in halves.

use std::path::PathBuf;
use std::process::Command;

use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, ElementSection, Elements, ExportKind, ExportSection, Function, FunctionSection,
    Instruction as I, MemorySection, MemoryType, Module, NameMap, NameSection, RefType, TableSection, TableType,
    TypeSection, ValType,
};

/// `twice(n)` of small numbers; of larger ones a loop counts up, and what is above 1,000 is refused by another function. The exports:
/// `twice`, and `far`, which only calls through the table.
fn sample() -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32], [ValType::I32]);
    let mut functions = FunctionSection::new();
    for _ in 0..3 {
        functions.function(0);
    }
    let mut tables = TableSection::new();
    let of = RefType::FUNCREF;
    tables.table(TableType { element_type: of, minimum: 2, maximum: Some(2), table64: false, shared: false });
    let mut memories = MemorySection::new();
    memories.memory(MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None });
    let mut exports = ExportSection::new();
    exports.export("memory", ExportKind::Memory, 0);
    exports.export("twice", ExportKind::Func, 0);
    exports.export("far", ExportKind::Func, 1);
    let mut elements = ElementSection::new();
    elements.active(None, &ConstExpr::i32_const(1), Elements::Functions([2].as_slice().into()));
    let mut code = CodeSection::new();
    code.function(&twice());
    code.function(&body(&[I::LocalGet(0), I::I32Const(1), I::CallIndirect { type_index: 0, table_index: 0 }]));
    code.function(&body(&[I::LocalGet(0), I::I32Const(-1), I::I32Mul]));
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&tables).section(&memories).section(&exports);
    let mut functions = NameMap::new();
    ["twice", "far", "minus"].iter().zip(0..).for_each(|(name, at)| functions.append(at, name));
    let mut names = NameSection::new();
    names.functions(&functions);
    module.section(&elements).section(&code).section(&names);
    module.finish()
}

fn body(instructions: &[I<'_>]) -> Function {
    let mut function = Function::new([(2, ValType::I32)]);
    for one in instructions {
        function.instruction(one);
    }
    function.instruction(&I::End);
    function
}

fn twice() -> Function {
    let there_and_back = [I::LocalGet(2), I::I32Const(7), I::I32Add, I::I32Const(7), I::I32Sub, I::LocalSet(2)];
    let mut instructions = vec![
        I::Block(BlockType::Empty),
        I::Block(BlockType::Empty),
        I::LocalGet(0),
        I::I32Const(10),
        I::I32LtS,
        I::BrIf(0),
    ];
    // From here on, larger numbers; first what makes it long enough to be taken out.
    (0..8).for_each(|_| instructions.extend_from_slice(&there_and_back));
    instructions.extend([
        I::LocalGet(0),
        I::I32Const(1000),
        I::I32GtS,
        I::If(BlockType::Empty),
        I::LocalGet(0),
        I::Call(2),
        I::Return,
        I::End,
        I::Loop(BlockType::Empty),
        I::LocalGet(2),
        I::I32Const(2),
        I::I32Add,
        I::LocalSet(2),
        I::LocalGet(1),
        I::I32Const(1),
        I::I32Add,
        I::LocalTee(1),
        I::LocalGet(0),
        I::I32LtS,
        I::BrIf(0),
        I::End,
        I::Br(1),
        I::End,
        I::LocalGet(0),
        I::I32Const(2),
        I::I32Mul,
        I::LocalSet(2),
        I::End,
        I::LocalGet(2),
    ]);
    body(&instructions)
}

/// `valued(n)`: 3n + 1 of small numbers; of larger ones n + 6, above 100 n + 1, above 300 n, each along a way that carries a value.
fn carrying() -> Vec<u8> {
    let above = |limit| [I::LocalGet(0), I::LocalGet(0), I::I32Const(limit), I::I32GtS];
    let there_and_back = [I::LocalGet(2), I::I32Const(7), I::I32Add, I::I32Const(7), I::I32Sub, I::LocalSet(2)];
    let mut instructions = vec![I::Block(BlockType::Result(ValType::I32)), I::LocalGet(0), I::I32Const(10), I::I32LtS];
    instructions.extend([I::If(BlockType::Empty), I::LocalGet(0), I::I32Const(3), I::I32Mul, I::Br(1), I::End]);
    (0..12).for_each(|_| instructions.extend_from_slice(&there_and_back));
    instructions.extend(above(300).into_iter().chain([I::BrIf(1), I::Drop]));
    instructions.extend(above(100).into_iter().chain([I::BrIf(0), I::Drop]));
    instructions.extend([I::LocalGet(0), I::I32Const(5), I::I32Add, I::Br(0), I::End, I::I32Const(1), I::I32Add]);
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32], [ValType::I32]);
    let mut functions = FunctionSection::new();
    functions.function(0);
    let mut tables = TableSection::new();
    tables.table(TableType {
        element_type: RefType::FUNCREF,
        minimum: 1,
        maximum: Some(1),
        table64: false,
        shared: false,
    });
    let mut memories = MemorySection::new();
    memories.memory(MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None });
    let mut exports = ExportSection::new();
    exports.export("valued", ExportKind::Func, 0);
    let mut code = CodeSection::new();
    code.function(&body(&instructions));
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&tables).section(&memories).section(&exports).section(&code);
    module.finish()
}

/// Runs the halves, or with one module the whole, in Node: what `calls` answer, and how often the rest was loaded.
const RUN: &str = "
const { readFileSync } = require('node:fs')
const [page, rest, ...calls] = process.argv.slice(1)
let loads = 0, exports
const load = () => {
  loads++
  const page = { ...exports }, { $t0: table, $lent: { value: first } } = exports
  for (let at = first; at < table.length; at++) page['$f' + (at - first)] = table.get(at)
  new WebAssembly.Instance(new WebAssembly.Module(readFileSync(rest)), { page })
  exports.$ready.value = 1
}
exports = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(page)), { page: { load } }).exports
const answers = calls.map((call) => { const [name, n] = call.split(' '); return exports[name](Number(n)) })
console.log([...answers, 'loads ' + loads].join(' '))
";

pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("tidewell-split-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(super) fn run(&self, calls: &[&str]) -> String {
        let output = Command::new("node")
            .args(["-e", RUN, "--"])
            .args([self.file("page"), self.file("rest")])
            .args(calls)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Splits the sample by a profile in which the parts of `twice` ran that `ran` says, as hexadecimal digits, and expects `expected`.
fn check(name: &str, ran: &str, calls: &[&str], expected: &str) {
    let folder = Folder::new(name);
    std::fs::write(folder.file("whole"), sample()).unwrap();
    let profile = super::profile(&folder.file("whole"), ran).unwrap();
    super::split(&folder.file("whole"), None, &profile, &folder.file("page"), &folder.file("rest")).unwrap();
    assert_eq!(folder.run(calls), expected, "with {ran}");
    let (page, names) =
        (std::fs::read(folder.file("page")).unwrap(), std::fs::read_to_string(folder.file("page.names")));
    let functions = super::module::Module::read(&page).unwrap().functions();
    assert_eq!(names.unwrap().lines().count(), functions as usize, "each function has a name");
}

const CALLS: [&str; 5] = ["twice 4", "twice 12", "twice 5000", "far 3", "twice 9"];

#[test]
fn functions_and_parts_that_did_not_run_are_loaded_when_they_are_called() {
    // Every function is unknown to a profile that is empty, and stays.
    let folder = Folder::new("unknown");
    std::fs::write(folder.file("whole"), sample()).unwrap();
    super::split(&folder.file("whole"), None, "", &folder.file("page"), &folder.file("rest")).unwrap();
    assert_eq!(folder.run(&CALLS), "8 24 -5000 -3 18 loads 0");
    // Nothing ran; everything did; small numbers only.
    check("nothing", "0000000000", &CALLS, "8 24 -5000 -3 18 loads 1");
    check("all", "ffffffffff", &CALLS, "8 24 -5000 -3 18 loads 0");
    check("small", "1060000000", &["twice 4", "twice 9"], "8 18 loads 0");
    check("small", "1060000000", &CALLS, "8 24 -5000 -3 18 loads 1");
}

#[test]
fn whatever_is_taken_out_the_code_does_the_same() {
    let mut state = 12345_u64;
    for at in 0..16 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let ran = format!("{:010x}", state >> 24);
        let folder = Folder::new(&format!("random{at}"));
        std::fs::write(folder.file("whole"), sample()).unwrap();
        let profile = super::profile(&folder.file("whole"), &ran).unwrap();
        super::split(&folder.file("whole"), None, &profile, &folder.file("page"), &folder.file("rest")).unwrap();
        let answers = folder.run(&CALLS);
        assert!(answers.starts_with("8 24 -5000 -3 18 loads "), "with {ran}: {answers}");
    }
}

#[test]
fn what_is_taken_out_carries_values_to_where_it_leaves() {
    let folder = Folder::new("carrying");
    std::fs::write(folder.file("whole"), carrying()).unwrap();
    // The first part and that of small numbers ran, and what is behind the block.
    let profile = super::profile(&folder.file("whole"), "3000000000").unwrap();
    super::split(&folder.file("whole"), None, &profile, &folder.file("page"), &folder.file("rest")).unwrap();
    assert_eq!(folder.run(&["valued 4"]), "13 loads 0");
    assert_eq!(folder.run(&["valued 4", "valued 50", "valued 200", "valued 400"]), "13 56 201 400 loads 1");
}

#[test]
fn halves_of_two_modules_do_not_link() {
    let folder = Folder::new("seal");
    std::fs::write(folder.file("whole"), sample()).unwrap();
    let profile = super::profile(&folder.file("whole"), "0000000000").unwrap();
    super::split(&folder.file("whole"), None, &profile, &folder.file("page"), &folder.file("other")).unwrap();
    // A custom section more: the same code, but not the same module.
    std::fs::write(folder.file("whole"), [sample(), vec![0, 2, 1, b'x']].concat()).unwrap();
    super::split(&folder.file("whole"), None, &profile, &folder.file("other"), &folder.file("rest")).unwrap();
    let mut run = Command::new("node");
    run.args(["-e", RUN, "--"]).args([folder.file("page"), folder.file("rest")]);
    let output = run.arg("twice 4").output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("LinkError"));
}
