//! What an application decides about mutations that cannot go as they are: a dead letter is done again, or something instead of it,
//! or it is dropped; what was written in an older schema is raised.

use std::collections::BTreeMap;

use crate::base::{Error, Result};
use crate::collections::fields::Fields;
use crate::collections::Value;
use crate::engine::Durability;
use crate::sync::client::{key_of, letter, ClientStore, Table, Touched};
use crate::sync::Op;

use super::super::handle::Database;
use super::super::response::Response;
use super::SyncCall;

impl Database {
    pub(super) async fn sync_letter(
        &self,
        call: SyncCall,
        mut fields: Fields<'_>,
        durability: Durability,
    ) -> Result<Response> {
        let id: Box<str> = fields.required_text("id")?.into();
        let instead = match fields.value("ops")? {
            None => None,
            Some(Value::Array(ops)) => Some(ops.into_iter().map(Op::parse).collect::<Result<Vec<Op>>>()?),
            Some(_) => return Err(fields.wrong("ops", "an array of ops")),
        };
        fields.finish()?;
        let discards = call == SyncCall::Discard;
        let work = move |client: &mut crate::sync::Client, store: &mut dyn ClientStore, rng: &dyn crate::base::Rng| {
            if discards {
                client.discard(store, &id)?;
                return Ok(Touched::new());
            }
            let ops = match &instead {
                Some(ops) => Some(ops.clone()),
                None => renewed(store, &id)?,
            };
            client.retry(store, rng, &id, ops)
        };
        self.sync_change(durability, work).await?;
        self.sync_status().await
    }
}

impl Database {
    /// Raises what was written in an older schema. What the application does not name stays as it is.
    pub(super) async fn sync_migrate(&self, mut fields: Fields<'_>, durability: Durability) -> Result<Response> {
        let wrong = || Error::invalid("syncMigrate: 'mutations' must be an array of { id, ops }");
        let Some(Value::Array(list)) = fields.value("mutations")? else { return Err(wrong()) };
        fields.finish()?;
        let mut raised: BTreeMap<Box<str>, Vec<Op>> = BTreeMap::new();
        for one in list {
            let (Some(Value::String(id)), Some(Value::Array(ops))) = (one.field("id"), one.field("ops")) else {
                return Err(wrong());
            };
            let ops = ops.iter().cloned().map(Op::parse).collect::<Result<Vec<Op>>>()?;
            raised.insert(id.clone(), ops);
        }
        let work = move |client: &mut crate::sync::Client, store: &mut dyn ClientStore, rng: &dyn crate::base::Rng| {
            client.migrate(store, rng, &mut |old| raised.get(&old.id).cloned())
        };
        self.sync_change(durability, work).await?;
        self.sync_status().await
    }
}

/// The letter's ops. Who does them again has seen what they conflicted with: their conditions are about what is there now.
fn renewed(store: &dyn ClientStore, id: &str) -> Result<Option<Vec<Op>>> {
    let Some(mut ops) = letter(store, id)?.map(|letter| letter.mutation.ops) else { return Ok(None) };
    for op in ops.iter_mut().filter(|op| op.if_version.is_some()) {
        let base = store.get(Table::Base, &key_of(&op.collection, &op.id))?;
        op.if_version = match base.as_ref().and_then(|base| base.field("version")) {
            Some(Value::Number(version)) => Some(*version as u64),
            _ => None,
        };
    }
    Ok(Some(ops))
}
