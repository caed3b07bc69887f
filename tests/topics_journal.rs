//! What happened to messages, as far as anybody knows, and what must follow from it.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use crate::topics_tests::{ACK_MS, DELIVERIES};
use crate::topics_world::{parse, Tab};

/// After a clock has jumped, tabs learn of it one after another: so much their times may differ.
const TRAVEL_MS: f64 = 400.0;

/// A message that somebody wanted to publish.
struct Wish {
    key: Option<u64>,
    due: f64,
    id: Option<u64>,
    poison: bool,
    at: f64,
    /// Whether it is known to be there, or known not to be.
    known: Option<bool>,
    /// The document of its transaction.
    with: Option<u64>,
}

/// A message in somebody's hands.
struct Hand {
    member: u64,
    since: f64,
    key: Option<String>,
}

#[derive(Default)]
pub(crate) struct Journal {
    wishes: RefCell<Vec<Wish>>,
    hands: RefCell<BTreeMap<(usize, u64), Hand>>,
    firsts: RefCell<BTreeMap<(usize, String), u64>>,
    seen: RefCell<BTreeSet<(usize, u64)>>,
    accepted: RefCell<BTreeMap<u64, u64>>,
    /// Members that may be behind: what they were given counts no more.
    void: RefCell<BTreeSet<u64>>,
    opening: Cell<u64>,
    opens: RefCell<Vec<f64>>,
    given: Cell<u64>,
    refusals: Cell<u64>,
    evictions: Cell<u64>,
    dead: Cell<u64>,
    complaints: RefCell<Vec<String>>,
}

impl Journal {
    fn complain(&self, text: String) {
        self.complaints.borrow_mut().push(text);
    }

    pub(crate) fn complaint(&self) -> Option<String> {
        self.complaints.borrow().first().cloned()
    }

    pub(crate) fn counts(&self) -> [u64; 4] {
        [self.given.get(), self.refusals.get(), self.evictions.get(), self.dead.get()]
    }

    /// A tab is about to be opened: from now on its clock may be known to the others.
    pub(crate) fn opening(&self) {
        self.opening.set(self.opening.get() + 1);
    }

    /// It is open: whatever its clock was set to, it has been written down.
    pub(crate) fn opened(&self, now: f64) {
        self.opening.set(self.opening.get() - 1);
        self.opens.borrow_mut().push(now);
    }

    /// A number for a message, and whether it always fails. Messages that share an id are alike.
    pub(crate) fn number(&self, key: Option<u64>, delay: u64, id: Option<u64>, poison: bool, now: f64) -> (u64, bool) {
        let mut wishes = self.wishes.borrow_mut();
        let due = now + delay as f64;
        wishes.push(Wish { key, due, id, poison, at: now, known: None, with: None });
        (wishes.len() as u64 - 1, poison)
    }

    pub(crate) fn published(&self, numbers: &[u64], outcomes: &[bool]) {
        let mut wishes = self.wishes.borrow_mut();
        for (n, outcome) in numbers.iter().zip(outcomes) {
            wishes[*n as usize].known = Some(*outcome);
        }
    }

    /// Together with a document; some may have been published before under the same id.
    pub(crate) fn published_with(&self, doc: u64, numbers: &[u64]) {
        let mut wishes = self.wishes.borrow_mut();
        for n in numbers {
            let wish = &mut wishes[*n as usize];
            wish.known = wish.id.is_none().then_some(true);
            wish.with = Some(doc);
        }
    }

    pub(crate) fn never(&self, numbers: &[u64]) {
        self.published(numbers, &vec![false; numbers.len()]);
    }

    #[expect(clippy::too_many_arguments, reason = "it is what is known of a delivery")]
    pub(crate) fn given(
        &self,
        group: usize,
        member: u64,
        offset: u64,
        n: u64,
        key: Option<&str>,
        count: u64,
        [begun, now]: [f64; 2],
    ) {
        self.given.set(self.given.get() + 1);
        let place = (group, offset);
        if self.void.borrow().contains(&member) {
            // It may be behind, so it proves nothing; but nobody else is known to have it.
            self.hands.borrow_mut().remove(&place);
            return;
        }
        if count > DELIVERIES {
            self.complain(format!("message {n} was handed out {count} times"));
        }
        let wishes = self.wishes.borrow();
        let wish = &wishes[n as usize];
        let opened = |since: f64| self.opening.get() > 0 || self.opens.borrow().iter().any(|open| *open >= since);
        // The clock of a tab that comes later may be ahead by days: then time has passed, as far as anybody can know.
        if now + TRAVEL_MS < wish.due && !opened(wish.at) {
            self.complain(format!("message {n} came {} ms too early", wish.due - now));
        }
        let mut hands = self.hands.borrow_mut();
        if let Some(hand) = hands.get(&place) {
            if now + TRAVEL_MS < hand.since + ACK_MS as f64 && !opened(hand.since) {
                self.complain(format!(
                    "message {n} of group {group} is held by {} and was given to {member}",
                    hand.member
                ));
            }
        }
        hands.remove(&place);
        if let Some(key) = key {
            let alike = |(at, hand): (&(usize, u64), &Hand)| {
                at.0 == group
                    && hand.key.as_deref() == Some(key)
                    && now + TRAVEL_MS < hand.since + ACK_MS as f64
                    && !opened(hand.since)
            };
            if hands.iter().any(alike) {
                self.complain(format!("two messages of key {key} are held at a time"));
            }
            if self.seen.borrow_mut().insert(place) {
                let last = self.firsts.borrow_mut().insert((group, key.to_owned()), offset);
                if last.is_some_and(|last| last > offset) {
                    self.complain(format!("key {key} lost its order at offset {offset}"));
                }
            }
        }
        hands.insert(place, Hand { member, since: begun, key: key.map(str::to_owned) });
    }

    /// The member is about to say what became of it.
    pub(crate) fn let_go(&self, group: usize, member: u64, row: &str) {
        let offset: u64 = row.split(',').nth(2).unwrap().parse().unwrap();
        let mut hands = self.hands.borrow_mut();
        if hands.get(&(group, offset)).is_some_and(|hand| hand.member == member) {
            hands.remove(&(group, offset));
        }
    }

    /// What a member of the plain group said, by message and offset, was believed but for those in `refused`.
    pub(crate) fn acknowledged(&self, member: u64, sent: &[(u64, u64)], refused: &[u64]) {
        for (at, (n, offset)) in sent.iter().enumerate() {
            if refused.contains(&(at as u64)) {
                self.refused();
                continue;
            }
            if self.hands.borrow().get(&(0, *offset)).is_some_and(|hand| hand.member != member) {
                self.complain(format!("message {n} was acknowledged by {member}, which does not hold it any more"));
            }
            let mut accepted = self.accepted.borrow_mut();
            let count = accepted.entry(*n).or_insert(0);
            *count += 1;
            if *count > 1 {
                self.complain(format!("message {n} was acknowledged {count} times"));
            }
        }
    }

    pub(crate) fn refused(&self) {
        self.refusals.set(self.refusals.get() + 1);
    }

    pub(crate) fn evicted(&self) {
        self.evictions.set(self.evictions.get() + 1);
    }

    /// From now on nobody knows what the member holds.
    pub(crate) fn void(&self, member: u64, _killed: bool) {
        self.void.borrow_mut().insert(member);
        self.hands.borrow_mut().retain(|_, hand| hand.member != member);
    }

    pub(crate) fn void_all(&self) {
        self.hands.borrow_mut().clear();
    }

    /// When nothing is left to do: what is stored is what was promised.
    pub(crate) async fn verify(&self, tab: &Tab) -> Result<(), String> {
        let text = |error| format!("{error:?}");
        let stored = list(tab, "t", 0).await?;
        let dead = [list(tab, "t.dead.plain", 0).await?, list(tab, "t.dead.tx", 0).await?];
        self.dead.set((dead[0].len() + dead[1].len()) as u64);
        let effects = tab.run(r#"{"op":"find","collection":"effects"}"#).await.map_err(text)?;
        let mut done = BTreeMap::new();
        for one in parse(&effects).items() {
            let id: u64 = one.field(b"id").unwrap().as_str().unwrap().parse().unwrap();
            done.insert(id, one.field(b"count").unwrap().as_f64().unwrap() as u64);
        }
        let docs = tab.run(r#"{"op":"find","collection":"docs"}"#).await.map_err(text)?;
        let docs: BTreeSet<u64> =
            parse(&docs).items().map(|one| one.field(b"id").unwrap().as_str().unwrap().parse().unwrap()).collect();
        self.verify_wishes(&stored, &dead, &done, &docs)?;
        self.verify_feed(tab, &done).await
    }

    /// Every message is there as it was wished, and came to one end.
    fn verify_wishes(
        &self,
        stored: &[u64],
        dead: &[Vec<u64>; 2],
        done: &BTreeMap<u64, u64>,
        docs: &BTreeSet<u64>,
    ) -> Result<(), String> {
        let wishes = self.wishes.borrow();
        let mut ids = BTreeMap::new();
        for (n, wish) in wishes.iter().enumerate() {
            let n = n as u64;
            let there = stored.iter().filter(|one| **one == n).count();
            let (effect, deaths) = (
                done.get(&n).copied().unwrap_or(0),
                dead.each_ref().map(|list| list.iter().filter(|one| **one == n).count()),
            );
            if there > 1 || (wish.known == Some(true) && there == 0) || (wish.known == Some(false) && there > 0) {
                return Err(format!("message {n} ({:?}) is there {there} times", wish.known));
            }
            if wish.with.is_some_and(|doc| wish.id.is_none() && docs.contains(&doc) != (there == 1)) {
                return Err(format!("message {n} and the document of its transaction are not there together"));
            }
            if there == 0 {
                continue;
            }
            if let Some(id) = wish.id {
                *ids.entry(id).or_insert(0) += 1;
            }
            // Whatever went wrong on the way, in the end it was done once or is dead once.
            if effect + deaths[1] as u64 != 1 {
                return Err(format!("message {n} had its effect {effect} times and died {} times", deaths[1]));
            }
            if wish.poison && (effect > 0 || deaths != [1, 1]) {
                return Err(format!("message {n} always fails and has effect {effect}, deaths {deaths:?}"));
            }
            let accepted = self.accepted.borrow().get(&n).copied().unwrap_or(0);
            if accepted > 0 && deaths[0] > 0 {
                return Err(format!("message {n} was acknowledged and is dead"));
            }
            if wish.key.is_some() && deaths[0] > 1 {
                return Err(format!("message {n} died {} times", deaths[0]));
            }
        }
        if let Some((id, count)) = ids.iter().find(|(_, count)| **count > 1) {
            return Err(format!("id {id} was published {count} times"));
        }
        Ok(())
    }

    /// The changes of the effects, one after another, give the effects.
    async fn verify_feed(&self, tab: &Tab, done: &BTreeMap<u64, u64>) -> Result<(), String> {
        let feed =
            tab.run(r#"{"op":"topicFollow","collection":"effects"}"#).await.map_err(|error| format!("{error:?}"))?;
        let topic = parse(&feed).field(b"topic").unwrap().as_f64().unwrap() as u64;
        let command = format!(r#"{{"op":"topicRead","topic":{topic},"from":"beginning","limit":10000}}"#);
        let page = tab.run(&command).await.map_err(|error| format!("{error:?}"))?;
        let mut state = BTreeMap::new();
        for one in parse(&page).field(b"messages").unwrap().items() {
            let change = one.field(b"value").unwrap();
            let id: u64 = change.field(b"id").unwrap().as_str().unwrap().parse().unwrap();
            let before = change.field(b"before").and_then(|doc| doc.field(b"count")).and_then(|count| count.as_f64());
            if before.map(|count| count as u64) != state.get(&id).copied() {
                return Err(format!("the change of {id} does not begin where the last one ended"));
            }
            let after = change.field(b"after").and_then(|doc| doc.field(b"count")).and_then(|count| count.as_f64());
            state.insert(id, after.unwrap_or(0.0) as u64);
        }
        if state != *done {
            return Err(format!("the changes give {state:?}, and stored is {done:?}"));
        }
        Ok(())
    }
}

/// The numbers of the messages in a topic.
async fn list(tab: &Tab, name: &str, from: u64) -> Result<Vec<u64>, String> {
    let opened =
        tab.run(&format!(r#"{{"op":"topicOpen","name":"{name}"}}"#)).await.map_err(|error| format!("{error:?}"))?;
    let topic = parse(&opened).field(b"topic").unwrap().as_f64().unwrap() as u64;
    let command = format!(r#"{{"op":"topicRead","topic":{topic},"offset":{from},"limit":10000}}"#);
    let page = tab.run(&command).await.map_err(|error| format!("{error:?}"))?;
    let numbers =
        parse(&page).field(b"messages").unwrap().items().map(|one| {
            one.field(b"value").and_then(|value| value.field(b"n")).and_then(|n| n.as_f64()).unwrap() as u64
        });
    Ok(numbers.collect())
}
