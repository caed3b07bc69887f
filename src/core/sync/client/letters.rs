//! Dead letters: mutations that the server refused for good, kept until somebody decides.
//!
//! Nothing here decides. The application retries, edits, discards, or merges by a function of its own.

use super::super::fields::{object, text, Fields};
use super::super::mutation::Mutation;
use super::super::op::{Op, Refusal};
use super::state::{corrupt, Client, Touched};
use super::store::{ClientStore, Table};
use crate::base::{Error, Result, Rng};
use crate::collections::Value;

/// A mutation that was refused for good.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// What it would have done.
    pub mutation: Mutation,
    /// Why not.
    pub refusal: Refusal,
}

/// The application's merge function: what to do instead, given what was refused and the document as it is now for each op.
/// `None` leaves it among the dead letters.
pub type Resolver<'a> = &'a mut dyn FnMut(&DeadLetter, &[Option<Value>]) -> Option<Vec<Op>>;

impl DeadLetter {
    fn parse(value: Value) -> Result<Self> {
        let mut fields = Fields::of(value, "a dead letter")?;
        let refusal = Refusal { code: fields.name("code")?, reason: fields.text("reason", 8192)? };
        let mutation = fields.take("mutation").ok_or_else(|| Error::invalid("a dead letter lacks 'mutation'"))?;
        Ok(Self { mutation: Mutation::parse(mutation)?, refusal })
    }

    pub(super) fn to_value(&self) -> Value {
        let (code, reason) = (text(&self.refusal.code), text(&self.refusal.reason));
        object([("code", code), ("reason", reason), ("mutation", self.mutation.to_value())])
    }
}

impl Client {
    /// All dead letters.
    ///
    /// # Errors
    /// What the store answers.
    pub fn dead_letters(&self, store: &dyn ClientStore) -> Result<Vec<DeadLetter>> {
        letters(store, usize::MAX)
    }

    /// Does a dead letter again, or `instead` of it, as a mutation of its own; the letter goes in the same commit.
    ///
    /// # Errors
    /// `Invalid` if there is no such letter; as [`Client::mutate`], and then the letter stays.
    pub fn retry(
        &mut self,
        store: &mut dyn ClientStore,
        rng: &dyn Rng,
        id: &str,
        instead: Option<Vec<Op>>,
    ) -> Result<Touched> {
        let letter = letter(store, id)?.ok_or_else(|| no_letter(id))?;
        let ops = instead.unwrap_or(letter.mutation.ops);
        self.mutate(store, rng, ops, vec![(Table::Dead, id.into(), None)])
    }

    /// Drops a dead letter.
    ///
    /// # Errors
    /// `Invalid` if there is no such letter; what the store answers.
    pub fn discard(&mut self, store: &mut dyn ClientStore, id: &str) -> Result<()> {
        store.get(Table::Dead, id)?.ok_or_else(|| no_letter(id))?;
        store.commit(vec![(Table::Dead, id.into(), None)])
    }

    /// Offers every letter that failed its `if_version` to the application's merge function. Meant for a moment when the
    /// base is whole, so that the function sees what it conflicts with.
    ///
    /// # Errors
    /// What the store answers.
    pub fn merge(&mut self, store: &mut dyn ClientStore, rng: &dyn Rng, resolve: Resolver<'_>) -> Result<Touched> {
        let mut touched = Touched::new();
        for letter in self.dead_letters(store)?.iter().filter(|letter| &*letter.refusal.code == "version") {
            let documents: Result<Vec<Option<Value>>> =
                letter.mutation.ops.iter().map(|op| self.view(store, &op.collection, &op.id)).collect();
            let Some(ops) = resolve(letter, &documents?) else { continue };
            touched.extend(self.retry(store, rng, &letter.mutation.id, Some(ops))?);
        }
        Ok(touched)
    }
}

/// The first dead letters.
///
/// # Errors
/// What the store answers.
pub fn letters(store: &dyn ClientStore, limit: usize) -> Result<Vec<DeadLetter>> {
    let mut letters = Vec::new();
    store.scan(Table::Dead, "", &mut |_, value| {
        if letters.len() < limit {
            letters.push(DeadLetter::parse(value).map_err(corrupt)?);
        }
        Ok(letters.len() < limit)
    })?;
    Ok(letters)
}

/// A dead letter, if it is there.
///
/// # Errors
/// What the store answers; `Corrupt` if it holds something else.
pub fn letter(store: &dyn ClientStore, id: &str) -> Result<Option<DeadLetter>> {
    store.get(Table::Dead, id)?.map(|value| DeadLetter::parse(value).map_err(corrupt)).transpose()
}

fn no_letter(id: &str) -> Error {
    Error::invalid(format!("there is no dead letter '{id}'")).with_reason("not-found")
}
