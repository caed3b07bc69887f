//! What tests of commands share.

use std::future::Future;

use tidewell_core::base::Result;
use tidewell_core::collections::Value;
use tidewell_sim::Sim;

use super::device::{open, storage, text, word, Tab};

/// Runs a test in a world of its own.
pub(crate) fn check<F: Future<Output = Result<()>> + 'static>(test: impl FnOnce(Sim) -> F) {
    let sim = Sim::new(7);
    sim.run(test(sim.clone())).unwrap().unwrap();
    sim.end();
}

/// The ops that wait, each mutation as text.
pub(crate) async fn pending(tab: &Tab) -> Result<Vec<String>> {
    let found = tab.run(r#"{"op":"syncPending"}"#).await?;
    let Some(Value::Array(mutations)) = found.field("mutations") else { panic!("{found:?}") };
    Ok(mutations.iter().map(|mutation| text(mutation.field("ops").unwrap())).collect())
}

/// The first dead letter's id and code, and how many there are.
pub(crate) async fn letter(tab: &Tab) -> Result<Option<(String, String, usize)>> {
    let found = tab.run(r#"{"op":"syncLetters"}"#).await?;
    let Some(Value::Array(letters)) = found.field("letters") else { panic!("{found:?}") };
    Ok(letters.first().map(|first| (word(first, "id"), word(first, "code"), letters.len())))
}

/// A device's tab that syncs the collection `notes`.
pub(crate) async fn device(sim: &Sim, conflict: &str) -> Result<Tab> {
    let tab = open(sim, &storage(sim)).await?;
    tab.sync(&format!(r#"{{"name":"notes","conflict":"{conflict}"}}"#)).await?;
    Ok(tab)
}

pub(crate) fn check_refused(result: Result<Value>, reason: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.reason(), Some(reason), "{error:?}");
}
