//! What members say of messages they hold: done, failed, more time, given back. Each is believed only with its token.
//!
//! Whether a member lives is not asked here: one that woke up too late has an old token.

use crate::base::planted::{planted, Bug};
use crate::base::Error;
use crate::engine::{Step, Transaction};

use super::delivery::Record;
use super::desk::Desk;
use super::keys::Place;

/// What is to become of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is done.
    Ack,
    /// It failed, and comes again after `delay` ms or by the backoff.
    Nack {
        /// How long it waits.
        delay: Option<u64>,
        /// Why.
        error: Box<str>,
    },
    /// The member needs so many ms more, from now.
    Extend(u64),
    /// The member gives it back unseen: that was no delivery.
    Release,
}

/// What a member says of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// Where it stands.
    pub place: Place,
    /// The number of the delivery.
    pub count: u64,
    /// What is to become of it.
    pub verdict: Verdict,
}

/// Does what `member` says. Answers the numbers of those settlements that came too late: of them nothing is done.
pub fn settle(tx: &mut dyn Transaction, desk: &mut Desk, member: u64, settlements: &[Settlement]) -> Step<Vec<usize>> {
    let mut refused = Vec::new();
    for (at, one) in settlements.iter().enumerate() {
        let record = desk.record(tx, one.place)?;
        let is_held = |record: &Record| record.member == member && record.count == one.count && member != 0;
        match record.filter(|record| is_held(record) || planted(Bug::BelieveOldTokens)) {
            Some(record) => apply(tx, desk, one, record)?,
            None => refused.push(at),
        }
    }
    Ok(refused)
}

fn apply(tx: &mut dyn Transaction, desk: &mut Desk, one: &Settlement, record: Record) -> Step<()> {
    match &one.verdict {
        Verdict::Ack => desk.finish(tx, one.place, &record),
        Verdict::Nack { delay, error } => desk.fail(tx, one.place, record, error, *delay),
        Verdict::Extend(ms) => {
            let due = desk.now.saturating_add((*ms).max(1));
            let before = Some(record.line());
            desk.put(tx, one.place, &Record { due, ..record }, before)
        }
        Verdict::Release => {
            let before = Some(record.line());
            let count = record.count.saturating_sub(1);
            let record = Record { member: 0, count, due: desk.now, ..record };
            desk.put(tx, one.place, &record, before)
        }
    }
}

/// The same where nothing may be refused: the commit fails.
///
/// # Errors
/// `Conflict`, reason `not-held`, if one of them came too late.
pub fn settle_all(tx: &mut dyn Transaction, desk: &mut Desk, member: u64, settlements: &[Settlement]) -> Step<()> {
    if settle(tx, desk, member, settlements)?.is_empty() {
        return Ok(());
    }
    Err(not_held().into())
}

/// The error for who does not hold a message any more.
pub fn not_held() -> Error {
    Error::conflict("the message is not held by this consumer any more: it took too long, and another one has it")
        .with_reason("not-held")
}
