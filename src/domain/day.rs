//! Local days: dates of a configured zone, and the instants they begin at.

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

/// The first instant of a local day. Where clocks skip midnight, the day begins when they have skipped it.
pub fn local_midnight(date: NaiveDate, zone: Tz) -> DateTime<Utc> {
    let midnight = date.and_time(NaiveTime::MIN);
    let exact = |local| zone.from_local_datetime(&local).earliest();
    // No zone ever skipped more than a day.
    let after_gap = || (1..=96).find_map(|quarter| exact(midnight + TimeDelta::minutes(15 * quarter)));
    exact(midnight).or_else(after_gap).map_or_else(|| midnight.and_utc(), |local| local.to_utc())
}

/// The local date of an instant.
pub fn local_day(at: DateTime<Utc>, zone: Tz) -> NaiveDate {
    at.with_timezone(&zone).date_naive()
}
