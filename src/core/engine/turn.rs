//! Taking turns with other instances on a named lock.
//!
//! A courtesy that keeps writers from starving each other; nothing is correct because of it.
//!
//! A frozen tab keeps its locks. So who has the turn says that it is at work, and who hears nothing for a while leaves that lock
//! to it: the others go on with the next one, and whoever comes later is told.

use std::cell::Cell;

use super::engine::Inner;
use super::signal::first_of;
use super::{Guard, LockMode};

/// After a lost race the instance queues for its turn for this long.
pub(super) const COURTESY_MS: f64 = 200.0;
/// How long an instance waits for a turn of which it hears nothing.
pub(super) const TURN_MS: f64 = 500.0;
/// A wait is looked at again so often.
const LOOK_MS: f64 = 100.0;
/// Who has the turn says so at most this often.
const WORKING_MS: f64 = 150.0;

/// What instances say besides records; no record is a single byte. Whoever said it lost a race.
const CONTENDED: u8 = 0;
/// Whoever said it has the turn, and is at work.
const WORKING: u8 = 1;
/// So much, and the number of the lock that is used now.
const NUMBER: u8 = 2;

/// What an instance knows about turns.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    /// Until when (monotonic ms) it queues.
    contended_until: Cell<f64>,
    /// Which lock is used: those before it have holders that froze.
    number: Cell<u8>,
    /// When somebody last said that it is at work, and when this instance did.
    heard: Cell<f64>,
    said: Cell<f64>,
}

/// A turn; it ends when this is dropped.
pub(super) struct Turn {
    number: u8,
    _guard: Option<Guard>,
}

impl Turn {
    /// Whether the others have gone on to another lock meanwhile.
    pub(super) fn is_left_behind(&self, inner: &Inner) -> bool {
        self.number != inner.turns.number.get()
    }
}

impl Inner {
    /// After a lost race: from now on everybody waits for turns, for a while. Who always wins does not know that others
    /// lose: without a word it would never let them have a turn.
    pub(super) fn contend(&self) {
        self.stats.borrow_mut().lost_races += 1;
        self.queue_for_turns();
        self.platform.announce(&[CONTENDED]);
    }

    /// Whether this instance waits for its turn before a group.
    pub(super) fn takes_turns(&self) -> bool {
        self.platform.monotonic_ms() < self.turns.contended_until.get()
    }

    fn queue_for_turns(&self) {
        self.turns.contended_until.set(self.platform.monotonic_ms() + COURTESY_MS);
    }

    /// Takes in what another instance said.
    pub(super) fn heard(&self, word: u8) {
        match word {
            CONTENDED => self.queue_for_turns(),
            WORKING => self.turns.heard.set(self.platform.monotonic_ms()),
            number => {
                let (theirs, ours) = (number - NUMBER, self.turns.number.get());
                self.turns.number.set(ours.max(theirs));
                if theirs < ours {
                    self.platform.announce(&[NUMBER + ours]);
                }
            }
        }
    }

    /// Said by who has the turn, whenever it may have been heard nothing of for a while.
    pub(super) fn say_working(&self) {
        let now = self.platform.monotonic_ms();
        if now - self.turns.said.get() >= WORKING_MS {
            self.turns.said.set(now);
            self.platform.announce(&[WORKING]);
        }
    }

    /// Queues for a turn. Without one the instance just goes on: nobody is stopped by a holder that froze.
    pub(super) async fn take_turn(&self) -> Turn {
        let number = self.turns.number.get();
        let name = match number {
            0 => format!("tidewell/{}/turn", self.options.name),
            _ => format!("tidewell/{}/turn/{number}", self.options.name),
        };
        let mut lock = self.platform.lock(&name, LockMode::Exclusive);
        let mut asked = self.platform.monotonic_ms();
        loop {
            if let Ok(guard) = first_of(&mut lock, self.platform.sleep(LOOK_MS)).await {
                self.say_working();
                return Turn { number, _guard: guard };
            }
            asked = asked.max(self.turns.heard.get());
            if self.turns.number.get() != number {
                return Turn { number, _guard: None };
            }
            if self.platform.monotonic_ms() - asked >= TURN_MS {
                self.leave_behind(number);
                return Turn { number: self.turns.number.get(), _guard: None };
            }
        }
    }

    /// The holder of that lock is frozen, or as good as: everybody goes on with the next one.
    fn leave_behind(&self, number: u8) {
        if number < u8::MAX - NUMBER {
            self.turns.number.set(number + 1);
            self.platform.announce(&[NUMBER + number + 1]);
        }
    }
}

/// Queues on the lock `what`, no longer than `ms`: whoever held it has written meanwhile, and without it one just goes
/// on. A frozen holder must not stop anybody.
pub(super) async fn take_turn_at(inner: &Inner, what: &str, ms: f64) -> Option<Guard> {
    let name = format!("tidewell/{}/{what}", inner.options.name);
    let lock = inner.platform.lock(&name, LockMode::Exclusive);
    first_of(lock, inner.platform.sleep(ms)).await.ok().flatten()
}
