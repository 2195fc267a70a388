//! Instants as the command line takes them.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use chrono_tz::Tz;

use super::span::parse_span;
use crate::domain::day::local_midnight;

/// A text that is no instant.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is no time: write 2026-11-20T09:00:00Z, a date such as 2026-11-20, or an age such as 36h or 7d"
)]
pub struct NoInstant(String);

/// RFC 3339, a date (local midnight in `zone`), or an age before `now`.
pub fn parse_instant(text: &str, now: DateTime<Utc>, zone: Tz) -> Result<DateTime<Utc>, NoInstant> {
    let text = text.trim();
    let rfc = || DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc());
    let date = || text.parse::<NaiveDate>().ok().map(|date| local_midnight(date, zone));
    let age = || now.checked_sub_signed(parse_span(text)?);
    let parsed = rfc().or_else(date).or_else(age);
    // Hours and days around it must exist too.
    parsed.filter(|at| (1970..2200).contains(&at.year())).ok_or_else(|| NoInstant(text.to_owned()))
}
