//! Splits the WebAssembly in two: the *page* part, which a page loads to open a database and work with documents, and the *rest*,
//! which arrives while nobody waits. A recorded profile says what goes where (docs/decisions/0012-two-modules.md).
//!
//! It knows nothing of how the halves are loaded: that is `pkg-config/src/local/rest.ts`.

mod code;
mod data;
mod flow;
mod halves;
mod linked;
mod map;
mod module;
mod outline;
mod page;
mod piece;
mod profile;
mod region;
mod rest;
mod statics;
mod whole;

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use code::Op;
use halves::Plan;
use module::Module;
use profile::{Profile, Recorded, Verdict};
pub(crate) use statics::Statics;

/// What is known of a module's data: its statics, and the module itself with their addresses far apart, optimised like it.
pub(crate) struct Data {
    pub(crate) statics: Statics,
    pub(crate) apart: PathBuf,
}

/// Splits the module `whole` by the profile's text into the files `page` and `rest`. Without `data` all data is in the page part.
pub(crate) fn split(whole: &Path, data: Option<&Data>, profile: &str, page: &Path, rest: &Path) -> Result<()> {
    let read = |path: &Path| fs::read(path).with_context(|| format!("reading {}", path.display()));
    let bytes = read(whole)?;
    let mut module = Module::read(&bytes)?;
    let mut statics = None;
    if let Some(Data { statics: known, apart }) = data {
        match data::mark(&mut module, &Module::read(&read(apart)?)?, known) {
            Ok(()) => statics = Some(known),
            Err(error) => println!("  ALL DATA STAYS in the page part: it is not certain what names it ({error:#})"),
        }
    }
    let profile = Profile::parse(profile);
    let mut stays = vec![true; module.functions() as usize];
    let (mut unknown, mut unknown_bytes, mut pieces) = (0, 0, Vec::new());
    for function in module.imported()..module.functions() {
        let code = module.code(function)?;
        match profile.of(module.name(function), code) {
            _ if whole::stays(module.name(function)) => {}
            Verdict::DidNot => stays[function as usize] = false,
            Verdict::Ran(parts) => {
                let results = module.results(function)?;
                let kept = outline::outline(code, &results, &parts, module.functions(), &mut pieces);
                module.replace(function, kept);
            }
            Verdict::Unknown => {
                unknown += 1;
                unknown_bytes += code.bytes(0, code.ops.len());
            }
        }
    }
    let taken_out = pieces.len();
    pieces.into_iter().for_each(|piece| module.add(piece));
    stays.resize(module.functions() as usize, false);
    let mut plan = Plan::new(&module, stays, seal(&bytes), 0)?;
    if let Some(statics) = statics {
        plan.moved = data::moved(&plan, statics)?;
        let moved: u32 = plan.moved.iter().map(|run| run.end - run.start).sum();
        println!("  {moved} bytes of data, in {} runs, move to the rest", plan.moved.len());
    }
    fs::write(page, plan.page()?)?;
    fs::write(rest, plan.rest()?)?;
    fs::write(page.with_extension("names"), plan.names()?)?;
    println!(
        "  {taken_out} pieces of functions taken out, {} placeholders; the profile does not know {unknown} functions ({unknown_bytes} bytes)",
        plan.placeholders()
    );
    Ok(())
}

/// Like [`split`], but everything is in the page part, which notes what of it ran.
pub(crate) fn recording(whole: &Path, page: &Path, rest: &Path) -> Result<()> {
    let bytes = fs::read(whole)?;
    let mut module = Module::read(&bytes)?;
    let mut place = 0;
    for code in &mut module.codes {
        let parts = code.parts();
        let mut ops = Vec::new();
        for (part, start) in parts.iter().enumerate() {
            let end = parts.get(part + 1).copied().unwrap_or(code.ops.len());
            ops.push(Op::Ran(place));
            ops.extend_from_slice(&code.ops[*start..end]);
            place += 1;
        }
        code.ops = ops;
    }
    let plan = Plan::new(&module, vec![true; module.functions() as usize], seal(&bytes), place)?;
    fs::write(page, plan.page()?)?;
    fs::write(rest, plan.rest()?)?;
    Ok(())
}

/// The text of a profile of the module `whole`: `ran` is what the page part of [`recording`] noted, as hexadecimal digits.
pub(crate) fn profile(whole: &Path, ran: &str) -> Result<String> {
    let bytes = fs::read(whole)?;
    let module = Module::read(&bytes)?;
    let mut ran = profile::bits(ran).into_iter();
    let mut recorded = Recorded::default();
    for function in module.imported()..module.functions() {
        let code = module.code(function)?;
        let parts: Vec<bool> = ran.by_ref().take(code.parts().len()).collect();
        recorded.add(module.name(function), code, &parts);
    }
    Ok(recorded.text())
}

/// A name by which two halves know that they are of the same module.
fn seal(whole: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    whole.hash(&mut hasher);
    format!("${:016x}", hasher.finish())
}

#[cfg(test)]
mod data_tests;
#[cfg(test)]
mod tests;
