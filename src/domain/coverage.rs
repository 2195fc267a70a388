//! How complete an hour is: the definitions of complete, partial, open and none.

use std::fmt::Write;

use chrono::{DateTime, TimeDelta, Utc};

/// How complete what we know of an hour is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Due, walked, and every execution started in it has its final answer.
    Complete,
    /// Due, but something is missing; the reason says what.
    Partial,
    /// Not yet due: events may still arrive.
    Open,
    /// Due, and never walked.
    None,
}

impl Status {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Partial => "partial",
            Self::Open => "open",
            Self::None => "none",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Complete, Self::Partial, Self::Open, Self::None]
            .into_iter()
            .find(|status| status.as_str() == text)
    }
}

/// How much of an hour the walk of StartQueryExecution has read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Extent {
    Whole,
    Part,
    #[default]
    Nothing,
}

/// What an hour's completeness is judged by. Counts are of executions *started* in it: an id known only from a
/// read name may be anything anybody typed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HourFacts {
    pub walked: Extent,
    /// Trail files spoke of this hour.
    pub in_files: bool,
    pub pending: u64,
    pub denied: u64,
    pub gone: u64,
    /// Records that are, or may be, starts and could not be read.
    pub unreadable: u64,
}

/// An hour is due when its events have had `late` to arrive.
pub fn is_due(hour_end: DateTime<Utc>, late: TimeDelta, now: DateTime<Utc>) -> bool {
    hour_end + late <= now
}

/// The status of an hour, and what is missing if it is partial.
pub fn judge(facts: &HourFacts, due: bool) -> (Status, Option<String>) {
    if !due {
        return (Status::Open, None);
    }
    if facts.walked == Extent::Nothing && !facts.in_files {
        return (Status::None, None);
    }
    let mut reasons = String::new();
    let mut add = |reason: std::fmt::Arguments<'_>| {
        let comma = if reasons.is_empty() { "" } else { ", " };
        // Writing to a String cannot fail.
        let _ = write!(reasons, "{comma}{reason}");
    };
    match facts.walked {
        Extent::Whole => {}
        Extent::Part => add(format_args!("only partly walked")),
        Extent::Nothing => add(format_args!("files")),
    }
    let counts = [
        (facts.pending, "pending"),
        (facts.denied, "denied"),
        (facts.gone, "gone"),
        (facts.unreadable, "unreadable"),
    ];
    for (count, what) in counts.into_iter().filter(|(count, _)| *count > 0) {
        add(format_args!("{count} {what}"));
    }
    if reasons.is_empty() { (Status::Complete, None) } else { (Status::Partial, Some(reasons)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WALKED: HourFacts =
        HourFacts { walked: Extent::Whole, in_files: false, pending: 0, denied: 0, gone: 0, unreadable: 0 };

    #[test]
    fn an_hour_is_complete_only_when_nothing_started_in_it_is_unanswered() {
        let because = |facts: HourFacts| judge(&facts, true).1.unwrap_or_default();
        assert_eq!(judge(&WALKED, true), (Status::Complete, None));
        assert_eq!(because(HourFacts { pending: 2, ..WALKED }), "2 pending");
        assert_eq!(because(HourFacts { denied: 1, gone: 3, ..WALKED }), "1 denied, 3 gone");
        assert_eq!(because(HourFacts { unreadable: 1, ..WALKED }), "1 unreadable");
        assert_eq!(because(HourFacts { walked: Extent::Part, ..WALKED }), "only partly walked");
    }

    #[test]
    fn files_alone_never_make_an_hour_complete() {
        let files = HourFacts { walked: Extent::Nothing, in_files: true, ..WALKED };
        assert_eq!(judge(&files, true), (Status::Partial, Some("files".to_owned())));
        assert_eq!(judge(&HourFacts { in_files: false, ..files }, true), (Status::None, None));
    }

    #[test]
    fn an_hour_that_is_not_due_is_open_whatever_is_missing() {
        assert_eq!(judge(&HourFacts { pending: 9, ..HourFacts::default() }, false), (Status::Open, None));
        let end = DateTime::UNIX_EPOCH + TimeDelta::hours(1);
        let late = TimeDelta::minutes(30);
        assert!(!is_due(end, late, end + late - TimeDelta::seconds(1)));
        assert!(is_due(end, late, end + late));
    }
}
