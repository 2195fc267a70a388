//! What every view carries: how fresh and how complete the book is, and the span that is shown.

use chrono::{DateTime, TimeDelta, Utc};

use super::super::view::View;
use super::super::{Book, figures};
use super::Wrong;
use crate::domain::day::local_day;
use crate::domain::window::Window;
use crate::report::Coverage;
use crate::store::page::{BookNow, Tick};

/// A book that was not brought up to date for this long says so: two ticks and some patience.
const STALE: TimeDelta = TimeDelta::hours(3);
/// Hours of coverage that one page looks at.
const LONGEST: TimeDelta = TimeDelta::days(92);

/// How fresh and complete the book is, in words.
pub(in super::super) struct Fresh {
    pub(super) text: String,
    pub(super) coverage: String,
    pub(super) stale: bool,
    pub(super) complete: bool,
}

/// A number with a name.
pub(super) struct Kpi {
    pub(super) name: &'static str,
    pub(super) value: String,
    pub(super) note: String,
}

impl Kpi {
    pub(super) fn new(name: &'static str, value: String, note: &str) -> Self {
        Self { name, value, note: note.to_owned() }
    }
}

/// The form that chooses a span, and what is selected.
pub(super) struct Span {
    pub(super) path: String,
    pub(super) presets: Vec<Preset>,
    pub(super) since: String,
    pub(super) until: String,
    pub(super) kept: Vec<(String, String)>,
    /// In words, where it is not whole days.
    pub(super) exact: String,
    pub(super) chips: Vec<Chip>,
}

pub(super) struct Preset {
    pub(super) label: &'static str,
    pub(super) link: String,
    pub(super) current: bool,
}

pub(super) struct Chip {
    pub(super) name: &'static str,
    pub(super) value: String,
    pub(super) link: String,
}

impl Span {
    /// `now`: where the book ends.
    pub(super) fn new(view: &View, path: &str, now: DateTime<Utc>) -> Self {
        let today = local_day(now, view.zone);
        let (first, last) = view.days();
        let presets = [("Today", 1), ("7 days", 7), ("30 days", 30), ("90 days", 90), ("A year", 365)];
        let presets = presets.into_iter().map(|(label, days)| {
            let since = today - TimeDelta::days(days - 1);
            Preset {
                label,
                link: view.link(path, &[("since", &since.to_string()), ("until", &today.to_string())]),
                current: (first, last) == (since, today),
            }
        });
        let whole = crate::domain::day::local_midnight(first, view.zone) == view.window.start
            && crate::domain::day::local_midnight(last + TimeDelta::days(1), view.zone) == view.window.end;
        let exact = if whole {
            String::new()
        } else {
            let at = |at: DateTime<Utc>| at.format("%Y-%m-%d %H:%M");
            format!("{} to {} UTC", at(view.window.start), at(view.window.end))
        };
        let chips = view.selected().into_iter().map(|(name, value)| Chip {
            link: view.link(path, &[(name, "")]),
            name,
            value: crate::report::printable(&value),
        });
        Self {
            path: path.to_owned(),
            presets: presets.collect(),
            since: first.to_string(),
            until: last.to_string(),
            kept: view.kept(&["since", "until"]),
            exact,
            chips: chips.collect(),
        }
    }
}

/// Where the book ends, and how well it stands.
pub(in super::super) async fn fresh(book: &Book) -> Result<(DateTime<Utc>, Fresh), Wrong> {
    let now = book.clock.now();
    let found = book.read(|reader| reader.now()).await?;
    let Some(found) = found else {
        let text = "Nothing was collected yet: run `athena-ledger collect`.".to_owned();
        return Ok((now, Fresh { text, coverage: "coverage".to_owned(), stale: true, complete: false }));
    };
    Ok((found.as_of, stands(&found, now)))
}

fn stands(found: &BookNow, now: DateTime<Utc>) -> Fresh {
    let age = now - found.as_of;
    let stale = age > STALE;
    let mut text = format!("As of {} UTC", found.as_of.format("%Y-%m-%d %H:%M"));
    if stale {
        let ago = figures::duration(u64::try_from(age.num_milliseconds()).unwrap_or_default());
        text.push_str(&format!(", {ago} ago: is the collector running?"));
    } else if let Some(walked) = found.walked_to {
        text.push_str(&format!(", read up to {} UTC.", walked.format("%H:%M")));
    }
    let complete = found.complete_hours == found.due_hours;
    let coverage = if complete {
        format!("All {} due hours of the last 26 are complete.", found.due_hours)
    } else {
        format!(
            "{} of {} due hours of the last 26 are complete: numbers may be too low.",
            found.complete_hours, found.due_hours
        )
    };
    Fresh { text, coverage, stale, complete }
}

/// Coverage of each scope, of the newest part of `window` that one page may look at; and the newest ticks.
pub(in super::super) async fn coverage(
    book: &Book,
    window: Window,
    now: DateTime<Utc>,
) -> Result<(Vec<(String, Coverage)>, Vec<Tick>), Wrong> {
    let late = book.config.collect.late;
    let config = std::sync::Arc::clone(&book.config);
    let read = book.read(move |reader| {
        let window = Window { start: window.start.max(window.end.min(now) - LONGEST), end: window.end };
        let mut scopes = Vec::new();
        for (id, scope) in reader.scopes()? {
            // A scope that the configuration names no more owes nothing after it was last read.
            let until = if config.expects(&scope) { now } else { reader.walked_until(id)?.unwrap_or(now) };
            let first = reader.begins(id)?.unwrap_or(window.start);
            let mut coverage = Coverage::default();
            if let Some(window) = Window::new(window.start.max(first), window.end.min(until)) {
                for line in reader.coverage(id, window, late, now)? {
                    coverage.add(&scope.to_string(), line.hour, line.status, line.reason);
                }
            }
            scopes.push((scope.to_string(), coverage));
        }
        Ok((scopes, reader.ticks(24)?))
    });
    Ok(read.await?)
}
