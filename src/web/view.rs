//! What a URL asks for: a span, a selection, a search; and links to others.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::config::time::{NoInstant, parse_instant};
use crate::domain::day::{local_day, local_midnight};
use crate::domain::selection::{Search, Selection};
use crate::domain::window::Window;

/// The parameters of a URL, by name.
pub(super) type Query = BTreeMap<String, String>;

/// Local days that are shown without a word, up to today.
const DEFAULT_DAYS: i64 = 30;
/// Longer spans are cut at their beginning.
const LONGEST: TimeDelta = TimeDelta::days(3 * 366);

/// What parameters select, in the words of the page.
pub(super) const SELECTING: [&str; 8] =
    ["principal", "kind", "team", "workgroup", "client", "database", "account", "region"];

/// What is asked for.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) window: Window,
    pub(super) search: Search,
    pub(super) cursor: Option<(i64, i64)>,
    pub(super) zone: Tz,
    query: Query,
}

impl View {
    /// `now`: where the book ends, which is where spans end that name no end.
    pub(super) fn parse(query: Query, now: DateTime<Utc>, zone: Tz) -> Result<Self, NoInstant> {
        let given = |name: &str| query.get(name).map(|text| text.trim()).filter(|text| !text.is_empty());
        let today = local_day(now, zone);
        let end_of_today = local_midnight(today + TimeDelta::days(1), zone);
        let until = match given("until") {
            // A date includes its day: people mean it so.
            Some(text) => match text.parse::<NaiveDate>() {
                Ok(date) => local_midnight(date + TimeDelta::days(1), zone),
                Err(_) => parse_instant(text, now, zone)?,
            },
            None => end_of_today,
        };
        let since = match given("since") {
            Some(text) => parse_instant(text, now, zone)?,
            None => local_midnight(
                local_day(until - TimeDelta::seconds(1), zone) - TimeDelta::days(DEFAULT_DAYS - 1),
                zone,
            ),
        };
        let since = since.max(until - LONGEST);
        let window =
            Window::new(since, until).unwrap_or(Window { start: until - TimeDelta::days(1), end: until });
        let own = |name: &str| given(name).map(str::to_owned);
        let selection = Selection {
            principal: own("principal"),
            kind: own("kind"),
            team: own("team"),
            workgroup: own("workgroup"),
            client: own("client"),
            database: own("database"),
            account: own("account"),
            region: own("region"),
        };
        let search = Search { selection, state: own("state"), shape: own("shape"), text: own("q") };
        let cursor = given("before").and_then(|text| {
            let (at, row) = text.split_once('-')?;
            Some((at.parse().ok()?, row.parse().ok()?))
        });
        Ok(Self { window, search, cursor, zone, query })
    }

    /// The first and the last local day that the span touches.
    pub(super) fn days(&self) -> (NaiveDate, NaiveDate) {
        (
            local_day(self.window.start, self.zone),
            local_day(self.window.end - TimeDelta::seconds(1), self.zone),
        )
    }

    /// A link with these parameters instead of their present values; an empty value takes one away.
    pub(super) fn link(&self, path: &str, changes: &[(&str, &str)]) -> String {
        let mut query = self.query.clone();
        query.remove("before");
        for (name, value) in changes {
            if value.is_empty() {
                query.remove(*name);
            } else {
                query.insert((*name).to_owned(), (*value).to_owned());
            }
        }
        let text = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        if text.is_empty() { path.to_owned() } else { format!("{path}?{text}") }
    }

    /// Whether the span or a selection is given at all.
    pub(super) fn given(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// Everything that is selected: parameter and value.
    pub(super) fn selected(&self) -> Vec<(&'static str, String)> {
        SELECTING.into_iter().filter_map(|name| Some((name, self.given(name)?.to_owned()))).collect()
    }
}

/// A path with one part of other people's making.
pub(super) fn path(before: &str, part: &str) -> String {
    let encoded: String = form_urlencoded::byte_serialize(part.as_bytes()).collect();
    format!("{before}{}", encoded.replace('+', "%20"))
}

impl View {
    /// All parameters but these, for a form that sets them.
    pub(super) fn kept(&self, but: &[&str]) -> Vec<(String, String)> {
        let kept = self.query.iter().filter(|(name, _)| !but.contains(&name.as_str()) && *name != "before");
        kept.map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}
