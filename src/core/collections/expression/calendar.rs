//! The proleptic Gregorian calendar in UTC, over milliseconds since the Unix epoch.
//!
//! Not time zones: every date is UTC.

/// Milliseconds in a day.
pub(super) const DAY: i64 = 86_400_000;

/// The largest time a JavaScript Date has, in milliseconds either way.
const MAX_TIME: f64 = 8.64e15;

/// A date taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parts {
    pub(super) year: i64,
    /// 1 to 12.
    pub(super) month: i64,
    /// 1 to 31.
    pub(super) day: i64,
    /// Milliseconds since midnight.
    pub(super) time: i64,
}

/// The whole milliseconds of a date; `None` for an invalid one.
#[expect(clippy::cast_possible_truncation, reason = "bounded by the largest time")]
pub(super) fn valid(ms: f64) -> Option<i64> {
    (ms.abs() <= MAX_TIME).then_some(ms as i64)
}

impl Parts {
    pub(super) fn of(ms: i64) -> Self {
        let (year, month, day) = civil(ms.div_euclid(DAY));
        Self { year, month, day, time: ms.rem_euclid(DAY) }
    }

    pub(super) fn to_ms(self) -> i64 {
        days(self.year, self.month, self.day) * DAY + self.time
    }

    /// 1 to 366.
    pub(super) fn day_of_year(self) -> i64 {
        days(self.year, self.month, self.day) - days(self.year, 1, 1) + 1
    }

    /// 1 (Monday) to 7 (Sunday).
    pub(super) fn iso_weekday(self) -> i64 {
        (days(self.year, self.month, self.day) + 3).rem_euclid(7) + 1
    }

    /// The ISO 8601 year and week the date lies in.
    pub(super) fn iso_week(self) -> (i64, i64) {
        let thursday = days(self.year, self.month, self.day) + 4 - self.iso_weekday();
        let (year, _, _) = civil(thursday);
        (year, (thursday - days(year, 1, 1)) / 7 + 1)
    }

    /// The same day of the month `months` later, or that month's last day.
    pub(super) fn plus_months(self, months: i64) -> Self {
        let index = (self.year * 12 + self.month - 1).saturating_add(months);
        let (year, month) = (index.div_euclid(12), index.rem_euclid(12) + 1);
        Self { year, month, day: self.day.min(month_days(year, month)), time: self.time }
    }
}

/// The days of a month.
pub(super) fn month_days(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since the epoch of a date. Years count from March inside, so that the leap day comes last.
pub(super) fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Year, month and day of a number of days since the epoch.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * march_month + 2) / 5 + 1)
}
