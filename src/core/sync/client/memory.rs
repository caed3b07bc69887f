//! A client's store in memory, for tests and simulations. Cloning it is cloning the browser's profile.

use std::collections::BTreeMap;

use super::store::{ClientStore, Table, Write};
use crate::base::Result;
use crate::collections::Value;

/// A client's store in memory.
#[derive(Clone, Debug, Default)]
pub struct MemoryClient {
    rows: BTreeMap<(Table, Box<str>), Value>,
}

impl ClientStore for MemoryClient {
    fn get(&self, table: Table, key: &str) -> Result<Option<Value>> {
        Ok(self.rows.get(&(table, key.into())).cloned())
    }

    fn scan(&self, table: Table, from: &str, show: &mut dyn FnMut(&str, Value) -> Result<bool>) -> Result<()> {
        for ((_, key), value) in self.rows.range((table, from.into())..).take_while(|((own, _), _)| *own == table) {
            if !show(key, value.clone())? {
                break;
            }
        }
        Ok(())
    }

    fn commit(&mut self, writes: Vec<Write>) -> Result<()> {
        for (table, key, value) in writes {
            match value {
                Some(value) => drop(self.rows.insert((table, key), value)),
                None => drop(self.rows.remove(&(table, key))),
            }
        }
        Ok(())
    }
}
