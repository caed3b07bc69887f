//! What somebody decides about a dead letter: it is done again, or something instead of it, or it is dropped.

use crate::base::Result;
use crate::collections::fields::Fields;
use crate::collections::Value;
use crate::engine::Durability;
use crate::sync::client::{key_of, letters, ClientStore, Table, Touched};
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

/// The letter's ops. Who does them again has seen what they conflicted with: their conditions are about what is there now.
fn renewed(store: &dyn ClientStore, id: &str) -> Result<Option<Vec<Op>>> {
    let letter = letters(store, usize::MAX)?.into_iter().find(|letter| &*letter.mutation.id == id);
    let Some(mut ops) = letter.map(|letter| letter.mutation.ops) else { return Ok(None) };
    for op in ops.iter_mut().filter(|op| op.if_version.is_some()) {
        let base = store.get(Table::Base, &key_of(&op.collection, &op.id))?;
        op.if_version = match base.as_ref().and_then(|base| base.field("version")) {
            Some(Value::Number(version)) => Some(*version as u64),
            _ => None,
        };
    }
    Ok(Some(ops))
}
