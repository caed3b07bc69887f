//! Claims about data that moves, on a module as a linker leaves it, with five statics: by Node, in halves.

use wasm_encoder::{
    CodeSection, ConstExpr, CustomSection, DataSection, Encode, ExportKind, ExportSection, Function, FunctionSection,
    MemorySection, MemoryType, Module, NameMap, NameSection, RefType, TableSection, TableType, TypeSection, ValType,
};

use super::data::mark;
use super::module::Module as Read;
use super::statics::Statics;
use super::tests::Folder;
use super::{profile, split, Data};

const SIZE: u32 = 32;
const START: u32 = 1024;
/// `NEAR` points to `POINTED`, and so does nothing else; `WRITTEN` is in a segment that may be written to.
const NAMES: [&str; 5] = ["NEAR", "POINTED", "FAR", "BOTH", "WRITTEN"];
const CODE_SECTION: u32 = 5;
const DATA_SECTION: u32 = 6;
const MEMORY_ADDR_LEB: u8 = 3;
const MEMORY_ADDR_SLEB: u8 = 4;
const MEMORY_ADDR_I32: u8 = 5;

fn address(of: usize) -> u32 {
    START + SIZE * u32::try_from(of).unwrap()
}

/// The bytes of a static: the same letter over and over; in `NEAR` a pointer before it.
fn bytes(of: usize) -> Vec<u8> {
    let mut bytes = vec![b'a' + u8::try_from(of).unwrap(); SIZE as usize];
    if of == 0 {
        bytes[..4].copy_from_slice(&address(1).to_le_bytes());
    }
    bytes
}

/// Five bytes, as the linker writes addresses.
fn padded(number: u32) -> Vec<u8> {
    (0..5).map(|at| u8::try_from(number >> (7 * at) & 0x7f).unwrap() | if at < 4 { 0x80 } else { 0 }).collect()
}

/// What function `at` answers: the byte at its argument, counted from a static. One counts from eight bytes before its own.
fn function(at: usize) -> Function {
    let mut body = Function::new([]);
    body.raw([0x20, 0]);
    match at {
        // Through the pointer.
        0 => drop(body.raw([0x41]).raw(padded(address(0))).raw([0x28, 2, 0, 0x6a, 0x2d, 0, 0])),
        1 => drop(body.raw([0x41]).raw(padded(address(2) - 8)).raw([0x6a, 0x2d, 0, 0])),
        2 => drop(body.raw([0x2d, 0]).raw(padded(address(3)))),
        _ => drop(body.raw([0x2d, 0]).raw(padded(address(4)))),
    }
    body.raw([0x0b]);
    body
}

/// The module; `pointed` is what the linker says that `NEAR` points to.
fn sample(pointed: u32) -> Vec<u8> {
    let exports = ["near", "far", "both", "written"];
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32], [ValType::I32]);
    let (mut functions, mut exported, mut names) = (FunctionSection::new(), ExportSection::new(), NameMap::new());
    let mut code = CodeSection::new();
    for (at, name) in exports.iter().enumerate() {
        let index = u32::try_from(at).unwrap();
        functions.function(0);
        exported.export(name, ExportKind::Func, index);
        names.append(index, name);
        code.function(&function(at));
    }
    let mut tables = TableSection::new();
    let of = RefType::FUNCREF;
    tables.table(TableType { element_type: of, minimum: 2, maximum: Some(2), table64: false, shared: false });
    let mut memories = MemorySection::new();
    memories.memory(MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None });
    let mut data = DataSection::new();
    data.active(0, &ConstExpr::i32_const(START.cast_signed()), (0..4).flat_map(bytes).collect::<Vec<u8>>());
    data.active(0, &ConstExpr::i32_const(address(4).cast_signed()), bytes(4));
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&tables).section(&memories).section(&exported);
    let mut named = NameSection::new();
    named.functions(&names);
    let finished = module.section(&code).section(&data).section(&named).clone().finish();
    let place = |section: &[u8], of: &[u8]| {
        let start = finished.windows(section.len()).position(|bytes| bytes == section).unwrap();
        let at = finished.windows(of.len()).position(|bytes| bytes == of).unwrap();
        u32::try_from(at - start).unwrap()
    };
    let content = |section: &dyn Encode| {
        let mut bytes = Vec::new();
        section.encode(&mut bytes);
        // The content of a section, without its size (one byte in the code, two in the data).
        let size = bytes.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
        bytes.split_off(size)
    };
    let (code, data) = (content(&code), content(&data));
    let code_relocations = [
        (MEMORY_ADDR_SLEB, place(&code, &padded(address(0))), 0, 0),
        (MEMORY_ADDR_SLEB, place(&code, &padded(address(2) - 8)), 2, -8),
        (MEMORY_ADDR_LEB, place(&code, &padded(address(3))), 3, 0),
        (MEMORY_ADDR_LEB, place(&code, &padded(address(4))), 4, 0),
    ];
    let pointer = (MEMORY_ADDR_I32, place(&data, &bytes(0)), pointed, 0);
    module.section(&linking());
    module.section(&relocations("reloc.CODE", CODE_SECTION, &code_relocations));
    module.section(&relocations("reloc.DATA", DATA_SECTION, &[pointer]));
    module.finish()
}

fn custom(name: &'static str, data: Vec<u8>) -> CustomSection<'static> {
    CustomSection { name: name.into(), data: data.into() }
}

fn linking() -> CustomSection<'static> {
    let mut segments = vec![2];
    for name in [".rodata", ".data"] {
        name.encode(&mut segments);
        segments.extend([0, 0]);
    }
    let mut symbols = vec![5];
    for (at, name) in NAMES.iter().enumerate() {
        symbols.extend([1, 0]);
        name.encode(&mut symbols);
        let (segment, offset) = if at == 4 { (0, address(4) - START) } else { (0, address(at) - START) };
        let (segment, offset) = if at == 4 { (1, 0) } else { (segment, offset) };
        [segment, offset, SIZE].iter().for_each(|number: &u32| number.encode(&mut symbols));
    }
    let mut data = vec![2, 5];
    segments.as_slice().encode(&mut data);
    data.push(8);
    symbols.as_slice().encode(&mut data);
    custom("linking", data)
}

fn relocations(name: &'static str, section: u32, entries: &[(u8, u32, u32, i32)]) -> CustomSection<'static> {
    let mut data = Vec::new();
    section.encode(&mut data);
    u32::try_from(entries.len()).unwrap().encode(&mut data);
    for (kind, place, symbol, addend) in entries {
        data.push(*kind);
        place.encode(&mut data);
        symbol.encode(&mut data);
        addend.encode(&mut data);
    }
    custom(name, data)
}

/// Splits the sample where the functions ran that `ran` says, and expects that the page part has these statics, and the rest those.
fn check(name: &str, ran: &str, page: &[usize], rest: &[usize]) {
    let folder = Folder::new(name);
    let (statics, plain, apart) = Statics::read(&sample(1)).unwrap();
    std::fs::write(folder.file("whole"), plain).unwrap();
    std::fs::write(folder.file("apart"), apart).unwrap();
    let recorded = profile(&folder.file("whole"), ran).unwrap();
    let data = Data { statics, apart: folder.file("apart") };
    split(&folder.file("whole"), Some(&data), &recorded, &folder.file("page"), &folder.file("rest")).unwrap();
    check_holds(&folder, "page", page);
    check_holds(&folder, "rest", rest);
    let answers = folder.run(&["near 5", "written 1", "both 2", "far 9"]);
    assert!(answers.starts_with("98 101 100 99 loads "), "with {ran}: {answers}");
}

#[test]
fn data_moves_that_nothing_of_the_page_part_can_refer_to() {
    check("data-all", "f", &[0, 1, 2, 3, 4], &[]);
    // Only `near`, which goes through a pointer; only `far`, which counts from before its static; nothing at all.
    check("data-near", "1", &[0, 1, 4], &[2, 3]);
    check("data-far", "2", &[2, 4], &[0, 1, 3]);
    check("data-none", "0", &[4], &[0, 1, 2, 3]);
}

/// Splits a sample whose module with addresses far apart is `apart` of the right one: that is noticed, for this reason, and all data
/// stays where it was.
fn check_refused(name: &str, apart: impl Fn(&mut Vec<u8>), reason: &str) {
    let folder = Folder::new(name);
    let (statics, plain, mut far) = Statics::read(&sample(1)).unwrap();
    apart(&mut far);
    let error = mark(&mut Read::read(&plain).unwrap(), &Read::read(&far).unwrap(), &statics).unwrap_err();
    assert!(format!("{error:#}").contains(reason), "{error:#}");
    std::fs::write(folder.file("whole"), &plain).unwrap();
    std::fs::write(folder.file("apart"), far).unwrap();
    let recorded = profile(&folder.file("whole"), "0").unwrap();
    let data = Data { statics, apart: folder.file("apart") };
    split(&folder.file("whole"), Some(&data), &recorded, &folder.file("page"), &folder.file("rest")).unwrap();
    check_holds(&folder, "page", &[0, 1, 2, 3, 4]);
    check_holds(&folder, "rest", &[]);
}

/// Expects that a half has the bytes of these statics, and no others.
fn check_holds(folder: &Folder, half: &str, held: &[usize]) {
    let written = std::fs::read(folder.file(half)).unwrap();
    let has = |of: &usize| written.windows(8).any(|found| found == &bytes(*of)[8..16]);
    assert_eq!((0..5).filter(has).collect::<Vec<_>>(), held, "{half}");
}

#[test]
fn where_an_address_was_calculated_with_nothing_moves_and_a_linker_that_contradicts_itself_is_refused() {
    let replaced = |bytes: &mut Vec<u8>, old: &[u8], new: &[u8]| {
        let at = bytes.windows(old.len()).position(|bytes| bytes == old).unwrap();
        bytes[at..at + old.len()].copy_from_slice(new);
    };
    let far = padded(address(0) + 0x4000_0000);
    check_refused("calculated", |bytes| replaced(bytes, &far, &padded(address(0) + 0x4000_0001)), "calculated with");
    check_refused("another", |bytes| replaced(bytes, b"ccccc", b"cxccc"), "data");
    check_refused("code", |bytes| replaced(bytes, &[0x6a, 0x2d], &[0x6b, 0x2d]), "without an address");
    let error = Statics::read(&sample(2)).map(drop).unwrap_err();
    assert!(format!("{error:#}").contains("another address of FAR into data"), "{error:#}");
}

#[test]
fn a_part_of_an_address_means_every_static_that_it_can_be_of() {
    use wasmparser::Operator;
    let (statics, ..) = Statics::read(&sample(1)).unwrap();
    let i64 = |value| Operator::I64Const { value };
    let i32 = |value| Operator::I32Const { value };
    let (real, far) = (i64::from(address(3)), i64::from(address(3)) + 0x4003_0000);
    let named = |real: &Operator<'_>, far: &Operator<'_>| statics.named(real, far).map_err(|error| error.to_string());
    // With a length behind it; with something before it; its upper bytes; two of its bytes, which all could share.
    assert_eq!(named(&i64(real | 7 << 32), &i64(far | 7 << 32)), Ok(vec![3]));
    assert_eq!(named(&i64(real << 8 | 5), &i64(far << 8 | 5)), Ok(vec![3]));
    let upper = |of: i64| i32(i32::try_from(of >> 8).unwrap());
    assert_eq!(named(&upper(real), &upper(far)), Ok(vec![3]));
    let two = |of: i64| i32(i32::try_from(of >> 8 & 0xffff).unwrap());
    assert_eq!(named(&two(real), &two(far)), Ok(vec![3]));
    assert!(named(&i64(real * 3), &i64(far * 3)).is_err());
}
