//! The clock of topics: milliseconds that never go back, whatever the device's clock does.
//!
//! Its time is written by the commits that use it, so all tabs and the next session agree. An instance counts on from there by
//! what it observed on its monotonic clock; the wall clock counts once, for the time in which nobody had the database open.

use std::cell::Cell;

use crate::base::{write_varint, Clock, Reader, Result};
use crate::engine::{Read, Step, Transaction};

use super::keys;

/// A time as it is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The clock's time.
    pub time: u64,
    /// What the device believed at that moment.
    pub wall: u64,
    /// Commits that used the clock while it showed this time: they tell what came first within a millisecond.
    pub tick: u64,
}

impl Stamp {
    /// Reads what is stored.
    ///
    /// # Errors
    /// `Corrupt` if the bytes make no sense.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes);
        let (time, wall) = (reader.varint()?, reader.varint()?);
        let tick = if reader.is_empty() { 0 } else { reader.varint()? };
        Ok(Self { time, wall, tick })
    }

    fn encode(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(16);
        for number in [self.time, self.wall, self.tick] {
            write_varint(&mut bytes, number);
        }
        bytes
    }
}

/// The stored time, if there is one.
pub fn stored(view: &dyn Read) -> Step<Option<Stamp>> {
    let mut bytes = Vec::new();
    Ok(if view.get(keys::CLOCK, &mut bytes)? { Some(Stamp::decode(&bytes)?) } else { None })
}

/// The time of a commit: what the instance believes, but never before what another commit said. It is written down.
pub fn advance(tx: &mut dyn Transaction, believed: Stamp) -> Step<u64> {
    let next = match stored(tx)? {
        Some(before) if believed.time <= before.time => Stamp { tick: before.tick.saturating_add(1), ..before },
        _ => Stamp { tick: 0, ..believed },
    };
    tx.put(keys::CLOCK, &next.encode())?;
    Ok(next.time)
}

/// How many commits before this one saw the time `now`, which this one has by [`advance`].
pub(super) fn tick(view: &dyn Read, now: u64) -> Step<u64> {
    Ok(stored(view)?.filter(|stamp| stamp.time == now).map_or(0, |stamp| stamp.tick))
}

/// What an instance believes the time is.
#[derive(Debug, Default)]
pub struct TopicClock {
    /// What must be added to the monotonic clock.
    offset: Cell<Option<f64>>,
}

/// Whole milliseconds; none for what is before the beginning.
pub fn whole(ms: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it saturates, and no clock is that far"
    )]
    let whole = ms.max(0.0) as u64;
    whole
}

impl TopicClock {
    /// Whether it was set.
    pub fn is_set(&self) -> bool {
        self.offset.get().is_some()
    }

    /// Sets it by what is stored: later by as much as the wall clock says has passed since, if it says so.
    pub fn set(&self, stored: Option<Stamp>, clock: &(impl Clock + ?Sized)) {
        let wall = clock.wall_ms();
        let time = stored.map_or(wall, |stamp| stamp.time as f64 + (wall - stamp.wall as f64).max(0.0));
        self.offset.set(Some(time - clock.monotonic_ms()));
    }

    /// Takes note of a time that another instance wrote down.
    pub fn observe(&self, time: u64, clock: &(impl Clock + ?Sized)) {
        let Some(offset) = self.offset.get() else { return };
        self.offset.set(Some(offset.max(time as f64 - clock.monotonic_ms())));
    }

    /// The time now.
    pub fn now(&self, clock: &(impl Clock + ?Sized)) -> Stamp {
        let wall = clock.wall_ms();
        let time = self.offset.get().map_or(wall, |offset| clock.monotonic_ms() + offset);
        Stamp { time: whole(time), wall: whole(wall), tick: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Hands {
        wall: Cell<f64>,
        monotonic: Cell<f64>,
    }

    impl Clock for Hands {
        fn monotonic_ms(&self) -> f64 {
            self.monotonic.get()
        }

        fn wall_ms(&self) -> f64 {
            self.wall.get()
        }
    }

    #[test]
    fn jumps_of_the_wall_clock_do_not_move_it_while_the_database_is_open() {
        let hands = Hands { wall: Cell::new(1_000_000.0), monotonic: Cell::new(5.0) };
        let clock = TopicClock::default();
        clock.set(None, &hands);
        assert_eq!(clock.now(&hands).time, 1_000_000);
        hands.wall.set(9_000_000.0);
        hands.monotonic.set(15.0);
        assert_eq!(clock.now(&hands).time, 1_000_010);
        hands.wall.set(0.0);
        assert_eq!(clock.now(&hands).time, 1_000_010);
        clock.observe(1_000_500, &hands);
        clock.observe(1_000_400, &hands);
        assert_eq!(clock.now(&hands).time, 1_000_500);
    }

    #[test]
    fn the_time_in_which_nobody_was_there_counts_and_never_backwards() {
        let hands = Hands { wall: Cell::new(2_000.0), monotonic: Cell::new(0.0) };
        let clock = TopicClock::default();
        clock.set(Some(Stamp { time: 700, wall: 1_500, tick: 3 }), &hands);
        assert_eq!(clock.now(&hands).time, 1_200);
        clock.set(Some(Stamp { time: 700, wall: 5_000, tick: 0 }), &hands);
        assert_eq!(clock.now(&hands).time, 700);
    }
}
