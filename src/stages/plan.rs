//! What a pass has to read: pure arithmetic over what is walked.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use crate::domain::window::{Intervals, Window};

/// CloudTrail's event history (LookupEvents, API reference).
pub const HISTORY: TimeDelta = TimeDelta::days(90);
/// The very late are looked for once a day, this far back.
const REREAD: TimeDelta = TimeDelta::hours(26);
const REREAD_EVERY: TimeDelta = TimeDelta::hours(24);

/// What of `asked` CloudTrail's event history still has at `now`.
pub fn readable(asked: Window, now: DateTime<Utc>) -> Option<Window> {
    Window::new(asked.start.max(now - HISTORY), asked.end.min(now))
}

/// The windows of StartQueryExecution to read, newest first. Without an asked span: from the last walked end to
/// `now`, the last 26 hours once a day, then older gaps, back to where the book `begins`.
pub fn windows(
    walked: &Intervals,
    asked: Option<Window>,
    now: DateTime<Utc>,
    begins: DateTime<Utc>,
    reread: bool,
) -> Vec<Window> {
    let now = now.trunc_subsecs(0);
    let asked = asked.or_else(|| {
        let start = walked.first_start().map_or(begins, |first| first.min(begins));
        Window::new(start, now)
    });
    let Some(span) = asked.and_then(|asked| readable(asked, now)) else { return Vec::new() };
    let mut missing: Intervals = walked.missing(span).into_iter().collect();
    if reread {
        missing.extend(Window::new((now - REREAD).max(span.start), now));
    }
    let mut windows: Vec<Window> = missing.iter().collect();
    windows.reverse();
    windows
}

/// Whether the last 26 hours are to be read again. The first pass reads them anyway.
pub(super) fn reread_due(reread_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
    reread_at.is_some_and(|at| now - at >= REREAD_EVERY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(1_000) + TimeDelta::hours(hour)
    }

    fn window(start: i64, end: i64) -> Window {
        Window::new(at(start), at(end)).expect("a test window is not empty")
    }

    #[test]
    fn an_empty_book_is_read_from_its_beginning() {
        let now = at(0) + TimeDelta::minutes(20);
        let windows = windows(&Intervals::default(), None, now, at(-7 * 24), false);
        assert_eq!(windows, [Window { start: at(-7 * 24), end: now }]);
    }

    #[test]
    fn a_beginning_that_was_not_reached_is_read_last() {
        let walked: Intervals = [window(-10, 0)].into_iter().collect();
        assert_eq!(windows(&walked, None, at(1), at(-20), false), [window(0, 1), window(-20, -10)]);
    }

    #[test]
    fn the_newest_is_read_before_older_gaps() {
        let walked: Intervals = [window(-50, -40), window(-30, -1)].into_iter().collect();
        assert_eq!(windows(&walked, None, at(0), at(-1), false), [window(-1, 0), window(-40, -30)]);
    }

    #[test]
    fn an_asked_span_is_read_only_where_it_is_missing() {
        let walked: Intervals = [window(-50, -40)].into_iter().collect();
        assert_eq!(windows(&walked, Some(window(-45, -35)), at(0), at(-1), false), [window(-40, -35)]);
        assert!(windows(&walked, Some(window(-49, -41)), at(0), at(-1), false).is_empty());
    }

    #[test]
    fn nothing_is_asked_beyond_ninety_days_or_the_future() {
        let asked = window(-100 * 24, 5);
        assert_eq!(windows(&Intervals::default(), Some(asked), at(0), at(-1), false), [window(-90 * 24, 0)]);
    }

    #[test]
    fn the_last_twenty_six_hours_are_read_again_once_a_day() {
        let walked: Intervals = [window(-100, -1)].into_iter().collect();
        assert_eq!(windows(&walked, None, at(0), at(-1), true), [window(-26, 0)]);
        assert!(!reread_due(None, at(0)));
        assert!(!reread_due(Some(at(-23)), at(0)));
        assert!(reread_due(Some(at(-24)), at(0)));
    }

    #[test]
    fn what_has_left_the_event_history_is_not_asked_for() {
        let asked = window(-100 * 24, 5);
        assert_eq!(readable(asked, at(0)), Some(window(-90 * 24, 0)));
        assert_eq!(readable(asked, at(3)), Some(window(3 - 90 * 24, 3)));
        assert_eq!(readable(window(-100 * 24, -91 * 24), at(0)), None);
    }
}
