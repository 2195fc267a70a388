//! Usage of any span, grouped: months and days from their rollups, the edges from executions.

use std::collections::HashMap;

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use rusqlite::params;

use super::marks::frozen_before;
use super::sums::{MEASURES, SUMS, day_number, measures, month_number, next_month, scope_filter};
use super::{Reader, ScopeId, StoreError, epoch, instant};
use crate::domain::day;
use crate::domain::usage::{Dimension, Measures, UsageLine};
use crate::domain::window::Window;

/// A span cut into what each rollup can answer exactly.
pub(super) struct Parts {
    pub(super) months: Vec<i64>,
    /// Inclusive day numbers.
    pub(super) days: Vec<(i64, i64)>,
    pub(super) edges: Vec<Window>,
}

impl Reader {
    /// Usage in `window`, one line per group: hours and days in time order, all else by cost, highest first.
    /// `scopes`: only these; `None` is all.
    pub fn usage(
        &self,
        window: Window,
        by: Dimension,
        scopes: Option<&[ScopeId]>,
        zone: Tz,
    ) -> Result<Vec<UsageLine>, StoreError> {
        let scopes = scope_filter(scopes);
        let lines = match by {
            Dimension::Hour => self.by_hour(window, &scopes),
            Dimension::Day => self.by_day(window, &scopes, zone),
            Dimension::Query => self.by_query(window, &scopes),
            _ => self.by_key(window, by, &scopes, zone),
        };
        lines.map_err(|source| self.sqlite(source))
    }

    fn by_key(
        &self,
        window: Window,
        by: Dimension,
        scopes: &str,
        zone: Tz,
    ) -> rusqlite::Result<Vec<UsageLine>> {
        let column = match by {
            Dimension::Principal | Dimension::Kind | Dimension::Team => "principal_id",
            Dimension::Workgroup => "workgroup_id",
            Dimension::Client => "client_id",
            Dimension::Database => "database_id",
            _ => "scope_id",
        };
        let parts = parts(window, zone);
        let mut sums: HashMap<i64, Measures> = HashMap::new();
        let mut add = |sql: &str, from: i64, to: i64| {
            let mut select = self.connection.prepare_cached(sql)?;
            let mut rows = select.query([from, to])?;
            while let Some(row) = rows.next()? {
                sums.entry(row.get(0)?).or_default().add(&measures(row, 1)?);
            }
            Ok::<_, rusqlite::Error>(())
        };
        let rollup = |table: &str, period: &str| {
            format!(
                "SELECT {column}, {SUMS} FROM {table} WHERE {period} BETWEEN ?1 AND ?2 {scopes} GROUP BY 1"
            )
        };
        for month in parts.months {
            add(&rollup("usage_month", "month"), month, month)?;
        }
        for (from, to) in parts.days {
            add(&rollup("usage_day", "day"), from, to)?;
        }
        let (frozen, live) = self.split_frozen(&parts.edges)?;
        for edge in live {
            let sql = format!(
                "SELECT coalesce({column}, 0), {MEASURES} FROM execution WHERE {SUBMITTED} {scopes} GROUP BY 1"
            );
            add(&sql, epoch(edge.start), epoch(edge.end))?;
        }
        for edge in frozen {
            // What hours cannot tell any more (client, database) is shown as not told.
            let column = if matches!(column, "client_id" | "database_id") { "0" } else { column };
            let sql = format!(
                "SELECT {column}, {SUMS} FROM usage_hour WHERE hour >= ?1 AND hour < ?2 {scopes} GROUP BY 1"
            );
            add(&sql, epoch(edge.start), epoch(edge.end))?;
        }
        self.label(by, sums)
    }

    /// Numbers into words; principals fold into kinds and teams, scopes into accounts and regions.
    fn label(&self, by: Dimension, sums: HashMap<i64, Measures>) -> rusqlite::Result<Vec<UsageLine>> {
        let none = "CAST(NULL AS TEXT)";
        let (table, columns) = match by {
            Dimension::Principal => ("principal", "name, key, kind, team".to_owned()),
            Dimension::Kind => ("principal", format!("kind, {none}, {none}, {none}")),
            Dimension::Team => ("principal", format!("coalesce(team, ''), {none}, {none}, {none}")),
            Dimension::Account => ("scope", format!("account_id, {none}, {none}, {none}")),
            Dimension::Region => ("scope", format!("region, {none}, {none}, {none}")),
            _ => ("name", format!("value, {none}, {none}, {none}")),
        };
        let mut select =
            self.connection.prepare_cached(&format!("SELECT {columns} FROM {table} WHERE id = ?1"))?;
        let mut lines: HashMap<(String, Option<String>), UsageLine> = HashMap::new();
        for (id, found) in sums {
            let line = select.query_row([id], |row| {
                Ok(UsageLine {
                    label: row.get(0)?,
                    key: row.get(1)?,
                    kind: row.get(2)?,
                    team: row.get(3)?,
                    measures: Measures::default(),
                })
            })?;
            lines.entry((line.label.clone(), line.key.clone())).or_insert(line).measures.add(&found);
        }
        Ok(by_cost(lines.into_values().collect()))
    }

    fn by_query(&self, window: Window, scopes: &str) -> rusqlite::Result<Vec<UsageLine>> {
        // Grouped by number first: texts are read once per shape, not once per execution.
        let sql = format!(
            "SELECT coalesce(q.text, '(text not kept)'), q.fingerprint, sum(n), sum(f), sum(c), sum(u), sum(s), sum(b), sum(m)
             FROM (SELECT query_id, count(*) n, sum(coalesce(state = 4, 0)) f, sum(coalesce(state = 5, 0)) c,
                          sum(cost IS NULL) u, sum(coalesce(scanned_bytes, 0)) s, sum(billed_bytes) b, sum(coalesce(cost, 0)) m
                   FROM execution WHERE {SUBMITTED} {scopes} GROUP BY 1) x
             LEFT JOIN query q ON q.id = x.query_id GROUP BY q.fingerprint"
        );
        let mut select = self.connection.prepare_cached(&sql)?;
        let lines = select.query_map(params![epoch(window.start), epoch(window.end)], |row| {
            let key: Option<String> = row.get(1)?;
            let label = if key.is_some() { row.get(0)? } else { String::new() };
            Ok(UsageLine { label, key, kind: None, team: None, measures: measures(row, 2)? })
        })?;
        Ok(by_cost(lines.collect::<rusqlite::Result<_>>()?))
    }

    fn by_hour(&self, window: Window, scopes: &str) -> rusqlite::Result<Vec<UsageLine>> {
        let mut sums: Vec<(i64, Measures)> = Vec::new();
        let (whole, edges) = whole_hours(window);
        let (frozen, live) = self.split_frozen(&edges)?;
        let hours = format!(
            "SELECT hour, {SUMS} FROM coverage_hour WHERE hour >= ?1 AND hour < ?2 AND executions > 0 {scopes} GROUP BY 1"
        );
        let pieces = format!(
            "SELECT submitted / 3600 * 3600, {MEASURES} FROM execution WHERE {SUBMITTED} {scopes} GROUP BY 1"
        );
        let sources = whole
            .into_iter()
            .chain(frozen)
            .map(|w| (&hours, w))
            .chain(live.into_iter().map(|w| (&pieces, w)));
        for (sql, part) in sources {
            self.collect(sql, part, &mut sums)?;
        }
        Ok(in_time(sums, |hour| instant(hour).format("%Y-%m-%d %H:%M").to_string()))
    }

    fn by_day(&self, window: Window, scopes: &str, zone: Tz) -> rusqlite::Result<Vec<UsageLine>> {
        let mut sums: Vec<(i64, Measures)> = Vec::new();
        let (days, edges) = whole_days(window, zone);
        if let Some((from, to)) = days {
            let sql =
                format!("SELECT day, {SUMS} FROM usage_day WHERE day BETWEEN ?1 AND ?2 {scopes} GROUP BY 1");
            let mut select = self.connection.prepare_cached(&sql)?;
            let rows = select.query_map([from, to], |row| Ok((row.get(0)?, measures(row, 1)?)))?;
            sums.extend(rows.collect::<rusqlite::Result<Vec<_>>>()?);
        }
        let (frozen, live) = self.split_frozen(&edges)?;
        let hours =
            format!("SELECT hour, {SUMS} FROM usage_hour WHERE hour >= ?1 AND hour < ?2 {scopes} GROUP BY 1");
        let pieces = format!(
            "SELECT submitted / 3600 * 3600, {MEASURES} FROM execution WHERE {SUBMITTED} {scopes} GROUP BY 1"
        );
        for (sql, part) in
            frozen.into_iter().map(|w| (&hours, w)).chain(live.into_iter().map(|w| (&pieces, w)))
        {
            let mut found = Vec::new();
            self.collect(sql, part, &mut found)?;
            // An edge lies within one local day, even where an hour of it does not.
            let number = day_number(day::local_day(part.start, zone));
            sums.extend(found.into_iter().map(|(_, sums)| (number, sums)));
        }
        Ok(in_time(sums, |number| {
            (NaiveDate::default() + TimeDelta::days(number)).format("%Y-%m-%d").to_string()
        }))
    }

    fn collect(&self, sql: &str, part: Window, into: &mut Vec<(i64, Measures)>) -> rusqlite::Result<()> {
        let mut select = self.connection.prepare_cached(sql)?;
        let rows = select
            .query_map([epoch(part.start), epoch(part.end)], |row| Ok((row.get(0)?, measures(row, 1)?)))?;
        for row in rows {
            into.push(row?);
        }
        Ok(())
    }

    /// Windows whose executions retention removed, and those still there.
    pub(super) fn split_frozen(&self, windows: &[Window]) -> rusqlite::Result<(Vec<Window>, Vec<Window>)> {
        let frozen = frozen_before(&self.connection)?.map_or(DateTime::<Utc>::MIN_UTC, instant);
        let before = windows.iter().filter_map(|w| Window::new(w.start, w.end.min(frozen))).collect();
        let after = windows.iter().filter_map(|w| Window::new(w.start.max(frozen), w.end)).collect();
        Ok((before, after))
    }
}

const SUBMITTED: &str = "submitted >= ?1 AND submitted < ?2 AND before_ledger = 0";

fn by_cost(mut lines: Vec<UsageLine>) -> Vec<UsageLine> {
    lines.sort_by(|a, b| {
        let rank =
            |line: &UsageLine| (line.measures.cost, line.measures.billed_bytes, line.measures.executions);
        rank(b).cmp(&rank(a)).then_with(|| (&a.label, &a.key).cmp(&(&b.label, &b.key)))
    });
    lines
}

fn in_time(mut sums: Vec<(i64, Measures)>, label: impl Fn(i64) -> String) -> Vec<UsageLine> {
    sums.sort_by_key(|(at, _)| *at);
    let mut lines: Vec<(i64, UsageLine)> = Vec::new();
    for (at, found) in sums {
        match lines.last_mut() {
            Some((last, line)) if *last == at => line.measures.add(&found),
            _ => lines.push((
                at,
                UsageLine { label: label(at), key: None, kind: None, team: None, measures: found },
            )),
        }
    }
    lines.into_iter().map(|(_, line)| line).collect()
}

fn whole_hours(window: Window) -> (Option<Window>, Vec<Window>) {
    let start = instant((epoch(window.start) + 3_599).div_euclid(3_600) * 3_600);
    let end = instant(epoch(window.end).div_euclid(3_600) * 3_600);
    around(window, Window::new(start, end))
}

/// Inclusive numbers of the local days that lie in the window whole, and what is left at its ends.
fn whole_days(window: Window, zone: Tz) -> (Option<(i64, i64)>, Vec<Window>) {
    let first = day::local_day(window.start, zone);
    let first =
        if day::local_midnight(first, zone) < window.start { first + TimeDelta::days(1) } else { first };
    let after = day::local_day(window.end, zone);
    let (start, end) = (day::local_midnight(first, zone), day::local_midnight(after, zone));
    let whole = Window::new(start, end);
    let days = whole.map(|_| (day_number(first), day_number(after) - 1));
    let edges = match whole {
        Some(_) => around(window, whole).1,
        // Without a whole day inside, the piece may still cross one midnight.
        None => [(window.start, end.max(window.start)), (end.max(window.start), window.end)]
            .into_iter()
            .filter_map(|(start, end)| Window::new(start, end))
            .collect(),
    };
    (days, edges)
}

fn around(window: Window, whole: Option<Window>) -> (Option<Window>, Vec<Window>) {
    let edges = match whole {
        Some(whole) => [(window.start, whole.start), (whole.end, window.end)]
            .into_iter()
            .filter_map(|(start, end)| Window::new(start, end))
            .collect(),
        None => vec![window],
    };
    (whole, edges)
}

pub(super) fn parts(window: Window, zone: Tz) -> Parts {
    let (days, edges) = whole_days(window, zone);
    let Some((from, to)) = days else { return Parts { months: Vec::new(), days: Vec::new(), edges } };
    let date = |number| NaiveDate::default() + TimeDelta::days(number);
    let first = date(from);
    let month = if first.day() == 1 { first } else { next_month(first) };
    let months: Vec<NaiveDate> = std::iter::successors(Some(month), |m| Some(next_month(*m)))
        .take_while(|m| next_month(*m) <= date(to + 1))
        .collect();
    let Some(last) = months.last() else {
        return Parts { months: Vec::new(), days: vec![(from, to)], edges };
    };
    let days = [(from, day_number(month) - 1), (day_number(next_month(*last)), to)];
    Parts {
        months: months.iter().map(|m| month_number(*m)).collect(),
        days: days.into_iter().filter(|(from, to)| from <= to).collect(),
        edges,
    }
}
