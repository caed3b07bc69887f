//! A module as the linker left it: its segments of data, its symbols, its relocations.
//!
//! It does not know what code is.

use std::ops::Range;

use anyhow::{bail, ensure, Context, Result};
use wasm_encoder::RawSection;
use wasmparser::{DataKind, KnownCustom, Linking, Operator, Parser, Payload, RelocationEntry, SymbolFlags, SymbolInfo};

use super::statics::Static;

/// What names of segments of data that nobody writes to begin with.
pub(super) const CONSTANT: &str = ".rodata";
/// A module as the linker left it, read.
pub(super) struct Linked<'a> {
    /// Sections: identifier, content.
    pub(super) sections: Vec<(u8, Range<usize>)>,
    /// Segments of data: address, where their bytes are, what they are called.
    pub(super) segments: Vec<(u32, Range<usize>, &'a str)>,
    pub(super) symbols: Vec<SymbolInfo<'a>>,
    pub(super) relocations: Vec<(usize, RelocationEntry)>,
    /// Identifiers of sections that only a linker reads, by number.
    linking: Vec<usize>,
}

impl<'a> Linked<'a> {
    /// Reads it.
    ///
    /// # Errors
    /// If it has data without a fixed place.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self> {
        let mut linked = Self {
            sections: Vec::new(),
            segments: Vec::new(),
            symbols: Vec::new(),
            relocations: Vec::new(),
            linking: Vec::new(),
        };
        let mut names = Vec::new();
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload?;
            if let Some((id, range)) = payload.as_section() {
                linked.sections.push((id, usize::try_from(range.start)?..usize::try_from(range.end)?));
            }
            match payload {
                Payload::DataSection(section) => {
                    for segment in section {
                        let segment = segment?;
                        let DataKind::Active { memory_index: 0, offset_expr } = segment.kind else {
                            bail!("data without a place in memory");
                        };
                        let Operator::I32Const { value } = offset_expr.get_operators_reader().read()? else {
                            bail!("data without a fixed place");
                        };
                        let end = usize::try_from(segment.range.end)?;
                        linked.segments.push((value.cast_unsigned(), end - segment.data.len()..end, ""));
                    }
                }
                Payload::CustomSection(section) => {
                    let number = linked.sections.len() - 1;
                    match section.as_known() {
                        KnownCustom::Linking(reader) => {
                            linked.linking.push(number);
                            for part in reader.subsections() {
                                linked.take(part?, &mut names)?;
                            }
                        }
                        KnownCustom::Reloc(reader) => {
                            linked.linking.push(number);
                            for entry in reader.entries() {
                                linked.relocations.push((reader.section_index() as usize, entry?));
                            }
                        }
                        _ => {}
                    }
                }
                _ => {}
            }
        }
        for ((.., known), name) in linked.segments.iter_mut().zip(names) {
            *known = name;
        }
        linked.relocations.retain(|(section, _)| {
            // What is said of custom sections is of no interest.
            linked.sections.get(*section).is_some_and(|(id, _)| *id != 0)
        });
        Ok(linked)
    }

    fn take(&mut self, part: Linking<'a>, names: &mut Vec<&'a str>) -> Result<()> {
        match part {
            Linking::SegmentInfo(segments) => {
                for segment in segments {
                    names.push(segment?.name);
                }
            }
            Linking::SymbolTable(symbols) => self.symbols = symbols.into_iter().collect::<Result<_, _>>()?,
            _ => {}
        }
        Ok(())
    }

    /// The statics by address; those that overlap are one.
    pub(super) fn statics(&self) -> Result<Vec<Static>> {
        let mut found = Vec::new();
        for symbol in &self.symbols {
            let SymbolInfo::Data { symbol: Some(symbol), flags, name } = symbol else { continue };
            let Some((start, bytes, segment)) = self.segments.get(symbol.index as usize) else { continue };
            if symbol.size == 0 || flags.contains(SymbolFlags::ABSOLUTE) {
                continue;
            }
            let end = symbol.offset.checked_add(symbol.size).context("a static without an end")?;
            ensure!(end <= length(bytes), "{name} is not where the linker says");
            let constant = segment.starts_with(CONSTANT);
            found.push(Static { at: start + symbol.offset..start + end, constant });
        }
        found.sort_by_key(|one| (one.at.start, one.at.end));
        let mut statics: Vec<Static> = Vec::new();
        for one in found {
            match statics.last_mut() {
                Some(last) if one.at.start < last.at.end => {
                    last.at.end = last.at.end.max(one.at.end);
                    last.constant &= one.constant;
                }
                _ => statics.push(one),
            }
        }
        Ok(statics)
    }

    /// The module `bytes`, which has the same sections, without those that only a linker reads.
    pub(super) fn without_linking(&self, bytes: &[u8]) -> Vec<u8> {
        let mut out = wasm_encoder::Module::new();
        for (number, (id, range)) in self.sections.iter().enumerate() {
            if !self.linking.contains(&number) {
                out.section(&RawSection { id: *id, data: &bytes[range.clone()] });
            }
        }
        out.finish()
    }
}

/// How long a range is.
pub(super) fn length(of: &Range<usize>) -> u32 {
    u32::try_from(of.len()).unwrap_or(u32::MAX)
}
