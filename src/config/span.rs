//! Durations as people write them: `90s`, `30m`, `1h30m`, `7d`.

use chrono::TimeDelta;

/// A sum of whole seconds, minutes, hours, days and weeks; `None` for anything else.
pub fn parse_span(text: &str) -> Option<TimeDelta> {
    let mut rest = text.trim();
    let mut total = TimeDelta::zero();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: i64 = rest.get(..digits)?.parse().ok()?;
        let unit = match rest.as_bytes().get(digits)? {
            b's' => TimeDelta::try_seconds(number),
            b'm' => TimeDelta::try_minutes(number),
            b'h' => TimeDelta::try_hours(number),
            b'd' => TimeDelta::try_days(number),
            b'w' => TimeDelta::try_weeks(number),
            _ => None,
        };
        total = total.checked_add(&unit?)?;
        rest = rest.get(digits + 1..)?;
    }
    Some(total)
}

/// A duration, or `endless` for none: `Some(None)`.
pub fn parse_span_or(text: &str, endless: &str) -> Option<Option<TimeDelta>> {
    if text.trim() == endless { Some(None) } else { parse_span(text).map(Some) }
}
