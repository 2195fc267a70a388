//! The words that all usage tables share: their measures, and the numbers of local days and months.

use chrono::{Datelike, NaiveDate};
use rusqlite::Row;

use super::{ScopeId, unsigned};
use crate::domain::usage::Measures;

/// The measures of a usage row, from executions.
pub(super) const MEASURES: &str = "count(*) AS executions, sum(coalesce(state = 4, 0)) AS failed,
    sum(coalesce(state = 5, 0)) AS cancelled, sum(cost IS NULL) AS unpriced,
    sum(coalesce(scanned_bytes, 0)) AS scanned_bytes, sum(billed_bytes) AS billed_bytes,
    sum(coalesce(cost, 0)) AS cost";

/// The measures of a usage row, from other usage rows.
pub(super) const SUMS: &str =
    "sum(executions) AS executions, sum(failed) AS failed, sum(cancelled) AS cancelled,
    sum(unpriced) AS unpriced, sum(scanned_bytes) AS scanned_bytes, sum(billed_bytes) AS billed_bytes,
    sum(cost) AS cost";

/// The measures of a row, from the column `first` on.
pub(super) fn measures(row: &Row<'_>, first: usize) -> rusqlite::Result<Measures> {
    let count = |offset| Ok::<_, rusqlite::Error>(unsigned(row.get(first + offset)?));
    Ok(Measures {
        executions: count(0)?,
        failed: count(1)?,
        cancelled: count(2)?,
        unpriced: count(3)?,
        scanned_bytes: count(4)?,
        billed_bytes: count(5)?,
        cost: row.get(first + 6)?,
    })
}

/// A condition on `scope_id`; `None` is all scopes.
pub(super) fn scope_filter(scopes: Option<&[ScopeId]>) -> String {
    scopes.map_or_else(String::new, |scopes| {
        let numbers: Vec<String> = scopes.iter().map(|scope| scope.0.to_string()).collect();
        format!("AND scope_id IN ({})", numbers.join(", "))
    })
}

/// The first of the month after.
pub(super) fn next_month(date: NaiveDate) -> NaiveDate {
    date.with_day(1).unwrap_or(date) + chrono::Months::new(1)
}

/// Days since 1970-01-01.
pub(super) fn day_number(date: NaiveDate) -> i64 {
    (date - NaiveDate::default()).num_days()
}

pub(super) fn month_number(date: NaiveDate) -> i64 {
    i64::from(date.year()) * 12 + i64::from(date.month0())
}
