//! A simulated user of the database in a tab: sends random commands, watches live queries, opens it again.

use std::cell::RefCell;
use std::rc::Rc;

use tidewell_core::base::{Error, ErrorKind, Result};
use tidewell_core::collections::catalog::Collection;
use tidewell_core::collections::{json, Value};
use tidewell_core::database::Database;
use tidewell_core::engine::{Durability, Pause, Platform, RETRY, SNAPSHOT_EXPIRED};
use tidewell_sim::SimPlatform;

use super::author::Author;
use super::live::LiveArray;
use super::model::{in_order, Act, Answer, COLLECTIONS};
use super::verdict::parse_docs;
use super::world::{Promise, Sight, World};

/// How often an interactive transaction is run again.
const ATTEMPTS: usize = 10;
/// Live queries of one instance.
const LIVE_MAX: usize = 3;

/// One tab's life.
pub(crate) struct Tab {
    pub(crate) world: Rc<World>,
    pub(crate) platform: Rc<SimPlatform>,
    pub(crate) author: Author,
    /// Whether it watches live queries.
    pub(crate) watches: bool,
}

impl Tab {
    pub(crate) fn new(world: &Rc<World>) -> Self {
        let rng = world.rng();
        let author = Author { ids: 8 + rng.below(40), pad: 50 << rng.below(5), rng };
        Self { world: Rc::clone(world), platform: world.sim.tab(), author, watches: false }
    }

    /// Does `count` things, opening the database first and again whenever the instance died.
    pub(crate) async fn live(&self, count: usize) {
        let mut left = count;
        loop {
            let Some(database) = self.open().await else { return };
            let arrays: RefCell<Vec<Rc<LiveArray>>> = RefCell::default();
            while left > 0 {
                left -= 1;
                if self.author.rng.one_in(40) {
                    break;
                }
                if let Err(error) = self.act(&database, &arrays).await {
                    if self.note(&error) {
                        break;
                    }
                }
            }
            for array in arrays.take() {
                array.settle(&self.world, &database, &*self.platform).await;
            }
            self.world.gather(&database);
            database.close().await;
            if left == 0 {
                return;
            }
        }
    }

    async fn open(&self) -> Option<Database> {
        for _ in 0..50 {
            let opened = match self.world.open(&self.platform).await {
                Ok(database) => self.world.inspect(&database, "after opening", false).await.map(|()| database),
                Err(error) => Err(error),
            };
            match opened {
                Ok(database) => return Some(database),
                Err(error) => {
                    if self.note(&error) && self.world.tolerates(&error) {
                        self.world.refused.replace(Some(error));
                        return None;
                    }
                }
            }
            self.platform.sleep(20.0).await;
        }
        self.world.violation("the database did not open in 50 attempts".to_owned());
        None
    }

    /// Judges an error that is not an operation's own. Answers whether the instance is dead.
    fn note(&self, error: &Error) -> bool {
        if error.kind() != ErrorKind::Conflict && !self.world.tolerates(error) {
            self.world.violation(format!("an instance failed: {error:?}"));
        }
        !matches!(error.kind(), ErrorKind::Conflict | ErrorKind::Unavailable | ErrorKind::Quota)
    }

    async fn act(&self, database: &Database, arrays: &RefCell<Vec<Rc<LiveArray>>>) -> Result<()> {
        let rng = &self.author.rng;
        match rng.below(100) {
            0..=39 => self.write(database).await,
            40..=52 => self.interact(database).await?,
            53..=70 => self.read(database).await?,
            71..=76 => self.create_index(database).await?,
            77..=79 => self.drop_index(database).await?,
            80..=84 if self.watches && arrays.borrow().len() < LIVE_MAX => {
                let array = LiveArray::subscribe(database, self.author.find(true)).await?;
                arrays.borrow_mut().push(array);
            }
            80..=86 => drop(database.engine().flush().await?),
            87 => database.engine().compact().await?,
            88 | 89 => database.engine().catch_up().await?,
            90 => drop(self.commit(database, vec![self.author.bulk()], Durability::Relaxed).await),
            91 | 92 => self.world.inspect(database, "between commands", false).await?,
            _ => self.platform.sleep(rng.below(40_000) as f64 / 1000.0).await,
        }
        Ok(())
    }

    fn durability(&self) -> Durability {
        match self.author.rng.below(8) {
            0 => Durability::Memory,
            1 | 2 => Durability::Strict,
            _ => Durability::Relaxed,
        }
    }

    /// A few commands at once: they share a record, or race for the next one.
    async fn write(&self, database: &Database) {
        let count = if self.author.rng.one_in(3) { 1 + self.author.rng.below(3) } else { 1 };
        let commits: Vec<_> =
            (0..count).map(|_| self.commit(database, vec![self.author.writing()], self.durability())).collect();
        for commit in commits {
            commit.await;
        }
    }

    fn commit(
        &self,
        database: &Database,
        acts: Vec<Act>,
        durability: Durability,
    ) -> impl std::future::Future<Output = Option<()>> {
        let number = self.world.ask(acts.clone(), durability);
        let (world, database) = (Rc::clone(&self.world), database.clone());
        self.platform.run(async move {
            let text = format!("{},\"durability\":\"{}\"}}", acts[0].command(), name(durability));
            let result = database.execute(&text).await;
            world.told(number, result.map(|response| answer_of(&acts[0], &response.json)));
        })
    }

    /// A transaction that stays open over several commands and pauses.
    async fn interact(&self, database: &Database) -> Result<()> {
        let (acts, durability) = (self.author.transaction(), self.durability());
        let number = self.world.ask(acts.clone(), durability);
        let mut last = None;
        for _ in 0..ATTEMPTS {
            match self.attempt(database, &acts, durability).await {
                Err(error) if error.reason() == Some(RETRY) || error.reason() == Some(SNAPSHOT_EXPIRED) => {
                    last = Some(error);
                }
                result => {
                    self.world.told(number, result);
                    return Ok(());
                }
            }
        }
        self.world.told(number, Err(last.unwrap_or_else(|| Error::conflict("never"))));
        Ok(())
    }

    async fn attempt(&self, database: &Database, acts: &[Act], durability: Durability) -> Result<(u64, Vec<Answer>)> {
        let begun = database.execute("{\"op\":\"begin\"}").await?;
        let tx = number(&json::parse(&begun.json)?, "tx");
        let mut answers = Vec::new();
        for act in acts {
            match database.execute(&format!("{},\"tx\":{tx}}}", act.command())).await {
                Ok(response) => answers.extend(answer_of(act, &response.json).1),
                Err(error) => match error.reason() {
                    Some(reason @ ("duplicate-id" | "unique")) => answers.push(Answer::Refused(reason)),
                    _ => {
                        database.execute(&format!("{{\"op\":\"rollback\",\"tx\":{tx}}}")).await?;
                        return Err(error);
                    }
                },
            }
            if self.author.rng.one_in(3) {
                self.platform.sleep(self.author.rng.below(4000) as f64 / 1000.0).await;
            }
        }
        let commit = format!("{{\"op\":\"commit\",\"tx\":{tx},\"durability\":\"{}\"}}", name(durability));
        let response = database.execute(&commit).await?;
        Ok((number(&json::parse(&response.json)?, "position"), answers))
    }

    async fn read(&self, database: &Database) -> Result<()> {
        let act = self.author.reading();
        let command = format!("{}}}", act.command());
        let from = database.engine().position();
        let (to, response) = match database.try_execute(&command) {
            Ok(response) => (from, response),
            Err(Pause::Failed(error)) => return Err(error),
            Err(_) => {
                let response = database.execute(&command).await?;
                (database.engine().position(), response)
            }
        };
        let answer = answer_of(&act, &response.json).1.remove(0);
        self.world.count(|counts| counts.sights += 1);
        self.world.sights.borrow_mut().push(Sight { from, to, act, answer });
        Ok(())
    }

    async fn create_index(&self, database: &Database) -> Result<()> {
        let ((index, spec), at) = (self.author.index(), self.author.collection_of_index());
        let collection = COLLECTIONS[at];
        let command = format!("{{\"op\":\"createIndex\",\"collection\":\"{collection}\",\"index\":{spec}}}");
        match database.execute(&command).await {
            Ok(_) => {
                self.world.count(|counts| counts.indexes += 1);
                let position = database.engine().position();
                self.world.promises.borrow_mut().push(Promise { position, collection: at, index });
                Ok(())
            }
            // Documents violate it, or another tab dropped it meanwhile.
            Err(error) if matches!(error.reason(), Some("unique" | "not-found")) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn drop_index(&self, database: &Database) -> Result<()> {
        let (index, collection) = (self.author.index().0, COLLECTIONS[self.author.collection_of_index()]);
        let command = format!("{{\"op\":\"dropIndex\",\"collection\":\"{collection}\",\"name\":\"{index}\"}}");
        database.execute(&command).await.map(drop)
    }
}

/// Waits until every index that is being built is ready or given up, and everything dropped is cleared.
pub(crate) async fn finish_upkeep(database: &Database, platform: &dyn Platform) -> Result<()> {
    loop {
        let listed = database.execute("{\"op\":\"collections\"}").await?.json;
        if !listed.windows(10).any(|window| window == b"\"building\"") {
            break;
        }
        platform.sleep(50.0).await;
    }
    let has_garbage = || database.engine().read(tidewell_core::collections::build::has_garbage);
    while has_garbage().await? {
        platform.sleep(50.0).await;
    }
    Ok(())
}

/// Whether the stored description of a collection has a ready index of that name.
pub(crate) fn has_ready(collection: &Collection, index: &str) -> bool {
    collection.index(index).is_some_and(|index| index.ready)
}

fn name(durability: Durability) -> &'static str {
    match durability {
        Durability::Memory => "memory",
        Durability::Relaxed => "relaxed",
        Durability::Strict => "strict",
    }
}

fn number(value: &Value, field: &str) -> u64 {
    match value.field(field) {
        Some(Value::Number(number)) => *number as u64,
        _ => 0,
    }
}

/// What a command answered, and the position if it says one.
fn answer_of(act: &Act, text: &[u8]) -> (u64, Vec<Answer>) {
    let value = json::parse(text).unwrap();
    let ids = || match value.field("ids") {
        Some(Value::Array(ids)) => ids.iter().map(text_of).collect(),
        _ => Default::default(),
    };
    let of = |field| number(&value, field);
    let answer = match act {
        Act::Insert(..) | Act::Put(..) => {
            Answer::Written { inserted: of("inserted"), matched: of("replaced"), modified: 0, ids: ids() }
        }
        Act::Update(..) => {
            Answer::Written { inserted: of("inserted"), matched: of("matched"), modified: of("modified"), ids: ids() }
        }
        Act::Delete(..) => Answer::Written { inserted: 0, matched: of("deleted"), modified: 0, ids: ids() },
        Act::Find(find) => Answer::Docs(in_order(find, parse_docs(&value))),
        Act::Count(..) => Answer::Number(if let Value::Number(n) = value { n as u64 } else { u64::MAX }),
        Act::Groups(..) => {
            let Value::Array(groups) = &value else { return (0, Vec::new()) };
            let group = |group: &Value| (number(group, "_id") as i64, number(group, "n"));
            Answer::Groups(groups.iter().map(group).collect())
        }
    };
    (of("position"), vec![answer])
}

/// The text of a string.
pub(crate) fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.to_string(),
        _ => String::new(),
    }
}
