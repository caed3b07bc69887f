//! The end of a run: everybody has come to the same, and the ledger of promises is settled.

use std::collections::{BTreeMap, BTreeSet};

use tidewell_core::collections::Value;

use super::device::{number, parse, text};
use super::storm::{told, Fate, Verdict, World};

impl World {
    /// Faults are over: everybody comes to the same, and everything promised is there.
    pub(crate) async fn finish(&self) -> Verdict {
        self.server.is_up.set(true);
        self.server.loses_answer.set(false);
        let mut tabs = Vec::new();
        for device in [0, 0, 1, 1] {
            tabs.push(self.open(device).await.map_err(|error| told(&error))?);
        }
        for _ in 0..20 {
            for tab in &tabs {
                tab.exchange(&self.server).await.map_err(|error| told(&error))?;
                self.judge(tab).await?;
            }
        }
        let mut marked = BTreeSet::new();
        for tab in &tabs {
            let status = tab.status().await.map_err(|error| told(&error))?;
            if number(&status, "pending") > 0 || status.field("settled") != Some(&Value::Bool(true)) {
                return Err(format!("it does not settle: {}", text(&status)));
            }
            let letters = tab.run(r#"{"op":"syncLetters","limit":10000}"#).await.map_err(|error| told(&error))?;
            marked.extend(marks(&letters));
            for collection in ["kept", "free"] {
                let documents = tab.documents(collection).await.map_err(|error| told(&error))?;
                if documents != self.server.documents(collection) {
                    return Err(format!("{collection} is {documents:?}, not {:?}", self.server.documents(collection)));
                }
            }
        }
        self.ledger(&marked)
    }

    /// No write that was promised is lost, and none was done twice.
    fn ledger(&self, letters: &BTreeSet<u64>) -> Verdict {
        let mut effects: BTreeMap<u64, u64> = BTreeMap::new();
        for document in self.server.documents("kept") {
            let document = parse(&document);
            let Some(Value::Array(log)) = document.field("log") else { return Err("a document lost its log".into()) };
            if log.len() as u64 != number(&document, "c") {
                return Err(format!("half a write: {}", text(&document)));
            }
            for n in log {
                let Value::Number(n) = n else { return Err("a log is no log".into()) };
                *effects.entry(*n as u64).or_default() += 1;
            }
        }
        for (n, fate) in self.fates.borrow().iter() {
            let effects = effects.get(n).copied().unwrap_or(0);
            let excused = letters.contains(n) || self.discarded.borrow().contains(n);
            let wrong = match fate {
                Fate::Promised => effects > 1 || (effects == 0 && !excused),
                Fate::Nothing => effects > 0,
                Fate::Unknown => effects > 1,
            };
            if wrong {
                return Err(format!("write {n}, {fate:?}, has {effects} effects"));
            }
        }
        Ok(())
    }
}

/// The numbers of writes in the ops of letters.
pub(crate) fn marks(value: &Value) -> BTreeSet<u64> {
    let mut marks = BTreeSet::new();
    match value {
        Value::Array(items) => items.iter().for_each(|item| marks.extend(self::marks(item))),
        Value::Object(members) => {
            for (name, member) in members {
                match (&**name, member) {
                    ("documents", _) => {}
                    ("log", Value::Number(n)) => drop(marks.insert(*n as u64)),
                    ("log", Value::Array(items)) => {
                        marks.extend(items.iter().filter_map(|n| {
                            if let Value::Number(n) = n {
                                Some(*n as u64)
                            } else {
                                None
                            }
                        }));
                    }
                    _ => marks.extend(self::marks(member)),
                }
            }
        }
        _ => {}
    }
    marks
}
