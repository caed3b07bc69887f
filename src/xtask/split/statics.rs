//! What the linker knows of the data it placed: where each static begins and ends, which of them point to which, and where code names
//! them. It is in the relocations of a module linked with `--emit-relocs`.
//!
//! Optimising loses the places in code. So the module is also written a second time, with all statics named by addresses *far apart*,
//! and both are optimised alike: where their code differs, and only there, an address is meant, and it says of which static
//! (`mark`). That module is never run. What moves by this is decided in `data.rs`.

use std::ops::Range;

use anyhow::{bail, ensure, Context, Result};
use wasmparser::{Operator, RelocationEntry, RelocationType, SymbolFlags, SymbolInfo};

use super::linked::{length, Linked, CONSTANT};

/// How much further the first static is in the module with addresses far apart; any other one by some steps more. Twice as far is none.
const FAR: u32 = 0x4000_0000;
/// The last bits are the same everywhere: of an address that was shifted, too, it is known which.
const STEP: u32 = 0x1_0000;
/// How wasm-opt shifts an address into a constant that is more than that: by bytes, to the left or the right.
const SHIFTS: [u32; 3] = [8, 16, 24];
/// Bytes of a number that the linker wrote into code.
const PATCHED: usize = 5;

/// A static; several where they overlap.
pub(super) struct Static {
    /// Its addresses.
    pub(super) at: Range<u32>,
    /// Nobody writes to it.
    pub(super) constant: bool,
}

/// All statics of a module.
pub(crate) struct Statics {
    /// In the order of their addresses.
    pub(super) all: Vec<Static>,
    /// Pointers in data: where, and to which static. In order.
    pub(super) pointers: Vec<(u32, usize)>,
    /// The addresses of data that nobody writes to.
    pub(super) constants: Vec<Range<u32>>,
}

impl Statics {
    /// Reads a module that was linked with its relocations; answers it without them, and the same with addresses far apart.
    ///
    /// # Errors
    /// If it is not of that kind, or contradicts itself.
    pub(crate) fn read(bytes: &[u8]) -> Result<(Self, Vec<u8>, Vec<u8>)> {
        let linked = Linked::read(bytes)?;
        let mut statics = Self { all: linked.statics()?, pointers: Vec::new(), constants: Vec::new() };
        ensure!(!statics.all.is_empty(), "a module without relocations");
        ensure!(statics.all.len() < (FAR / STEP - 1) as usize, "more statics than can be told apart");
        let constant = linked.segments.iter().filter(|(.., name)| name.starts_with(CONSTANT));
        statics.constants = constant.map(|(address, bytes, _)| *address..*address + length(bytes)).collect();
        let mut apart = bytes.to_vec();
        for (section, entry) in &linked.relocations {
            statics.relocate(&linked, *section, entry, bytes, &mut apart)?;
        }
        statics.pointers.sort_unstable();
        Ok((statics, linked.without_linking(bytes), linked.without_linking(&apart)))
    }

    /// Takes notice of one relocation; the one of code is carried out in `apart`.
    fn relocate(
        &mut self,
        linked: &Linked<'_>,
        section: usize,
        entry: &RelocationEntry,
        bytes: &[u8],
        apart: &mut [u8],
    ) -> Result<()> {
        use RelocationType as Of;
        let place = linked.sections.get(section).context("a relocation of no section")?.1.start + entry.offset as usize;
        let code = match entry.ty {
            Of::MemoryAddrLeb | Of::MemoryAddrSleb => true,
            Of::MemoryAddrI32 => false,
            Of::FunctionIndexLeb
            | Of::TableIndexSleb
            | Of::TableIndexI32
            | Of::TypeIndexLeb
            | Of::GlobalIndexLeb
            | Of::TableNumberLeb => return Ok(()),
            other => bail!("a kind of relocation that is not known here: {other:?}"),
        };
        let Some(SymbolInfo::Data { symbol: Some(symbol), flags, name }) = linked.symbols.get(entry.index as usize)
        else {
            return Ok(());
        };
        let Some((start, ..)) = linked.segments.get(symbol.index as usize) else { return Ok(()) };
        if flags.contains(SymbolFlags::ABSOLUTE) {
            return Ok(());
        }
        let Some(one) = self.holding(start + symbol.offset) else { return Ok(()) };
        let target = i64::from(start + symbol.offset) + entry.addend;
        let target = u32::try_from(target).with_context(|| format!("an address outside memory, near {name}"))?;
        if code {
            let old = bytes.get(place..place + PATCHED).context("a relocation outside the module")?;
            ensure!(number(old) == target, "the linker put another address of {name} into code than it says");
            let far = target.checked_add(further(one)).context("an address above all memory")?;
            apart[place..place + PATCHED].copy_from_slice(&written(far));
        } else {
            let word = bytes.get(place..place + 4).and_then(|word| word.try_into().ok()).map(u32::from_le_bytes);
            ensure!(word == Some(target), "the linker put another address of {name} into data than it says");
            let segment = linked.segments.iter().find(|(_, bytes, _)| bytes.contains(&place));
            let (address, bytes, _) = segment.context("a pointer outside all data")?;
            self.pointers.push((address + length(&(bytes.start..place)), one));
        }
        Ok(())
    }

    /// The static that holds an address, by number.
    pub(super) fn holding(&self, address: u32) -> Option<usize> {
        let at = self.all.partition_point(|one| one.at.start <= address).checked_sub(1)?;
        self.all[at].at.contains(&address).then_some(at)
    }

    /// Which statics are meant by an operation that is `real` in the one module and `far` in the other.
    ///
    /// # Errors
    /// If they differ in something else than addresses.
    pub(super) fn named(&self, real: &Operator<'_>, far: &Operator<'_>) -> Result<Vec<usize>> {
        let ((kind, real), (other_kind, far)) = (super::map::addresses(real)?, super::map::addresses(far)?);
        ensure!(kind == other_kind && real.len() == far.len(), "operations that differ");
        let differ = real.iter().zip(&far).filter(|(real, far)| real != far);
        let words: Option<Vec<usize>> = differ.map(|(real, far)| self.further_by(far.wrapping_sub(*real))).collect();
        if let Some(named) = words {
            return Ok(named);
        }
        // Shifted: an address that lies across two words, with something else before and behind it. No bit may have been lost.
        ensure!(real.len() <= 2, "it was calculated with: {real:?} for {far:?}");
        let whole = |words: &[u32]| words.iter().rev().fold(0, |whole, word| whole << 32 | u64::from(*word));
        let difference = whole(&far).wrapping_sub(whole(&real));
        let mut named: Vec<usize> = Vec::new();
        for by in SHIFTS {
            let (left, right) = (difference << by, difference >> by);
            let lossless = [(left, left >> by == difference), (right, right << by == difference)];
            let back = lossless.into_iter().filter(|(_, lossless)| *lossless);
            named.extend(back.filter_map(|(back, _)| self.further_by(u32::try_from(back).ok()?)));
        }
        if let (true, [real], [far]) = (named.is_empty(), real.as_slice(), far.as_slice()) {
            named = self.with_part(*real, *far);
        }
        ensure!(!named.is_empty(), "it was calculated with: {real:?} for {far:?}");
        Ok(named)
    }

    /// All statics of whose addresses a part may be meant: some of the bytes of one, stored by themselves.
    fn with_part(&self, real: u32, far: u32) -> Vec<usize> {
        let widths = SHIFTS.map(|bits| (1_u32 << bits) - 1).into_iter().filter(|mask| real.max(far) <= *mask);
        let parts: Vec<(u32, u32)> = widths.flat_map(|mask| SHIFTS.map(|by| (mask, by))).collect();
        let difference = far.wrapping_sub(real);
        let is_part = |one: usize| parts.iter().any(|(mask, by)| (further(one) >> by) & mask == difference & mask);
        (0..self.all.len()).filter(|one| is_part(*one)).collect()
    }

    /// The static that is so much further away.
    fn further_by(&self, difference: u32) -> Option<usize> {
        let steps = difference.checked_sub(FAR)?;
        let one = (steps / STEP) as usize;
        (steps % STEP == 0 && one < self.all.len()).then_some(one)
    }
}

/// How much further a static is where addresses are far apart.
fn further(one: usize) -> u32 {
    u32::try_from(one).unwrap_or(0).wrapping_mul(STEP).wrapping_add(FAR)
}

/// The number in five bytes; the low 32 bits of it, with a sign or without.
fn number(bytes: &[u8]) -> u32 {
    let value =
        bytes.iter().zip((0..).step_by(7)).fold(0, |value, (byte, shift)| value | u64::from(byte & 0x7f) << shift);
    u32::try_from(value & u64::from(u32::MAX)).unwrap_or(0)
}

/// A number below 2³¹ in five bytes.
fn written(number: u32) -> [u8; PATCHED] {
    let mut bytes = [0; PATCHED];
    for (at, byte) in bytes.iter_mut().enumerate() {
        let more = if at + 1 < PATCHED { 0x80 } else { 0 };
        *byte = u8::try_from(number >> (7 * at) & 0x7f).unwrap_or(0) | more;
    }
    bytes
}
