//! Usage of a span in its smallest pieces, read once and summed as often as a page needs.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use rusqlite::{Connection, Row};

use super::{condition, name};
use crate::domain::selection::Selection;
use crate::domain::usage::Measures;
use crate::domain::window::Window;
use crate::store::sums::measures;
use crate::store::sums::{MEASURES, SUMS};
use crate::store::usage::{Parts, parts};
use crate::store::{Reader, StoreError, epoch};

/// Spans up to this many days are told by day, longer ones by month.
const DAYS: i64 = 92;

/// One who asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    pub key: String,
    pub name: String,
    pub kind: String,
    pub team: String,
}

/// The day or month that a cell belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bucket {
    /// A local day.
    Day(NaiveDate),
    /// The first of a local month.
    Month(NaiveDate),
}

/// Usage of one principal, workgroup, client and database in a bucket. Numbers lead into the words of `Cells`.
#[derive(Clone, Copy, Debug)]
pub struct Cell {
    pub bucket: Bucket,
    pub principal: i64,
    pub workgroup: i64,
    pub client: i64,
    pub database: i64,
    pub measures: Measures,
}

/// Usage of a span.
#[derive(Clone, Debug, Default)]
pub struct Cells {
    pub cells: Vec<Cell>,
    pub principals: HashMap<i64, Who>,
    /// Workgroups, clients and databases.
    pub names: HashMap<i64, String>,
}

impl Reader {
    /// Usage of `window` in the days of `zone`. Empty for a selection of what the book does not know.
    pub fn cells(&self, window: Window, selection: &Selection, zone: Tz) -> Result<Cells, StoreError> {
        self.read_cells(window, selection, zone).map_err(|source| self.sqlite(source))
    }

    fn read_cells(&self, window: Window, selection: &Selection, zone: Tz) -> rusqlite::Result<Cells> {
        let Some(only) = condition(&self.connection, selection)? else { return Ok(Cells::default()) };
        let by_month = window.duration() > TimeDelta::days(DAYS);
        let Parts { months, days, edges } = parts(window, zone);
        let mut cells = Vec::new();
        let mut add = |sql: &str, key: [i64; 2], bucket: &dyn Fn(i64) -> Bucket| {
            let mut select = self.connection.prepare_cached(sql)?;
            let mut rows = select.query(key)?;
            while let Some(row) = rows.next()? {
                cells.push(cell(row, bucket)?);
            }
            Ok::<_, rusqlite::Error>(())
        };
        let keys = "workgroup_id, principal_id, client_id, database_id";
        let day = |number: i64| Bucket::Day(NaiveDate::default() + TimeDelta::days(number));
        let month_of_day = |number: i64| month(NaiveDate::default() + TimeDelta::days(number));
        let of_day: &dyn Fn(i64) -> Bucket = if by_month { &month_of_day } else { &day };
        let by_days = format!(
            "SELECT day, {keys}, {SUMS} FROM usage_day WHERE day BETWEEN ?1 AND ?2 {only} GROUP BY 1, 2, 3, 4, 5"
        );
        if by_month {
            let sql = format!(
                "SELECT month, {keys}, {SUMS} FROM usage_month WHERE month BETWEEN ?1 AND ?2 {only} GROUP BY 1, 2, 3, 4, 5"
            );
            for number in months {
                add(&sql, [number, number], &month_of_number)?;
            }
            for (from, to) in days {
                add(&by_days, [from, to], of_day)?;
            }
        } else if let Some((from, to)) = whole(&months, &days) {
            add(&by_days, [from, to], of_day)?;
        }
        let (frozen, live) = self.split_frozen(&edges)?;
        for edge in live {
            let date = crate::domain::day::local_day(edge.start, zone);
            let bucket = move |_| if by_month { month(date) } else { Bucket::Day(date) };
            let sql = format!(
                "SELECT 0, coalesce(workgroup_id, 0), coalesce(principal_id, 0), coalesce(client_id, 0),
                        coalesce(database_id, 0), {MEASURES}
                 FROM execution WHERE submitted >= ?1 AND submitted < ?2 AND before_ledger = 0 {only}
                 GROUP BY 2, 3, 4, 5"
            );
            add(&sql, bounds(edge), &bucket)?;
        }
        // Hours cannot tell client and database any more; a selection of one leaves them out.
        for edge in frozen.into_iter().filter(|_| selection.client.is_none() && selection.database.is_none())
        {
            let date = crate::domain::day::local_day(edge.start, zone);
            let bucket = move |_| if by_month { month(date) } else { Bucket::Day(date) };
            let sql = format!(
                "SELECT 0, workgroup_id, principal_id, 0, 0, {SUMS} FROM usage_hour
                 WHERE hour >= ?1 AND hour < ?2 {only} GROUP BY 2, 3"
            );
            add(&sql, bounds(edge), &bucket)?;
        }
        labelled(&self.connection, cells)
    }

    /// Totals of each UTC hour of `window` that has any, oldest first.
    pub fn hours(
        &self,
        window: Window,
        selection: &Selection,
    ) -> Result<Vec<(DateTime<Utc>, Measures)>, StoreError> {
        let read = || {
            let Some(only) = condition(&self.connection, selection)? else { return Ok(Vec::new()) };
            // Without a principal or workgroup the hours' own totals tell, a row each.
            let coarse = Selection {
                account: selection.account.clone(),
                region: selection.region.clone(),
                ..Selection::default()
            };
            let table = if *selection == coarse { "coverage_hour" } else { "usage_hour" };
            let sql = format!(
                "SELECT hour, {SUMS} FROM {table} WHERE hour >= ?1 AND hour < ?2 {only} GROUP BY 1 ORDER BY 1"
            );
            let mut select = self.connection.prepare_cached(&sql)?;
            let rows = select.query_map(bounds(window), |row| {
                Ok((crate::store::instant(row.get(0)?), measures(row, 1)?))
            })?;
            rows.collect()
        };
        read().map_err(|source| self.sqlite(source))
    }
}

fn bounds(window: Window) -> [i64; 2] {
    [epoch(window.start), epoch(window.end)]
}

fn month(date: NaiveDate) -> Bucket {
    use chrono::Datelike;
    Bucket::Month(date.with_day(1).unwrap_or(date))
}

fn month_of_number(number: i64) -> Bucket {
    let (year, zero_based) = (number.div_euclid(12), number.rem_euclid(12));
    let first = i32::try_from(year)
        .ok()
        .zip(u32::try_from(zero_based + 1).ok())
        .and_then(|(year, month)| NaiveDate::from_ymd_opt(year, month, 1));
    Bucket::Month(first.unwrap_or_default())
}

/// All days of a span that was cut into months and days, as one stretch.
fn whole(months: &[i64], days: &[(i64, i64)]) -> Option<(i64, i64)> {
    let first_of = |number: &i64| match month_of_number(*number) {
        Bucket::Month(first) | Bucket::Day(first) => first,
    };
    let number = crate::store::sums::day_number;
    let starts = days.iter().map(|(from, _)| *from).chain(months.iter().map(|m| number(first_of(m))));
    let ends = days
        .iter()
        .map(|(_, to)| *to)
        .chain(months.iter().map(|m| number(crate::store::sums::next_month(first_of(m))) - 1));
    starts.min().zip(ends.max())
}

fn cell(row: &Row<'_>, bucket: &dyn Fn(i64) -> Bucket) -> rusqlite::Result<Cell> {
    Ok(Cell {
        bucket: bucket(row.get(0)?),
        workgroup: row.get(1)?,
        principal: row.get(2)?,
        client: row.get(3)?,
        database: row.get(4)?,
        measures: measures(row, 5)?,
    })
}

fn labelled(connection: &Connection, cells: Vec<Cell>) -> rusqlite::Result<Cells> {
    let (mut principals, mut names) = (HashMap::new(), HashMap::new());
    let mut who = connection
        .prepare_cached("SELECT key, name, kind, coalesce(team, '') FROM principal WHERE id = ?1")?;
    for cell in &cells {
        if let Entry::Vacant(unknown) = principals.entry(cell.principal) {
            unknown.insert(who.query_row([cell.principal], |row| {
                Ok(Who { key: row.get(0)?, name: row.get(1)?, kind: row.get(2)?, team: row.get(3)? })
            })?);
        }
        for id in [cell.workgroup, cell.client, cell.database] {
            if let Entry::Vacant(unknown) = names.entry(id) {
                unknown.insert(name(connection, id)?);
            }
        }
    }
    Ok(Cells { cells, principals, names })
}
